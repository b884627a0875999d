"""A sink that writes a scan into a history while it runs, and a spool for the time when it cannot be written."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshprobe.cli.options.history import open_database
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError
from sshprobe.scan.sinks import JsonLinesSink, Sink

if TYPE_CHECKING:
    from sshprobe.model.records import SummaryRecord, SweepRecord
    from sshprobe.scan.results import HostBatch
    from sshprobe.store.history.database import Database


class HistorySink(Sink):
    """Writes the hosts of one scan into a history.

    `words`: the name of the history. `days`: after the scan, remove scans that are older. `spool`: a folder for scans
    until the history can be written. Raises `InputError` if the history cannot be used and there is no spool.
    """

    def __init__(self, words: str, days: float | None = None, spool: str | None = None) -> None:
        self._days = days
        self._spool = None if spool is None else Spool(Path(spool))
        self._failure: str | None = None
        self._database: Database | None = None
        self._recorder: Any = None
        try:
            self._database = open_database(words, create=True)
        except InputError as error:
            if self._spool is None:
                raise
            self._failure = str(error)
            return
        from sshprobe.store.history.recorder import Recorder

        self._recorder = Recorder(self._database)
        if self._spool is not None:
            self._spool.empty(self._database)

    def header(self, record: SweepRecord) -> None:
        """Enter the scan. Raises `InputError` if the database fails, and no spool takes the scan."""
        from sshprobe.store.history.hashing import scan_id_of

        if self._spool is not None:
            self._spool.begin(record, scan_id_of(record))
        if self._database is None:
            return
        try:
            self._recorder.begin(record, scan_id_of(record))
        except InputError as error:
            if self._spool is None:
                raise
            self._failure = str(error)
        self._database.close()  # the thread opens its own connection, so that none is open when workers are forked

    def add(self, batch: HostBatch) -> None:
        """Write hosts soon, in another thread."""
        if self._spool is not None:
            self._spool.add(batch)
        if self._failure is None:
            self._recorder.add(batch.results)

    def finish(self, summary: SummaryRecord) -> None:
        """Wait until all hosts are written, write the summary, and remove old scans."""
        if self._failure is None:
            from sshprobe.store.history.transfer import prune

            self._recorder.finish(summary)
            self._failure = self._recorder.failure
            if self._days is not None and self._failure is None and self._database is not None:
                try:
                    prune(self._database, days=self._days)
                except InputError as error:
                    note(f"{error}: old scans are still in the history")
        if self._spool is not None:
            self._spool.end(summary, keep=self._failure is not None)

    def check(self) -> None:
        """Raise `InputError` if the history lacks a part of the scan."""
        if self._failure is None:
            return
        if self._spool is not None:
            raise InputError(f"{self._failure} (the scan waits in {self._spool.folder} for the next run)")
        raise InputError(f"{self._failure} (the history lacks the rest of this scan; its files are complete)")

    def close(self) -> None:
        """Write the hosts that wait, and close the database."""
        if self._recorder is not None:
            self._recorder.abandon()
        if self._database is not None:
            self._database.close()
        if self._spool is not None:
            self._spool.close()


MOST_WAITING = 200
"""The most scans that wait in a spool."""

LARGEST_SPOOL = 2 * 2**30
"""The most bytes of the scans that wait."""


class Spool:
    """A folder of scans that wait for their history, one compressed file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = contextlib.ExitStack()
        self._sink: JsonLinesSink | None = None
        self._path: Path | None = None

    def waiting(self) -> list[Path]:
        """Return the files of scans, the oldest first."""
        files = [each for each in self.folder.glob("*.jsonl.gz") if each.is_file()]
        return sorted(files, key=lambda each: each.stat().st_mtime)

    def empty(self, database: Database) -> None:
        """Move the waiting scans into the history. A scan that another process writes stays."""
        from sshprobe.store.history.transfer import import_scans
        from sshprobe.store.locks import is_locked
        from sshprobe.store.reading import scans_in

        for path in self.waiting():
            if is_locked(path):
                continue
            try:
                found = list(import_scans(database, scans_in(str(path)), str(path)))
            except InputError as error:
                note(f"{error}: the scan stays in {self.folder}")
                continue
            path.unlink(missing_ok=True)
            note(f"moved {len(found)} scan{'' if len(found) == 1 else 's'} from {path.name} into the history")

    def begin(self, record: SweepRecord, scan_id: str) -> None:
        """Open the file of a scan. Raises `InputError` if the spool is full or cannot be written."""
        from sshprobe.store.files import appending_lines

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            waiting = self.waiting()
            size = sum(each.stat().st_size for each in waiting)
        except OSError as error:
            raise InputError(f"cannot be used: {error.strerror}", source=str(self.folder)) from None
        if len(waiting) >= MOST_WAITING or size >= LARGEST_SPOOL:
            raise InputError(f"is full, with {len(waiting)} scans: repair the history first", source=str(self.folder))
        self._path = self.folder / f"{scan_id}.jsonl.gz"
        self._sink = JsonLinesSink(self._stack.enter_context(appending_lines(str(self._path))))
        self._sink.header(record)

    def add(self, batch: HostBatch) -> None:
        """Write hosts."""
        if self._sink is not None:
            self._sink.add(batch)

    def end(self, summary: SummaryRecord, *, keep: bool) -> None:
        """Complete the file, or remove it if the history has the scan."""
        if self._sink is not None and self._path is not None:
            self._sink.finish(summary)
            self.close()
            if not keep:
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        self._stack.close()
