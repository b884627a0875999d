"""The whole records of hosts, and what changed between two sightings of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from sshprobe.model import timestamps
from sshprobe.model.lasting import HostIdentity
from sshprobe.model.records import HostRecord
from sshprobe.serve.fleet.orders import Host
from sshprobe.store.history import queries
from sshprobe.store.history.database import Database
from sshprobe.store.history.last_sightings import PastSighting, sightings_of
from sshprobe.views.change_builder import ChangesBuilder
from sshprobe.views.changes import Changes


def record_of(database: Database, host: Host) -> HostRecord:
    """Return the record of a host in its last scan. Raises `InputError` if it cannot be read."""
    if timestamps.parse(host.scan.started_at) is not None:
        for record in queries.records(database, host.scan, (host.name, host.port)):
            if record.address == host.address:
                return record
    # An imported scan without a time, or a scan that was pruned meanwhile.
    ((_, record),) = queries.stored_records(database, [(host.observation, host.verdict)])
    return msgspec.structs.replace(
        record, target=host.name, host=host.name, port=host.port, address=host.address, started_at=host.scan.started_at
    )


class Period(NamedTuple):
    """Scans in a row in which a host was the same."""

    newest: PastSighting
    oldest: PastSighting
    scans: int


def periods_of(database: Database, host: Host) -> list[Period]:
    """Return the periods of a host at one address, the newest first."""
    periods: list[Period] = []
    for each in sightings_of(database, host.name, host.port):
        if each.address != host.address and host.address is not None and each.address is not None:
            continue
        last = periods[-1] if periods else None
        if last is not None and (last.oldest.observation, last.oldest.verdict) == (each.observation, each.verdict):
            periods[-1] = last._replace(oldest=each, scans=last.scans + 1)
        else:
            periods.append(Period(each, each, 1))
    return periods


def difference(database: Database, host: Host, old: PastSighting, new: PastSighting) -> Changes:
    """Return what changed on a host between two sightings. Raises `InputError` if one cannot be read."""
    builder = ChangesBuilder()
    identity = HostIdentity("", host.name, host.port)
    for each in (old, new):
        header, summary = queries.header_of(database, each.scan)
        builder.begin(each.scan.scan_id, header)
        ((_, record),) = queries.stored_records(database, [(each.observation, each.verdict)])
        builder.add_snapshot(identity, each.address, each.scan.started_at, builder.snapshot(record))
        builder.end(summary)
    return builder.build(today=f"{datetime.now(UTC):%Y-%m-%d}", old=0)
