"""The scans for `sshprobe diff`: from files, or from a history with the scans between and before."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshprobe.cli.options.history import open_database
from sshprobe.cli.output_file import note
from sshprobe.cli.saved_sweeps import WorkLine
from sshprobe.cli.standard_streams import standard_input
from sshprobe.model import timestamps
from sshprobe.model.errors import InputError
from sshprobe.views.changes import GONE_AFTER

if TYPE_CHECKING:
    from sshprobe.model.records import SilentRecord
    from sshprobe.store.history.database import Database
    from sshprobe.store.history.queries import Scan
    from sshprobe.views.change_builder import ChangesBuilder
    from sshprobe.views.changes import Changes
    from sshprobe.views.snapshots import Snapshot

EARLIER_SCANS = 10
"""The number of scans before the old one that are read too: they show hosts and values that are gone, back, or
alternate."""


SCANS_BETWEEN = 100
"""Scans between the two that are read at most: of 10,000 hosts they take some 20 s and 300 MB."""


class NoEarlierScan(InputError):
    """A history has no scan of the same targets before the new one."""


def changes_between(builder: ChangesBuilder, old: int, *, gone_after: int = GONE_AFTER) -> Changes:
    """Return what changed from scan `old` to the last one, with today's day for waivers."""
    return builder.build(today=f"{datetime.now(UTC):%Y-%m-%d}", old=old, gone_after=gone_after)


def read_files(names: Sequence[str]) -> tuple[ChangesBuilder, int]:
    """Return the scans of files, in the order of the names, and the number of the old one: the first."""
    from sshprobe.model.records import HostRecord
    from sshprobe.store.reading import scans_in
    from sshprobe.views.change_builder import ChangesBuilder

    builder, line = ChangesBuilder(), WorkLine()

    def silent(record: SilentRecord) -> None:
        for status, hosts in record.hosts.items():
            for place in hosts:
                host, _, port = place.rpartition(":")
                if port.isascii() and port.isdigit():
                    builder.add_silent(host.strip("[]"), int(port), status)

    for name in names:
        shown = "standard input" if name == "-" else name
        builder.open(shown)
        for record in scans_in(name, stdin=standard_input(), on_missing=note, on_silent=silent):
            if isinstance(record, HostRecord):
                line.count("hosts read")
            builder.read(record)
    line.end()
    if builder.scans < 2:
        raise InputError("has only one scan: name another file too", source=names[-1])
    return builder, 0


def read_history(
    words: str, scans: Sequence[str], since: datetime | None, *, gone_after: int = GONE_AFTER
) -> tuple[ChangesBuilder, int]:
    """Return scans of a history, and the number of the old one.

    `words`: the name of the history. `scans`: old and new, only the new one, or none for the latest. Without an old
    one, it is the last scan of the same targets before the new one, or before `since`. `gone_after`: see `Changes`.
    """
    with contextlib.closing(open_database(words)) as database:
        return read_stored(database, scans, since, gone_after=gone_after)


def read_stored(
    database: Database, scans: Sequence[str], since: datetime | None, *, gone_after: int = GONE_AFTER
) -> tuple[ChangesBuilder, int]:
    """Do the same with an open history."""
    from sshprobe.store.history import queries

    named = [queries.find_scan(database, each) for each in scans]
    every = queries.scans(database)[::-1]
    place = {scan.id: number for number, scan in enumerate(every)}
    if len(every) < 2:
        raise NoEarlierScan("has fewer than two scans", source=database.name)
    new = named[-1] if named else _latest(every)
    targets = _targets(database, new)
    alike = [scan for scan in every[: place[new.id]] if _targets(database, scan) == targets]
    if len(named) == 2:
        old = _checked(named[0], new, place, database)
    elif alike:
        old = _old(alike, since)
    else:
        lacking = f"no scan before {new.scan_id} has the same targets: name the old one"
        raise NoEarlierScan(lacking, source=database.name)
    between = _few([scan for scan in alike if place[scan.id] > place[old.id]])
    earlier = [scan for scan in alike if place[scan.id] < place[old.id]][-max(EARLIER_SCANS, gone_after) :]
    return _read(database, [*earlier, old, *between, new]), len(earlier)


def _checked(old: Scan, new: Scan, place: Mapping[int, int], database: Database) -> Scan:
    """Return the old scan. Raises `InputError` if it is not older than the new one."""
    if old.id == new.id:
        raise InputError(f"{new.scan_id} is the old and the new scan", source=database.name)
    if place[old.id] > place[new.id]:
        order = f"{old.scan_id} began after {new.scan_id}: name the old scan first"
        raise InputError(order, source=database.name)
    return old


def _few(scans: list[Scan]) -> list[Scan]:
    """Return scans at even distances, `SCANS_BETWEEN` at most."""
    step = -(-len(scans) // SCANS_BETWEEN)
    if step < 2:
        return scans
    kept = scans[step - 1 :: step]
    note(f"{len(kept):,} of the {len(scans):,} scans between are read: a change can be up to {step - 1} scans older")
    return kept


def _latest(scans: Sequence[Scan]) -> Scan:
    """Return the last complete scan; the last one if none is. Hosts that a scan did not reach yet are not missing."""
    complete = [scan for scan in scans if scan.complete]
    if complete and complete[-1] != scans[-1]:
        note(f"{scans[-1].scan_id} is not complete: {complete[-1].scan_id} is the new scan")
    return (complete or scans)[-1]


def _old(scans: Sequence[Scan], since: datetime | None) -> Scan:
    """Return the last of `scans` that began before a time; the first if none did."""
    if since is None:
        return scans[-1]
    seconds = since.timestamp()
    earlier = [scan for scan in scans if (began := timestamps.parse(scan.started_at)) is not None and began <= seconds]
    if not earlier:
        note(f"the first scan of these targets began on {scans[0].started_at}: it is the old one")
    return (earlier or scans)[-1 if earlier else 0]


def _targets(database: Database, scan: Scan) -> Hashable | None:
    from sshprobe.store.history.queries import header_of
    from sshprobe.views.change_builder import targets_of

    return targets_of(header_of(database, scan)[0])


def _read(database: Database, scans: Sequence[Scan]) -> ChangesBuilder:
    """Read scans. Shared parts are decoded once."""
    from sshprobe.store.history import queries
    from sshprobe.views.change_builder import ChangesBuilder

    builder, line = ChangesBuilder(), WorkLine()
    known: dict[tuple[int, int], Snapshot] = {}
    for scan in scans:
        header, summary = queries.header_of(database, scan)
        builder.begin(scan.scan_id, header)
        found = queries.sightings(database, scan)
        wanted = {(each.observation, each.verdict) for each in found} - known.keys()
        for ids, record in queries.stored_records(database, wanted):
            line.count("hosts read")
            known[ids] = builder.snapshot(record)
        for each in found:
            builder.add_snapshot(each.host, each.address, "", known[each.observation, each.verdict])
        builder.end(summary)
    line.end()
    return builder


_HOURS = {"h": 1, "d": 24, "w": 168}
"""Units of "7d"."""


class Since(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A time: a day, "2026-11-24", a time of RFC 3339, or a duration before now: "12h", "7d", "2w"."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment."""
        words = str(value)
        number, hours = words[:-1], _HOURS.get(words[-1:], 0)
        if hours and number.isascii() and number.isdigit() and 0 < int(number) * hours < 10**6:
            seconds = datetime.now(UTC).timestamp() - int(number) * hours * 3600
            return datetime.fromtimestamp(seconds, UTC)
        try:
            moment = datetime.fromisoformat(words)
        except ValueError:
            self.fail(f"{words!r} is not a time: give 12h, 7d, 2w or a day such as 2026-11-24", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def are_files(scans: Sequence[str], history: str | None) -> bool:
    """Return whether the arguments name files of records, not scans of a history."""
    return history is None or any(name == "-" or Path(name).is_file() for name in scans)
