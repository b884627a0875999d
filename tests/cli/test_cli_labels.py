"""Labels on the command line: `--label` of scan, in records, in the filter and in `report --by label`."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli_commands import sshprobe


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        (tmp_path / "hosts").write_text("127.0.0.2 # env=prod team=web\n127.0.0.3 # env=test\n127.0.0.4\n")
        options = ["-p", str(port), "--rate", "0", "--no-progress", "--depth", "lists"]
        run = sshprobe("scan", "-f", "hosts", "--label", "site=here", *options, "-o", "r.jsonl", cwd=tmp_path)
        assert run.returncode == 3
        yield tmp_path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_labels_are_in_records_and_select_hosts(folder: Path, workers: str) -> None:
    records = [json.loads(line) for line in (folder / "r.jsonl").read_bytes().splitlines()]
    assert records[0]["settings"]["labels"] == ["site=here"]
    assert {each["host"]: each["labels"] for each in records[1:-1]} == {
        "127.0.0.2": ["site=here", "env=prod", "team=web"],
        "127.0.0.3": ["site=here", "env=test"],
        "127.0.0.4": ["site=here"],
    }
    again = ["scan", "--from-records", "r.jsonl", "--rate", "0", "--workers", workers, "--format", "jsonl"]
    lines = sshprobe(*again, cwd=folder).stdout.splitlines()
    assert {each["host"]: each["labels"] for each in map(json.loads, lines[1:-1])}["127.0.0.3"] == [
        "site=here",
        "env=test",
    ]
    for label, hosts in (("env=prod", 1), ("env", 2), ("site=here", 3)):
        run = sshprobe("grade", "r.jsonl", "--label", label, "--format", "jsonl", cwd=folder)
        assert json.loads(run.stdout.splitlines()[-1])["hosts"] == hosts, label
    run = sshprobe("report", "r.jsonl", "--label", "env=dev", cwd=folder)
    assert run.returncode == 2
    assert run.stderr.decode().startswith(
        "error: `--label env=dev` is not in the records: they have env=prod, env=test"
    )


def test_report_by_label(folder: Path) -> None:
    report = json.loads(sshprobe("report", "r.jsonl", "--by", "label", "--format", "json", cwd=folder).stdout)
    found = {each["label"]: each["hosts"] for each in report["labels"]}
    assert found == {"env=prod": 1, "env=test": 1, "site=here": 3, "team=web": 1}
    table = sshprobe("report", "r.jsonl", "--by", "label", cwd=folder).stdout.decode()
    assert "site=here" in table
    assert "3 targets, 0 SSH servers." in table


@pytest.mark.parametrize("label", ["env", "env=two words", "=x"])
def test_what_is_not_a_label_is_refused(folder: Path, label: str) -> None:
    run = sshprobe("scan", "127.0.0.2", "--label", label, cwd=folder)
    assert run.returncode == 2
    assert b"is not KEY=VALUE" in run.stderr
