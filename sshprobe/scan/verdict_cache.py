"""A cache of verdicts: many hosts of a fleet offer the same lists, so these are graded and encoded once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from sshprobe.grading import is_gradeable, verdict_key
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy import grade
from sshprobe.views.host_stats import verdict_stats

END_OF_LINE = b',"fleet_findings":[]}\n'
"""The end of a host's line, behind the verdicts. A scan knows the fleet's findings only at its end."""


new_key = itertools.count().__next__
"""Returns a key for hosts with the same verdicts, each time another one."""


class EncodedVerdicts:
    """The verdicts of all profiles on one kind of observation."""

    __slots__ = ("chunk", "key", "stats", "verdicts")

    def __init__(self, verdicts: list[Verdict]) -> None:
        self.key = new_key()
        """Different for each kind of observation."""
        self.verdicts = verdicts
        self.chunk = msgspec.json.encode(verdicts) + END_OF_LINE
        """The last piece of a line: the verdicts in JSON, and the end of the line."""
        self.stats = verdict_stats(verdicts)
        """What the summary counts of the verdicts."""


class VerdictCache:
    """Grades against `profiles`, and keeps the verdicts that were used last.

    Raises `InputError` for a profile of clients.
    """

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        for profile in profiles:
            profile.need_server()
        self._profiles = tuple(profiles)
        self._strict = strict
        self._known: LruCache[bytes, EncodedVerdicts] = LruCache()

    @property
    def has_waivers(self) -> bool:
        """Whether verdicts depend on host and time, because a profile has waivers."""
        return any(profile.waiver for profile in self._profiles)

    def verdicts_for(self, observation: Observation) -> EncodedVerdicts:
        """Return the verdicts on an observation; none if it cannot be graded."""
        key = verdict_key(observation, self._profiles)
        found = self._known.get(key)
        if found is None:
            profiles = self._profiles if is_gradeable(observation) else ()
            found = EncodedVerdicts([grade(observation, profile, strict=self._strict) for profile in profiles])
            self._known.put(key, found, len(key) + len(found.chunk))
        return found
