"""Saved scans as they are read: their hosts, which records do not count, and how far the command is."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sshprobe.cli.output_file import note
from sshprobe.cli.standard_streams import is_quiet

if TYPE_CHECKING:
    from sshprobe.grading import FleetFacts
    from sshprobe.model.records import HostRecord, Record, SweepRecord
    from sshprobe.store.latest import LatestRecords


class SavedSweeps:
    """The hosts of saved sweeps, one after the other, and what their other records say."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self.header: SweepRecord | None = None
        """The first header: when the sweep was made, and how."""
        self.duration_ms = 0.0
        """Of all sweeps together."""
        self.silent: Counter[str] = Counter()
        """Status to hosts without a record (`--skip-silent`), of all scans."""
        self.interrupted = False
        """Whether one of them was cut off: it says so, or it was killed and has no summary."""

    def hosts(self) -> Iterator[HostRecord]:
        """Yield the hosts."""
        from sshprobe.model.records import HostRecord, SweepRecord

        ended = True
        for record in self._records:
            if isinstance(record, HostRecord):
                yield record
            elif isinstance(record, SweepRecord):
                self.header = self.header or record
                self.interrupted = self.interrupted or not ended
                ended = False
            else:
                self.duration_ms += record.duration_ms
                self.silent.update(record.silent)
                self.interrupted = self.interrupted or record.interrupted
                ended = True
        self.interrupted = self.interrupted or not ended


def collect_keys(facts: FleetFacts) -> Callable[[Record], None]:
    """Return what gives the hosts of a first pass over records to `facts`."""
    from sshprobe.model.records import HostRecord

    def take(record: Record) -> None:
        if isinstance(record, HostRecord):
            facts.add(record)

    return take


def note_superseded(latest: LatestRecords) -> None:
    """Note which records of several scans do not count, because a later one of the same target does."""
    if latest.left_out:
        words = "1 record is" if latest.left_out == 1 else f"{latest.left_out:,} records are"
        note(f"{words} left out: the same target has a later one")
    silent = latest.silent
    if silent:
        from sshprobe.model.observation import endpoint

        first, oldest = endpoint(*next(iter(silent))), min(silent.values())[:10]
        others = "" if len(silent) == 1 else f" and {len(silent) - 1:,} more"
        which = f"its record of {oldest} counts" if not others else f"earlier records count, the oldest of {oldest}"
        it_was = "it was" if not others else "they were"
        note(f"{first}{others} did not answer when {it_was} last scanned: {which}")


_INTERVAL = 0.2
"""Seconds between two drawings."""

_SILENCE = 0.5
"""Seconds before the first."""

_CLEAR = "\r\x1b[K"


class WorkLine:
    """Draws when its methods are called, without a thread. `end` erases it."""

    def __init__(self) -> None:
        self._wanted = sys.stderr is not None and sys.stderr.isatty() and not is_quiet()
        self._next = time.monotonic() + _SILENCE
        self._is_drawn = False
        self._counted = 0

    def count(self, words: str) -> None:
        """Show "1,234 WORDS", one more each time."""
        self._counted += 1
        if self._wanted and time.monotonic() >= self._next:
            self.show(f"{self._counted:,} {words}", now=True)

    def keys(self, done: int, total: int) -> None:
        """Show how many RSA keys were tested."""
        self.show(f"{done:,} of {total:,} RSA keys tested")

    def show(self, words: str, *, now: bool = False) -> None:
        """Show how far it is. `now`: without a limit on how often."""
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
        """Take the line away while something else is printed."""
        counted = self._counted
        self.end()
        self._counted = counted
        yield
