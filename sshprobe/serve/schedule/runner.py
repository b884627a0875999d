"""Starts scheduled scans as processes of their own, so that a crash of a scan does not end the server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sshprobe.model.errors import InputError
from sshprobe.serve.schedule.planner import LONGEST_WAIT, Schedule, Times

_log = logging.getLogger(__name__)

MOST_AT_ONCE = 2
"""The most scans that run at once. Others wait."""

OUTPUT_KEPT = 2000
"""Bytes of the end of a scan's standard error for the log."""

_FINE = (0, 1)
"""Exit codes of a run that worked: `--fail-on` is about the hosts, and not about the run."""

LastRuns = Callable[[], Mapping[str, datetime]]
"""Returns the start of the last run of each saved scan by the history. Raises `InputError`."""


class RunState(NamedTuple):
    """A scheduled scan, for pages and metrics."""

    name: str
    next: datetime
    """UTC."""
    running_since: datetime | None
    last_end: datetime | None
    """When the last run of this server ended."""
    last_success: datetime | None
    """When the last run of this server that worked ended."""
    result: str
    """"worked", or why not; empty before the first run."""


class Runner:
    """Runs the scans of a configuration file when they are due.

    Arguments:
        config: the file.
        schedules: the schedules by the names of the saved scans.
        last_runs: the last runs by the history.
        command: the start of the command line of a scan.
        clock: returns the time in UTC.
    """

    def __init__(
        self,
        config: Path,
        schedules: Mapping[str, Schedule],
        last_runs: LastRuns,
        *,
        command: Sequence[str] = (sys.executable, "-m", "sshprobe"),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._schedules = dict(schedules)
        self._last_runs = last_runs
        self._command = tuple(command)
        self._clock = clock
        self._times = {name: Times(schedule, clock()) for name, schedule in schedules.items()}
        self._states: dict[str, RunState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def states(self) -> list[RunState]:
        """Return all scheduled scans, by name."""
        return [self._state(name) for name in sorted(self._schedules)]

    def replace(self, schedules: Mapping[str, Schedule]) -> None:
        """Use other schedules, from a file that was read again. Running scans continue."""
        now = self._clock()
        for name, schedule in schedules.items():
            if self._schedules.get(name) != schedule:
                self._times[name] = Times(schedule, now)
        self._schedules = dict(schedules)
        self._wake.set()

    def start_now(self, name: str) -> bool:
        """Start a scan now. Return False if it is running. Raises `KeyError` for an unknown one."""
        self._schedules[name]
        if name in self._tasks:
            return False
        self._start(name)
        return True

    async def run(self) -> None:
        """Start scans when they are due, until this task is cancelled; then end the running ones."""
        try:
            while True:
                wait = await self._start_due()
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), wait)
                except TimeoutError:
                    continue
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _start_due(self) -> float:
        """Start what is due. Return the seconds until the next look."""
        last = await self._last()
        now = self._clock()
        waits = [LONGEST_WAIT.total_seconds()]
        for name in sorted(self._schedules):
            if name in self._tasks:
                continue
            planned = self._times[name].plan(last.get(name), now)
            self._states[name] = self._state(name)._replace(next=planned.next)
            if not planned.is_due:
                waits.append((planned.next - now).total_seconds())
            elif len(self._tasks) < MOST_AT_ONCE:
                self._start(name)
        return max(0.05, min(waits))

    async def _last(self) -> Mapping[str, datetime]:
        """Return the last start of each scan by the history; nothing if it cannot be read."""
        try:
            return await asyncio.to_thread(self._last_runs)
        except InputError as error:
            _log.warning("%s: the times of the last scans are those of this process", error)
            return {}

    def _start(self, name: str) -> None:
        now = self._clock()
        self._times[name].started(now)
        self._states[name] = self._state(name)._replace(running_since=now)
        self._tasks[name] = asyncio.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        process = None
        result = "was ended"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *("scan", "--config", str(self._config), "--saved", name, "--no-progress", "--quiet"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            _, error = await process.communicate()
            words = error[-OUTPUT_KEPT:].decode("utf-8", "replace").strip()
            result = "worked" if process.returncode in _FINE else (words.splitlines() or [""])[-1]
            if result != "worked":
                result = result or f"ended with {process.returncode}"
                _log.error("scheduled scan %s failed with %s: %s", name, process.returncode, result)
            elif words:
                _log.info("scheduled scan %s: %s", name, words)
        except OSError as error:
            result = f"cannot be started: {error.strerror}"
            _log.error("scheduled scan %s %s", name, result)
        finally:
            if process is not None and process.returncode is None:
                process.terminate()  # it saves what it has
                await process.wait()
            self._end(name, result)

    def _end(self, name: str, result: str) -> None:
        now = self._clock()
        state = self._state(name)
        success = now if result == "worked" else state.last_success
        self._states[name] = state._replace(running_since=None, last_end=now, last_success=success, result=result)
        self._tasks.pop(name, None)
        self._wake.set()

    def _state(self, name: str) -> RunState:
        found = self._states.get(name)
        return found or RunState(name, self._schedules[name].following(self._clock()), None, None, None, "")
