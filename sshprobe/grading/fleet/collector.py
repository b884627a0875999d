"""Collects what is compared across a fleet while records go by, and keeps no record."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sshprobe.grading.fleet.comparison import Search, compare_hosts
from sshprobe.grading.fleet.facts import (
    Facets,
    HostFacts,
    KeyFacts,
    answers_of,
    facets_of,
    fingerprint_digest,
    is_counted,
    key_facts,
)
from sshprobe.grading.keys.known_keys import KnownKeys
from sshprobe.lru_cache import LruCache
from sshprobe.model.fleet import FleetReport
from sshprobe.model.observation import HostKey, Observation

_encode = msgspec.json.Encoder().encode  # takes all that a record can hold, numbers of any size too


class FleetFacts:
    """Collects facts of hosts one by one. Iterating gives the `HostFacts` of hosts that have keys."""

    def __init__(self, known: KnownKeys | None = None) -> None:
        self.known = known
        self._hosts: list[HostFacts] = []
        self._keys: dict[bytes, KeyFacts] = {}
        self._facets: dict[Facets, Facets] = {}
        self._kinds: LruCache[bytes, Facets] = LruCache()

    def __iter__(self) -> Iterator[HostFacts]:
        return iter(self._hosts)

    def add(self, observation: Observation) -> None:
        """Keep the facts of one host."""
        keys = [self._fact(key) for key in observation.host_keys or () if is_counted(key)]
        if keys:
            address, facets = observation.address or observation.host, self._facets_of(observation)
            self._hosts.append(HostFacts(address, observation.port, facets, tuple(dict.fromkeys(keys))))

    def _facets_of(self, observation: Observation) -> Facets:
        """Return the facets of a host, the same object for all that are alike, as most of a fleet are."""
        answers = answers_of(observation)
        kind = _encode(answers)
        known = self._kinds.get(kind)
        if known is None:
            found = facets_of(answers)
            known = self._facets.setdefault(found, found)
            self._kinds.put(kind, known, len(kind))
        return known

    def _fact(self, key: HostKey) -> KeyFacts:
        digest = fingerprint_digest(key.fingerprint)
        found = self._keys.get(digest)
        if found is None or key.type < found.type:  # plain before certificate, whichever comes first
            found = key_facts(key, digest, self.known)
            self._keys[digest] = found
        return found

    def report(self, *, thorough: bool = True, search: Search | None = None) -> FleetReport:
        """Return what they say together. Not `thorough`: without what would delay the end of a scan.

        `search` tests moduli, as `factored_moduli` does, if it is to be done elsewhere, such as in several processes.
        """
        known = self.known is not None
        return compare_hosts(self._hosts, known_keys_checked=known, thorough=thorough, search=search)
