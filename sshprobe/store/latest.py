"""Which records count if several scans are read together: those of the latest informative scan of each target.

Silence replaces nothing: a server that had findings on Monday and did not answer on Tuesday may not be fixed. A closed
port, or a service other than SSH, is not silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sshprobe.model.records import HostRecord, Record

Place = tuple[str, int]
"""Host in lower case, and port."""


class _Seen(NamedTuple):
    """A target in one scan, which has several records of it with `--all-addresses`. The greater one counts."""

    informative: bool
    at: str
    sweep: int
    records: int


@dataclass(slots=True)
class _Known:
    """A target in all scans so far."""

    counts: _Seen
    silent: _Seen | None
    """The last scan, if it was silent and later than the one that counts."""
    records: int


class LatestRecords:
    """Reads all records of several scans, and then selects those that count.

    A scan begins with its file and with each header in it. The records of one scan count for a host and port: the
    latest by `started_at`, or the one named last. A scan in which the host was silent counts only if it was silent in
    all of them, unless `silence_counts`.
    """

    def __init__(self, *, silence_counts: bool = False) -> None:
        self._silence_counts = silence_counts
        self._known: dict[Place, _Known] = {}

    def learn(self, records: Iterable[tuple[int, Record]]) -> None:
        """Read all records, each with the number of its scan; those of one scan are consecutive."""
        now: dict[Place, _Seen] = {}
        current = 0
        for sweep, record in records:
            if sweep != current:
                self._settle(now)
                current = sweep
            if isinstance(record, HostRecord):
                informative = self._silence_counts or is_informative(record)
                before = now.get(_place(record), _Seen(False, "", sweep, 0))
                now[_place(record)] = _Seen(
                    informative or before.informative, max(record.started_at, before.at), sweep, before.records + 1
                )
        self._settle(now)

    def _settle(self, now: dict[Place, _Seen]) -> None:
        """Compare the targets of one scan with their earlier records."""
        for place, seen in now.items():
            known = self._known.get(place)
            if known is None:
                self._known[place] = _Known(seen, None, seen.records)
                continue
            known.records += seen.records
            silent = [each for each in (known.counts, known.silent, seen) if each is not None and not each.informative]
            known.counts = max(known.counts, seen)
            last = max(silent, default=None)
            known.silent = last if last is not None and known.counts.informative and last.at > known.counts.at else None
        now.clear()

    @property
    def left_out(self) -> int:
        """The number of records that do not count because another one of the same target does."""
        return sum(
            known.records - known.counts.records - (0 if known.silent is None else known.silent.records)
            for known in self._known.values()
        )

    @property
    def silent(self) -> dict[Place, str]:
        """Targets that were silent in their latest scan, and the time of the record that counts (RFC 3339)."""
        return {place: known.counts.at for place, known in self._known.items() if known.silent is not None}

    def pick(
        self, records: Iterable[tuple[int, Record]], *, silence: Callable[[HostRecord], None] | None = None
    ) -> Iterator[Record]:
        """Yield the records that count, and headers. `silence` gets the last records of targets in `silent`."""
        for sweep, record in records:
            if not isinstance(record, HostRecord):
                yield record
                continue
            known = self._known[_place(record)]
            if known.counts.sweep == sweep:
                yield record
            elif silence is not None and known.silent is not None and known.silent.sweep == sweep:
                silence(record)


def is_informative(record: HostRecord) -> bool:
    """Return whether a record shows a server that can be graded, or something other than SSH."""
    if record.status in ("ok", "partial"):
        return record.kex_algorithms is not None
    return record.status in ("ssh1_only", "refused", "not_ssh")


def _place(record: HostRecord) -> Place:
    return record.host.lower(), record.port
