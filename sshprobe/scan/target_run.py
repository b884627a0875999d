"""One target of a scan under way: its jobs, one after the other, each with its addresses and a slot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from sshprobe.net import Network
from sshprobe.scan.job import Job
from sshprobe.scan.limits import Limits
from sshprobe.scan.outage_pauses import MAX_FRESH_STARTS, Outages

_log = logging.getLogger("sshprobe")

R = TypeVar("R")
T = TypeVar("T")

LOCAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each new try when this machine ran out of something."""


class TargetResult(msgspec.Struct, Generic[T, R]):
    """The results of all jobs of one target."""

    target: T
    results: list[R] = []


class Owner(Protocol[T, R]):
    """The parts of the engine that a run uses."""

    limits: Limits
    network: Network
    outages: Outages
    resting: int
    is_running: bool

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new is started."""

    def wake_starter(self) -> None:
        """Look again whether another target can be started."""

    def create_task(self, work: Coroutine[Any, Any, None]) -> object:
        """Run `work` in a task that ends with the scan."""

    def fail(self, error: Exception) -> None:
        """End the scan with a bug in the engine."""

    def call_soon(self, step: Callable[[], None]) -> None:
        """Call `step` from the event loop."""

    def may_defer(self) -> bool:
        """Whether a job may be put off to the end."""

    def defer(self, run: TargetRun[T, R]) -> None:
        """Put a target off to the end."""

    def finish(self, run: TargetRun[T, R]) -> None:
        """Give the result of a target to the reader."""

    def start_anew(self, run: TargetRun[T, R]) -> None:
        """Start a target anew that an outage cut off, once the outage is over."""

    def pause(self, resource_error: str, seconds: float, then: Callable[[], None]) -> None:
        """Start nothing new for a while, then call `then`."""


class TargetRun(Generic[T, R]):
    """See the module. It is the `Slot` of its job that runs."""

    __slots__ = (
        "_addresses",
        "_checks",
        "_cut_off",
        "_deferred",
        "_earlier",
        "_engine",
        "_fresh_starts",
        "_has_slot",
        "_is_resting",
        "_job",
        "_jobs",
        "_locked",
        "_tries",
        "_waits_for",
        "is_second_try",
        "result",
    )

    def __init__(self, engine: Owner[T, R], target: T) -> None:
        self.result: TargetResult[T, R] = TargetResult(target)
        self.is_second_try = False
        self._engine = engine
        self._jobs: list[Job[R]] = []  # still to run, the next one last
        self._earlier: list[R] = []  # in a second try: their results of the first one
        self._deferred: list[tuple[Job[R], R]] = []
        self._job: Job[R]
        self._addresses: Sequence[str] = ()  # of the job
        self._locked = 0  # so many of them are ours
        self._has_slot = False
        self._is_resting = False
        self._waits_for: Callable[[], None] | None = None  # what to do with the slot or address that we wait for
        self._tries = 0  # of the job, that this machine failed
        self._checks = engine.outages.monitor.checks  # when the job was started, or the name was looked up
        self._fresh_starts = 0  # because of outages
        self._cut_off: R  # the result of a job that an outage cut off

    def start(self, jobs: Sequence[Job[R]]) -> None:
        """Run `jobs`, one after the other."""
        self._jobs = list(reversed(jobs))
        self._next_job()

    def start_again(self) -> None:
        """Run the jobs that were put off, once more."""
        self.is_second_try = True
        deferred, self._deferred = self._deferred[::-1], []
        self._jobs, self._earlier = [job for job, _ in deferred], [result for _, result in deferred]
        self._next_job()

    def cancel(self) -> None:
        """Give back what the scan does not need any more, because it ended early."""
        limits = self._engine.limits
        if self._waits_for is not None:
            if self._locked < len(self._addresses):
                limits.addresses.cancel_wait(self._addresses[self._locked], self._granted)
            else:
                limits.slots.cancel_wait(self._granted)
        if self._has_slot:
            limits.slots.release(succeeded=True)
        self._engine.resting -= self._is_resting
        self._unlock()

    # -- the slot of the job -----------------------------------------------------------------------------------------

    def release(self) -> None:
        """See `sshprobe.probe.driver.Slot`."""
        self._is_resting = True
        self._engine.resting += 1
        self._has_slot = False
        self._engine.limits.slots.release(succeeded=False)
        self._engine.wake_starter()

    def acquire(self, acquired: Callable[[], None]) -> None:
        """See `sshprobe.probe.driver.Slot`."""
        self._is_resting = False
        self._engine.resting -= 1
        if self._engine.limits.slots.try_acquire():
            self._has_slot = True
            acquired()
        else:
            self._wait_for_slot(acquired)

    def create_task(self, work: Coroutine[Any, Any, None]) -> object:
        """See `sshprobe.probe.driver.Slot`."""
        return self._engine.create_task(work)

    # -- one job -----------------------------------------------------------------------------------------------------

    def _next_job(self) -> None:
        while self._jobs:
            self._job = job = self._jobs.pop()
            if self._earlier:
                earlier = self._earlier.pop()
                if self._engine.is_stopped:
                    self.result.results.append(earlier)
                    continue
            self._tries = 0
            self._addresses = addresses = job.addresses
            if addresses[1:]:
                self._addresses = sorted(addresses)  # all in one order, or two jobs could wait for each other
            self._run_job()
            return
        if self._deferred:
            self._engine.defer(self)
        else:
            self._engine.finish(self)

    def _run_job(self) -> None:
        """Start the job once all of its addresses and a slot are ours: a job without addresses needs neither."""
        limits, job = self._engine.limits, self._job
        for address in self._addresses[self._locked :]:
            if not limits.addresses.try_acquire(address):
                self._waits_for = self._run_job
                limits.addresses.acquire(address, self._granted)
                return
            self._locked += 1
        if self._addresses and not self._has_slot:
            if not limits.slots.try_acquire():
                self._wait_for_slot(self._run_job)
                return
            self._has_slot = True
            self._checks = self._engine.outages.monitor.checks
        try:
            job.start(self._engine.network, self, self._done)
        except Exception as error:  # a bug of ours costs one host
            _log.exception("internal error while starting %s", self._addresses)
            job.failed_internally(error)

    def _wait_for_slot(self, then: Callable[[], None]) -> None:
        self._waits_for = then
        self._engine.limits.slots.acquire(self._granted)

    def _granted(self) -> None:
        """Take the address or the slot that we wait for, and go on soon."""
        then, self._waits_for = self._waits_for, None
        if self._locked < len(self._addresses):
            self._locked += 1
        else:
            self._has_slot = True
        assert then is not None
        self._engine.call_soon(then)

    def _done(self, result: R) -> None:
        """Take the result of the job. A bug in this ends the scan; the caller would take it for one in the job."""
        engine, job = self._engine, self._job
        if not engine.is_running:
            return
        try:
            resource_error = job.resource_error
            if self._has_slot:
                self._has_slot = False
                if resource_error is None:
                    engine.limits.slots.release(succeeded=True)
                else:
                    engine.limits.slots.back_off()
            if resource_error is not None and self._tries < len(LOCAL_PAUSES):
                self._tries += 1
                engine.pause(resource_error, LOCAL_PAUSES[self._tries - 1], self._run_job)
                return
            self._unlock()
            if (
                job.unanswered
                and self._fresh_starts < MAX_FRESH_STARTS
                and not engine.is_stopped
                and engine.outages.disturbed(self._checks)
            ):
                self._fresh_starts += 1
                self._cut_off = result
                engine.start_anew(self)
                return
            self._take(job, result)
        except Exception as error:
            engine.fail(error)

    def forget(self) -> None:
        """Drop all results: the target is started anew."""
        self.result.results.clear()
        self._earlier, self._deferred = [], []
        self._checks = self._engine.outages.monitor.checks

    def give_up(self) -> None:
        """Take the result of a job that an outage cut off: the scan is to end."""
        self._take(self._job, self._cut_off)

    def _take(self, job: Job[R], result: R) -> None:
        engine = self._engine
        if job.retry_later and not self.is_second_try and engine.may_defer():
            self._deferred.append((job, result))
        else:
            self.result.results.append(result)
        if self._jobs:
            engine.call_soon(self._next_job)
        else:
            self._next_job()

    def _unlock(self) -> None:
        locked, self._locked = self._locked, 0
        for address in self._addresses[:locked]:
            self._engine.limits.addresses.release(address)
