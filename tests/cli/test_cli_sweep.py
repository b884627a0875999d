"""The scan command around a sweep: records as they come, progress, Ctrl-C. The servers are sockets that say little."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
SCAN = [sys.executable, "-W", "error", "-m", "sshprobe", "scan"]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_every_target_gets_a_record(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/29:{closed_port}", "127.0.0.1", "-p", str(closed_port), "--format", "jsonl"]
    run = subprocess.run(command, capture_output=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 3
    assert run.stderr == b""
    assert [record["type"] for record in records] == ["sweep", *["host"] * 6, "summary"]
    assert {record["host"] for record in records[1:-1]} == {f"127.0.0.{last}" for last in range(1, 7)}
    assert {record["status"] for record in records[1:-1]} == {"refused"}
    assert records[-1]["statuses"] == {"refused": 6}
    assert records[0]["arguments"] == command[len(SCAN) - 1 :]


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_what_there_is(
    name: str, number: signal.Signals, silent: socket.socket, closed_port: int, tmp_path: Path
) -> None:
    targets = [f"127.0.0.1:{closed_port}", f"127.0.0.1:{silent.getsockname()[1]}"]
    # A shell without job control starts background work with SIGINT ignored, and a child inherits that.
    with subprocess.Popen(
        [*SCAN, *targets, "-o", name, "-c", "1"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(number)
                out, err = process.communicate(timeout=60)
        finally:
            process.kill()  # a sweep that does not end must not hold up the tests
    assert process.returncode == 130
    assert err == b""
    assert b"Interrupted: the rest was not scanned." in out
    data = (tmp_path / name).read_bytes()
    document = json.loads(data) if name == "out.json" else None
    summary = document["summary"] if document else json.loads(data.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["type"] == "summary"
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - no temporary file is left


def test_progress_is_on_standard_error_and_only_there(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/29:{closed_port}", "--format", "jsonl"]
    outputs = []
    for extra in ({}, {"NO_PROGRESS": "1"}):
        ours, theirs = pty.openpty()
        try:
            run = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path, env={**ENVIRONMENT, **extra}, check=False
            )
            os.write(theirs, b"END")
            outputs.append(os.read(ours, 65536))
        finally:
            os.close(ours)
            os.close(theirs)
        assert run.returncode == 3
        assert len([json.loads(line) for line in run.stdout.splitlines()]) == 8
    assert b" of 6" in outputs[0]
    assert outputs[1] == b"END"


def test_colour_is_for_terminals_without_no_color(closed_port: int, tmp_path: Path) -> None:
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        ours, theirs = pty.openpty()
        try:
            environment = {**ENVIRONMENT, **extra}
            command = [*SCAN, f"127.0.0.1:{closed_port}"]
            subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, cwd=tmp_path, check=False)
            out = os.read(ours, 65536)
        finally:
            os.close(ours)
            os.close(theirs)
        assert (b"\x1b[" in out) is coloured
        assert b"refused" in out


def test_no_standard_input_is_an_error_only_where_it_is_read(closed_port: int, tmp_path: Path) -> None:
    for target, code, error in ((f"127.0.0.1:{closed_port}", 3, b""), ("-", 2, b"error: standard input is closed\n")):
        run = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *SCAN, target],
            capture_output=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            check=False,
        )
        assert (run.returncode, run.stderr) == (code, error)


def test_a_process_without_output_still_has_its_exit_code(closed_port: int, tmp_path: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *SCAN]
    for target, code in ((f"127.0.0.1:{closed_port}", 3), ("10.0.0.0/99", 2)):
        assert subprocess.run([*shell, target], cwd=tmp_path, env=ENVIRONMENT, check=False).returncode == code
