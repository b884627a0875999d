"""Broken standard output and terminating signals: the file of `-o` is complete, and the scan ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_cli_commands import write
from tests.sample_records import captured

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}
COMMAND = [sys.executable, "-W", "error", "-m", "sshprobe"]
HOSTS = [f"127.0.0.{last}:1" for last in range(2, 6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "in.jsonl", [captured("openssh-debian12-9.2p1", f"192.0.2.{last}") for last in range(2, 6)])
    return tmp_path


def statuses(path: Path) -> list[str]:
    """Return the hosts of a complete file of records; each must be there once."""
    text = path.read_text()
    if path.suffix == ".txt":
        assert text.endswith(("SSH servers.\n", "not verified\n")) or "targets:" in text
        return ["table"] * 4
    if path.suffix == ".json":
        document = json.loads(text)
        hosts, summary = document["hosts"], document["summary"]
    else:
        _, *hosts, summary = map(json.loads, text.splitlines())
    assert summary["hosts"] == len(hosts) == len({host["host"] for host in hosts})
    return [host["status"] for host in hosts]


def words(command: str, name: str) -> list[str]:
    return ["scan", *HOSTS, "-o", name] if command == "scan" else ["grade", "in.jsonl", "-o", name]


@contextlib.contextmanager
def no_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextlib.contextmanager
def full_disk() -> Iterator[int]:
    number = os.open("/dev/full", os.O_WRONLY)
    try:
        yield number
    finally:
        os.close(number)


@contextlib.contextmanager
def closed_terminal() -> Iterator[int]:
    ours, theirs = pty.openpty()
    os.close(ours)
    try:
        yield theirs
    finally:
        os.close(theirs)


TROUBLES = {"no reader": no_reader, "full disk": full_disk, "closed terminal": closed_terminal}


@pytest.mark.parametrize("command", ["scan", "grade"])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.txt"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_file_is_finished_whatever_happens_to_the_table(
    trouble: str, name: str, command: str, folder: Path
) -> None:
    with TROUBLES[trouble]() as number:
        both = number if trouble == "closed terminal" else subprocess.PIPE
        run = subprocess.run(
            [*COMMAND, *words(command, name)],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=number,
            stderr=both,
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
    good = 3 if command == "scan" else 0
    if trouble == "no reader":
        assert (run.returncode, run.stderr) == (good, b"")
    else:
        assert run.returncode == (good or 2)
    if trouble == "full disk":
        assert run.stderr == b"error: standard output: cannot be written: No space left on device\n"
    assert len(statuses(folder / name)) == 4
    assert {path.name for path in folder.iterdir()} == {"in.jsonl", name}


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_closed_terminal_and_sigquit_keep_finished_hosts(
    workers: str, number: signal.Signals, name: str, silent: socket.socket, tmp_path: Path
) -> None:
    target = "{}:{}".format(*silent.getsockname())
    with subprocess.Popen(
        [*COMMAND, "scan", *HOSTS, target, "-o", name, "--timeout", "300", "--workers", workers],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            with silent.accept()[0]:
                assert process.stdout is not None
                assert process.stderr is not None
                shown = [process.stdout.readline() for _ in range(2 * len(HOSTS) - 1)]
                assert all(line == b"\n" or b"refused" in line for line in shown)
                process.send_signal(number)
                assert process.stderr.readline().startswith(b"interrupted: ")
                process.send_signal(number)
                process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert statuses(tmp_path / name) == ["refused"] * 4
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_grade_leaves_a_file_as_it_was(number: signal.Signals, folder: Path) -> None:
    (folder / "x.jsonl").write_bytes((folder / "in.jsonl").read_bytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with subprocess.Popen(
        [*COMMAND, "grade", "-", "-o", "x.jsonl"],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            while not (folder / ".x.jsonl.lock").exists():
                assert process.poll() is None
            process.send_signal(number)
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, error) == (130, b"")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """A full pipe without a reader."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    try:
        yield writer
    finally:
        os.close(writer)
        os.close(reader)


def waits_in_a_write(process: subprocess.Popen[bytes]) -> bool:
    wait = Path(f"/proc/{process.pid}/wchan").read_text()
    return "pipe_write" in wait or (wait in ("", "0") and _waits_by_syscall(process))


def _waits_by_syscall(process: subprocess.Popen[bytes]) -> bool:
    return Path(f"/proc/{process.pid}/syscall").read_text().startswith("1 0x1 ")


@pytest.mark.skipif(not Path("/proc/self/syscall").exists(), reason="looks into /proc, as of Linux")
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT], [signal.SIGHUP]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", *HOSTS],
        ["scan", *HOSTS, "-o", "x.json"],
        ["scan", *HOSTS, "-o", "x.jsonl", "--workers", "2"],
        ["scan", *HOSTS, "--format", "jsonl"],
        ["grade", "in.jsonl"],
        ["grade", "in.jsonl", "-o", "x.json"],
        ["report", "in.jsonl"],
    ],
    ids=" ".join,
)
def test_a_scan_ends_without_a_reader(arguments: list[str], signals: list[signal.Signals], folder: Path) -> None:
    with (
        full_pipe() as pipe,
        subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process,
    ):
        try:
            while not waits_in_a_write(process):
                assert process.poll() is None
            for number in signals:
                process.send_signal(number)
                time.sleep(0.5)  # two equal signals at once count as one
            _, error = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in error
    if "-o" in arguments and arguments[0] == "scan":  # graded records can be graded again
        statuses(folder / arguments[arguments.index("-o") + 1])
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_after_the_end_does_not_change_the_exit_code(number: signal.Signals, tmp_path: Path) -> None:
    words = "import atexit, os, sys; from sshprobe.__main__ import run; "
    words += f"atexit.register(os.kill, os.getpid(), {int(number)}); sys.exit(run())"
    run = subprocess.run(
        [sys.executable, "-c", words, "scan", "127.0.0.1:1", "-o", "x.jsonl"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_PROGRESS": "1"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (3, b"")
