"""Reads the last sighting of each host of a history: the fleet as it is now."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Table, select

from sshprobe.model.lasting import HostIdentity
from sshprobe.store.history.database import Database
from sshprobe.store.history.tables import (
    ADDRESS,
    HOST,
    OBSERVATION,
    SAME_ADDRESS,
    SCAN,
    SIGHTING,
    VERDICT,
)

_WHOLE_SCANS = 5
"""The newest scans that are read as a whole. Hosts that none of them has are looked up by themselves."""

_IDS = 300
"""Ids in one query, below the limit of every SQLite (999)."""


class LastSighting(NamedTuple):
    """One address of a host in the last scan that had the host."""

    host: HostIdentity
    address: str | None
    scan_id: str
    scan_started_at: str
    started_ms: int
    """Milliseconds from the start of the scan to the start of the host."""
    observation: int
    """Its id, for `stored_json`."""
    verdict: int
    """Its id, for `stored_json`."""


class Revision(NamedTuple):
    """Equal for equal contents of a history."""

    scan_ids: frozenset[str]
    hosts: int
    """Hosts of all scans, also of running ones."""
    complete: int


def revision(database: Database) -> Revision:
    """Return the revision of a history: one row for each scan is read."""
    with database.reading() as connection:
        rows = connection.execute(select(SCAN.c.scan_id, SCAN.c.hosts, SCAN.c.complete)).all()
    return Revision(frozenset(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows))


def last_sightings(database: Database) -> list[LastSighting]:
    """Return all addresses of each host in the last scan that had the host, in no order.

    An older scan may have met another address of a name, which is not the host of today.
    """
    with database.reading() as connection:
        rows = connection.execute(select(HOST.c.id, HOST.c.via, HOST.c.name, HOST.c.port))
        hosts = {row.id: HostIdentity(row.via, row.name, row.port) for row in rows}
        addresses = {row.id: row.address for row in connection.execute(select(ADDRESS.c.id, ADDRESS.c.address))}
        scans = connection.execute(
            select(SCAN.c.id, SCAN.c.scan_id, SCAN.c.started_at).order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())
        ).all()
        named = {row.id: (row.scan_id, row.started_at) for row in scans}
        missing = set(hosts)
        found: list[LastSighting] = []

        def add(sightings: Iterable[Any]) -> None:
            seen: set[int] = set()
            for host, scan, code, started_ms, observation, verdict in sightings:
                if host in missing:
                    seen.add(host)
                    identity = hosts[host]
                    address = identity.name if code == SAME_ADDRESS else addresses.get(code)
                    found.append(LastSighting(identity, address, *named[scan], started_ms, observation, verdict))
            missing.difference_update(seen)

        for row in scans[:_WHOLE_SCANS]:
            if missing:
                add(connection.execute(_SIGHTING.where(SIGHTING.c.scan == row.id)))
        for part in _parts(sorted(missing)):
            add(connection.execute(_SIGHTING.where(SIGHTING.c.host.in_(part), SIGHTING.c.scan == _LAST_SCAN)).all())
    return found


def stored_json(
    database: Database, kind: Literal["observation", "verdict"], ids: Iterable[int]
) -> Iterator[tuple[int, bytes]]:
    """Yield the JSON of stored observations or verdicts by their id, without those that were pruned meanwhile."""
    table: Table = OBSERVATION if kind == "observation" else VERDICT
    for part in _parts(sorted(set(ids))):
        with database.reading() as connection:  # for each part: a long reader would keep SQLite's log from shrinking
            rows = connection.execute(select(table.c.id, table.c.record).where(table.c.id.in_(part))).all()
            for id_, record in rows:
                yield id_, zlib.decompress(record)


_SIGHTING = select(
    SIGHTING.c.host,
    SIGHTING.c.scan,
    SIGHTING.c.address,
    SIGHTING.c.started_ms,
    SIGHTING.c.observation,
    SIGHTING.c.verdict,
)
_OTHER = SIGHTING.alias()
_LAST_SCAN = (
    select(SCAN.c.id)
    .join(_OTHER, _OTHER.c.scan == SCAN.c.id)
    .where(_OTHER.c.host == SIGHTING.c.host)
    .order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())
    .limit(1)
    .correlate(SIGHTING)
    .scalar_subquery()
)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _IDS] for start in range(0, len(ids), _IDS))
