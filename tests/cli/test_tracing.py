"""`-vv` and `--trace FILE`: every step of a host, the reason for each connection, and nothing without them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from sshprobe.probe.trace import LOGGER
from sshprobe.scan.scanner import Scanner
from tests.cli.test_cli_commands import sshprobe
from tests.reports.conftest import HOST, StartDevice, device

__all__ = ["device"]


async def test_a_partial_host_says_why_in_its_trace(device: StartDevice, tmp_path: Path) -> None:
    running = await device("12")  # a truncated answer to the key exchange
    target = f"{HOST}:{running.port}"
    run = sshprobe("scan", target, "--timeout", "2", "--trace", "steps.txt", "--format", "jsonl", cwd=tmp_path)
    record = json.loads(run.stdout.splitlines()[1])
    text = (tmp_path / "steps.txt").read_text()
    lines = text.splitlines()
    assert all(line.startswith(target) for line in lines)
    assert "plan: read the lists" in lines[0]
    assert sum("connect to" in line for line in lines) == record["connections"]
    assert "< KEXINIT (20)" in text
    assert "> KEX_INIT (30)" in text
    assert "state IDENTIFICATION -> KEXINIT" in text
    assert lines[-1].partition("end: ")[2].startswith(record["status"])
    assert run.stderr == b""


async def test_two_vs_trace_to_standard_error_as_json(device: StartDevice, tmp_path: Path) -> None:
    running = await device("10")
    run = sshprobe("scan", f"{HOST}:{running.port}", "-vv", "--log-format", "json", "--depth", "lists", cwd=tmp_path)
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert {(line["host"], line["port"]) for line in lines} == {(HOST, running.port)}
    assert lines[0]["message"] == "plan: read the lists"
    assert lines[-1]["message"] == "end: ok"
    assert [line["elapsed"] for line in lines] == sorted(line["elapsed"] for line in lines)
    assert b"plan:" not in run.stdout


async def test_a_traced_scan_uses_one_process(device: StartDevice, tmp_path: Path) -> None:
    running = await device("10")
    target = f"{HOST}:{running.port}"
    run = sshprobe("scan", target, "--trace", "steps.txt", "--workers", "2", "--depth", "lists", cwd=tmp_path)
    assert b"one process, not 2" in run.stderr
    assert (tmp_path / "steps.txt").read_text().count("connect to") == 1


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    run = sshprobe("scan", "127.0.0.1:1", "--trace", "missing/steps.txt", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.decode().splitlines()[-1].startswith("error: missing/steps.txt: cannot be written")


@pytest.mark.parametrize("depth", ["lists", "full"])
async def test_a_library_user_listens_with_logging(
    device: StartDevice, caplog: pytest.LogCaptureFixture, depth: str
) -> None:
    running = await device("10")
    with caplog.at_level(logging.DEBUG, logger=LOGGER.name):
        async with Scanner(depth="full" if depth == "full" else "lists") as scanner:
            (record,) = [record async for record in scanner.scan([f"{HOST}:{running.port}"])]
    heard = [each for each in caplog.records if each.name == LOGGER.name]
    assert {(each.host, each.port) for each in heard} == {(HOST, running.port)}  # type: ignore[attr-defined] # attributes of our log records
    assert heard[-1].getMessage() == f"end: {record.status}"
    assert sum("connect to" in each.getMessage() for each in heard) == record.connections


async def test_nothing_is_traced_without_a_listener(device: StartDevice, caplog: pytest.LogCaptureFixture) -> None:
    running = await device("10")
    async with Scanner(depth="lists") as scanner:
        assert [record.status async for record in scanner.scan([f"{HOST}:{running.port}"])] == ["ok"]
    assert [each for each in caplog.records if each.name == LOGGER.name] == []


@pytest.mark.parametrize("records", ["y.jsonl", "y.json"])
def test_a_trace_never_replaces_records(records: str, tmp_path: Path) -> None:
    sshprobe("scan", "127.0.0.1:1", "-o", records, cwd=tmp_path)
    before = (tmp_path / records).read_bytes()
    (tmp_path / "link").symlink_to(records)
    for name in (records, "link"):
        run = sshprobe("scan", "127.0.0.1:1", "--trace", name, cwd=tmp_path)
        assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
        assert f"error: {name}: has records".encode() in run.stderr
    run = sshprobe("scan", "127.0.0.1:1", "-o", "new.jsonl", "--trace", "./new.jsonl", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, b"")
    assert (tmp_path / records).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {records, "link"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_ends_the_trace_and_not_the_scan(tmp_path: Path) -> None:
    run = sshprobe("scan", "127.0.0.1:1", "--trace", "/dev/full", "-o", "x.jsonl", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.decode().splitlines() == [
        "error: /dev/full: cannot be written: No space left on device, so the trace is incomplete"
    ]
    assert (tmp_path / "x.jsonl").read_bytes().count(b"\n") == 3
