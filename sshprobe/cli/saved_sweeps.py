"""Saved scans as they are read: their hosts, what their keys say together, and which records do not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sshprobe.cli.output_file import note

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
