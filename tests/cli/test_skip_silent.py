"""`scan --skip-silent`: hosts that take no connection have no record, are counted, and are not scanned again."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli_commands import sshprobe

SCAN = ["scan", "--rate", "0", "--no-progress", "--timeout", "1", "--throttle-wait", "0"]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Another service at 127.0.0.9, which accepts connections."""
    with socket.create_server(("127.0.0.9", 0)) as server:
        yield server


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_silent_hosts_are_counted_and_not_scanned_again(workers: str, listening: socket.socket, tmp_path: Path) -> None:
    port = listening.getsockname()[1]
    options = [*SCAN, "127.0.0.0/28", "-p", str(port), "--workers", workers]
    run = sshprobe(*options, "--skip-silent", "-o", "r.jsonl", cwd=tmp_path)
    assert b"14 targets: 13 refused, 1 " in run.stdout
    header, *records, summary = lines(tmp_path / "r.jsonl")
    assert header["settings"]["skip_silent"] is True
    assert [record["host"] for record in records if record["type"] == "host"] == ["127.0.0.9"]
    silent = [place for record in records if record["type"] == "silent" for place in record["hosts"]["refused"]]
    assert sorted(silent) == sorted(f"127.0.0.{last}:{port}" for last in range(1, 15) if last != 9)
    assert (summary["hosts"], summary["silent"]) == (1, {"refused": 13})
    assert sum(summary["statuses"].values()) == 1
    again = sshprobe("report", "r.jsonl", cwd=tmp_path)
    assert b"14 targets, 0 SSH servers." in again.stdout
    sshprobe("grade", "r.jsonl", "-o", "g.jsonl", cwd=tmp_path)
    assert lines(tmp_path / "g.jsonl")[-1]["silent"] == {"refused": 13}
    # As after a kill. They would take a connection now, if they were scanned again.
    kept = (tmp_path / "r.jsonl").read_bytes().splitlines(keepends=True)[:-1]
    (tmp_path / "r.jsonl").write_bytes(b"".join(kept))
    with socket.create_server(("127.0.0.3", port)):
        sshprobe("scan", "--resume", "r.jsonl", "--workers", workers, "--no-progress", cwd=tmp_path)
    summary = lines(tmp_path / "r.jsonl")[-1]
    assert (summary["hosts"], summary["silent"]) == (1, {"refused": 13})


def test_a_document_has_only_the_number(listening: socket.socket, tmp_path: Path) -> None:
    port = str(listening.getsockname()[1])
    sshprobe(*SCAN, "127.0.0.8-9", "-p", port, "--skip-silent", "-o", "r.json", cwd=tmp_path)
    document = json.loads((tmp_path / "r.json").read_bytes())
    assert [host["host"] for host in document["hosts"]] == ["127.0.0.9"]
    assert document["summary"]["silent"] == {"refused": 1}
