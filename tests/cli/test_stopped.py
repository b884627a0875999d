"""A scan that is stopped, or blocked by unread output, costs no host its result."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.hostile.server import Peer, ScriptedServer

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}
COMMAND = [sys.executable, "-W", "error", "-m", "sshprobe", "scan", "--format", "jsonl"]
TIMES = ["--timeout", "3", "--host-timeout", "4", "--connect-timeout", "3"]
STOPPED = 5.0
"""Seconds; longer than the limit for a host."""


async def slow(peer: Peer) -> None:
    await asyncio.sleep(0.5)
    await peer.identify()
    await asyncio.sleep(0.5)
    await peer.serve_from_kexinit()


def hosts(port: int, number: int) -> list[str]:
    return [f"127.0.0.{last}:{port}" for last in range(1, number + 1)]


def check(output: bytes, number: int) -> None:
    records = [json.loads(line) for line in output.splitlines()]
    found = [record for record in records if record["type"] == "host"]
    assert Counter((record["status"], record.get("error")) for record in found) == {("ok", None): number}
    assert max(record["duration_ms"] for record in found) <= 4000


@pytest.mark.parametrize(("depth", "workers"), [("lists", 2), ("keys", 1)])
async def test_a_stopped_scan_makes_no_host_time_out(depth: str, workers: int) -> None:
    async with ScriptedServer("0.0.0.0", slow) as server, asyncio.timeout(100):
        options = ["-c", "20", "--rate", "0", "--depth", depth, "--workers", str(workers), *TIMES]
        run = await asyncio.create_subprocess_exec(
            *COMMAND,
            *options,
            *hosts(server.port, 20),
            env=ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,
        )
        try:
            while server.connections < 20:  # noqa: ASYNC110 - the server counts
                await asyncio.sleep(0.01)
            os.killpg(run.pid, signal.SIGSTOP)
            await asyncio.sleep(STOPPED)
            os.killpg(run.pid, signal.SIGCONT)
            output, _ = await run.communicate()
        finally:
            if run.returncode is None:
                os.killpg(run.pid, signal.SIGKILL)
                await run.wait()
    check(output, 20)


@pytest.mark.parametrize(("depth", "workers"), [("lists", 1), ("keys", 2)])
async def test_blocked_output_makes_no_host_time_out(depth: str, workers: int) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    async with ScriptedServer("0.0.0.0", slow) as server, asyncio.timeout(100):
        options = ["-c", "10", "--rate", "20", "--depth", depth, "--workers", str(workers), *TIMES]
        run = await asyncio.create_subprocess_exec(
            *COMMAND, *options, *hosts(server.port, 20), env=ENVIRONMENT, stdout=writer
        )
        os.close(writer)
        await asyncio.sleep(STOPPED + 2)
        with os.fdopen(reader, "rb") as stream:
            output = await asyncio.to_thread(stream.read)
        await run.wait()
    check(output, 20)


SHOW_CURSOR, HIDE_CURSOR = b"\x1b[?25h", b"\x1b[?25l"


def read_until(terminal: int, words: bytes, said: bytearray) -> None:
    while words not in said:
        said += os.read(terminal, 4096)


@pytest.mark.parametrize("number", [1, 2], ids=["one host", "several"])
def test_ctrl_z_leaves_a_clean_terminal_and_the_line_comes_back(number: int) -> None:
    """The cursor is visible while the scan is stopped, and after its end."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "NO_PROGRESS"} | {"TERM": "xterm"}
    with socket.create_server(("0.0.0.0", 0)) as silent:
        targets = hosts(silent.getsockname()[1], number)
        run = subprocess.Popen(
            [*COMMAND, "--workers", "1", *targets],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            process_group=0,
        )
        try:
            shown = bytearray()
            read_until(ours, HIDE_CURSOR, shown)
            read_until(ours, b"0 of 2" if number == 2 else b"waiting for", shown)
            run.send_signal(signal.SIGTSTP)
            _, status = os.waitpid(run.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            read_until(ours, SHOW_CURSOR, shown)
            assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
            shown.clear()
            run.send_signal(signal.SIGCONT)
            read_until(ours, HIDE_CURSOR, shown)
            run.send_signal(signal.SIGINT)
            run.send_signal(signal.SIGINT)
            shown.clear()
            read_until(ours, SHOW_CURSOR, shown)
            silent.close()
            run.wait(60)
        finally:
            run.kill()
            os.close(theirs)
            os.close(ours)
