"""Which records count where several sweeps are read together: a target once, as it was seen last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.records import HostRecord, Record


class Latest:
    """Learns all records of several sweeps, and then picks.

    A sweep begins with its file and with each header in it. Of a host and port the records of one sweep count, which
    with `--all-addresses` are several: of that which asked it last, by `started_at`, or was named last.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[str, int, int]] = {}
        """Of each host and port: when it was asked last, in which sweep, and how many records that has of it."""
        self.left_out = 0
        """Records of hosts that do not count."""

    def learn(self, records: Iterable[tuple[int, Record]]) -> None:
        """Take all records, each with the number of its sweep."""
        for sweep, record in records:
            if isinstance(record, HostRecord):
                place = (record.host.lower(), record.port)
                before = self._last.get(place)
                if before is None:
                    self._last[place] = (record.started_at, sweep, 1)
                elif before[1] == sweep:
                    self._last[place] = (max(before[0], record.started_at), sweep, before[2] + 1)
                elif record.started_at >= before[0]:
                    self.left_out += before[2]
                    self._last[place] = (record.started_at, sweep, 1)
                else:
                    self.left_out += 1

    def pick(self, records: Iterable[tuple[int, Record]]) -> Iterator[Record]:
        """Yield what counts, all that are no hosts included."""
        for sweep, record in records:
            if not isinstance(record, HostRecord) or self._last[record.host.lower(), record.port][1] == sweep:
                yield record
