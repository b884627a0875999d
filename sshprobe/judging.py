"""Grading many hosts: a fleet offers the same lists again and again, so what is alike is judged and encoded once.

A verdict depends on nothing but observation, profile and catalogue (`sshprobe.grading`). So two observations that agree
in everything but who and when have the same verdicts. What is left out of the comparison is named below, and a test
holds that `grade` reads none of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from sshprobe.grading import grade, is_gradeable
from sshprobe.profiles import Profile
from sshprobe.records import HostRecord, Observation, Verdict

NOT_JUDGED = frozenset(
    {
        "schema",
        "target",
        "host",
        "address",
        "port",
        "error",
        "stage",
        "started_at",
        "duration_ms",
        "connections",
        "lines_before_identification",
        "authentication_banner",
        "hassh_server",
        "warnings",
    }
)
"""Fields of an observation that no verdict depends on."""

KEPT = 1024
"""Kinds of observation whose verdicts are kept: about 20 kB each at most."""

_judged_fields = attrgetter(*(field for field in Observation.__struct_fields__ if field not in NOT_JUDGED))


@dataclass(frozen=True, slots=True)
class Judged:
    """What all profiles say of one kind of observation."""

    number: int
    """Different for each kind."""
    verdicts: list[Verdict]
    encoded: bytes
    """`verdicts` in JSON."""


_UNJUDGED = Judged(0, [], b"[]")


class Judge:
    """Grades against `profiles`. One for a sweep; keeps the verdicts of the `KEPT` kinds that were met last."""

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        self._profiles = tuple(profiles)
        self._strict = strict
        self._known: OrderedDict[bytes, Judged] = OrderedDict()
        self._made = 0
        self._key = msgspec.msgpack.Encoder().encode
        self._encode = msgspec.json.Encoder().encode

    def judged(self, observation: Observation) -> Judged:
        """Return the verdicts on an observation; none if it cannot be judged."""
        key = self._key(_judged_fields(observation))
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
            return found
        verdicts: list[Verdict] = []
        if is_gradeable(observation):
            verdicts = [grade(observation, profile, strict=self._strict) for profile in self._profiles]
        self._made += 1
        judged = Judged(self._made, verdicts, self._encode(verdicts))
        self._known[key] = judged
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return judged

    def head(self, observation: Observation) -> bytes:
        """Return the line of a host up to its verdicts: with them and "}" it is whole."""
        return self._encode(record_of(observation, _UNJUDGED))[: -len("[]}")]


def line_of(head: bytes, encoded: bytes) -> bytes:
    """Return the line of a host record, without line end."""
    return head + encoded + b"}"


def record_of(observation: Observation, judged: Judged) -> HostRecord:
    """Return the record of an observation and its verdicts, which it shares with others: they are not to be changed."""
    return HostRecord(**msgspec.structs.asdict(observation), verdicts=judged.verdicts)
