"""Which records count where several sweeps are read together: a target once, as it was when it last told something.

Silence takes the place of nothing: a server that was bad on Monday and did not answer on Tuesday is not known to be
fixed. That a port is closed, or that something other than SSH answers there, is no silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sshprobe.model.records import HostRecord, Record

Place = tuple[str, int]
"""Host in lower case, and port."""


class _Seen(NamedTuple):
    """A target in one sweep, which with `--all-addresses` has several records of it. The greater counts."""

    told: bool
    at: str
    sweep: int
    records: int


@dataclass(slots=True)
class _Known:
    """A target in all sweeps so far."""

    counts: _Seen
    silent: _Seen | None
    """The last sweep, if it came after that which counts."""
    records: int


class Latest:
    """Learns all records of several sweeps, and then picks.

    A sweep begins with its file and with each header in it. Of a host and port the records of one sweep count: of that
    which asked it last, by `started_at`, or was named last. One in which it told nothing counts only if it told nothing
    in any, unless `silence_counts`.
    """

    def __init__(self, *, silence_counts: bool = False) -> None:
        self._silence_counts = silence_counts
        self._known: dict[Place, _Known] = {}

    def learn(self, records: Iterable[tuple[int, Record]]) -> None:
        """Take all records, each with the number of its sweep; those of one sweep come together."""
        now: dict[Place, _Seen] = {}
        current = 0
        for sweep, record in records:
            if sweep != current:
                self._settle(now)
                current = sweep
            if isinstance(record, HostRecord):
                told = self._silence_counts or told_something(record)
                before = now.get(_place(record), _Seen(False, "", sweep, 0))
                now[_place(record)] = _Seen(
                    told or before.told, max(record.started_at, before.at), sweep, before.records + 1
                )
        self._settle(now)

    def _settle(self, now: dict[Place, _Seen]) -> None:
        """Compare what one sweep saw of its targets with what is known of them."""
        for place, seen in now.items():
            known = self._known.get(place)
            if known is None:
                self._known[place] = _Known(seen, None, seen.records)
                continue
            known.records += seen.records
            silent = [each for each in (known.counts, known.silent, seen) if each is not None and not each.told]
            known.counts = max(known.counts, seen)
            last = max(silent, default=None)
            known.silent = last if last is not None and known.counts.told and last.at > known.counts.at else None
        now.clear()

    @property
    def left_out(self) -> int:
        """Records that do not count because a later one of the same target does."""
        return sum(
            known.records - known.counts.records - (0 if known.silent is None else known.silent.records)
            for known in self._known.values()
        )

    @property
    def silent(self) -> dict[Place, str]:
        """Targets that told nothing when they were asked last, and when that was made which counts (RFC 3339)."""
        return {place: known.counts.at for place, known in self._known.items() if known.silent is not None}

    def pick(
        self, records: Iterable[tuple[int, Record]], *, silence: Callable[[HostRecord], None] | None = None
    ) -> Iterator[Record]:
        """Yield what counts, all that are no hosts included. `silence` gets the last records of those in `silent`."""
        for sweep, record in records:
            if not isinstance(record, HostRecord):
                yield record
                continue
            known = self._known[_place(record)]
            if known.counts.sweep == sweep:
                yield record
            elif silence is not None and known.silent is not None and known.silent.sweep == sweep:
                silence(record)


def told_something(record: HostRecord) -> bool:
    """Whether a record says what is there: a server that can be judged, or that it is none of SSH."""
    if record.status in ("ok", "partial"):
        return record.kex_algorithms is not None
    return record.status in ("ssh1_only", "refused", "not_ssh")


def _place(record: HostRecord) -> Place:
    return record.host.lower(), record.port
