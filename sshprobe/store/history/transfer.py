"""Moves scans between files and a history, and removes old ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from sshprobe.model import timestamps
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord, Record, SummaryRecord, SweepRecord
from sshprobe.store.history import queries
from sshprobe.store.history.database import Database
from sshprobe.store.history.hashing import scan_id_of
from sshprobe.store.history.queries import Scan
from sshprobe.store.history.recorder import Recorder, RecordResult
from sshprobe.store.history.tables import ADDRESS, COUNTER, HOST, NOTIFIED, OBSERVATION, SCAN, SIGHTING, VERDICT


class Imported(NamedTuple):
    """A scan that was read from a file."""

    scan_id: str
    hosts: int
    superseded: int
    """Records of hosts that have a later one in the same scan."""
    complete: bool
    """Whether the file has its summary."""


def import_scans(database: Database, records: Iterable[Record], source: str) -> Iterator[Imported]:
    """Write all scans of a file into a history, and yield each. A scan with the same id is replaced.

    `source`: the name of the file. Raises `InputError` for hosts before the first header, and if the database fails.
    """
    recorder: Recorder | None = None
    scan_id = ""
    try:
        for record in records:
            if isinstance(record, SweepRecord):
                if recorder is not None:
                    yield _end(database, recorder, scan_id, None)
                recorder, scan_id = Recorder(database), scan_id_of(record)
                recorder.begin(record, scan_id)
            elif recorder is None:
                raise InputError("does not begin with the header of a scan", source=source)
            elif isinstance(record, HostRecord):
                recorder.add([RecordResult(record)])
                _check(recorder)
            else:
                yield _end(database, recorder, scan_id, record)
                recorder = None
        if recorder is not None:
            yield _end(database, recorder, scan_id, None)
            recorder = None
    finally:
        if recorder is not None:
            recorder.abandon()


def _oldest(connection: Connection) -> str:
    """Return the start of the oldest scan. Changes that were sent before it cannot be found again."""
    return connection.scalar(select(func.min(SCAN.c.started_at))) or ""


def _end(database: Database, recorder: Recorder, scan_id: str, summary: SummaryRecord | None) -> Imported:
    recorder.finish(summary)
    _check(recorder)
    hosts = queries.find_scan(database, scan_id).hosts
    return Imported(scan_id, hosts, recorder.added - hosts, summary is not None)


def _check(recorder: Recorder) -> None:
    if recorder.failure is not None:
        raise InputError(recorder.failure)


def export_scan(database: Database, scan: Scan) -> Iterator[Record]:
    """Yield the header of a scan, the records of its hosts, and its summary if it has one."""
    header, summary = queries.header_of(database, scan)
    yield header
    yield from queries.records(database, scan)
    if summary is not None:
        yield summary


class Pruned(NamedTuple):
    """The numbers of removed rows."""

    scans: int
    sightings: int
    observations: int
    hosts: int


def prune(database: Database, *, days: float | None = None, keep: int | None = None) -> Pruned:
    """Remove old scans and all data that only they use.

    `days`: a scan is old if it began more than as many days ago. `keep`: the number of newest scans that are never old.
    With both, a scan is removed only if both say so. A scan whose start is not a time is old only by `keep`.
    """
    limit = datetime.now(UTC) - timedelta(days=days or 0)

    def is_old(position: int, scan: Scan) -> bool:
        seconds = timestamps.parse(scan.started_at)
        by_age = days is None or (seconds is not None and datetime.fromtimestamp(seconds, UTC) < limit)
        return by_age and (keep is None or position >= keep)

    old = [scan.id for position, scan in enumerate(queries.scans(database)) if is_old(position, scan)]
    sightings = 0
    for scan in old:  # each in its own transaction, so that a running scan does not wait for all of them
        with database.writing() as connection:
            sightings += connection.execute(delete(SIGHTING).where(SIGHTING.c.scan == scan)).rowcount
            connection.execute(delete(COUNTER).where(COUNTER.c.scan == scan))
            connection.execute(delete(SCAN).where(SCAN.c.id == scan))
    with database.writing() as connection:
        removed = {}
        for table, column in ((OBSERVATION, "observation"), (VERDICT, "verdict"), (HOST, "host"), (ADDRESS, "address")):
            in_use = select(SIGHTING.c[column]).distinct()
            done = connection.execute(delete(table).where(table.c.id.not_in(in_use)))
            removed[column] = done.rowcount
        connection.execute(delete(NOTIFIED).where(NOTIFIED.c.sent_at < _oldest(connection)))
    if old and database.is_sqlite:
        with database.engine.connect() as connection, suppress(sqlite3.OperationalError):  # locked, or a full disk
            connection.connection.dbapi_connection.execute("VACUUM")  # type: ignore[union-attr] # an SQLite connection is open
    return Pruned(len(old), sightings, removed["observation"], removed["host"])
