"""The hosts of an earlier sweep as targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sshprobe.errors import InputError
from sshprobe.records import Grade, HostRecord, Record, Status
from sshprobe.targets.specification import HostSpec, host_specification


def targets_of_records(
    records: Iterable[Record], *, statuses: Collection[Status] = (), grades: Collection[Grade] = ()
) -> Iterator[HostSpec]:
    """Yield the host and port of each record, to be scanned again. What the user called it stays its text.

    With `statuses`, only hosts that ended so; with `grades`, only those that got such a letter from any profile.

    Raises:
        InputError: no host is left.
    """
    seen = found = 0
    for record in records:
        if not isinstance(record, HostRecord):
            continue
        seen += 1
        letters = {verdict.grade for verdict in record.verdicts}
        if (not statuses or record.status in statuses) and (not grades or not letters.isdisjoint(grades)):
            found += 1
            yield host_specification(record.host, record.port, text=record.target)
    if not found:
        raise InputError(f"no target: none of {seen:,} hosts in the records has that status or grade")
