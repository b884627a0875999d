"""Grading many hosts: a fleet offers the same lists again and again, so what is alike is judged and encoded once.

A verdict depends on nothing but observation, profile and catalogue (`sshprobe.grading`). So two observations that agree
in everything but who and when have the same verdicts. What is left out of the comparison is named below, and a test
holds that `grade` reads none of it. A profile with waivers reads host, address and day: then what these come to
(`sshprobe.grading.standings`) is compared too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec

from sshprobe.grading import grade, is_gradeable, standings
from sshprobe.profiles import Profile
from sshprobe.records import HostRecord, Observation, Verdict

K = TypeVar("K")
V = TypeVar("V")

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
"""Fields of an observation that no verdict depends on, but for those below, and for profiles with waivers."""

JUDGED_WITH_A_CERTIFICATE = ("started_at", "host")
"""Whether a certificate is valid depends on when it was seen, and whether it names the host, on the host."""

KEPT = 1024
"""Kinds of observation whose verdicts are kept, at most."""

KEPT_BYTES = 4 * 1024 * 1024
"""And at most so many bytes of them in JSON, whose objects take about three times as many again. A kind of a common
server has 10 kB under one profile; a server that makes names up can bring it to megabytes."""

_judged_fields = attrgetter(*(field for field in Observation.__struct_fields__ if field not in NOT_JUDGED))
_moment_and_name = attrgetter(*JUDGED_WITH_A_CERTIFICATE)


def _what_is_judged(observation: Observation) -> tuple[object, ...]:
    """All that the verdicts on an observation depend on."""
    fields: tuple[object, ...] = _judged_fields(observation)
    if any(key.certificate is not None for key in observation.host_keys or ()):
        fields += _moment_and_name(observation)
    return fields


@dataclass(frozen=True, slots=True)
class Judged:
    """What all profiles say of one kind of observation."""

    number: int
    """Different for each kind."""
    verdicts: list[Verdict]
    encoded: bytes
    """`verdicts` in JSON."""


_UNJUDGED = Judged(0, [], b"[]")


class Recent(Generic[K, V]):
    """What was used last, up to `KEPT` and `KEPT_BYTES`; always the last one.

    Two that are asked and given the same in the same order hold the same.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return what was put under `key`, if it is still there; that counts as a use of it."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep `value`, of `size` bytes, under a key that is not there; forget what was not used for longest."""
        self._kept[key] = value, size
        self._bytes += size
        while len(self._kept) > 1 and (len(self._kept) > KEPT or self._bytes > KEPT_BYTES):
            self._bytes -= self._kept.popitem(last=False)[1][1]


class Judge:
    """Grades against `profiles`. One for a sweep; keeps the verdicts of the kinds that were met last.

    Raises `InputError` for a profile of clients.
    """

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        for profile in profiles:
            profile.need_server()
        self._profiles = tuple(profiles)
        self._waiving = tuple(profile for profile in self._profiles if profile.waiver)
        self._strict = strict
        self._known: Recent[bytes, Judged] = Recent()
        self._made = 0
        self._key = msgspec.msgpack.Encoder().encode
        self._encode = msgspec.json.Encoder().encode

    def judged(self, observation: Observation) -> Judged:
        """Return the verdicts on an observation; none if it cannot be judged."""
        key = self._key(_what_is_judged(observation)) + self._who_and_when(observation)
        found = self._known.get(key)
        if found is not None:
            return found
        verdicts: list[Verdict] = []
        if is_gradeable(observation):
            verdicts = [grade(observation, profile, strict=self._strict) for profile in self._profiles]
        self._made += 1
        judged = Judged(self._made, verdicts, self._encode(verdicts))
        self._known.put(key, judged, len(key) + len(judged.encoded))
        return judged

    def _who_and_when(self, observation: Observation) -> bytes:
        """What verdicts owe to host, address and day: nothing, unless a profile has waivers."""
        if not self._waiving:
            return b""
        return self._key([standings(profile, observation) for profile in self._waiving])

    def head(self, observation: Observation) -> bytes:
        """Return the line of a host up to its verdicts: with them and "}" it is whole."""
        return self._encode(record_of(observation, _UNJUDGED))[: -len("[]}")]


def line_of(head: bytes, encoded: bytes) -> bytes:
    """Return the line of a host record, without line end."""
    return head + encoded + b"}"


def record_of(observation: Observation, judged: Judged) -> HostRecord:
    """Return the record of an observation and its verdicts, which it shares with others: they are not to be changed."""
    return HostRecord(**msgspec.structs.asdict(observation), verdicts=judged.verdicts)
