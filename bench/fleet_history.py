"""Builds the history of a fleet for benchmarks and screenshots: `python bench/fleet_history.py FILE`.

The first scan goes through the recorder, as all scans do. On each further day some hosts change, which go through the
recorder too. The others are copied from the day before by SQL, which leaves the same rows.
"""

from __future__ import annotations

import argparse
import base64
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import insert, literal, select, update

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sshprobe import grade
from sshprobe.model import timestamps
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.store.history.database import Database, open_history
from sshprobe.store.history.recorder import Recorder, RecordResult
from sshprobe.store.history.tables import COUNTER, SCAN, SIGHTING
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import CAPTURES, captured, failed

BEGIN = datetime(2026, 1, 1, 3, tzinfo=UTC)

PROFILES = ("sshprobe-2026", "mozilla-modern")

KEY_BYTES = {"ssh-rsa": 407, "ecdsa-sha2-nistp256": 104, "ssh-ed25519": 51}
"""Bytes of a public key blob, for RSA of 3072 bits."""

_LISTS = ("kex_algorithms", "server_host_key_algorithms")
_PAIRS = (
    ("encryption_algorithms_client_to_server", "encryption_algorithms_server_to_client"),
    ("mac_algorithms_client_to_server", "mac_algorithms_server_to_client"),
)


def kinds(number: int, draw: random.Random) -> list[HostRecord]:
    """Return graded records of captured servers, each without other algorithms, and of two silent hosts."""
    models = [captured(path.stem) for path in sorted(CAPTURES.glob("*.json"))]
    found = [failed("timeout", "no connection within 5 s"), failed("refused", None)]
    for at in range(number):
        model = models[at % len(models)]
        changes = {}
        for fields in (*((field,) for field in _LISTS), *_PAIRS):
            names = getattr(model, fields[0]) or []
            if at >= len(models) and len(names) > 2:
                kept = [name for name in names if draw.random() > 0.15] or names[:1]
                changes |= dict.fromkeys(fields, kept)
        model = msgspec.structs.replace(
            model, labels=[f"site={at % 20}", "env=prod" if at % 3 else "env=test"], **changes
        )
        found.append(msgspec.structs.replace(model, verdicts=[grade(model, profile) for profile in PROFILES]))
    return found


def made_host(number: int, day: int, like: HostRecord, draw: random.Random) -> HostRecord:
    """Return a host with its place, and with keys of its own; one of a hundred shares its keys with another."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if number % 100 == 99:
        draw = random.Random(number // 200)
    keys = None
    if like.host_keys is not None:
        blobs = [draw.randbytes(KEY_BYTES.get(key.type, 400)) for key in like.host_keys]
        keys = [
            msgspec.structs.replace(
                key,
                blob=base64.b64encode(blob).decode(),
                fingerprint=f"SHA256:{base64.b64encode(blob[-32:]).decode().rstrip('=')}",
            )
            for key, blob in zip(like.host_keys, blobs, strict=True)
        ]
    name = f"server-{number}.example.org" if number % 10 == 0 else address
    started_at = timestamps.encode(BEGIN + timedelta(days=day, milliseconds=3 * number))
    return msgspec.structs.replace(like, target=name, host=name, address=address, host_keys=keys, started_at=started_at)


def record_scan(database: Database, day: int, hosts: Iterable[HostRecord]) -> None:
    """Write a scan of `hosts`."""
    started_at = timestamps.encode(BEGIN + timedelta(days=day))
    scan_id = f"{day:016x}"
    header = SweepRecord(tool="bench", arguments=[], profiles=[], started_at=started_at, scan_id=scan_id)
    recorder, counted = Recorder(database), SummaryBuilder()
    recorder.begin(header, scan_id)
    for each in hosts:
        recorder.add([RecordResult(each)])
        counted.add(each)
    recorder.finish(counted.build(duration_ms=60_000.0))
    if recorder.failure is not None:
        raise SystemExit(recorder.failure)


def copy_day(database: Database, day: int, changed: Sequence[HostRecord]) -> None:
    """Write the scan of a day: `changed` by the recorder, all other hosts as they were the day before."""
    record_scan(database, day, changed)
    with database.writing() as connection:
        old, new = (
            connection.scalars(select(SCAN.c.id).where(SCAN.c.scan_id == f"{each:016x}")).one()
            for each in (day - 1, day)
        )
        columns = [column for column in SIGHTING.c if column.name != "scan"]
        there = select(SIGHTING.c.host).where(SIGHTING.c.scan == new)
        copied = select(literal(new), *columns).where(SIGHTING.c.scan == old, SIGHTING.c.host.not_in(there))
        connection.execute(insert(SIGHTING).from_select([SIGHTING.c.scan, *columns], copied))
        connection.execute(COUNTER.delete().where(COUNTER.c.scan == new))
        counters = [column for column in COUNTER.c if column.name != "scan"]
        same = select(literal(new), *counters).where(COUNTER.c.scan == old)
        connection.execute(insert(COUNTER).from_select([COUNTER.c.scan, *counters], same))
        summary, hosts = connection.execute(select(SCAN.c.summary, SCAN.c.hosts).where(SCAN.c.id == old)).one()
        connection.execute(update(SCAN).where(SCAN.c.id == new).values(summary=summary, hosts=hosts))


def build(file: Path, *, hosts: int, days: int, kinds_of_hosts: int, changes: float) -> None:
    """Write the history of a fleet to a new SQLite file. `changes`: the share of the hosts that change on a day."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.parent.mkdir(exist_ok=True)
    draw = random.Random(1)
    likes = kinds(kinds_of_hosts, draw)

    def made(numbers: Iterable[int], day: int) -> Iterator[HostRecord]:
        return (made_host(number, day, draw.choice(likes), draw) for number in numbers)

    database = open_history(str(file), create=True)
    record_scan(database, 0, made(range(hosts), 0))
    for day in range(1, days):
        copy_day(database, day, list(made(draw.sample(range(hosts), max(1, round(hosts * changes))), day)))
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--hosts", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--kinds", type=int, default=3_000)
    parser.add_argument("--changes", type=float, default=0.01)
    arguments = parser.parse_args()
    start = time.perf_counter()
    build(
        arguments.file,
        hosts=arguments.hosts,
        days=arguments.days,
        kinds_of_hosts=arguments.kinds,
        changes=arguments.changes,
    )
    print(f"{arguments.file}: {arguments.file.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
