"""Reads a history by host: which hosts there are, and how one of them changed from scan to scan."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, func, select

from sshprobe.model.errors import InputError
from sshprobe.model.lasting import normalised
from sshprobe.model.observation import Observation, endpoint
from sshprobe.store.history.database import Database
from sshprobe.store.history.tables import HOST, OBSERVATION, SCAN, SIGHTING, VERDICT

MAX_PORTS = 5
"""The most ports of a host that an error lists."""


class KnownHost(msgspec.Struct, frozen=True):
    """A host of a history."""

    name: str
    """Its name or address."""
    port: int
    first_seen: str
    """When the first scan that had it began; RFC 3339, UTC."""
    last_seen: str
    """When the last scan that had it began."""
    scans: int
    """Scans that had it."""
    observations: int
    """Different observations: 1 means that it never changed."""


class Period(msgspec.Struct, frozen=True):
    """Scans in a row in which a host was the same."""

    first: str
    """When the first of them began; RFC 3339, UTC."""
    last: str
    """When the last of them began."""
    scans: int
    status: str
    software: str
    """Software name and comments; "" without an identification."""
    grades: dict[str, str]
    """Profile id to letter, of the first of them."""
    changed: list[str]
    """Fields of the observation that differ: status, error and stage from the period before, others from the last
    period that observed them. Empty in the first period."""


def hosts(database: Database, name: str | None = None) -> Iterator[KnownHost]:
    """Yield all hosts, or those with a name or address, by name and port."""
    # Not a join: SQLite would begin with the scans, and sort all sightings.
    started_at = select(SCAN.c.started_at).where(SCAN.c.id == SIGHTING.c.scan).scalar_subquery()
    sightings = select(
        SIGHTING.c.host,
        func.min(started_at).label("first"),
        func.max(started_at).label("last"),
        func.count(SIGHTING.c.scan.distinct()).label("scans"),
        func.count(SIGHTING.c.observation.distinct()).label("observations"),
    ).group_by(SIGHTING.c.host)
    if name is not None:
        sightings = sightings.where(SIGHTING.c.host.in_(select(HOST.c.id).where(HOST.c.name == name.lower())))
    seen = sightings.subquery()
    query: Select[Any] = (
        select(HOST.c.name, HOST.c.port, seen.c.first, seen.c.last, seen.c.scans, seen.c.observations)
        .join(seen, seen.c.host == HOST.c.id)
        .order_by(HOST.c.name, HOST.c.port)
    )
    with database.reading() as connection:
        for row in connection.execute(query):
            yield KnownHost(*row)


def timeline(database: Database, name: str, port: int) -> list[Period]:
    """Return the periods of a host, the newest first. Raises `InputError` for an unknown host."""
    query: Select[Any] = (
        select(SCAN.c.started_at, SIGHTING.c.observation, SIGHTING.c.verdict)
        .select_from(HOST)
        .join(SIGHTING, SIGHTING.c.host == HOST.c.id)
        .join(SCAN, SIGHTING.c.scan == SCAN.c.id)
        .where(HOST.c.name == name.lower(), HOST.c.port == port)
        .order_by(SCAN.c.started_at, SCAN.c.id, SIGHTING.c.address)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
        if not rows:
            ports = connection.scalars(
                select(HOST.c.port).where(HOST.c.name == name.lower()).distinct().order_by(HOST.c.port)
            ).all()
            raise InputError(
                f"has no host {endpoint(name, port)}: {_elsewhere(name, ports, database)}", source=database.name
            )
        seen = _decoded(connection, OBSERVATION, {row[1] for row in rows})
        judged = _decoded(connection, VERDICT, {row[2] for row in rows})
    periods: list[Period] = []
    before: Any = None
    last: Observation | None = None
    known: dict[str, Any] = {}
    for started_at, observation, verdict in rows:
        grades = {each["profile"]: each["grade"] for each in judged[verdict]["verdicts"]}
        if periods and observation == before and grades == periods[-1].grades:
            periods[-1] = msgspec.structs.replace(periods[-1], last=started_at, scans=periods[-1].scans + 1)
            continue
        now = _observation(seen[observation])
        said = now.identification
        words = "" if said is None else f"{said.software} {said.lasting_comments or ''}".strip()
        facts = _facts(now)
        failure = [] if last is None else [name for name in _FAILURE if getattr(last, name) != getattr(now, name)]
        changed = failure + [name for name, value in facts.items() if known.get(name, value) != value]
        periods.append(Period(started_at, started_at, 1, now.status, words, grades, changed))
        before, last = observation, now
        known |= facts
    return periods[::-1]


def _elsewhere(name: str, ports: Sequence[int], database: Database) -> str:
    """Describe the endpoints of a host in a history, or where to look for hosts."""
    if not ports:
        return f"see `sshprobe history hosts --history {database.name}`"
    more = len(ports) - MAX_PORTS
    shown = " or ".join(endpoint(name, port) for port in ports[:MAX_PORTS])
    return f"did you mean {shown}?" + (f" It has {more:,} more ports of this host" if more > 0 else "")


def _decoded(connection: Any, table: Any, ids: set[int]) -> dict[int, Any]:
    found = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), 300):
        query = select(table.c.id, table.c.record).where(table.c.id.in_(ordered[start : start + 300]))
        for id_, record in connection.execute(query):
            found[id_] = msgspec.json.decode(zlib.decompress(record))
    return found


def _observation(stored: dict[str, Any]) -> Observation:
    return normalised(msgspec.convert(stored, Observation))


_FAILURE = ("status", "error", "stage")


def _facts(seen: Observation) -> dict[str, Any]:
    """Return the observed fields. None means "not observed", but of a banner before login "none"."""
    if seen.identification is None:
        return {}
    fields = {name: getattr(seen, name) for name in Observation.__struct_fields__ if name not in _FAILURE}
    has_banner = seen.authentication_methods is not None
    return {
        name: value
        for name, value in fields.items()
        if value is not None or (name == "authentication_banner" and has_banner)
    }
