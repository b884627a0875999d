"""Remedies of many hosts: hosts of one kind share one, which is worked out once."""

from __future__ import annotations

import msgspec

from sshprobe.grading import FleetIndex, fleet_key_findings, verdict_key
from sshprobe.grading.checks.group_exchange import leaves_groups_untested
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Remedy
from sshprobe.profiles import Profile
from sshprobe.remedy.search import remedy

_encode = msgspec.json.Encoder().encode  # takes all that a record can hold, numbers of any size too


class RemedyCache:
    """Works out remedies under one profile, and keeps those of the kinds of hosts that were met last.

    A remedy depends on what the verdict depends on, and on the findings about the host's keys across the fleet. A test
    compares shared remedies with fresh ones.

    Arguments:
        profile: what the hosts are fixed for.
        strict: as for `grade`.
        fleet: findings across the fleet are fixed too.
    """

    def __init__(self, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None) -> None:
        self._profile = profile
        self._strict = strict
        self._fleet = fleet
        self._known: LruCache[bytes, Remedy] = LruCache()

    def remedy_for(self, observation: Observation) -> Remedy:
        """Return the remedy of an observation. Hosts share it: it must not be changed."""
        key = self._key(observation)
        found = self._known.get(key)
        if found is None:
            found = remedy(observation, self._profile, strict=self._strict, fleet=self._fleet)
            self._known.put(key, found, len(key) + len(_encode(found)))
        return found

    def _key(self, observation: Observation) -> bytes:
        key = verdict_key(observation, (self._profile,))
        if leaves_groups_untested(observation):
            # A step may leave fewer groups, and then others are tested.
            key += _encode(observation.group_exchange)
        if self._fleet is not None:
            # What they observed names other hosts, and no remedy reads it.
            across = fleet_key_findings(observation, self._fleet, (self._profile,))
            key += _encode([(each.id, each.algorithm, each.message, each.remediation, each.counts) for each in across])
        return key
