"""Scheduled scans as real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from sshprobe.serve.exporter.metrics_pages import _Families
from sshprobe.serve.schedule.metrics import schedule_metrics
from sshprobe.serve.schedule.planner import Schedule
from sshprobe.serve.schedule.runner import Runner, RunState
from sshprobe.store.history.database import open_history
from sshprobe.store.history.queries import last_runs, scans

NOW = datetime(2026, 6, 1, 2, 30, tzinfo=UTC)
DAILY = Schedule("30 2 * * *")


class Clock:
    def __init__(self) -> None:
        self.now = NOW - timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[Runner]:
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ended(runner: Runner, name: str = "nightly") -> RunState:
    """Return the state of a scan after its run."""
    for _ in range(400):
        (state,) = [each for each in runner.states() if each.name == name]
        if state.last_end is not None and state.running_since is None:
            return state
        await asyncio.sleep(0.05)
    raise AssertionError(runner.states())


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for another process."""
    while not await asyncio.to_thread(is_true):  # noqa: ASYNC110 - it sends no event
        await asyncio.sleep(0.05)


def program(tmp_path: Path, text: str) -> tuple[str, ...]:
    """Return the command of a program in place of sshprobe."""
    path = tmp_path / "program.py"
    path.write_text(text)
    return sys.executable, str(path)


@pytest.mark.parametrize(
    ("code", "result"), [(0, "worked"), (1, "worked"), (2, "error: no such file"), (3, "error: no such file")]
)
async def test_the_result_of_a_run(tmp_path: Path, code: int, result: str, caplog: pytest.LogCaptureFixture) -> None:
    command = program(tmp_path, f"import sys; print('error: no such file', file=sys.stderr); sys.exit({code})")
    clock = Clock()
    runner = Runner(tmp_path / "x.toml", {"nightly": DAILY}, dict, command=command, clock=clock)
    with caplog.at_level(logging.ERROR):
        async with running(runner):
            clock.now = NOW
            assert runner.start_now("nightly")
            assert not runner.start_now("nightly")
            state = await ended(runner)
    assert state.result == result
    assert (state.last_success is not None) == (result == "worked")
    assert bool(caplog.records) == (result != "worked")
    metrics = generate_latest(_Families(schedule_metrics(runner.states()))).decode()
    assert f'sshprobe_schedule_last_run_failed{{scan="nightly"}} {float(result != "worked")}' in metrics
    assert 'sshprobe_schedule_next_run_timestamp_seconds{scan="nightly"}' in metrics


async def test_a_due_scan_starts_with_its_options(tmp_path: Path) -> None:
    command = program(
        tmp_path, "import sys, pathlib; pathlib.Path(sys.argv[3] + '.ran').write_text(repr(sys.argv[1:]))"
    )
    clock = Clock()
    runner = Runner(tmp_path / "x.toml", {"nightly": DAILY}, dict, command=command, clock=clock)
    clock.now = NOW
    async with running(runner):
        await ended(runner)
    assert (tmp_path / "x.toml.ran").read_text() == repr(
        ["scan", "--config", str(tmp_path / "x.toml"), "--saved", "nightly", "--no-progress", "--quiet"]
    )


async def test_two_scans_run_at_once_and_others_wait(tmp_path: Path) -> None:
    command = program(tmp_path, "import time; time.sleep(0.5)")
    clock = Clock()
    runner = Runner(tmp_path / "x.toml", {f"scan{n}": DAILY for n in range(4)}, dict, command=command, clock=clock)
    clock.now = NOW
    most = 0
    async with running(runner):
        while not all(state.last_end for state in runner.states()):
            most = max(most, sum(state.running_since is not None for state in runner.states()))
            await asyncio.sleep(0.02)
    assert most == 2


async def test_the_end_of_the_server_ends_its_scans(tmp_path: Path) -> None:
    command = program(
        tmp_path,
        "import os, time, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n",
    )
    runner = Runner(tmp_path / "x.toml", {"nightly": DAILY}, dict, command=command)
    async with running(runner):
        runner.start_now("nightly")
        await until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_real_scans_that_are_killed_are_started_again_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts and says nothing keeps the first scan until it is killed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    config = tmp_path / "sshprobe.toml"
    config.write_text(
        f'[history]\nurl = "history.db"\n[scan.nightly]\ntargets = ["127.0.0.1:{port}"]\n'
        'host-timeout = 30\nschedule = "30 2 * * *"\n'
    )
    path = str(tmp_path / "history.db")
    open_history(path, create=True).close()

    def runs() -> dict[str, datetime]:
        with closing(open_history(path, create=False)) as database:
            return last_runs(database)

    def number() -> int:
        with closing(open_history(path, create=False)) as database:
            return len(scans(database))

    runner = Runner(config, {"nightly": DAILY}, runs)
    async with running(runner):
        runner.start_now("nightly")
        await until(lambda: number() > 0)
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sshprobe", "scan", "--config", str(config), "--saved", "nightly"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, error = await second.communicate()
        assert second.returncode == 2
        assert b"`nightly` is running already: this run did not start" in error
        assert error.count(b"\n") == 1
        (task,) = runner._tasks.values()
        pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _is_child(pid)]  # noqa: PTH208 - names are enough
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        state = await ended(runner)
        assert state.result == "ended with -9"
        assert task.done()
        begun = (await asyncio.to_thread(runs))["nightly"]
        assert datetime.now(UTC) - begun < timedelta(minutes=2)
        runner._states.clear()
        runner.start_now("nightly")  # the lock of the killed process is gone
        await until(lambda: number() > 1)
    silent.close()


def _is_child(pid: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return False
    return b"--saved" in words and int(parent) == os.getpid()
