"""The last records of hosts in a history, for /metrics."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.model.records import HostRecord
from sshprobe.store.history.database import Database
from sshprobe.store.history.key_changes import key_changes
from sshprobe.store.history.queries import records, scans

MAX_HOSTS = 1000
"""The most hosts on /metrics. For a larger fleet, use a file: `sshprobe report --format prometheus`."""

MAX_SCANS = 20
"""The most scans that are read, the newest first: each may be of another network."""


def last_hosts(database: Database) -> Iterator[tuple[HostRecord, float | None]]:
    """Yield the last record of each host and the last change of its keys, of the newest scans first.

    The change is in seconds since 1970-01-01 UTC; None if there was none. Raises `InputError` if it cannot be read.

    Of a name, all addresses come from the last scan of the name: an older scan may have met another address.
    """
    earlier: set[tuple[str, int]] = set()
    yielded = 0
    changed = key_changes(database)
    for scan in scans(database)[:MAX_SCANS]:
        places: set[tuple[str, int]] = set()
        addresses: set[tuple[str, int, str | None]] = set()
        for record in records(database, scan):
            place = record.host, record.port
            address = *place, record.address
            if place in earlier or address in addresses:
                continue
            if yielded == MAX_HOSTS:
                return
            places.add(place)
            addresses.add(address)
            yielded += 1
            yield record, changed.get((record.host.lower(), record.port))
        earlier |= places
