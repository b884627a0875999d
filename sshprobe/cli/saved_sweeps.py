"""Saved scans while they are read: their hosts, the superseded records, and the progress."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sshprobe.cli.options.filters import HostFilter, SeenValues, fleet_facts
from sshprobe.cli.output_file import note, note_superseded
from sshprobe.cli.standard_streams import is_quiet, standard_input

if TYPE_CHECKING:
    from sshprobe.model.fleet import FleetReport
    from sshprobe.model.records import HostRecord, Record, SweepRecord
    from sshprobe.store.latest import LatestRecords
    from sshprobe.store.reading import Records


class SavedSweeps:
    """The hosts of saved scans, one after the other, and the data of their other records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.is_cut_off = records.is_cut_off
        """Whether a file ends inside a record."""
        self.header: SweepRecord | None = None
        """The first header: the time and the settings of the scan."""
        self.duration_ms = 0.0
        """Of all sweeps together."""
        self.silent: Counter[str] = Counter()
        """Status to hosts without a record (`--skip-silent`), of all scans."""
        self.interrupted = records.is_cut_off
        """Whether one of them is incomplete: its summary says so, it was killed, or its file is cut off."""

    @property
    def place(self) -> tuple[str, int] | None:
        """File and line of the last record; None in a document and from standard input."""
        source, line = self._records.source, self._records.line
        return None if source is None or line is None or source == "standard input" else (source, line)

    def hosts(self, on_header: Callable[[SweepRecord], None] = lambda record: None) -> Iterator[HostRecord]:
        """Yield the hosts. `on_header` is called with the header of each scan, before its hosts."""
        from sshprobe.model.records import HostRecord, SweepRecord

        ended = True
        for record in self._records:
            if isinstance(record, HostRecord):
                yield record
            elif isinstance(record, SweepRecord):
                self.header = self.header or record
                on_header(record)
                self.interrupted = self.interrupted or not ended
                ended = False
            else:
                self.duration_ms += record.duration_ms
                self.silent.update(record.silent)
                self.interrupted = self.interrupted or record.interrupted
                ended = True
        self.interrupted = self.interrupted or not ended


_INTERVAL = 0.2
"""Seconds between two drawings."""

_SILENCE = 0.5
"""Seconds before the first."""

_CLEAR = "\r\x1b[K"


class WorkLine:
    """A progress line that is drawn when its methods are called, without a thread. `end` erases it."""

    def __init__(self) -> None:
        self._wanted = sys.stderr is not None and sys.stderr.isatty() and not is_quiet()
        self._next = time.monotonic() + _SILENCE
        self._is_drawn = False
        self._counted = 0

    def count(self, words: str) -> None:
        """Show "1,234 WORDS", counting up with each call."""
        self._counted += 1
        if self._wanted and time.monotonic() >= self._next:
            self.show(f"{self._counted:,} {words}", now=True)

    def keys(self, done: int, total: int) -> None:
        """Show how many RSA keys were tested."""
        self.show(f"{done:,} of {total:,} RSA keys tested")

    def show(self, words: str, *, now: bool = False) -> None:
        """Show the progress. `now`: draw even if the last drawing was recent."""
        moment = time.monotonic()
        if self._wanted and (now or moment >= self._next):
            self._next = moment + _INTERVAL
            self._is_drawn = True
            sys.stderr.write(f"{_CLEAR}{words}")
            sys.stderr.flush()

    def end(self) -> None:
        """Erase the line, and restart the count."""
        self._counted = 0
        if self._is_drawn:
            self._is_drawn = False
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Hide the line while something else is printed."""
        counted = self._counted
        self.end()
        self._counted = counted
        yield


@contextlib.contextmanager
def stored_scan(history: str, scan: str) -> Iterator[str]:
    """Write a scan of a history into a temporary file, and yield its path. Raises `InputError` for an unknown scan."""
    import tempfile

    import msgspec

    from sshprobe.cli.options.history import open_database

    with tempfile.NamedTemporaryFile(prefix="sshprobe-", suffix=".jsonl") as file:
        with contextlib.closing(open_database(history)) as database:
            from sshprobe.store.history.queries import find_scan
            from sshprobe.store.history.transfer import export_scan

            encode = msgspec.json.Encoder().encode
            for record in export_scan(database, find_scan(database, scan)):
                file.write(encode(record) + b"\n")
        file.flush()
        yield file.name


class Compared(NamedTuple):
    """Saved scans after a first pass that compared the keys of all hosts."""

    saved: SavedSweeps
    fleet: FleetReport
    hosts: int
    """Records of hosts, including superseded ones."""
    line: WorkLine


def read_and_compare(
    records: tuple[str, ...],
    wanted: HostFilter,
    weak_keys: tuple[str, ...],
    *,
    several: Callable[[LatestRecords], None] = note_superseded,
    silence: Callable[[HostRecord], None] | None = None,
) -> Compared:
    """Read records once to check the filter and compare keys. They are read again when their hosts are used.

    `several` and `silence` as for `sshprobe.store.reading.read_records`. Raises `InputError` for a wrong file, list or
    filter.
    """
    from sshprobe.cli.key_search import search_in_processes
    from sshprobe.model.records import HostRecord
    from sshprobe.store.reading import read_records

    values, facts, line, hosts = SeenValues(wanted), fleet_facts(weak_keys), WorkLine(), 0

    def first_pass(record: Record) -> None:
        nonlocal hosts
        if isinstance(record, HostRecord):
            hosts += 1
            facts.add(record)
        values.add(record)
        line.count("records read")

    stdin = standard_input()
    read = read_records(records, stdin=stdin, first_pass=first_pass, several=several, silence=silence, on_missing=note)
    values.check()
    line.show("comparing keys")
    fleet = facts.report(search=partial(search_in_processes, on_tested=line.keys))
    line.end()
    return Compared(SavedSweeps(read), fleet, hosts, line)
