"""Writes a scan into a history while it runs, in a separate thread, so that a slow database never delays a connection.

Each transaction holds all hosts that have finished since the last one, so a killed scan leaves a readable part. Every
write can be repeated: after a lost connection the same hosts are written again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from sshprobe.lru_cache import LruCache
from sshprobe.model.errors import InputError
from sshprobe.model.lasting import identity_of
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.history.database import Database, one_line
from sshprobe.store.history.hashing import encode_verdicts, observation_hash, verdicts_hash
from sshprobe.store.history.scan_writer import Row, ScanWriter

MAX_HOSTS = 1000
"""Hosts in one transaction."""

MAX_WAITING = 4000
"""The most hosts that wait for the database. With more, the scan waits, which limits memory."""

RETRY_SECONDS = 60.0
"""Seconds of retries after a restart of the server or a deadlock, before the history is abandoned."""


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
        self._writer = ScanWriter(database)
        self._verdicts: LruCache[Hashable, tuple[bytes, bytes]] = LruCache()
        self.failure: str | None = None
        """The reason why the history is incomplete, in one line; None if it is complete so far."""

    def begin(self, header: SweepRecord, scan_id: str) -> None:
        """Enter the scan. Its hosts from an earlier run are removed, because a resumed scan adds them again.

        Raises `InputError` if the database fails.
        """
        with self._database.writing() as connection:
            self._writer.begin(connection, header, scan_id)

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
            self._retrying(lambda connection: self._writer.finish(connection, summary))

    @property
    def added(self) -> int:
        """Hosts that were added, final after `finish`."""
        return self._writer.added

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
                    self._writer.count(rows)
                    self._retrying(lambda connection: self._writer.write(connection, rows))  # noqa: B023 - called at once
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
                    except DBAPIError as error:
                        if self._database.is_sqlite or not _is_passing(error) or time.monotonic() > deadline:
                            raise
            except InputError as error:
                self.failure = str(error)
                return
            self._writer.forget()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _row(self, result: Result) -> Row:
        record = result.record
        key = (result.key, tuple(record.labels))
        found = None if record.fleet_findings else self._verdicts.get(key)
        if found is None:
            encoded = encode_verdicts(record)
            found = verdicts_hash(encoded), encoded
            if not record.fleet_findings:  # labels belong to the host, not to its verdicts
                self._verdicts.put(key, found, len(encoded))
        return Row(record, identity_of(record), observation_hash(record), *found)


def _is_passing(error: DBAPIError) -> bool:
    """Return whether an error of PostgreSQL may pass: a restart, a deadlock, a row that was pruned meanwhile."""
    return error.connection_invalidated or isinstance(error, (OperationalError, IntegrityError))
