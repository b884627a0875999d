"""Which hosts appeared, are missing, or moved between two scans. A host that did not answer is not gone at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from sshprobe.model.observation import Status
from sshprobe.views.host_series import HostSeries, compare
from sshprobe.views.snapshots import Snapshot, is_silent

Keys = frozenset[str]
"""Fingerprints of all keys of a host."""


class Appeared(NamedTuple):
    """A host that answers now, and did not in the old scan."""

    host: str
    kind: Literal["new", "back"]
    status_before: Status | None
    snapshot: Snapshot
    since: int


class Missing(NamedTuple):
    """A host that did not answer in the new scan. Fields as in `MissingHost`."""

    host: str
    kind: Literal["gone", "not seen"]
    status: Status | None
    last_answer: int
    missed: int


class Moved(NamedTuple):
    """A host at another address. Fields as in `MovedHost`."""

    host: str
    old: str
    new: str
    since: int


class Presence:
    """Compares where hosts answered.

    `series`: all hosts. `old`, `new`: the numbers of the two scans. `gone_after`: scans in a row without an answer
    before a host counts as gone. `was_target`: whether a scan without a record of a host had it as a target.
    """

    def __init__(
        self,
        series: Sequence[HostSeries],
        old: int,
        new: int,
        gone_after: int,
        was_target: Callable[[HostSeries, int], bool],
    ) -> None:
        self._old, self._new, self._gone_after, self._was_target = old, new, gone_after, was_target
        self.moved: list[Moved] = []
        self.hosts = self._follow_moves(series)
        """All hosts; one that moved is one host, at its new address."""
        self.moved += [moved for host in self.hosts if (moved := self._other_address(host)) is not None]
        self.moved.sort()

    # -- moved -----------------------------------------------------------------------------------------------------

    def _follow_moves(self, series: Sequence[HostSeries]) -> list[HostSeries]:
        """Join a host that no longer answers with a new one that has exactly its keys, if both are unique."""
        old, new, places = self._old, self._new, dict[Keys, HostSeries]()
        before = Counter(_keys_at(host, host.last_answer(old)) for host in series)
        now = Counter(_keys_at(host, new) for host in series)
        for host in series:
            keys = _keys_at(host, host.last_answer(old))
            if keys and before[keys] == now[keys] == 1 and host.last_answer(new) != new:
                places[keys] = host
        joined: dict[str, HostSeries] = {}
        for host in series:
            earlier = places.get(_keys_at(host, new))
            if earlier is None or earlier is host or host.last_answer(old) is not None:
                continue
            since = min(scan for scan, _ in host.snapshots())
            sightings = [*(each for each in earlier.sightings.values() if each.scan < since), *host.sightings.values()]
            joined[host.host] = HostSeries(host.host, host.name, [each for each in sightings if each.snapshot])
            joined[host.host].has_moved = True
            joined[earlier.host] = joined[host.host]
            self.moved.append(Moved(host.host, earlier.host, host.host, since))
        return [
            joined.get(host.host, host)
            for host in series
            if host.host not in joined or joined[host.host].host == host.host
        ]

    def _other_address(self, host: HostSeries) -> Moved | None:
        """Return the move of a name whose address is another one than in the old scan."""
        points = [(scan, each.address) for scan, each in sorted(host.sightings.items()) if each.address]
        if host.has_moved or not points or points[-1][0] != self._new or points[-1][1] == host.name:
            return None
        change = compare(points, self._old)
        if change is None or change.flaps:
            return None
        host.has_moved = True
        return Moved(host.host, change.old, change.new, change.since)

    # -- new and missing -------------------------------------------------------------------------------------------

    def appeared(self) -> Iterator[Appeared]:
        """Yield the hosts that answer now, and did not in the old scan."""
        for host in self.hosts:
            now = host.sightings.get(self._new)
            before = host.sightings.get(self._old)
            if now is None or now.snapshot is None or (before is not None and before.snapshot is not None):
                continue
            last = host.last_answer(self._old)
            if last is not None and before is None:
                continue  # the old scan did not have it as a target
            since = next(scan for scan, _ in host.snapshots() if scan > self._old)
            status = None if before is None else before.status
            yield Appeared(host.host, "new" if last is None else "back", status, now.snapshot, since)

    def missing(self) -> Iterator[Missing]:
        """Yield the hosts that do not answer now, unless they were already gone in the old scan."""
        for host in self.hosts:
            last = host.last_answer(self._new)
            if last is None or last == self._new:
                continue
            if last <= self._old and self._is_gone(*self._missed(host, last, self._old)):
                continue
            missed, is_unclear = self._missed(host, last, self._new)
            kind: Literal["gone", "not seen"] = "gone" if self._is_gone(missed, is_unclear) else "not seen"
            now = host.sightings.get(self._new)
            yield Missing(host.host, kind, None if now is None else now.status, last, missed)

    def _is_gone(self, missed: int, is_unclear: bool) -> bool:
        return missed >= self._gone_after and not is_unclear

    def _missed(self, host: HostSeries, since: int, until: int) -> tuple[int, bool]:
        """Return the number of scans that a host missed after `since`, and whether one saw a sign of life."""
        missed, is_unclear = 0, False
        for scan in range(since + 1, until + 1):
            sighting = host.sightings.get(scan)
            if sighting is None:
                missed += self._was_target(host, scan)
            elif is_silent(sighting.status):
                missed += 1
            else:
                is_unclear = is_unclear or sighting.status != "excluded"
        return missed, is_unclear


def _keys_at(host: HostSeries, scan: int | None) -> Keys:
    """Return the keys of a host in a scan, if it answered and all its keys were seen."""
    seen = None if scan is None else host.sightings.get(scan)
    if seen is None or seen.snapshot is None or seen.snapshot.facts.several_servers:
        return frozenset()
    return frozenset(key.fingerprint for key in seen.snapshot.keys or ())
