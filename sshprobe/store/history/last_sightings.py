"""Reads the last sighting of every host, in parts that 100,000 hosts need: no blobs of keys, no texts of findings."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Table, select

from sshprobe.model.lasting import HostIdentity
from sshprobe.model.observation import Identification, Status
from sshprobe.model.verdict import Finding, Grade
from sshprobe.store.history.database import Database
from sshprobe.store.history.queries import Scan, StoredSighting, sightings
from sshprobe.store.history.tables import ADDRESS, HOST, OBSERVATION, SAME_ADDRESS, SCAN, SIGHTING, VERDICT

_IDS = 300
"""Ids in one query, below the limit of every SQLite (999)."""


class SeenKey(msgspec.Struct, frozen=True):
    """A host key."""

    type: str
    fingerprint: str
    bits: int | None = None
    signature_verified: bool | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an `Observation` that lists of hosts show or filter."""

    status: Status
    error: str | None = None
    identification: Identification | None = None
    post_quantum_kex: bool | None = None
    kex_algorithms: tuple[str, ...] | None = None
    server_host_key_algorithms: tuple[str, ...] | None = None
    encryption_algorithms_client_to_server: tuple[str, ...] | None = None
    encryption_algorithms_server_to_client: tuple[str, ...] | None = None
    mac_algorithms_client_to_server: tuple[str, ...] | None = None
    mac_algorithms_server_to_client: tuple[str, ...] | None = None
    compression_algorithms_client_to_server: tuple[str, ...] | None = None
    compression_algorithms_server_to_client: tuple[str, ...] | None = None
    host_keys: list[SeenKey] | None = None


class JudgedVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a `Verdict` that lists of hosts show or filter."""

    profile: str
    grade: Grade
    score: int
    compliant: bool | None
    grade_is_partial: bool = False
    findings: list[Finding] = []


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The verdicts, labels and findings across the fleet of a host."""

    verdicts: list[JudgedVerdict]
    labels: list[str] = []
    fleet_findings: list[Finding] = []


class LastSighting(NamedTuple):
    """The last sighting of a host."""

    sighting: StoredSighting
    scan: Scan


def last_sightings(database: Database, scans: Iterable[Scan], older: Sequence[Scan] = ()) -> Iterator[LastSighting]:
    """Yield the last sightings of every host, the newest scan first.

    A host that was given by name has one for each address in its last scan. All hosts of `scans` are read, the newest
    first, until every host was met. The hosts of `older` scans, which are of another network, are looked up one by one.
    """
    with database.reading() as connection:
        rows = connection.execute(select(HOST.c.id, HOST.c.via, HOST.c.name, HOST.c.port))
        missing = {HostIdentity(row.via, row.name, row.port): row.id for row in rows}
    for scan in scans:
        if not missing:
            return
        found = [each for each in sightings(database, scan) if each.host in missing]
        yield from (LastSighting(each, scan) for each in found)
        for each in found:
            missing.pop(each.host, None)
    by_id = {scan.id: scan for scan in older}
    if not by_id:
        return
    ids = sorted(missing.values())
    hosts = {id_: host for host, id_ in missing.items()}
    for start in range(0, len(ids), _IDS):
        query = _OF_HOSTS.where(SIGHTING.c.host.in_(ids[start : start + _IDS]))
        with database.reading() as connection:
            for host, last, code, address, observation, verdict in connection.execute(query):
                if last in by_id:
                    place = hosts[host]
                    shown = place.name if code == SAME_ADDRESS else address
                    yield LastSighting(StoredSighting(place, shown, observation, verdict), by_id[last])


_EARLIER = SIGHTING.alias()
_OF_HOSTS = (
    select(
        SIGHTING.c.host,
        SIGHTING.c.scan,
        SIGHTING.c.address,
        ADDRESS.c.address,
        SIGHTING.c.observation,
        SIGHTING.c.verdict,
    )
    .outerjoin(ADDRESS, SIGHTING.c.address == ADDRESS.c.id)
    .where(
        SIGHTING.c.scan
        == select(SCAN.c.id)
        .join(_EARLIER, _EARLIER.c.scan == SCAN.c.id)
        .where(_EARLIER.c.host == SIGHTING.c.host)
        .order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc())
        .limit(1)
        .correlate(SIGHTING)
        .scalar_subquery()
    )
)
"""The sightings of hosts in the last scan of each."""

_Part = TypeVar("_Part")


def seen_parts(database: Database, ids: Iterable[int]) -> Iterator[tuple[int, Seen]]:
    """Yield the id and the fields of observations. Equal fields of different hosts are one object."""
    known: dict[Any, Any] = {}
    for id_, seen in _parts(database, OBSERVATION, ids, msgspec.json.Decoder(Seen)):
        values = {name: getattr(seen, name) for name in _SHARED}
        yield (
            id_,
            msgspec.structs.replace(seen, **{name: known.setdefault(value, value) for name, value in values.items()}),
        )


_SHARED = [field for field in Seen.__struct_fields__ if field == "identification" or "_algorithms" in field]
"""Fields of `Seen` that many hosts have in common. With a copy for each host, 100,000 hosts take 500 MB more."""


def judged_parts(database: Database, ids: Iterable[int]) -> Iterator[tuple[int, Judged]]:
    """Yield the id and the fields of verdicts."""
    return _parts(database, VERDICT, ids, msgspec.json.Decoder(Judged))


def _parts(
    database: Database, table: Table, ids: Iterable[int], decoder: msgspec.json.Decoder[_Part]
) -> Iterator[tuple[int, _Part]]:
    ordered = sorted(set(ids))
    with database.reading() as connection:
        for start in range(0, len(ordered), _IDS):
            query = select(table.c.id, table.c.record).where(table.c.id.in_(ordered[start : start + _IDS]))
            for id_, record in connection.execute(query):
                yield id_, decoder.decode(zlib.decompress(record))


class PastSighting(NamedTuple):
    """One host in one of its scans."""

    scan: Scan
    address: str | None
    observation: int
    """Ids of the stored parts."""
    verdict: int


def sightings_of(database: Database, name: str, port: int) -> list[PastSighting]:
    """Return all sightings of a host, the newest first. Empty: it is not known."""
    query = (
        select(
            *(SCAN.c[field] for field in Scan.__struct_fields__),
            SIGHTING.c.address,
            ADDRESS.c.address,
            SIGHTING.c.observation,
            SIGHTING.c.verdict,
        )
        .select_from(HOST)
        .join(SIGHTING, SIGHTING.c.host == HOST.c.id)
        .join(SCAN, SIGHTING.c.scan == SCAN.c.id)
        .outerjoin(ADDRESS, SIGHTING.c.address == ADDRESS.c.id)
        .where(HOST.c.name == name.lower(), HOST.c.port == port)
        .order_by(SCAN.c.started_at.desc(), SCAN.c.id.desc(), SIGHTING.c.address)
    )
    with database.reading() as connection:
        return [
            PastSighting(Scan(*fields), name.lower() if code == SAME_ADDRESS else address, observation, verdict)
            for *fields, code, address, observation, verdict in connection.execute(query)
        ]
