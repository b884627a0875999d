"""Collects scans and computes what changed between two of them: `Changes`."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from sshprobe.model import timestamps
from sshprobe.model.lasting import HostIdentity, identity_of
from sshprobe.model.observation import Status, endpoint
from sshprobe.model.records import HostRecord, Record, SummaryRecord, SweepRecord
from sshprobe.views.change_groups import ChangeGroups
from sshprobe.views.changes import GONE_AFTER, Changes, ComparedScan, Note
from sshprobe.views.ending_waivers import ending_waivers
from sshprobe.views.host_changes import HostComparison, ProfileScan
from sshprobe.views.host_presence import Presence
from sshprobe.views.host_series import HostSeries, Sighting
from sshprobe.views.snapshots import FLEET, Snapshot, SnapshotMaker, is_silent


class _Scan:
    """A scan that was read."""

    def __init__(self, name: str, header: SweepRecord | None) -> None:
        self.name = name
        self.header = header
        self.profiles = {each.id: each for each in header.profiles} if header is not None else {}
        self.started_at = "" if header is None else header.started_at
        self.is_complete = False
        self.has_fleet = False

    @property
    def is_by_address(self) -> bool:
        """Whether it has a record of each address of a name."""
        return self.header is not None and self.header.settings is not None and self.header.settings.all_addresses


class _Entry(NamedTuple):
    scan: int
    status: Status
    snapshot: Snapshot | None
    address: str | None
    started_at: str


def _moment(entry: _Entry) -> tuple[int, str]:
    """Return the order of a record in time: seconds, then its text. One without a usable time is the oldest."""
    return timestamps.parse(entry.started_at) or 0, entry.started_at


def targets_of(header: SweepRecord | None) -> Hashable | None:
    """Return a description of a scan's targets, equal for scans of the same targets. None: not known."""
    asked = None if header is None else header.settings
    if asked is None:
        return None
    files = tuple(each.name for each in (*asked.files, *asked.inventories, *asked.records))
    return (tuple(asked.targets), files, tuple(asked.ports), tuple(asked.exclude))


def _exact_targets_of(header: SweepRecord | None) -> Hashable | None:
    """Return a description that is equal only for scans of exactly the same hosts. None: not known, as of a stream."""
    asked = None if header is None else header.settings
    if asked is None:
        return None
    files = (*asked.files, *asked.inventories, *asked.records, *asked.exclude_files)
    if any(each.digest is None for each in files) or "-" in asked.targets:
        return None
    chosen = (tuple(asked.statuses), tuple(asked.grades), asked.family, asked.all_addresses)
    return (targets_of(header), tuple(each.digest for each in files), chosen)


class ChangesBuilder:
    """Receives scans, the oldest first: `begin`, then hosts, then `end`, or `open` and `read`. Then `build`."""

    def __init__(self) -> None:
        self._scans: list[_Scan] = []
        self._hosts: dict[HostIdentity, list[_Entry]] = {}
        self._make = SnapshotMaker()
        self._file, self._is_open = "", False

    def open(self, name: str) -> None:
        """Begin with a file, whose records `read` takes."""
        self._file, self._is_open = name, False

    def read(self, record: Record) -> None:
        """Add a record of the file. Hosts before its first header are a scan without a header."""
        if isinstance(record, SweepRecord):
            self.begin(self._file, record)
        elif isinstance(record, SummaryRecord):
            self.end(record)
        else:
            if not self._is_open:
                self.begin(self._file, None)
            self.add(record)

    def begin(self, name: str, header: SweepRecord | None) -> None:
        """Begin with the hosts of a scan."""
        self._scans.append(_Scan(name, header))
        self._is_open = True

    def end(self, summary: SummaryRecord | None) -> None:
        """End a scan. None: it is running or was killed."""
        self._is_open = False
        if self._scans:
            self._scans[-1].is_complete = summary is not None and not summary.interrupted

    def add(self, record: HostRecord) -> None:
        """Add a host of the scan."""
        self.add_snapshot(identity_of(record), record.address, record.started_at, self.snapshot(record))

    def snapshot(self, record: HostRecord) -> Snapshot:
        """Return the kept part of a record, for `add_snapshot`."""
        return self._make.snapshot(record)

    def add_snapshot(self, host: HostIdentity, address: str | None, started_at: str, snapshot: Snapshot) -> None:
        """Add a host of the scan whose snapshot is known. `started_at`: RFC 3339."""
        scan = self._scans[-1]
        if not scan.started_at:
            scan.started_at = started_at
        if not scan.has_fleet:
            scan.has_fleet = any(verdict.profile == FLEET for verdict in snapshot.verdicts)
        seen = snapshot if snapshot.answered else None
        self._add(host, _Entry(len(self._scans) - 1, snapshot.status, seen, address, started_at))

    def add_silent(self, host: str, port: int, status: str) -> None:
        """Add a host of the scan that has no record because it accepted no connection."""
        if not self._is_open or not is_silent(status):
            return
        self._add(HostIdentity("", host.lower(), port), _Entry(len(self._scans) - 1, status, None, None, ""))

    def _add(self, host: HostIdentity, entry: _Entry) -> None:
        self._hosts.setdefault(host, []).append(entry)

    @property
    def scans(self) -> int:
        """The number of scans so far."""
        return len(self._scans)

    @property
    def names(self) -> list[str]:
        """The files of the scans, or their ids in a history, the oldest first."""
        return [scan.name for scan in self._scans]

    def build(self, *, today: str, old: int = 0, gone_after: int = GONE_AFTER) -> Changes:
        """Return the changes from scan `old` to the last one. Earlier scans show hosts and values that are gone, back,
        or alternate.

        `today`: the day for waivers, in UTC: "2026-12-01".
        """
        new = len(self._scans) - 1
        series, superseded = self._series()
        presence = Presence(series, old, new, gone_after, self._was_target)
        groups = ChangeGroups([scan.started_at for scan in self._scans])
        compared, changed, profiles = 0, 0, set[str]()
        for host in presence.hosts:
            answers = list(host.snapshots())
            if not answers or answers[-1][0] != new:
                continue
            comparison = HostComparison(answers, old, self._profile, self._has_fleet)
            found = list(comparison.changes()) if len(answers) > 1 else []
            groups.add(host.host, found)
            if answers[0][0] <= old:
                compared += 1
                profiles |= comparison.profiles
                changed += host.has_moved or any(each.kind != "not_compared" for each in found)
        now = {host.host: seen.snapshot for host in presence.hosts if (seen := host.sightings.get(new)) is not None}
        return groups.changes(
            presence,
            old=self._compared_scan(old, series),
            new=self._compared_scan(new, series),
            scans=len(self._scans),
            today=today,
            gone_after=gone_after,
            profiles=sorted(profiles),
            compared=compared,
            unchanged=compared - changed,
            superseded=superseded,
            waivers=ending_waivers(now, today),
            notes=self._notes(old, new),
        )

    def _series(self) -> tuple[list[HostSeries], int]:
        """Return the hosts, sorted, and the number of records that have a later one in the same scan."""
        by_address = any(scan.is_by_address for scan in self._scans)
        found: list[HostSeries] = []
        superseded = 0
        for identity in sorted(self._hosts):
            latest: dict[tuple[str, int], _Entry] = {}
            for entry in self._hosts[identity]:
                key = (entry.address or "" if by_address else "", entry.scan)
                before = latest.get(key)
                superseded += before is not None
                if before is None or _moment(entry) >= _moment(before):
                    latest[key] = entry
            for address in sorted({address for address, _ in latest}):
                place = endpoint(identity.name, identity.port)
                name = f"{place} ({address})" if address and address != identity.name else place
                sightings = [
                    Sighting(each.scan, each.status, each.snapshot, each.address)
                    for (at, _), each in latest.items()
                    if at == address
                ]
                found.append(HostSeries(name, identity.name, sightings))
        return found, superseded

    def _was_target(self, host: HostSeries, scan: int) -> bool:
        """Return whether a scan without a record of a host had it as a target."""
        this = self._scans[scan]
        targets = _exact_targets_of(this.header)
        if not this.is_complete or targets is None:
            return False
        return any(_exact_targets_of(self._scans[each].header) == targets for each in host.sightings)

    def _profile(self, scan: int, profile: str) -> ProfileScan:
        header = self._scans[scan].header
        reference = self._scans[scan].profiles.get(profile)
        return ProfileScan("" if reference is None else reference.digest, None if header is None else header.strict)

    def _has_fleet(self, scan: int) -> bool:
        return self._scans[scan].has_fleet

    def _compared_scan(self, number: int, series: list[HostSeries]) -> ComparedScan:
        scan = self._scans[number]
        sightings = [each.sightings[number] for each in series if number in each.sightings]
        return ComparedScan(
            name=scan.name,
            scan_id=None if scan.header is None else scan.header.scan_id,
            started_at=scan.started_at,
            hosts=len(sightings),
            answered=sum(each.snapshot is not None for each in sightings),
            complete=scan.is_complete,
        )

    def _notes(self, old: int, new: int) -> list[Note]:
        before, after = self._scans[old], self._scans[new]
        tools = {scan.header.tool for scan in (before, after) if scan.header is not None}
        began = [timestamps.parse(scan.started_at) for scan in (before, after)]
        found: dict[Note, bool] = {
            "order": began[0] is not None and began[1] is not None and began[0] > began[1],
            "old_incomplete": not before.is_complete,
            "new_incomplete": not after.is_complete,
            "versions": len(tools) > 1,
        }
        return [note for note, holds in found.items() if holds]
