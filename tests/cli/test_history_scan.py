"""`scan --history`: stored results, kills, and failing databases."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.store.history.database import open_history
from sshprobe.store.history.hashing import observation_hash
from sshprobe.store.history.queries import Scan, counts, header_of, records, scans
from tests.cli.test_cli_commands import sshprobe

CLOSED, FEW = "127.0.0.0/24", "127.0.0.0/26"
"""Ports 1 of these addresses are closed, so a scan of them is quick."""


def of_file(path: Path) -> dict[tuple[str, int], tuple[bytes, str, float]]:
    found = {}
    for line in path.read_bytes().splitlines():
        if json.loads(line)["type"] == "host":
            record = msgspec.json.decode(line, type=HostRecord)
            found[record.host, record.port] = observation_hash(record), record.started_at, record.duration_ms
    return found


def of_history(path: Path) -> tuple[Scan, dict[tuple[str, int], tuple[bytes, str, float]]]:
    """Return the only scan of a history and its hosts."""
    database = open_history(str(path), create=False)
    [scan] = scans(database)
    found = {
        (record.host, record.port): (observation_hash(record), record.started_at, record.duration_ms)
        for record in records(database, scan)
    }
    database.close()
    return scan, found


def test_a_scan_is_kept_under_the_id_of_its_header(tmp_path: Path) -> None:
    done = sshprobe("scan", "127.0.0.2:1", "127.0.0.3:1", "--history", "h.db", "-o", "x.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, b"")
    header = json.loads((tmp_path / "x.jsonl").read_bytes().splitlines()[0])
    scan, hosts = of_history(tmp_path / "h.db")
    assert scan.scan_id == header["scan_id"]
    assert len(bytes.fromhex(scan.scan_id)) == 8
    assert scan.complete
    assert hosts == of_file(tmp_path / "x.jsonl")
    database = open_history(str(tmp_path / "h.db"), create=False)
    kept, summary = header_of(database, scan)
    assert kept.arguments == header["arguments"]
    assert summary is not None
    assert summary.hosts == 2


def test_a_scan_into_a_history_does_not_warn_about_lost_records(tmp_path: Path) -> None:
    done = sshprobe("scan", "127.0.0.2:1", "127.0.0.3:1", "--history", "h.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, b"")


def test_the_environment_and_saved_options_name_a_history(tmp_path: Path) -> None:
    environment = {"SSHPROBE_HISTORY": str(tmp_path / "a.db"), "XDG_CONFIG_HOME": str(tmp_path)}
    assert sshprobe("scan", "127.0.0.2:1", cwd=tmp_path, env=environment).returncode == 3
    del environment["SSHPROBE_HISTORY"]
    save = ["--save-as", "nightly", "--history", str(tmp_path / "b.db")]
    assert sshprobe("scan", *save, cwd=tmp_path, env=environment).returncode == 0
    assert sshprobe("scan", "--saved", "nightly", "127.0.0.2:1", cwd=tmp_path, env=environment).returncode == 3
    for name in ("a.db", "b.db"):
        assert of_history(tmp_path / name)[0].hosts == 1


def test_old_scans_are_removed_after_a_scan(tmp_path: Path) -> None:
    for _ in range(2):
        assert sshprobe("scan", "127.0.0.2:1", "--history", "h.db", cwd=tmp_path).returncode == 3
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.execute("UPDATE sshprobe_scan SET started_at = '2020-01-01T00:00:00.000Z' WHERE id = 1")
        connection.commit()
    keep = ["--history", "h.db", "--history-days", "30"]
    done = sshprobe("scan", "127.0.0.3:1", *keep, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, b"")
    database = open_history(str(tmp_path / "h.db"), create=False)
    assert len(scans(database)) == 2
    assert all(scan.started_at > "2021" for scan in scans(database))
    assert counts(database)["sightings"] == 2
    database.close()
    assert sshprobe("scan", "127.0.0.3:1", "--history-days", "30", cwd=tmp_path).returncode == 2


def test_without_the_option_nothing_is_kept(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
    assert sshprobe("scan", "127.0.0.2:1", cwd=tmp_path, env=environment).returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_several_processes_write_one_history(tmp_path: Path) -> None:
    done = sshprobe(
        "scan", FEW, "-p", "1", "--workers", "2", "--history", "h.db", "-o", "x.jsonl", "--yes", cwd=tmp_path
    )
    assert done.returncode == 3, done.stderr
    scan, hosts = of_history(tmp_path / "h.db")
    assert (scan.hosts, hosts) == (len(hosts), of_file(tmp_path / "x.jsonl"))
    database = open_history(str(tmp_path / "h.db"), create=False)
    assert counts(database)["observations"] < 5  # all hosts refused
    database.close()


@pytest.mark.parametrize("attempt", range(2))
def test_a_killed_scan_is_readable_and_resume_completes_it(tmp_path: Path, attempt: int) -> None:
    options = ["-p", "1", "--rate", "250", "--history", "h.db", "--no-progress"]
    command = [sys.executable, "-m", "sshprobe", "scan", CLOSED, *options, "-o", "x.jsonl"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "x.jsonl").exists():
        time.sleep(0.01)
    time.sleep(random.Random(attempt).uniform(0, 0.8))
    running.send_signal(signal.SIGKILL)
    running.wait()
    scan, part = of_history(tmp_path / "h.db")
    assert not scan.complete
    assert set(part) <= {(f"127.0.0.{number}", 1) for number in range(256)}
    done = sshprobe("scan", "--resume", "x.jsonl", "--history", "h.db", "--rate", "2000", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    again, hosts = of_history(tmp_path / "h.db")
    assert again.scan_id == scan.scan_id
    assert again.complete
    assert hosts == of_file(tmp_path / "x.jsonl")
    assert again.hosts == len(hosts) >= 254


def test_an_unusable_database_stops_the_scan_before_the_first_connection(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("Dear diary, " * 100)
    for url, message in (
        ("text.db", "text.db: file is not a database"),
        ("postgresql://me:secret@127.0.0.1:1/fleet", "me:***@127.0.0.1:1/fleet: connection failed"),
        ("mysql://db/fleet", "mysql://db/fleet cannot hold a history"),
    ):
        done = sshprobe("scan", "127.0.0.2:1", "--history", url, "-o", "x.jsonl", cwd=tmp_path)
        words = done.stderr.decode()
        assert done.returncode == 2, words
        assert message in words
        assert words.count("\n") == 1
        assert "secret" not in words
        assert not (tmp_path / "x.jsonl").exists()


def test_a_database_that_fails_later_ends_with_2_and_whole_files(tmp_path: Path) -> None:
    """A trigger fails at the third host, as a full disk would."""
    open_history(str(tmp_path / "h.db"), create=True).close()
    with closing(sqlite3.connect(tmp_path / "h.db")) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON sshprobe_host WHEN (SELECT count(*) FROM sshprobe_host) > 1 "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        connection.commit()
    done = sshprobe(
        *("scan", "127.0.0.0/28", "-p", "1", "--rate", "50", "--history", "h.db", "-o", "x.jsonl"), cwd=tmp_path
    )
    words = done.stderr.decode()
    assert done.returncode == 2
    assert words.startswith("error: ")
    assert "h.db: database or disk is full (the history lacks the rest of this scan; its files are complete)" in words
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_bytes().splitlines()]
    assert [line["type"] for line in lines].count("host") == 14
    assert lines[-1]["type"] == "summary"
    assert not of_history(tmp_path / "h.db")[0].complete


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("x://a:secret@b", "x://a:***@b"),
        ("x://:sec/secret@b/c", "x://:***@b/c"),
        ("x://a@b/c?password=secret&d=e", "x://a@b/c?password=***&d=e"),
        ("x://a:secret@b/c?d=e&sslpassword=secret", "x://a:***@b/c?d=e&sslpassword=***"),
    ],
)
def test_records_have_no_password(tmp_path: Path, url: str, shown: str) -> None:
    """The arguments of a header name a URL without it."""
    done = sshprobe("scan", "127.0.0.2:1", "--client-id", f"SSH-2.0-{url}", "-o", "x.jsonl", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    arguments = json.loads((tmp_path / "x.jsonl").read_bytes().splitlines()[0])["arguments"]
    assert f"SSH-2.0-{shown}" in arguments


def test_two_scans_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sshprobe", "scan", FEW, "-p", "1", "--history", "h.db", "--no-progress"]
    both = [
        subprocess.Popen([*command, "-o", name], cwd=tmp_path, stdout=subprocess.DEVNULL, env={**os.environ})
        for name in ("a.jsonl", "b.jsonl")
    ]
    assert [each.wait() for each in both] == [3, 3]
    database = open_history(str(tmp_path / "h.db"), create=False)
    found = scans(database)
    assert [(scan.complete, scan.hosts) for scan in found] == [(True, len(of_file(tmp_path / "a.jsonl")))] * 2
    database.close()
