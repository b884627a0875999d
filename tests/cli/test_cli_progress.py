"""Output while a scan waits."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "NO_PROGRESS")},
    "PYTHONPATH": str(ROOT),
    "TERM": "xterm",
}
ERASED = b"\x1b[2K"
"""Erase in Line, all of it (ECMA-48 section 8.3.41): removes a live line."""


@pytest.mark.parametrize("options", [(), ("--no-progress",)], ids=["shown", "not wanted"])
def test_a_silence_is_explained(options: tuple[str, ...]) -> None:
    """A single host has no progress line, but its second try takes a while."""
    taken = []

    def hang_up(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            taken.append(connection)
            connection.close()

    ours, theirs = pty.openpty()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        server = threading.Thread(target=hang_up, args=(listener,))
        server.start()
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "sshprobe", "scan", target, "--throttle-wait", "1", *options]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        server.join()
    os.close(theirs)
    try:
        said = os.read(ours, 65_536).decode()
    except OSError:  # nothing was written before the other end was closed
        said = ""
    os.close(ours)
    assert done.returncode == 3
    assert len(taken) == 2
    assert said.count("or the connection was closed; it is probed once more") == (0 if options else 1)


def scan_of_silence(stderr: int, *options: str, stdout: int = subprocess.PIPE, until: Callable[[], object]) -> bytes:
    """Scan a server that stays silent until `until` returns, and then closes. Return standard output."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-W", "error", "-m", "sshprobe", "scan", target, "--throttle-wait", "0", *options]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=ENVIRONMENT
        ) as process:
            try:
                connection, _ = listener.accept()
                with connection:
                    until()
                listener.close()
                out, _ = process.communicate(timeout=60)
            finally:
                process.kill()  # a scan that does not end must not block the tests
    assert process.returncode == 3
    return out or b""


def read_until(terminal: int, words: bytes, said: bytearray) -> bytes:
    while words not in said:
        said += os.read(terminal, 65_536)
    return bytes(said)


@pytest.mark.parametrize("format_", ["table", "jsonl"])
def test_the_awaited_host_is_shown_until_its_result(format_: str) -> None:
    ours, theirs = pty.openpty()
    said = bytearray()
    try:
        scan_of_silence(
            theirs, "--format", format_, stdout=theirs, until=lambda: read_until(ours, b"waiting for 127.0.0.1:", said)
        )
        os.write(theirs, b"THE END")
        read_until(ours, b"THE END", said)
    finally:
        os.close(ours)
        os.close(theirs)
    shown = bytes(said)
    assert b"\x1b[2mwaiting for 127.0.0.1:" in shown
    result = shown.index(b'{"type":"host"' if format_ == "jsonl" else b"refused")
    assert ERASED in shown[shown.rindex(b"waiting for ", 0, result) : result]
    assert b"waiting for " not in shown[result:]


@pytest.mark.parametrize(
    ("terminal", "options"),
    [(False, []), (True, ["--no-progress"]), (True, ["--stats", "3600"])],
    ids=["no terminal", "not wanted", "lines wanted"],
)
def test_a_silence_is_not_explained_without_a_terminal(terminal: bool, options: list[str]) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    try:
        scan_of_silence(theirs, *options, until=lambda: time.sleep(2.5))
        os.write(theirs, b"END")
        assert os.read(ours, 65_536) == b"END"
    finally:
        os.close(ours)
        os.close(theirs)
