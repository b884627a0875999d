"""Writes the rows of one scan, in transactions of the caller."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, func, select, tuple_, update

from sshprobe.lru_cache import LruCache
from sshprobe.model.lasting import HostIdentity
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.history.counters import ScanCounters
from sshprobe.store.history.database import Database
from sshprobe.store.history.hashing import decode_record, encode_observation
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

COUNTER_SECONDS = 5.0
"""Seconds between two writes of the counters of a running scan."""

MAX_DURATION_US = 2**63 - 1
"""The largest duration of a host, in microseconds: the column has 64 bits."""

MAX_CONNECTIONS = 2**31 - 1
"""The largest number of connections of a host: the column has 32 bits in PostgreSQL."""

_PARAMETERS = 300
"""Values in one query, below the limit of every SQLite (999)."""


class Row:
    """One host, ready to be written."""

    def __init__(
        self, record: HostRecord, host: HostIdentity, observation: bytes, verdict: bytes, verdicts: bytes
    ) -> None:
        self.record = record
        self.host = host
        self.observation = observation
        self.verdict = verdict
        self.verdicts = verdicts

    @property
    def address_code(self) -> int:
        """The number in place of the id of an address, if it is not in the table of addresses."""
        return UNKNOWN_ADDRESS if self.record.address is None else SAME_ADDRESS

    @property
    def address(self) -> str | None:
        """The address, if the host was given by name and the name was resolved."""
        return None if self.record.address == self.record.host else self.record.address


class ScanWriter:
    """The rows of one scan. Every write can be repeated, after a transaction that failed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scan = 0
        self._started_at: datetime | None = None
        self._counters = ScanCounters()
        self._counters_at = 0.0  # when they were written
        self._ids: dict[str, LruCache[Any, int]] = {}
        self.added = 0
        """Hosts that were counted."""

    def forget(self) -> None:
        """Forget the ids of rows that a failed transaction may have made."""
        self._ids.clear()

    def begin(self, connection: Connection, header: SweepRecord, scan_id: str) -> None:
        """Enter the scan, and remove the hosts that it has from an earlier run."""
        encoded = zlib.compress(msgspec.json.encode(header))
        self._started_at = _moment(header.started_at)
        values = {"scan_id": scan_id, "started_at": header.started_at, "header": encoded}
        reset = {"header": encoded, "summary": None, "duration_ms": None, "complete": False, "hosts": 0}
        entered = self._database.insert(SCAN).values(values)
        connection.execute(entered.on_conflict_do_update(index_elements=["scan_id"], set_=reset))
        self._scan = connection.scalars(select(SCAN.c.id).where(SCAN.c.scan_id == scan_id)).one()
        for table in (SIGHTING, COUNTER):
            connection.execute(delete(table).where(table.c.scan == self._scan))

    def count(self, rows: Sequence[Row]) -> None:
        """Count hosts, before they are written."""
        self.added += len(rows)
        for row in rows:
            self._counters.add(row.record)

    def write(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write hosts. Existing observations and verdicts are not written again."""
        observations = {row.observation: row.record for row in rows}
        verdicts = {row.verdict: row.verdicts for row in rows}
        addresses = {row.address for row in rows if row.address is not None}
        host_ids = self._ids_of(
            connection, HOST, HostIdentity._fields, {row.host for row in rows}, lambda host: host._asdict()
        )
        address_ids = self._ids_of(connection, ADDRESS, ("address",), addresses, lambda each: {"address": each})
        observation_ids = self._ids_of(
            connection,
            OBSERVATION,
            ("hash",),
            set(observations),
            lambda each: {"hash": each, "record": zlib.compress(encode_observation(observations[each]))},
        )
        verdict_ids = self._ids_of(
            connection,
            VERDICT,
            ("hash",),
            set(verdicts),
            lambda each: {"hash": each, "record": zlib.compress(verdicts[each])},
        )
        sightings = {}
        for row in rows:
            host = host_ids[row.host]
            address = address_ids[row.address] if row.address is not None else row.address_code
            sightings[host, address] = {
                "host": host,
                "scan": self._scan,
                "address": address,
                "observation": observation_ids[row.observation],
                "verdict": verdict_ids[row.verdict],
                "started_ms": self._since_start(row.record.started_at),
                "duration_us": _within(row.record.duration_ms * 1000, MAX_DURATION_US),
                "connections": _within(row.record.connections, MAX_CONNECTIONS),
            }
        entered = self._database.insert(SIGHTING)
        changed = {name: entered.excluded[name] for name in next(iter(sightings.values()))}
        connection.execute(
            entered.on_conflict_do_update(index_elements=["host", "scan", "address"], set_=changed),
            [sightings[place] for place in sorted(sightings)],
        )
        connection.execute(update(SCAN).where(SCAN.c.id == self._scan).values(hosts=SCAN.c.hosts + len(sightings)))
        if time.monotonic() - self._counters_at >= COUNTER_SECONDS:
            self._write_counters(connection)
            self._counters_at = time.monotonic()

    def _write_counters(self, connection: Connection) -> None:
        connection.execute(delete(COUNTER).where(COUNTER.c.scan == self._scan))
        counted = self._counters.hosts
        if counted:
            rows = [{**key._asdict(), "scan": self._scan, "hosts": hosts} for key, hosts in counted.items()]
            connection.execute(self._database.insert(COUNTER), rows)

    def _ids_of(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        keys: set[Any],
        values: Callable[[Any], dict[str, Any]],
    ) -> dict[Any, int]:
        """Return the ids of rows by their unique `columns`; rows that are missing are inserted with `values`."""
        cache = self._ids.setdefault(table.name, LruCache())
        known = {key: cache.get(key) for key in keys}
        missing = sorted(key for key, id_ in known.items() if id_ is None)  # so two scans cannot lock each other
        if missing:
            entered = self._database.insert(table).on_conflict_do_nothing(index_elements=list(columns))
            connection.execute(entered, [values(key) for key in missing])
        unique = [table.c[name] for name in columns]
        for part in _parts(missing, _PARAMETERS // len(columns)):
            condition = unique[0].in_(part) if len(unique) == 1 else tuple_(*unique).in_(part)
            for *key, id_ in connection.execute(select(*unique, table.c.id).where(condition)):
                found = key[0] if len(unique) == 1 else HostIdentity(*key)
                known[found] = id_
                cache.put(found, id_, 100)
        return {key: id_ for key, id_ in known.items() if id_ is not None}

    def finish(self, connection: Connection, summary: SummaryRecord | None) -> None:
        """Write the counters and the summary. `summary`: None for a scan that has none."""
        hosts = connection.scalars(select(func.count()).where(SIGHTING.c.scan == self._scan)).one()
        if hosts != self.added:  # of two records of one host only the later is here
            self._counters = self._recounted(connection)
        self._write_counters(connection)
        values: dict[str, Any] = {"hosts": hosts}
        if summary is not None:
            encoded = zlib.compress(msgspec.json.encode(summary))
            values |= {"summary": encoded, "duration_ms": summary.duration_ms, "complete": not summary.interrupted}
        connection.execute(update(SCAN).where(SCAN.c.id == self._scan).values(**values))

    def _recounted(self, connection: Connection) -> ScanCounters:
        """Count the hosts of this scan from the database."""
        kinds = (
            select(OBSERVATION.c.record, VERDICT.c.record, func.count())
            .select_from(SIGHTING)
            .join(OBSERVATION, SIGHTING.c.observation == OBSERVATION.c.id)
            .join(VERDICT, SIGHTING.c.verdict == VERDICT.c.id)
            .where(SIGHTING.c.scan == self._scan)
            .group_by(OBSERVATION.c.id, OBSERVATION.c.record, VERDICT.c.id, VERDICT.c.record)
        )
        counted = ScanCounters()
        for observation, verdicts, hosts in connection.execute(kinds):
            counted.add(decode_record(observation, verdicts), hosts)
        return counted

    def _since_start(self, started_at: str) -> int:
        """Return the milliseconds from the start of the scan to a time of RFC 3339; 0 if either is not one."""
        moment = _moment(started_at)
        if moment is None or self._started_at is None:
            return 0
        return round((moment - self._started_at).total_seconds() * 1000)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _within(number: float, limit: int) -> int:
    """Return a number rounded, or the nearest limit: records are not trusted, and a column has a size."""
    return round(min(max(number, -limit), limit))


def _parts(values: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
