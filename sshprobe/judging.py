"""Grading many hosts: a fleet offers the same lists again and again, so what is alike is judged and encoded once.

A verdict depends on nothing but observation, profile and catalogue (`sshprobe.grading`). So two observations that agree
in everything but who and when have the same verdicts: those with the same `grading.verdict_key`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sshprobe.grading import is_gradeable, verdict_key
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy import grade
from sshprobe.views.host_stats import VerdictStats, verdict_stats

_decode = msgspec.json.Decoder(list[Verdict]).decode


class Judged:
    """What all profiles say of one kind of observation."""

    __slots__ = ("_verdicts", "counted", "encoded", "number")

    def __init__(
        self,
        number: int,
        encoded: bytes,
        counted: tuple[VerdictStats, ...],
        verdicts: list[Verdict] | None = None,
    ) -> None:
        self.number = number
        """Different for each kind."""
        self.encoded = encoded
        """The verdicts in JSON."""
        self.counted = counted
        """What of them is counted."""
        self._verdicts = verdicts

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts. They are decoded when they are asked for, where another process made them."""
        if self._verdicts is None:
            self._verdicts = _decode(self.encoded)
        return self._verdicts


UNJUDGED = Judged(0, b"[]", (), [])
"""No verdicts."""

END_OF_LINE = b',"fleet_findings":[]}'
"""What follows the verdicts in a record: what other hosts say of it is known when all have answered."""

_RECORD = b'{"type":"host",'
"""A record is an observation between its type and its verdicts."""


class Judge:
    """Grades against `profiles`. One for a sweep; keeps the verdicts of the kinds that were met last.

    Raises `InputError` for a profile of clients.
    """

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        for profile in profiles:
            profile.need_server()
        self._profiles = tuple(profiles)
        self._strict = strict
        self._known: LruCache[bytes, Judged] = LruCache()
        self._made = 0
        self._encode = msgspec.json.Encoder().encode

    @property
    def waives(self) -> bool:
        """Whether verdicts depend on who and when, because a profile has waivers."""
        return any(profile.waiver for profile in self._profiles)

    def judged(self, observation: Observation) -> Judged:
        """Return the verdicts on an observation; none if it cannot be judged."""
        key = verdict_key(observation, self._profiles)
        found = self._known.get(key)
        if found is not None:
            return found
        verdicts: list[Verdict] = []
        if is_gradeable(observation):
            verdicts = [grade(observation, profile, strict=self._strict) for profile in self._profiles]
        self._made += 1
        judged = Judged(self._made, self._encode(verdicts), verdict_stats(verdicts), verdicts)
        self._known.put(key, judged, len(key) + len(judged.encoded))
        return judged

    def head(self, observation: Observation) -> bytes:
        """Return the line of a host up to its verdicts: with them and `END_OF_LINE` it is whole."""
        return _RECORD + self._encode(observation)[1:-1] + b',"verdicts":'


def line_of(head: bytes, encoded: bytes) -> bytes:
    """Return the line of a host record, without line end."""
    return head + encoded + END_OF_LINE


def record_of(observation: Observation, judged: Judged) -> HostRecord:
    """Return the record of an observation and its verdicts, which it shares with others: they are not to be changed."""
    fields = msgspec.structs.asdict(observation)
    fields["verdicts"] = judged.verdicts
    return HostRecord(**fields)
