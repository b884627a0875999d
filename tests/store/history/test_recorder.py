"""Scans written into a history and read back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, Connection, create_engine, update

from sshprobe import Scanner
from sshprobe.lab.dropbear import DropbearServer
from sshprobe.lab.fleet import running
from sshprobe.lab.openssh import OpenSSHServer
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.history.database import Database, open_history
from sshprobe.store.history.hashing import observation_hash
from sshprobe.store.history.last_sightings import last_sightings
from sshprobe.store.history.queries import counts, find_scan, header_of, records, scans, stored_records, trend
from sshprobe.store.history.recorder import Recorder, RecordResult
from sshprobe.store.history.tables import OBSERVATION, SCAN, VERDICT
from sshprobe.store.history.timelines import timeline
from sshprobe.store.history.transfer import prune
from sshprobe.views.change_builder import ChangesBuilder
from sshprobe.views.summary import SummaryBuilder
from tests.installed import need_program
from tests.sample_records import captured, failed


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The history of a test. `test_postgresql` runs tests of this module with another one."""
    return str(tmp_path / "history.db")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_history(url, create=True, migrate=True)
    yield opened
    opened.close()


def header(started_at: str = "2026-11-20T12:00:00.000Z") -> SweepRecord:
    return SweepRecord(tool="sshprobe 0.1.0", arguments=["scan"], profiles=[], started_at=started_at)


def summary(hosts: Sequence[HostRecord], **fields: Any) -> SummaryRecord:
    counted = SummaryBuilder()
    for host in hosts:
        counted.add(host)
    return counted.build(duration_ms=1500.0, **fields)


def store(database: Database, hosts: Sequence[HostRecord], scan_id: str, first: SweepRecord | None = None) -> None:
    recorder = Recorder(database)
    recorder.begin(first or header(), scan_id)
    recorder.add([RecordResult(host) for host in hosts])
    recorder.finish(summary(hosts))
    assert recorder.failure is None


def as_read(record: HostRecord) -> HostRecord:
    """Return a record as a history returns it: the host replaces the target's text."""
    return msgspec.structs.replace(record, target=record.host, started_at=f"{record.started_at[:-1]}.000Z")


@pytest.mark.parametrize("column", [OBSERVATION.c.record, VERDICT.c.record, SCAN.c.header])
def test_damaged_bytes_are_an_error_of_one_line(database: Database, column: Column[bytes]) -> None:
    host = captured("openssh-9.9p2")
    store(database, [host], "scan")
    with database.writing() as connection:
        connection.execute(update(column.table).values({column: b"damaged"}))
    scan = find_scan(database, "scan")
    readers: list[Callable[[], object]] = [lambda: header_of(database, scan)]
    if column.table is not SCAN:
        readers = [
            lambda: list(records(database, scan)),
            lambda: list(stored_records(database, {(1, 1)})),
            lambda: timeline(database, host.host, host.port),
        ]
    for read in readers:
        with pytest.raises(InputError, match="is damaged: a record in it cannot be read"):
            read()


def test_a_scan_is_read_back_as_it_was(database: Database) -> None:
    named = captured("openssh-debian12-9.2p1", "192.0.2.9", host="web.example.org")
    unresolved = msgspec.structs.replace(named, host="gone.example.org", address=None, status="dns_error")
    hosts = [captured("openssh-9.9p2"), named, unresolved, failed("timeout", "no answer")]
    store(database, hosts, "f00d")
    [scan] = scans(database)
    assert (scan.scan_id, scan.hosts, scan.complete, scan.duration_ms) == ("f00d", 4, True, 1500.0)
    assert header_of(database, scan) == (header(), summary(hosts))
    key = lambda record: (record.host, record.port)  # noqa: E731 - a short key, used twice
    assert sorted(records(database, scan), key=key) == sorted(map(as_read, hosts), key=key)


def test_every_address_of_a_name_is_kept(database: Database) -> None:
    hosts = [captured("openssh-9.9p2", f"192.0.2.{number}", host="web.example.org") for number in (1, 2)]
    store(database, hosts, "f00d")
    assert {record.address for record in records(database, scans(database)[0])} == {"192.0.2.1", "192.0.2.2"}
    assert counts(database)["hosts"] == 1


def test_labels_belong_to_a_host_and_not_to_what_was_seen(database: Database) -> None:
    like = captured("openssh-9.9p2")
    hosts = [
        msgspec.structs.replace(like, host=f"192.0.2.{number}", address=f"192.0.2.{number}", labels=labels)
        for number, labels in enumerate((["env=prod"], ["env=prod", "team=a"], []))
    ]
    store(database, hosts, "f00d")
    assert counts(database)["observations"] == 1
    [scan] = scans(database)
    assert {host.host: host.labels for host in records(database, scan)} == {host.host: host.labels for host in hosts}
    found = trend(database, "status", label="env=prod")
    assert found.series == {("", "ok"): {scan.id: 2}}
    assert trend(database, "status").series == {("", "ok"): {scan.id: 3}}
    assert trend(database, "status", label="env=test").series == {}


def test_a_scan_that_is_written_again_replaces_itself(database: Database) -> None:
    hosts = [captured("openssh-9.9p2", f"192.0.2.{number}") for number in range(1, 6)]
    store(database, hosts, "f00d")
    store(database, hosts[:3], "f00d")
    assert [scan.hosts for scan in scans(database)] == [3]
    assert len(list(records(database, scans(database)[0]))) == 3


def test_a_scan_without_an_end_is_readable(database: Database) -> None:
    recorder = Recorder(database)
    recorder.begin(header(), "f00d")
    recorder.add([RecordResult(captured("openssh-9.9p2"))])
    recorder.abandon()
    [scan] = scans(database)
    assert (scan.hosts, scan.complete, scan.duration_ms) == (1, False, None)
    assert header_of(database, scan)[1] is None
    assert len(list(records(database, scan))) == 1


def test_a_scan_without_a_time_of_its_start_cannot_be_read_back(database: Database) -> None:
    store(database, [captured("openssh-debian12-9.2p1")], "0" * 16, header("yesterday"))
    with pytest.raises(InputError, match="'yesterday', which is not a time"):
        list(records(database, find_scan(database, "latest")))


def test_scans_are_removed_although_another_one_begins_to_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(database, [captured("openssh-debian12-9.2p1")], "0" * 16)
    found = scans(database)
    engine = create_engine(f"sqlite:///{database.name}", connect_args={"timeout": 0})
    with closing(sqlite3.connect(database.name, isolation_level=None)) as other:

        def locked() -> Connection:
            other.execute("BEGIN IMMEDIATE")
            return engine.connect()

        monkeypatch.setattr(database.engine, "connect", locked)  # for VACUUM alone: others are begun
        monkeypatch.setattr(database.engine, "begin", engine.begin)
        monkeypatch.setattr("sshprobe.store.history.queries.scans", lambda _: found)
        assert prune(database, keep=0).scans == 1
    engine.dispose()


def test_an_interrupted_scan_is_not_complete(database: Database) -> None:
    recorder = Recorder(database)
    recorder.begin(header(), "f00d")
    recorder.finish(summary([], interrupted=True))
    assert not scans(database)[0].complete


def test_two_scans_at_once_lose_nothing(database: Database, url: str) -> None:
    other = open_history(url, create=False)
    recorders = [Recorder(database), Recorder(other)]
    for number, recorder in enumerate(recorders):
        recorder.begin(header(), f"scan{number}")
    hosts = [captured("openssh-9.9p2", f"10.0.{number // 250}.{number % 250 + 1}") for number in range(600)]
    for host in hosts:
        for recorder in recorders:
            recorder.add([RecordResult(host)])
    for recorder in recorders:
        recorder.finish(summary(hosts))
    assert [recorder.failure for recorder in recorders] == [None, None]
    assert [scan.hosts for scan in scans(database)] == [600, 600]
    assert counts(database) == {"scans": 2, "hosts": 600, "observations": 1, "verdicts": 1, "sightings": 1200}
    other.close()


def test_scans_are_found_by_the_beginning_of_their_id(database: Database) -> None:
    for number, scan_id in enumerate(("aa01", "aa02", "bb01", "bb")):
        store(database, [], scan_id, header(f"2026-11-2{number}T12:00:00.000Z"))
    assert [scan.scan_id for scan in scans(database)] == ["bb", "bb01", "aa02", "aa01"]
    assert find_scan(database, "aa01").scan_id == "aa01"
    assert find_scan(database, "bb").scan_id == "bb"
    assert find_scan(database, "latest").scan_id == "bb"
    for words, message in (("aa", "several scans"), ("cc", "no scan 'cc'"), ("%", "no scan '%'")):
        with pytest.raises(InputError, match=message):
            find_scan(database, words)


def test_a_failing_database_does_not_stop_the_scan(database: Database) -> None:
    recorder = Recorder(database)
    recorder.begin(header(), "f00d")
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE sshprobe_sighting")
    for _ in range(10):
        recorder.add([RecordResult(captured("openssh-9.9p2"))])
    recorder.finish(summary([]))
    assert recorder.failure is not None
    assert "sshprobe_sighting" in recorder.failure
    assert "\n" not in recorder.failure


async def test_an_unchanged_fleet_is_stored_once(database: Database) -> None:
    """With random moduli and random comments: OpenSSH draws a modulus, TinySSH a comment for each connection."""
    for program, package in (("sshd", "openssh-server"), ("dropbear", "dropbear-bin"), ("tinysshd", "tinysshd")):
        need_program(program, package)
    scans_made = 20
    fleet: list[LabServer] = [OpenSSHServer(), DropbearServer(), TinySSHServer()]
    drawn: set[str | None] = set()
    comments = set()
    changes = ChangesBuilder()
    async with running(fleet):
        targets = [f"{server.host}:{server.port}" for server in fleet]
        for number in range(scans_made):
            async with Scanner(profiles=["sshprobe-2026"]) as scanner:
                found = [record async for record in scanner.scan(targets)]
            for record in found:
                drawn |= {group.modulus for group in record.group_exchange or ()}
                comments.add(record.identification.comments if record.identification else None)
            store(database, found, f"scan{number:02}")
            changes.begin(f"scan{number:02}", header())
            for record in found:
                changes.add(record)
    seen = changes.build(today="2026-11-30")
    assert (seen.scans, seen.compared, seen.unchanged) == (scans_made, 3, 3)
    assert (seen.flapping, seen.not_compared, seen.missing_hosts) == ([], [], [])
    assert len(drawn) > 3
    assert len(comments) > scans_made
    assert counts(database) == {
        "scans": scans_made,
        "hosts": 3,
        "observations": 3,
        "verdicts": 3,
        "sightings": 3 * scans_made,
    }
    first, last = (list(records(database, find_scan(database, words))) for words in ("scan00", "scan19"))
    assert {observation_hash(record) for record in first} == {observation_hash(record) for record in last}


def test_the_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    database = open_history(str(tmp_path / "new" / "history.db"), create=True)
    store(database, [captured("openssh-9.9p2")], "f00d")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert os.stat(tmp_path / "new").st_mode & 0o077 == 0  # noqa: PTH116 - the mode of the path as written
    database.close()


def test_the_last_sighting_of_every_host_is_found(database: Database) -> None:
    """Of the hosts of older scans too, which are looked up one by one, with the addresses of names."""
    old, newer = captured("dropbear-2022.83", "192.0.2.1"), captured("openssh-9.9p2", "192.0.2.1")
    named = [msgspec.structs.replace(old, host="web1", target="web1", address=f"192.0.2.{last}") for last in (8, 9)]
    store(database, [old, *named], "aa01", header("2026-11-01T12:00:00.000Z"))
    store(database, [newer], "bb02", header("2026-11-08T12:00:00.000Z"))
    store(database, [captured("openssh-9.9p2", "192.0.2.3")], "cc03", header("2026-11-15T12:00:00.000Z"))
    every = scans(database)
    expected = {
        ("192.0.2.1", "192.0.2.1", "bb02"),
        ("192.0.2.3", "192.0.2.3", "cc03"),
        ("web1", "192.0.2.8", "aa01"),
        ("web1", "192.0.2.9", "aa01"),
    }
    for whole in range(len(every) + 1):
        found = last_sightings(database, every[:whole], every[whole:])
        assert {(seen.host.name, seen.address, scan.scan_id) for seen, scan in found} == expected
