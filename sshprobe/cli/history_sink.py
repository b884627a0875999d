"""A sink that writes a scan into a history while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshprobe.cli.options.history import open_database
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError
from sshprobe.scan.sinks import Sink

if TYPE_CHECKING:
    from sshprobe.model.records import SummaryRecord, SweepRecord
    from sshprobe.scan.results import HostBatch


class HistorySink(Sink):
    """Writes the hosts of one scan into a history.

    `words`: the name of the history. `days`: after the scan, remove scans that are older. Raises `InputError` if the
    history cannot be used.
    """

    def __init__(self, words: str, days: float | None = None) -> None:
        self._days = days
        self._database = open_database(words, create=True)
        from sshprobe.store.history.recorder import Recorder

        self._recorder = Recorder(self._database)

    def header(self, record: SweepRecord) -> None:
        """Enter the scan. Raises `InputError` if the database fails."""
        from sshprobe.store.history.hashing import scan_id_of

        self._recorder.begin(record, scan_id_of(record))
        self._database.close()  # the thread opens its own connection, so that none is open when workers are forked

    def add(self, batch: HostBatch) -> None:
        """Write hosts soon, in another thread."""
        self._recorder.add(batch.results)

    def finish(self, summary: SummaryRecord) -> None:
        """Wait until all hosts are written, write the summary, and remove old scans."""
        from sshprobe.store.history.transfer import prune

        self._recorder.finish(summary)
        if self._days is not None and self._recorder.failure is None:
            try:
                prune(self._database, days=self._days)
            except InputError as error:
                note(f"{error}: old scans are still in the history")

    def check(self) -> None:
        """Raise `InputError` if the history lacks a part of the scan."""
        if self._recorder.failure is not None:
            raise InputError(
                f"{self._recorder.failure} (the history lacks the rest of this scan; its files are complete)"
            )

    def close(self) -> None:
        """Write the hosts that wait, and close the database."""
        self._recorder.abandon()
        self._database.close()
