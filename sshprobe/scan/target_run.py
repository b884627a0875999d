"""The running targets of a scan: each runs its jobs one by one, with their addresses and a slot."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from sshprobe.net import Network
from sshprobe.scan.job import Job, Progress, TargetResult
from sshprobe.scan.limits import Limits
from sshprobe.scan.pauses import LOCAL_PAUSES, MAX_FRESH_STARTS, Pauses

_log = logging.getLogger("sshprobe")

R = TypeVar("R")
T = TypeVar("T")

SECOND_TRIES = 4096
"""The most targets that are deferred to the end. Each needs 3.5 kB until then."""


class TargetRuns(Generic[T, R]):
    """All running targets, and their shared state. See `Engine` for the arguments."""

    network: Network
    pauses: Pauses
    tasks: asyncio.TaskGroup

    def __init__(
        self,
        expand: Callable[[T], list[Job[R]] | Awaitable[Sequence[Job[R]]]],
        limits: Limits,
        progress: Progress,
        *,
        on_deferred: Callable[[T], None],
    ) -> None:
        self.limits = limits
        self.is_open = False
        """Whether the scan runs. `network`, `pauses` and `tasks` exist only then."""
        self.is_stopped = False
        """Whether nothing new is to be started."""
        self.under_way: dict[TargetRun[T, R], bool] = {}
        """Targets that were started, but neither finished nor deferred."""
        self.resting = 0
        """Jobs that rest."""
        self.deferred: deque[tuple[float, TargetRun[T, R]]] = deque()
        """Targets deferred to the end, each with the time of the deferral."""
        self.finished: list[TargetResult[T, R]] = []
        """Unread results."""
        self.unread = 0
        """The number of these, including those that the reader is processing."""
        self.changed = asyncio.Event()
        """Set when a target ends or a job rests."""
        self._expand = expand
        self._progress = progress
        self._on_deferred = on_deferred

    def start(self, target: T) -> None:
        """Start a target."""
        self.begin(TargetRun(self, target))

    def begin(self, run: TargetRun[T, R]) -> None:
        """Start new jobs of a target that has no running ones; resolve a name first."""
        self.under_way[run] = True
        jobs = self._expand(run.result.target)
        if isinstance(jobs, list):
            run.start(jobs)
        else:
            self.tasks.create_task(run.start_resolved(jobs))

    def may_defer(self) -> bool:
        """Return whether a target may be deferred to the end."""
        return not self.is_stopped and len(self.deferred) < SECOND_TRIES

    def defer(self, run: TargetRun[T, R]) -> None:
        """Defer a target to the end."""
        del self.under_way[run]
        self._progress.waiting += 1
        self.deferred.append((asyncio.get_running_loop().time(), run))
        self._on_deferred(run.result.target)
        self.changed.set()

    def finish(self, run: TargetRun[T, R]) -> None:
        """Pass the result of a target to the reader."""
        del self.under_way[run]
        self._progress.done += 1
        self._progress.waiting -= run.is_second_try
        self.unread += 1
        self.finished.append(run.result)
        self.changed.set()

    def cancel(self) -> None:
        """Drop all targets that are not finished, because the scan ended early. Other scans may use their limits."""
        for run in self.under_way:
            run.cancel()
        self._progress.started -= len(self.under_way) + len(self.deferred)
        self._progress.waiting -= sum(run.is_second_try for run in self.under_way) + len(self.deferred)

    def fail(self, error: Exception) -> None:
        """End the scan because of a bug in the engine, so that no target waits forever."""
        self.tasks.create_task(_raise(error))

    def do(self, step: Callable[[], None]) -> None:
        """Call `step` of a target, unless the scan has ended meanwhile."""
        if self.is_open:
            try:
                step()
            except Exception as error:
                self.fail(error)

    def do_soon(self, step: Callable[[], None]) -> None:
        """Call `step` from the event loop, so that one target does not end deep inside another."""
        asyncio.get_running_loop().call_soon(self.do, step)


async def _raise(error: Exception) -> None:
    raise error


class TargetRun(Generic[T, R]):
    """One running target. It is the `Slot` of its running job."""

    def __init__(self, runs: TargetRuns[T, R], target: T) -> None:
        self.result: TargetResult[T, R] = TargetResult(target)
        self.is_second_try = False
        self._runs = runs
        self._jobs: list[Job[R]] = []  # jobs that have not run yet; the next one is last
        self._earlier: list[R] = []  # in a second try: the results of the first try
        self._deferred: list[tuple[Job[R], R]] = []
        self._job: Job[R]
        self._addresses: Sequence[str] = ()  # of the job
        self._locked = 0  # the number of them that we have acquired
        self._has_slot = False
        self._is_resting = False
        self._waits_for: Callable[[], None] | None = None  # called with the slot or address that we wait for
        self._tries = 0  # of the job that failed because this machine ran out of resources
        self._checks = runs.pauses.monitor.checks  # the check at the start of the job or of the lookup
        self._fresh_starts = 0  # because of outages

    def start(self, jobs: Sequence[Job[R]]) -> None:
        """Run `jobs`, one after the other."""
        self._jobs = list(reversed(jobs))
        self._next_job()

    async def start_resolved(self, jobs: Awaitable[Sequence[Job[R]]]) -> None:
        """Wait for `jobs` and run them."""
        self.start(await jobs)

    def start_again(self) -> None:
        """Run the deferred jobs once more."""
        self.is_second_try = True
        deferred, self._deferred = self._deferred[::-1], []
        self._jobs, self._earlier = [job for job, _ in deferred], [result for _, result in deferred]
        self._next_job()

    def cancel(self) -> None:
        """Release addresses and slot, because the scan ended early."""
        limits = self._runs.limits
        if self._waits_for is not None:
            if self._locked < len(self._addresses):
                limits.addresses.cancel_wait(self._addresses[self._locked], self._granted)
            else:
                limits.slots.cancel_wait(self._granted)
        if self._has_slot:
            limits.slots.release(succeeded=True)
        self._runs.resting -= self._is_resting
        self._unlock()

    def release(self) -> None:
        """See `sshprobe.probe.driver.Slot`."""
        self._is_resting = True
        self._runs.resting += 1
        self._has_slot = False
        self._runs.limits.slots.release(succeeded=False)
        self._runs.changed.set()

    def acquire(self, acquired: Callable[[], None]) -> None:
        """See `sshprobe.probe.driver.Slot`."""
        self._is_resting = False
        self._runs.resting -= 1
        if self._runs.limits.slots.try_acquire():
            self._has_slot = True
            acquired()
        else:
            self._waits_for = acquired
            self._runs.limits.slots.acquire(self._granted)

    def create_task(self, work: Coroutine[Any, Any, None]) -> object:
        """See `sshprobe.probe.driver.Slot`."""
        return self._runs.tasks.create_task(work)

    def _next_job(self) -> None:
        while self._jobs:
            self._job = job = self._jobs.pop()
            if self._earlier:
                earlier = self._earlier.pop()
                if self._runs.is_stopped:
                    self.result.results.append(earlier)
                    continue
            self._tries = 0
            self._addresses = addresses = job.addresses
            if addresses[1:]:
                self._addresses = sorted(addresses)  # in one order, so that two jobs cannot wait for each other
            self._run_job()
            return
        if self._deferred:
            self._runs.defer(self)
        else:
            self._runs.finish(self)

    def _run_job(self) -> None:
        """Start the job after acquiring all its addresses and a slot: a job without addresses needs neither."""
        limits, job = self._runs.limits, self._job
        for address in self._addresses[self._locked :]:
            if not limits.addresses.try_acquire(address):
                self._waits_for = self._run_job
                limits.addresses.acquire(address, self._granted)
                return
            self._locked += 1
        if self._addresses and not self._has_slot:
            if not limits.slots.try_acquire():
                self._waits_for = self._run_job
                limits.slots.acquire(self._granted)
                return
            self._has_slot = True
            self._checks = self._runs.pauses.monitor.checks
        try:
            job.start(self._runs.network, self, self._done)
        except Exception as error:  # our own bug affects only one host
            _log.exception("internal error while starting %s", self._addresses)
            job.failed_internally(error)

    def _granted(self) -> None:
        """Record the address or slot that we waited for, and continue from the event loop."""
        then, self._waits_for = self._waits_for, None
        if self._locked < len(self._addresses):
            self._locked += 1
        else:
            self._has_slot = True
        assert then is not None
        self._runs.do_soon(then)

    def _done(self, result: R) -> None:
        """Process the result of the job. A bug here ends the scan, because the caller would attribute it to the job."""
        runs, job = self._runs, self._job
        if not runs.is_open:
            return
        try:
            resource_error = job.resource_error
            if self._has_slot:
                self._has_slot = False
                if resource_error is None:
                    runs.limits.slots.release(succeeded=True)
                else:
                    runs.limits.slots.back_off()
            if resource_error is not None and self._tries < len(LOCAL_PAUSES):
                seconds = LOCAL_PAUSES[self._tries]
                self._tries += 1
                runs.pauses.pause(resource_error, seconds, partial(runs.do, self._run_job))
                return
            self._unlock()
            if (
                job.unanswered
                and self._fresh_starts < MAX_FRESH_STARTS
                and not runs.is_stopped
                and runs.pauses.disturbed(self._checks)
            ):
                self._fresh_starts += 1
                runs.tasks.create_task(self._start_anew(result))
                return
            self._take(result)
        except Exception as error:
            runs.fail(error)

    async def _start_anew(self, result: R) -> None:
        """Start the target again after the outage that ended its job; keep the job's result if the scan is to end."""
        runs = self._runs
        await runs.pauses.outage_over.wait()
        if runs.limits.pace is not None and not runs.is_stopped:
            await runs.limits.pace.next_start()
        if runs.is_stopped:
            self._take(result)
            return
        self.result.results.clear()
        self._earlier, self._deferred = [], []
        self._checks = runs.pauses.monitor.checks
        runs.begin(self)

    def _take(self, result: R) -> None:
        runs, job = self._runs, self._job
        if job.retry_later and not self.is_second_try and runs.may_defer():
            self._deferred.append((job, result))
        else:
            self.result.results.append(result)
        if self._jobs:
            runs.do_soon(self._next_job)
        else:
            self._next_job()

    def _unlock(self) -> None:
        locked, self._locked = self._locked, 0
        for address in self._addresses[:locked]:
            self._runs.limits.addresses.release(address)
