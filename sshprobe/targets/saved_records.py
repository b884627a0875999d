"""The hosts of an earlier sweep as targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from sshprobe.model.errors import InputError
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, Record
from sshprobe.model.verdict import Grade
from sshprobe.targets.specification import HostSpec, host_specification, refuse_unspecified


class PlacedRecords(Iterable[Record], Protocol):
    """Records as they are read, and where the last one stood."""

    @property
    def source(self) -> str | None:
        """Its file."""

    @property
    def line(self) -> int | None:
        """Its line there, if it has one of its own."""


def targets_of_records(
    records: PlacedRecords, *, statuses: Collection[Status] = (), grades: Collection[Grade] = (), name: str
) -> Iterator[HostSpec]:
    """Yield the host and port of each record, to be scanned again. What the user called it stays its text.

    With `statuses`, only hosts that ended so; with `grades`, only those that got such a letter from any profile.
    `name` is what all the records came from, in words.

    Raises:
        InputError: a host is none, or no host is left.
    """
    seen = found = 0
    for record in records:
        if not isinstance(record, HostRecord):
            continue
        seen += 1
        letters = {verdict.grade for verdict in record.verdicts}
        if (not statuses or record.status in statuses) and (not grades or not letters.isdisjoint(grades)):
            found += 1
            source, line = records.source, records.line
            if not 1 <= record.port <= 65535:
                raise InputError(f'"{record.port}" is not a port: ports are 1 to 65535', source=source, line=line)
            spec = host_specification(record.host, record.port, text=record.target, source=source, line=line)
            refuse_unspecified(spec, source=source, line=line)
            yield spec
    if not found:
        raise InputError(f"no target: none of {seen:,} hosts in the records has that status or grade", source=name)
