"""A history in PostgreSQL: the tests of `test_recorder` on a real server, and tests of such a server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sshprobe.cli.history import history as group
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord
from sshprobe.store.history.database import Database, open_history
from sshprobe.store.history.hashing import observation_hash
from sshprobe.store.history.queries import counts, records, scans
from sshprobe.store.history.recorder import Recorder, RecordResult
from sshprobe.store.history.transfer import prune
from tests.cli.test_cli_commands import sshprobe
from tests.cli.test_history_scan import CLOSED, of_file
from tests.installed import need
from tests.sample_records import captured
from tests.store.history.postgresql_server import PostgreSQL, programs
from tests.store.history.test_recorder import (  # noqa: F401 - run here with the fixtures of this module
    database,
    header,
    store,
    summary,
    test_a_failing_database_does_not_stop_the_scan,
    test_a_scan_is_read_back_as_it_was,
    test_a_scan_that_is_written_again_replaces_itself,
    test_a_scan_without_an_end_is_readable,
    test_every_address_of_a_name_is_kept,
    test_scans_are_found_by_the_beginning_of_their_id,
    test_the_last_sighting_of_every_host_is_found,
    test_two_scans_at_once_lose_nothing,
)

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    need(programs(), "PostgreSQL", "postgresql")
    running = PostgreSQL()
    asyncio.run(running.start())
    yield running
    asyncio.run(running.close())


@pytest.fixture
def url(server: PostgreSQL) -> str:
    return server.new_database()


def hosts(number: int) -> list[HostRecord]:
    """Return hosts with different observations."""
    like = captured("openssh-9.9p2")
    return [msgspec.structs.replace(like, host=f"h{each}.example.org", error=f"kind {each}") for each in range(number)]


def test_it_is_migrated_only_on_request(url: str, tmp_path: Path) -> None:
    done = sshprobe("scan", "127.0.0.2:1", "--history", url, "-o", "x.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert b"has no history yet: run `sshprobe history migrate --history URL` first" in done.stderr
    assert not (tmp_path / "x.jsonl").exists()
    for _ in range(2):
        migrated = CliRunner().invoke(group, ["migrate", "--history", url], catch_exceptions=False)
        assert (migrated.exit_code, migrated.output) == (0, f"{url} is up to date\n")
    assert sshprobe("scan", "127.0.0.2:1", "--history", url, cwd=tmp_path).returncode == 3
    assert "complete" in CliRunner().invoke(group, ["list", "--history", url], catch_exceptions=False).output


def test_tables_of_others_stay(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE scan (id int)")
    open_history(url, create=True, migrate=True).close()
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM scan").fetchone() == (0,)


def test_a_table_with_our_name_that_is_not_ours_is_refused(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE sshprobe_scan (id int)")
    with pytest.raises(InputError, match="the database of another program"):
        open_history(url, create=True, migrate=True)


async def test_a_server_that_restarts_loses_nothing(database: Database, server: PostgreSQL) -> None:  # noqa: F811 - a fixture, imported above
    recorder = Recorder(database)
    recorder.begin(header(), "f00d")
    everyone = hosts(300)
    for number, host in enumerate(everyone):
        recorder.add([RecordResult(host)])
        if number == 150:
            await server.stop()
            starting = asyncio.create_task(server.start())
        await asyncio.sleep(0.001)
    await starting
    await asyncio.to_thread(recorder.finish, summary(everyone))
    assert recorder.failure is None
    [scan] = scans(database)
    assert (scan.hosts, scan.complete) == (300, True)
    found = list(records(database, scan))
    assert {observation_hash(host) for host in found} == {observation_hash(host) for host in everyone}


def test_scans_that_meet_the_same_new_hosts_do_not_lock_each_other(database: Database, url: str) -> None:  # noqa: F811 - a fixture, imported above
    others = [open_history(url, create=False) for _ in range(3)]
    recorders = [Recorder(each) for each in (database, *others)]
    for number, recorder in enumerate(recorders):
        recorder.begin(header(), f"scan{number}")
    everyone = hosts(400)
    for number, recorder in enumerate(recorders):
        order = everyone if number % 2 else everyone[::-1]
        for start in range(0, len(order), 40):
            recorder.add([RecordResult(host) for host in order[start : start + 40]])
    for recorder in recorders:
        recorder.finish(summary(everyone))
    assert [recorder.failure for recorder in recorders] == [None] * 4
    assert counts(database) | {"verdicts": 1} == {
        "scans": 4,
        "hosts": 400,
        "observations": 400,
        "verdicts": 1,
        "sightings": 1600,
    }
    for other in others:
        other.close()


def test_a_killed_scan_is_completed_by_resume(url: str, tmp_path: Path) -> None:
    open_history(url, create=True, migrate=True).close()
    options = ["-p", "1", "--rate", "250", "--no-progress", "-o", "x.jsonl"]
    command = [sys.executable, "-m", "sshprobe", "scan", CLOSED, *options, "--history", url]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "x.jsonl").exists():
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = sshprobe("scan", "--resume", "x.jsonl", "--history", url, "--rate", "2000", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    opened = open_history(url, create=False)
    [scan] = scans(opened)
    found = {
        (host.host, host.port): (observation_hash(host), host.started_at, host.duration_ms)
        for host in records(opened, scan)
    }
    opened.close()
    assert scan.complete
    assert found == of_file(tmp_path / "x.jsonl")


def test_prune(database: Database) -> None:  # noqa: F811 - a fixture, imported above
    store(database, hosts(5), "aa01", header("2026-11-01T12:00:00.000Z"))
    store(database, hosts(3), "bb02", header("2026-11-02T12:00:00.000Z"))
    removed = prune(database, keep=1)
    assert removed == (1, 5, 2, 2)
    assert counts(database)["hosts"] == 3
