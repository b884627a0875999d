"""Writes a scan into a history while it runs, in a thread of its own: a slow database never delays a connection.

Each transaction holds all hosts that have finished since the last one, so a killed scan leaves a readable part. Every
write can be repeated: after a lost connection the same hosts are written again.
"""

from __future__ import annotations

import queue
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Table, delete, func, select, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from sshprobe.lru_cache import LruCache
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.history.counters import CounterKey, counters_of
from sshprobe.store.history.database import Database, one_line
from sshprobe.store.history.hashing import (
    HostIdentity,
    decode_record,
    encode_observation,
    encode_verdicts,
    identity_of,
    observation_hash,
    verdicts_hash,
)
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

MAX_HOSTS = 1000
"""Hosts in one transaction."""

MAX_WAITING = 4000
"""Hosts that wait for the database. With more, the scan waits: the memory for them is bounded."""

COUNTER_SECONDS = 5.0
"""Seconds between two writes of the counters of a scan that runs."""

RETRY_SECONDS = 60.0
"""How long a server that was restarted, or a deadlock, is retried before the history is given up."""

_PARAMETERS = 300
"""Values in one query, below the limit of every SQLite (999)."""


class Result(Protocol):
    """The result of one host."""

    @property
    def record(self) -> HostRecord:
        """The record of the host."""

    @property
    def key(self) -> Hashable:
        """Results with the same key have the same verdicts."""


class RecordResult:
    """The result of a host whose record was read from a file."""

    def __init__(self, record: HostRecord) -> None:
        self.record = record
        self.key: Hashable = object()


class Recorder:
    """Writes one scan. Call `begin`, then `add` for hosts as they finish, then `finish`; `abandon` after an error."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.Queue[Sequence[Result] | None] = queue.Queue()
        self._room = threading.Semaphore(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._scan = 0
        self._started_at: datetime | None = None
        self._counters: Counter[CounterKey] = Counter()
        self.added = 0
        """Hosts that were written. After `finish` it is final."""
        self._counters_at = 0.0  # when they were written
        self._ids: dict[str, LruCache[Any, int]] = {}
        self._verdicts: LruCache[Hashable, tuple[bytes, bytes]] = LruCache()
        self.failure: str | None = None
        """Why the history is incomplete, in one line; None if it is complete so far."""

    def begin(self, header: SweepRecord, scan_id: str) -> None:
        """Enter the scan. Hosts that it has from an earlier run are removed, as a resumed scan adds them again.

        Raises `InputError` if the database fails.
        """
        encoded = zlib.compress(msgspec.json.encode(header))
        self._started_at = _moment(header.started_at)
        with self._database.writing() as connection:
            values = {"scan_id": scan_id, "started_at": header.started_at, "header": encoded}
            reset = {"header": encoded, "summary": None, "duration_ms": None, "complete": False, "hosts": 0}
            entered = self._database.insert(SCAN).values(values)
            connection.execute(entered.on_conflict_do_update(index_elements=["scan_id"], set_=reset))
            self._scan = connection.scalars(select(SCAN.c.id).where(SCAN.c.scan_id == scan_id)).one()
            for table in (SIGHTING, COUNTER):
                connection.execute(delete(table).where(table.c.scan == self._scan))

    def add(self, results: Sequence[Result]) -> None:
        """Write hosts soon. Waits only if the database is `MAX_WAITING` hosts behind."""
        if self.failure is not None:
            return
        if self._thread is None:  # not earlier: a process with two threads cannot be forked safely
            self._thread = threading.Thread(target=self._write_all, name="history", daemon=True)
            self._thread.start()
        for start in range(0, len(results), MAX_HOSTS):
            part = results[start : start + MAX_HOSTS]
            for _ in part:
                self._room.acquire()
            self._queue.put(part)

    def finish(self, summary: SummaryRecord | None) -> None:
        """Wait until all hosts are written, and write the summary. Afterwards `failure` is final.

        `summary`: None for a file that ends without one. The scan then stays incomplete.
        """
        self.abandon()
        if self.failure is None:
            self._retrying(lambda connection: self._close_scan(connection, summary))

    def abandon(self) -> None:
        """Write the hosts that wait, and end the thread. The scan stays incomplete."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        ended = False
        while not ended:
            parts = [self._queue.get()]
            while sum(map(len, filter(None, parts))) < MAX_HOSTS and not self._queue.empty():
                parts.append(self._queue.get())
            ended = parts[-1] is None
            results = [result for part in parts if part is not None for result in part]
            try:
                if self.failure is None and results:
                    rows = [self._row(result) for result in results]
                    self.added += len(results)
                    for result in results:
                        self._counters.update(counters_of(result.record))
                    self._retrying(lambda connection: self._write(connection, rows))  # noqa: B023 - called at once
            except Exception as error:  # the scan must go on, and end with an error
                self.failure = f"internal error: {type(error).__name__}: {error}"
            finally:
                for _ in results:
                    self._room.release()

    def _retrying(self, write: Callable[[Connection], None]) -> None:
        """Run `write` in a transaction. PostgreSQL is retried after lost connections and deadlocks."""
        deadline = time.monotonic() + RETRY_SECONDS
        pause = 0.1
        while True:
            try:
                with one_line(self._database.name):
                    try:
                        with self._database.engine.begin() as connection:
                            write(connection)
                        return
                    except (OperationalError, IntegrityError, DBAPIError) as error:
                        if self._database.is_sqlite or not _is_passing(error) or time.monotonic() > deadline:
                            raise
            except InputError as error:
                self.failure = str(error)
                return
            self._ids.clear()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _row(self, result: Result) -> _Row:
        record = result.record
        found = self._verdicts.get(result.key)
        if found is None:
            encoded = encode_verdicts(record)
            found = verdicts_hash(encoded), encoded
            self._verdicts.put(result.key, found, len(encoded))
        return _Row(record, identity_of(record), observation_hash(record), *found)

    def _write(self, connection: Connection, rows: Sequence[_Row]) -> None:
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
                "duration_us": round(row.record.duration_ms * 1000),
                "connections": row.record.connections,
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
        if self._counters:
            rows = [{**key._asdict(), "scan": self._scan, "hosts": hosts} for key, hosts in self._counters.items()]
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
        missing = sorted(
            key for key, id_ in known.items() if id_ is None
        )  # in one order, so that two scans cannot lock
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

    def _close_scan(self, connection: Connection, summary: SummaryRecord | None) -> None:
        hosts = connection.scalars(select(func.count()).where(SIGHTING.c.scan == self._scan)).one()
        if hosts != self.added:  # of two records of one host only the later is here
            self._counters = self._recounted(connection)
        self._write_counters(connection)
        values: dict[str, Any] = {"hosts": hosts}
        if summary is not None:
            encoded = zlib.compress(msgspec.json.encode(summary))
            values |= {"summary": encoded, "duration_ms": summary.duration_ms, "complete": not summary.interrupted}
        connection.execute(update(SCAN).where(SCAN.c.id == self._scan).values(**values))

    def _recounted(self, connection: Connection) -> Counter[CounterKey]:
        """Count the hosts of this scan from the database."""
        kinds = (
            select(OBSERVATION.c.record, VERDICT.c.record, func.count())
            .select_from(SIGHTING)
            .join(OBSERVATION, SIGHTING.c.observation == OBSERVATION.c.id)
            .join(VERDICT, SIGHTING.c.verdict == VERDICT.c.id)
            .where(SIGHTING.c.scan == self._scan)
            .group_by(OBSERVATION.c.id, OBSERVATION.c.record, VERDICT.c.id, VERDICT.c.record)
        )
        counted: Counter[CounterKey] = Counter()
        for observation, verdicts, hosts in connection.execute(kinds):
            counted.update(dict.fromkeys(counters_of(decode_record(observation, verdicts)), hosts))
        return counted

    def _since_start(self, started_at: str) -> int:
        """Return the milliseconds from the start of the scan to a time of RFC 3339; 0 if either is not one."""
        moment = _moment(started_at)
        if moment is None or self._started_at is None:
            return 0
        return round((moment - self._started_at).total_seconds() * 1000)


class _Row:
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


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_passing(error: DBAPIError) -> bool:
    """Return whether an error of PostgreSQL may pass: a restart, a deadlock, a row that was pruned meanwhile."""
    return error.connection_invalidated or isinstance(error, (OperationalError, IntegrityError))


def _parts(values: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
