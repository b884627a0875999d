"""One host over several scans: its snapshot in each, and the history of a value."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from sshprobe.model.observation import Status
from sshprobe.views.snapshots import Snapshot

Value = TypeVar("Value", bound=Hashable)

FLAPPING_CHANGES = 3
"""Changes before a value counts as alternating, if the last one is back to an earlier value."""


class Sighting(NamedTuple):
    """A host in one scan."""

    scan: int
    """Number of the scan, the oldest is 0."""
    status: Status
    snapshot: Snapshot | None
    """None: it did not answer."""
    address: str | None


class Change(NamedTuple, Generic[Value]):
    """A value that differs between the old and the new scan, or that alternates and is back."""

    old: Value
    new: Value
    since: int
    """The first scan with the new value, since when it is the same."""
    seen_before: bool
    """Whether an earlier scan has the new value, with another one between."""
    flaps: bool
    """Whether it alternates. `old` and `new` can then be equal."""
    seen_on: tuple[int, ...]
    """The first scan of each earlier time with the new value."""


def compare(points: Sequence[tuple[int, Value]], old: int) -> Change[Value] | None:
    """Return the change from scan `old`, or the last one before it that has a value, to the last point.

    `points`: scans and values, the oldest first, without scans that did not observe the value. If only scans after
    `old` have one, the first of them counts as the old one. None: nothing changed.
    """
    if len(points) < 2:
        return None
    runs = [points[0]]
    for point in points:
        if point[1] != runs[-1][1]:
            runs.append(point)
    since, new = runs[-1]
    seen_on = tuple(scan for scan, value in runs[:-1] if value == new)
    flaps = bool(seen_on) and len(runs) > FLAPPING_CHANGES
    before = next((value for scan, value in reversed(points) if scan <= old), points[0][1])
    is_settled = before == new and (since <= old or not flaps)
    return None if is_settled else Change(before, new, since, bool(seen_on), flaps, seen_on)


def only_between(
    points: Sequence[tuple[int, frozenset[str]]], old: int, change: Change[frozenset[str]] | None
) -> dict[int, frozenset[str]]:
    """Return the members of a set that only scans between `old` and the last one saw, by scan.

    `change`: that of the set. If it has another value now, members in scans before `old` do not count either.
    """
    known = points[-1][1]
    if change is not None and change.old != change.new:
        known = known.union(change.old, *(value for scan, value in points if scan <= old))
    return {scan: value - known for scan, value in points if scan > old and value - known}


class HostSeries:
    """One host over all scans."""

    def __init__(self, host: str, name: str, sightings: Iterable[Sighting]) -> None:
        self.host = host
        """"192.0.2.7:22"."""
        self.name = name
        """Its name, or its address if it has none."""
        self.sightings = {each.scan: each for each in sightings}
        self.has_moved = False
        """Whether it has another address than in the old scan."""

    def snapshots(self) -> Iterator[tuple[int, Snapshot]]:
        """Yield the scans in which the host answered, the oldest first."""
        for scan in sorted(self.sightings):
            snapshot = self.sightings[scan].snapshot
            if snapshot is not None:
                yield scan, snapshot

    def last_answer(self, until: int) -> int | None:
        """Return the last scan up to `until` in which it answered."""
        return max((scan for scan, _ in self.snapshots() if scan <= until), default=None)
