"""Record files and saved options of earlier versions stay readable: see tests/corpus/README.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.model.records import HostRecord
from sshprobe.store.reading import read_records

ROOT = Path(__file__).parents[1]
CORPUS = Path(__file__).parent / "corpus"
FILES = sorted([*CORPUS.glob("*/*.jsonl"), *CORPUS.glob("*/*.json")])
CUT_OFF = {"torn.jsonl"}
HOSTS = {
    "all-addresses.jsonl": 2,
    "full.json": 4,
    "full.jsonl": 4,
    "graded.json": 4,
    "graded.jsonl": 4,
    "interrupted.json": 2,
    "interrupted.jsonl": 2,
    "keys.jsonl": 2,
    "lists.jsonl": 11,
    "resumed.jsonl": 3,
    "two-sweeps.jsonl": 4,
    "workers.jsonl": 28,
}


def sshprobe(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sshprobe", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1", "XDG_CONFIG_HOME": str(cwd / "config")},
        capture_output=True,
        check=False,
    )
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def test_there_is_a_corpus() -> None:
    assert {path.name for path in FILES} == {*HOSTS, *CUT_OFF}


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in CUT_OFF], ids=lambda path: path.name)
def test_every_record_is_read(path: Path) -> None:
    hosts = [record for record in read_records([str(path)]) if isinstance(record, HostRecord)]
    assert len(hosts) == HOSTS[path.name]
    assert all(host.verdicts for host in hosts if host.status == "ok")


@pytest.mark.parametrize("name", ["full.jsonl", "interrupted.json", "two-sweeps.jsonl"])
def test_every_file_is_graded_and_reported(name: str, tmp_path: Path) -> None:
    shutil.copytree(CORPUS / "1b61c73", tmp_path, dirs_exist_ok=True)
    for command in (["grade", name, "-o", "new.jsonl"], ["report", name, "--by", "algorithm"]):
        code, out, error = sshprobe(*command, cwd=tmp_path)
        assert (code, error) == (0, "")
        assert out
    graded = [record for record in read_records([str(tmp_path / "new.jsonl")]) if isinstance(record, HostRecord)]
    assert len(graded) == HOSTS[name]


@pytest.mark.parametrize("name", ["interrupted.jsonl", "torn.jsonl", "resumed.jsonl"])
def test_a_resumed_file_keeps_its_records(name: str, tmp_path: Path) -> None:
    """These headers lack targets, so the command names them again."""
    data = (CORPUS / "1b61c73" / name).read_bytes()
    (tmp_path / name).write_bytes(data)
    *_, one, other, silent = [
        word for word in json.loads(data.splitlines()[0])["arguments"] if word.startswith("127.0.0.")
    ]
    (tmp_path / name).write_bytes(data[: data.rindex(b"\n") + 1])
    # Its profile has changed since: follow the advice of the error.
    assert sshprobe("grade", name, "-o", "new.jsonl", cwd=tmp_path)[0] == 0
    code, _, error = sshprobe("scan", one, other, silent, "--resume", "new.jsonl", cwd=tmp_path)
    assert (code, error) == (0, "")
    lines = (tmp_path / "new.jsonl").read_bytes().splitlines()
    kept = [json.loads(line) for line in data.splitlines()[1:] if b'"type":"host"' in line and line.endswith(b"}")]
    for line, before in zip(lines[1:], kept, strict=False):
        now = json.loads(line)
        assert {key: now[key] for key in before if key != "verdicts"} == {
            key: before[key] for key in before if key != "verdicts"
        }
    hosts = [json.loads(line) for line in lines[1:-1]]
    assert sorted(f"{host['host']}:{host['port']}" for host in hosts) == sorted([one, other, silent])


def test_a_header_without_settings_needs_targets(tmp_path: Path) -> None:
    shutil.copy(CORPUS / "1b61c73" / "interrupted.jsonl", tmp_path)
    before = (tmp_path / "interrupted.jsonl").read_bytes()
    code, _, error = sshprobe("scan", "--resume", "interrupted.jsonl", cwd=tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("error: interrupted.jsonl: ")
    assert (tmp_path / "interrupted.jsonl").read_bytes() == before


@pytest.mark.parametrize(("name", "targets"), [("nightly", 30), ("small", 1), ("fix", 1), ("json", 1)])
def test_saved_options_are_read(name: str, targets: int, tmp_path: Path) -> None:
    shutil.copytree(CORPUS / "1b61c73", tmp_path, dirs_exist_ok=True)
    assert sshprobe("scan", "--saved", name, "--count", cwd=tmp_path) == (0, f"{targets}\n", "")
