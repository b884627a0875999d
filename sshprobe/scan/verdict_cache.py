"""A cache of verdicts: many hosts of a fleet offer the same lists, which are graded and encoded once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Self, TypeVar

import msgspec

from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile
from sshprobe.views.host_stats import VerdictStats, verdict_stats

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode

END_OF_LINE = b',"fleet_findings":[]}\n'
"""The end of a host's line, after the verdicts. A scan knows the fleet's findings only at its end."""


@cache
def decoder_of(type_: type[T]) -> Callable[[bytes], T]:
    """Return the JSON decoder of a type. Making it takes up to 0.6 ms, and most scans decode nothing."""
    return msgspec.json.Decoder(type_).decode


new_key = itertools.count().__next__
"""Returns a new key for hosts with the same verdicts."""


class EncodedVerdicts:
    """The verdicts of all profiles on one kind of observation.

    - `key`: different for each kind.
    - `chunk`: the last piece of a line: the verdicts in JSON, and the end of the line.
    - `stats`: the stats of the verdicts for the summary.
    """

    __slots__ = ("_verdicts", "chunk", "key", "stats")

    def __init__(self, verdicts: list[Verdict]) -> None:
        self.key = new_key()
        self._verdicts: list[Verdict] | None = verdicts
        self.chunk = _encode(verdicts) + END_OF_LINE
        self.stats = verdict_stats(verdicts)

    @classmethod
    def decoded(cls, chunk: bytes, stats: tuple[VerdictStats, ...]) -> Self:
        """Return verdicts that another process encoded."""
        made = cls([])
        made._verdicts, made.chunk, made.stats = None, chunk, stats
        return made

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts, one for each profile; none if the host cannot be graded."""
        if self._verdicts is None:
            self._verdicts = decoder_of(list[Verdict])(self.chunk.removesuffix(END_OF_LINE))
        return self._verdicts


class VerdictCache:
    """Grades against `profiles`, and caches the most recently used verdicts.

    Raises `InputError` for a profile of clients.
    """

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        for profile in profiles:
            profile.need_server()
        self._profiles = tuple(profiles)
        self._strict = strict
        self._known: LruCache[bytes, EncodedVerdicts] = LruCache()

    @property
    def depend_on_host(self) -> bool:
        """Whether verdicts depend on host or time, because a profile has waivers or deadlines."""
        return any(profile.waiver or profile.deadline for profile in self._profiles)

    def key(self, observation: Observation) -> bytes:
        """Return the key of an observation in this cache."""
        from sshprobe.grading.verdict_key import verdict_key  # imported ahead, in cli.run

        return verdict_key(observation, self._profiles)

    def get(self, key: bytes) -> EncodedVerdicts | None:
        """Return the cached verdicts of a key."""
        return self._known.get(key)

    def put(self, key: bytes, verdicts: EncodedVerdicts) -> None:
        """Add verdicts for a key that is not in the cache."""
        self._known.put(key, verdicts, len(key) + len(verdicts.chunk))

    def verdicts_for(self, observation: Observation, key: bytes | None = None) -> EncodedVerdicts:
        """Return the verdicts on an observation. `key`: its key, if already known."""
        key = key or self.key(observation)
        found = self._known.get(key)
        if found is None:
            from sshprobe.grading import is_gradeable
            from sshprobe.remedy import grade

            profiles = self._profiles if is_gradeable(observation) else ()
            found = EncodedVerdicts([grade(observation, profile, strict=self._strict) for profile in profiles])
            self.put(key, found)
        return found
