"""Reads a history: scans, the records of their hosts, and trends."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, func, select

from sshprobe.model import timestamps
from sshprobe.model.errors import InputError
from sshprobe.model.lasting import HostIdentity
from sshprobe.model.name_lists import LANGUAGES
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.history.counters import ALL, CounterKey, merge_name_lists
from sshprobe.store.history.database import Database
from sshprobe.store.history.hashing import decode_record
from sshprobe.store.history.tables import (
    ADDRESS,
    COUNTER,
    HOST,
    OBSERVATION,
    SAME_ADDRESS,
    SCAN,
    SIGHTING,
    UNKNOWN_ADDRESS,
    VERDICT,
)

_IDS = 300
"""Ids in one query, below the limit of every SQLite (999)."""


class Scan(msgspec.Struct, frozen=True):
    """One scan of a history."""

    id: int
    """Its number in this database."""
    scan_id: str
    """Its id everywhere: `SweepRecord.scan_id`."""
    started_at: str
    """RFC 3339, UTC."""
    duration_ms: float | None
    """None: it is running or was killed."""
    hosts: int
    complete: bool
    """Whether it ended by itself."""


_SCAN = select(SCAN.c.id, SCAN.c.scan_id, SCAN.c.started_at, SCAN.c.duration_ms, SCAN.c.hosts, SCAN.c.complete)


def scans(database: Database) -> list[Scan]:
    """Return all scans, the newest first."""
    with database.reading() as connection:
        rows = connection.execute(_SCAN.order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())).all()
    return [Scan(*row) for row in rows]


def find_scan(database: Database, words: str) -> Scan:
    """Return the scan with an id, or an unambiguous beginning of one; "latest" is the newest.

    Raises `InputError` if there is no such scan, or more than one.
    """
    found = _SCAN.order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())
    if words != "latest":
        found = found.where(SCAN.c.scan_id.startswith(words, autoescape=True))
    with database.reading() as connection:
        rows = connection.execute(found.limit(2)).all()
    matches = [Scan(*row) for row in rows]
    exact = [scan for scan in matches if scan.scan_id == words]
    if not matches:
        raise InputError(
            f"has no scan {words!r}: see `sshprobe history list --history {database.name}`", source=database.name
        )
    if len(matches) > 1 and words != "latest" and not exact:
        raise InputError(f"has several scans that begin with {words!r}", source=database.name)
    return (exact or matches)[0]


def header_of(database: Database, scan: Scan) -> tuple[SweepRecord, SummaryRecord | None]:
    """Return the header and the summary of a scan; no summary if it runs or was killed."""
    with database.reading() as connection:
        header, summary = connection.execute(select(SCAN.c.header, SCAN.c.summary).where(SCAN.c.id == scan.id)).one()
        return (
            msgspec.json.decode(zlib.decompress(header), type=SweepRecord),
            None if summary is None else msgspec.json.decode(zlib.decompress(summary), type=SummaryRecord),
        )


def records(database: Database, scan: Scan, place: tuple[str, int] | None = None) -> Iterator[HostRecord]:
    """Return the records of all hosts of a scan, in the order of their start. `place`: only of this name and port.

    Each has its own host and times. Random values, such as the modulus of a group exchange, are from the first equal
    observation.
    """
    try:
        begin = datetime.fromisoformat(scan.started_at)
    except ValueError:  # imported from a file: the times of its hosts are not known
        words = f"scan {scan.scan_id} began at {scan.started_at!r}, which is not a time: it cannot be exported"
        raise InputError(words, source=database.name) from None
    query = (
        select(
            HOST.c.name,
            HOST.c.port,
            SIGHTING.c.address,
            ADDRESS.c.address,
            SIGHTING.c.started_ms,
            SIGHTING.c.duration_us,
            SIGHTING.c.connections,
            OBSERVATION.c.record,
            VERDICT.c.record,
        )
        .select_from(SIGHTING)
        .join(HOST, SIGHTING.c.host == HOST.c.id)
        .join(OBSERVATION, SIGHTING.c.observation == OBSERVATION.c.id)
        .join(VERDICT, SIGHTING.c.verdict == VERDICT.c.id)
        .outerjoin(ADDRESS, SIGHTING.c.address == ADDRESS.c.id)
        .where(SIGHTING.c.scan == scan.id)
        .order_by(SIGHTING.c.started_ms, HOST.c.name, HOST.c.port)
    )
    if place is not None:
        query = query.where(HOST.c.name == place[0], HOST.c.port == place[1])
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=500).execute(query):
            yield _record(row, begin)


def _record(row: Any, begin: datetime) -> HostRecord:
    name, port, code, address, started_ms, duration_us, connections, observation, verdicts = row
    if code in (SAME_ADDRESS, UNKNOWN_ADDRESS):
        address = name if code == SAME_ADDRESS else None
    return decode_record(
        observation,
        verdicts,
        target=name,
        host=name,
        address=address,
        port=port,
        started_at=timestamps.encode(begin + timedelta(milliseconds=started_ms)),
        duration_ms=duration_us / 1000,
        connections=connections,
    )


class StoredSighting(NamedTuple):
    """A host in one scan: the ids of its observation and verdicts, which `stored_records` reads."""

    host: HostIdentity
    address: str | None
    observation: int
    verdict: int


def sightings(database: Database, scan: Scan) -> list[StoredSighting]:
    """Return all hosts of a scan, without their records."""
    query = (
        select(
            HOST.c.via,
            HOST.c.name,
            HOST.c.port,
            SIGHTING.c.address,
            ADDRESS.c.address,
            SIGHTING.c.observation,
            SIGHTING.c.verdict,
        )
        .select_from(SIGHTING)
        .join(HOST, SIGHTING.c.host == HOST.c.id)
        .outerjoin(ADDRESS, SIGHTING.c.address == ADDRESS.c.id)
        .where(SIGHTING.c.scan == scan.id)
    )
    with database.reading() as connection:
        return [
            StoredSighting(HostIdentity(via, name, port), name if code == SAME_ADDRESS else address, seen, judged)
            for via, name, port, code, address, seen, judged in connection.execute(query)
        ]


def stored_records(database: Database, ids: Iterable[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], HostRecord]]:
    """Yield the record of each pair of an observation and a verdict. It has no host, address and time."""
    wanted = sorted(set(ids))
    with database.reading() as connection:
        for start in range(0, len(wanted), _IDS):
            part = wanted[start : start + _IDS]
            seen, judged = (
                _records(connection, table, {*ids})
                for table, ids in zip((OBSERVATION, VERDICT), zip(*part, strict=True), strict=True)
            )
            for observation, verdict in part:
                yield (observation, verdict), decode_record(seen[observation], judged[verdict])


def _records(connection: Connection, table: Table, ids: Iterable[int]) -> dict[int, bytes]:
    rows = connection.execute(select(table.c.id, table.c.record).where(table.c.id.in_(ids)))
    return {id_: record for id_, record in rows}  # noqa: C416 - a row is not a tuple to mypy


def counters(database: Database, scan: Scan, label: str | None = None) -> dict[CounterKey, int]:
    """Return the counters of a scan. `label`: only of hosts with it, `ALL` for those of all hosts."""
    columns = [COUNTER.c[name] for name in (*CounterKey._fields, "hosts")]
    query = select(*columns).where(COUNTER.c.scan == scan.id)
    if label is not None:
        query = query.where(COUNTER.c.label == label)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return merge_name_lists((CounterKey(*row[:-1]), row[-1]) for row in rows)


class Trend(NamedTuple):
    """Counters of one kind over scans."""

    scans: list[Scan]
    """The oldest first."""
    series: dict[tuple[str, str], dict[int, int]]
    """Scope and name of a counter to `Scan.id` to hosts. A scan that is missing had none."""


def trend(
    database: Database,
    kind: str,
    *,
    name: str | None = None,
    label: str = ALL,
    last: int | None = None,
    ends: bool = False,
) -> Trend:
    """Return the counters of one kind over scans. It reads no hosts.

    `kind`: see `counters.Kind`. `name`: only this status, letter, finding or algorithm. `label`: only hosts with it.
    `last`: only as many scans, the newest. `ends`: only the counters of the first and the last of them.
    """
    chosen = _SCAN.order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())
    if last is not None:
        chosen = chosen.limit(last)
    points = select(COUNTER.c.scan, COUNTER.c.scope, COUNTER.c.name, COUNTER.c.hosts)
    points = points.where(COUNTER.c.label == label, COUNTER.c.kind == kind)
    if name is not None:
        points = points.where(COUNTER.c.name == name)
    counted: dict[int, list[tuple[CounterKey, int]]] = {}
    with database.reading() as connection:
        found = [Scan(*row) for row in reversed(connection.execute(chosen).all())]
        wanted = {scan.id for scan in ([found[0], found[-1]] if ends and found else found)}
        if ends:
            points = points.where(COUNTER.c.scan.in_(wanted))
        for scan, scope, each, hosts in connection.execute(points):
            if scan in wanted:
                counted.setdefault(scan, []).append((CounterKey(label, kind, scope, each), hosts))
    series: dict[tuple[str, str], dict[int, int]] = {}
    for scan, numbers in counted.items():
        for key, hosts in merge_name_lists(numbers).items():
            series.setdefault((key.scope, key.name), {})[scan] = hosts
    return Trend(found, series)


def counted_names(database: Database, kind: str, label: str = ALL) -> list[str]:
    """Return the names that any scan counted, sorted. `kind` and `label`: see `trend`."""
    query = select(COUNTER.c.name).where(COUNTER.c.label == label, COUNTER.c.kind == kind).distinct()
    query = query.where(COUNTER.c.scope.not_in(LANGUAGES))  # old histories have them
    with database.reading() as connection:
        return sorted(connection.scalars(query))


def counts(database: Database) -> dict[str, int]:
    """Return the number of rows of each table, by the name of its contents."""
    tables = {"scans": SCAN, "hosts": HOST, "observations": OBSERVATION, "verdicts": VERDICT, "sightings": SIGHTING}
    with database.reading() as connection:
        return {
            name: connection.scalars(select(func.count()).select_from(table)).one() for name, table in tables.items()
        }


MOST_HEADERS = 500
"""The most scans in which `last_runs` looks, the newest first."""


def last_runs(database: Database) -> dict[str, datetime]:
    """Return the start of the last scan of each name of saved options (`SweepRecord.saved`)."""
    query = select(SCAN.c.header).order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc()).limit(MOST_HEADERS)
    found: dict[str, datetime] = {}
    with database.reading() as connection:
        for header in connection.scalars(query):
            record = msgspec.json.decode(zlib.decompress(header), type=_SavedName)
            seconds = timestamps.parse(record.started_at)
            if record.saved is not None and seconds is not None:
                found.setdefault(record.saved, datetime.fromtimestamp(seconds, UTC))
    return found


class _SavedName(msgspec.Struct):
    started_at: str
    saved: str | None = None
