"""Two processes never write one file: each pair of scan, resume and grade, and locks of killed ones."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli_commands import sshprobe, write
from tests.sample_records import captured

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}
COMMAND = [sys.executable, "-W", "error", "-m", "sshprobe"]
WRITERS = ("scan", "scan json", "resume", "grade", "make")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def place(server: socket.socket) -> str:
    return "{}:{}".format(*server.getsockname())


def words(writer: str, target: str, name: str) -> list[str]:
    scan = ["scan", target, "--timeout", "300", "--host-timeout", "300"]
    return {
        "scan": [*scan, "-o", name],
        "scan json": [*scan, "-o", name, "--format", "json"],
        "resume": [*scan, "--resume", name],
        "grade": ["grade", "-", "-o", name],
        "make": ["profiles", "make", target, "-o", name, "--force"],
    }[writer]


@contextlib.contextmanager
def at_work(writer: str, silent: socket.socket, name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a writer that holds its file and waits for a server, or `grade` for its input."""
    with subprocess.Popen(
        [*COMMAND, *words(writer, place(silent), name)],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            if writer == "grade":
                real = Path(os.path.realpath(folder / name))
                while not (real.parent / f".{real.name}.lock").exists():
                    assert process.poll() is None
                yield process
            else:
                with silent.accept()[0]:
                    yield process
        finally:
            process.kill()


def begun(folder: Path) -> bytes:
    """A scan in `x.jsonl` that can be resumed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = place(server)
    assert sshprobe("scan", target, "-o", "x.jsonl", cwd=folder).returncode == 3
    return (folder / "x.jsonl").read_bytes()


@pytest.mark.parametrize("second", WRITERS)
@pytest.mark.parametrize("first", ["scan", "resume", "grade"])
def test_the_second_process_stops_before_contact(
    first: str, second: str, silent: socket.socket, tmp_path: Path
) -> None:
    begun(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other, at_work(first, silent, "x.jsonl", tmp_path) as process:
        held = (tmp_path / "x.jsonl").read_bytes()
        run = sshprobe(*words(second, place(other), "x.jsonl"), cwd=tmp_path)
        error = f"error: x.jsonl: another process ({process.pid}) writes to it: wait for it, or name another file\n"
        assert (run.returncode, run.stdout, run.stderr.decode()) == (2, b"", error)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
        assert (tmp_path / "x.jsonl").read_bytes() == held


@pytest.mark.parametrize("name", ["x.jsonl~", "link", "x.jsonl.interrupted~"])
def test_other_names_of_the_file_are_locked_too(name: str, silent: socket.socket, tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / "link").symlink_to("x.jsonl")
    with at_work("scan", silent, "x.jsonl", tmp_path):
        run = sshprobe("scan", place(silent), "-o", name, "--format", "jsonl", cwd=tmp_path)
        assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
        assert f"error: {name}: another process".encode() in run.stderr
        # Another file in the same folder is free.
        assert sshprobe("scan", "127.0.0.1:1", "-o", "y.jsonl", cwd=tmp_path).returncode == 3


def test_a_second_name_of_a_file_that_is_resumed_is_locked_too(silent: socket.socket, tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / "hard.jsonl").hardlink_to(tmp_path / "x.jsonl")
    names = ["hard.jsonl"]
    if Path("/proc/self/cwd").exists():
        names.append("/proc/self/cwd/x.jsonl")
    with at_work("resume", silent, "x.jsonl", tmp_path):
        held = (tmp_path / "x.jsonl").read_bytes()
        for name in names:
            run = sshprobe(*words("resume", place(silent), name), cwd=tmp_path)
            assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
            assert f"error: {name}: another process".encode() in run.stderr
        assert (tmp_path / "x.jsonl").read_bytes() == held


def test_readers_are_not_blocked(silent: socket.socket, tmp_path: Path) -> None:
    before = begun(tmp_path)
    with at_work("resume", silent, "x.jsonl", tmp_path):
        assert b"refused" in sshprobe("grade", "x.jsonl", cwd=tmp_path).stdout
        assert sshprobe("report", "x.jsonl", cwd=tmp_path).returncode == 0
        assert sshprobe("scan", "--from-records", "x.jsonl", "--count", cwd=tmp_path).stdout == b"1\n"
        assert before.startswith((tmp_path / "x.jsonl").read_bytes())


def test_readers_get_complete_lines_of_a_growing_file(silent: socket.socket, tmp_path: Path) -> None:
    begun(tmp_path)
    with at_work("resume", silent, "x.jsonl", tmp_path):
        with (tmp_path / "x.jsonl").open("ab") as stream:
            stream.write(b'{"type":"host","sch')
        run = sshprobe("grade", "x.jsonl", cwd=tmp_path)
        assert (run.returncode, b"is cut off" in run.stderr) == (3, False)
    run = sshprobe("grade", "x.jsonl", cwd=tmp_path)  # nobody writes it now
    assert (run.returncode, b"is cut off" in run.stderr) == (3, True)


@pytest.mark.parametrize("first", ["scan", "resume", "grade"])
def test_locks_of_a_killed_process_are_ignored(first: str, silent: socket.socket, tmp_path: Path) -> None:
    begun(tmp_path)
    with at_work(first, silent, "x.jsonl", tmp_path) as process:
        process.kill()
        process.wait()
        (tmp_path / ".x.jsonl.part").write_bytes(b"left by a run that was killed")
        write(tmp_path / "records.jsonl", [captured("openssh-debian12-9.2p1", "192.0.2.1")])
        assert sshprobe("grade", "records.jsonl", "-o", "x.jsonl", cwd=tmp_path).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"x.jsonl", "x.jsonl~", "records.jsonl"}


def test_a_worker_that_outlives_its_parent_holds_no_lock(silent: socket.socket, tmp_path: Path) -> None:
    scan = ["scan", place(silent), "127.0.0.2:1", "--workers", "2", "-o", "x.jsonl", "--timeout", "300"]
    with subprocess.Popen([*COMMAND, *scan], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        try:
            with silent.accept()[0]:
                process.kill()
                process.wait()
                run = sshprobe("scan", "127.0.0.1:1", "-o", "x.jsonl", cwd=tmp_path)
        finally:
            process.kill()
    assert run.returncode == 3
    assert json.loads((tmp_path / "x.jsonl").read_bytes().splitlines()[-1])["type"] == "summary"
