"""Reports by `--format` and by the suffix of `-o`, from `report`, `grade` and `scan`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.test_cli_commands import sshprobe, write
from tests.sample_records import captured, debian12, failed


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def nobody() -> str:
    return f"127.0.0.1:{unused_port()}"


def test_report_and_grade_write_the_same_formats(tmp_path: Path) -> None:
    write(tmp_path / "saved.jsonl", [debian12(), failed("timeout", "no answer")])
    run = sshprobe("report", "saved.jsonl", "-o", "fleet.csv", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    text = (tmp_path / "fleet.csv").read_text()
    assert text.splitlines()[1].startswith("web1.example.org,web1.example.org,192.0.2.1,22,,ok,")
    printed = sshprobe("report", "saved.jsonl", "--format", "csv", cwd=tmp_path)
    assert printed.stdout.decode() == text
    run = sshprobe("grade", "saved.jsonl", "--profile", "mozilla-modern", "-o", "graded.csv", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"web1.example.org" in run.stdout, "the table is printed as with a file of records"
    assert b"graded.csv" not in run.stdout, "no command can show a host of a report"
    rows = (tmp_path / "graded.csv").read_text().splitlines()
    assert [row.split(",")[5] for row in rows] == ["status", "ok", "timeout"]
    assert sshprobe("grade", "saved.jsonl", "--format", "csv", cwd=tmp_path).stdout.count(b"\n") == 3


def test_filters_choose_the_hosts_of_a_report(tmp_path: Path) -> None:
    write(tmp_path / "saved.jsonl", [debian12(), captured("openssh-5.3p1", "192.0.2.5")])
    run = sshprobe("report", "saved.jsonl", "--format", "csv", "--host", "192.0.2.5", cwd=tmp_path)
    assert [row.split(b",")[1] for row in run.stdout.splitlines()] == [b"host", b"192.0.2.5"]


def test_a_scan_writes_a_report_and_notes_that_it_keeps_no_records(tmp_path: Path, nobody: str) -> None:
    run = sshprobe("scan", nobody, "-o", "fleet.csv", cwd=tmp_path)
    assert run.returncode == 3
    assert run.stderr.startswith(b"note: fleet.csv cannot be graded again: ")
    header, row = (tmp_path / "fleet.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["status"] == "refused"
    run = sshprobe("scan", nobody, "--format", "csv", cwd=tmp_path)
    assert run.stdout.count(b"\n") == 2, "no table beside a report on standard output"
    assert sshprobe("scan", nobody, "-o", "none.csv", "--skip-silent", cwd=tmp_path).returncode == 3
    assert (tmp_path / "none.csv").read_text() == header + "\n"


def test_bad_input_leaves_no_report(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    for name, words in (("empty.jsonl", "has no records"), ("none", "No such file")):
        run = sshprobe("report", name, "-o", "fleet.csv", cwd=tmp_path)
        assert (run.returncode, run.stdout) == (2, b"")
        assert words in run.stderr.decode()
        assert run.stderr.count(b"\n") == 1
    assert not (tmp_path / "fleet.csv").exists()


def test_a_cut_file_gives_the_hosts_before_the_cut(tmp_path: Path) -> None:
    write(tmp_path / "cut.jsonl", [debian12(), captured("openssh-5.3p1", "192.0.2.5")])
    data = (tmp_path / "cut.jsonl").read_bytes()
    (tmp_path / "cut.jsonl").write_bytes(data[: data.rindex(b'"192.0.2.5"')])
    run = sshprobe("report", "cut.jsonl", "-o", "fleet.csv", cwd=tmp_path)
    assert run.returncode == 0
    assert b"cut off" in run.stderr
    assert (tmp_path / "fleet.csv").read_text().count("\n") == 2
