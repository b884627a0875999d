"""Running many jobs on one event loop. Each job is one host.

Rules:

1. Every target ends in exactly one `TargetResult`: the results of all its jobs. They come as targets finish.
2. At most one job connects to an address at a time, and it holds all the addresses that it may connect to. At most
   `concurrency` jobs run; jobs that rest do not count, but there are at most `RESTING` times as many. At most `rate`
   targets are started a second, evenly and not in bursts.
3. A job that may find more later is run again once, after all others and not before `throttle_wait` is over: the first
   `SECOND_TRIES` of them, so that a network that resets every connection costs neither memory nor twice the time.
4. A job that failed because this machine ran out of something is run again after a pause in which nothing new is
   started, and with as many jobs at once as did not fail. Only after several tries is its result taken as it is.
5. Memory follows `concurrency`, not the number of targets.
6. While this machine has lost its network, nothing new is started, for `MAX_PAUSE` seconds at most. A target that left
   a question unanswered in an outage, or while this process was stopped, is started anew: see
   `sshprobe.scan.outage_pauses`.

Nothing here waits for a job: it is started (`sshprobe.scan.target_run`) and calls back at its end. A target that has to
be resolved first gets a task for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import msgspec

from sshprobe.net import Network
from sshprobe.net.outage import SharedWitnesses
from sshprobe.scan.job import Job
from sshprobe.scan.limits import Limits
from sshprobe.scan.outage_pauses import Outages
from sshprobe.scan.target_run import TargetResult, TargetRun

R = TypeVar("R")
T = TypeVar("T")

RESTING = 16
"""Jobs that may rest, for each that may run."""

SECOND_TRIES = 4096
"""Targets that may be put off to the end. Each takes 3.5 kB until then."""


class Progress(msgspec.Struct):
    """Counters that show how far a scan is."""

    started: int = 0
    """Targets started."""
    done: int = 0
    """Targets finished."""
    waiting: int = 0
    """Targets put off for a second try."""
    total: int | None = None
    """Targets there are. None: not known, or not kept here."""

    @property
    def pending(self) -> int:
        """Targets started and not done."""
        return self.started - self.done


class Engine(Generic[T, R]):
    """One scan.

    - `expand` turns a target into jobs, at least one: a list of them, or an awaitable of it where a name has to be
      resolved first.
    - `network` returns the network to use, open.
    - `on_resource_error(message)` is called when the scan pauses because this machine ran out of something, and
      when it ends a pause because the network is back.
    - `on_deferred(target)` is called for each target that is put off to the end.
    - `limits`: those of several scans at once, which together keep to rate and concurrency, and to one job at a time
      to an address.
    - `shared`: the witnesses of other processes of this scan (`sshprobe.net.outage`).
    """

    def __init__(
        self,
        expand: Callable[[T], list[Job[R]] | Awaitable[Sequence[Job[R]]]],
        network: Callable[[], Network],
        *,
        concurrency: int,
        throttle_wait: float = 20.0,
        on_resource_error: Callable[[str], None] | None = None,
        on_deferred: Callable[[T], None] | None = None,
        limits: Limits | None = None,
        shared: SharedWitnesses | None = None,
    ) -> None:
        self.progress = Progress()
        self.limits = limits or Limits(concurrency, None)
        self.network: Network
        """While the scan runs."""
        self.outages: Outages
        """The same."""
        self.is_running = False
        self.resting = 0
        """Jobs that rest."""
        self._expand = expand
        self._open_network = network
        self._concurrency = concurrency
        self._throttle_wait = throttle_wait
        self._on_resource_error = on_resource_error
        self._on_deferred = on_deferred
        self._shared = shared
        self._stopped = asyncio.Event()
        self._calm = asyncio.Event()  # cleared while this machine is short of something
        self._calm.set()
        self._reported: set[str] = set()
        """Resource errors that were reported since there was enough of everything."""
        self._runs: dict[TargetRun[T, R], bool] = {}
        """The targets under way: started, and neither finished nor put off."""
        self._cut_off: list[TargetRun[T, R]] = []
        """Targets that wait for the end of an outage."""
        self._later: list[tuple[float, TargetRun[T, R]]] = []
        self._tasks: asyncio.TaskGroup
        self._finished: list[TargetResult[T, R]] = []
        self._unread = 0
        """Results in `_finished`, and those that the reader is busy with."""
        self._reader: asyncio.Future[None] | None = None
        self._starter: asyncio.Future[None] | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Start nothing new. What runs is finished; what waits for a second try is given as it is."""
        self._stopped.set()
        if self.is_running:
            self.outages.stop()
        if self.limits.pace is not None:
            self.limits.pace.cancel_wait()

    async def run(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncGenerator[TargetResult[T, R], None]:
        """Yield the result of every target. Closing the iterator early cancels what runs."""
        async with aclosing(self.batches(targets)) as batches:
            async for batch in batches:
                for result in batch:
                    yield result

    async def batches(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncGenerator[list[TargetResult[T, R]], None]:
        """Yield the results of all targets, each time all that there are. Closing it early cancels what runs."""
        source = targets if isinstance(targets, AsyncIterator) else _as_async(targets)
        async with self._working(source) as work:
            while batch := await self._next_batch(work):
                yield batch
                self._unread -= len(batch)
                self.wake_starter()

    # -- between starter and reader ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _working(self, source: AsyncIterator[T]) -> AsyncIterator[asyncio.Task[None]]:
        """Run all targets beside the block; re-raise a failure."""
        task = asyncio.create_task(self._run_all(source))
        task.add_done_callback(lambda task: self._wake_reader())
        try:
            yield task
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run_all(self, source: AsyncIterator[T]) -> None:
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self.network = self._open_network()
                self.outages = Outages(
                    self.network,
                    on_pause=self._calm.clear,
                    on_end=self._outage_ended,
                    report=self._report,
                    shared=self._shared,
                )
                self.is_running = True
                try:
                    await self._first_tries(source)
                    await self._second_tries()
                finally:
                    self.is_running = False
                    self.network.close()  # before tasks are cancelled: nothing happens any more
        finally:
            for run in self._runs:  # of a scan that ended early: others may go on
                run.cancel()

    async def _next_batch(self, work: asyncio.Task[None]) -> list[TargetResult[T, R]]:
        """Wait for results, and return all that there are; none once `work` has ended."""
        while not self._finished and not work.done():
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        batch, self._finished = self._finished, []
        return batch

    def _wake_reader(self) -> None:
        if self._reader is not None:
            if not self._reader.done():
                self._reader.set_result(None)
            self._reader = None

    def wake_starter(self) -> None:
        """Look again whether another target can be started."""
        if self._starter is not None:
            if not self._starter.done():
                self._starter.set_result(None)
            self._starter = None

    async def _changed(self) -> None:
        """Wait until a target ends, a job rests or a result is read."""
        self._starter = asyncio.get_running_loop().create_future()
        await self._starter

    # -- starting targets --------------------------------------------------------------------------------------------

    async def _first_tries(self, source: AsyncIterator[T]) -> None:
        """Start targets until there are none, and wait for the last of them."""
        pace = self.limits.pace
        while True:
            while not self._has_room():
                await self._changed()
            if self._stopped.is_set():
                break
            if not self._calm.is_set():
                await self._calm.wait()
            if pace is not None:
                await pace.next_start()
            if self._stopped.is_set():
                break  # while we waited
            try:
                target = await anext(source)
            except StopAsyncIteration:
                break
            self.progress.started += 1
            run = TargetRun(self, target)
            self._runs[run] = True
            self.begin(run)
        await self._all_ended()

    async def _second_tries(self) -> None:
        later, self._later = self._later, []
        for not_before, run in later:
            while not self._has_room():
                await self._changed()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(not_before):
                    await self._stopped.wait()
            await self._calm.wait()
            if self.limits.pace is not None and not self._stopped.is_set():
                await self.limits.pace.next_start()
            self._runs[run] = True
            run.start_again()
        await self._all_ended()

    async def _all_ended(self) -> None:
        while self._runs:
            await self._changed()

    def _has_room(self) -> bool:
        running = len(self._runs) - min(self.resting, RESTING * self._concurrency)
        return running < self._concurrency and running + self._unread < 2 * self._concurrency

    async def _resolve(self, run: TargetRun[T, R], jobs: Awaitable[Sequence[Job[R]]]) -> None:
        run.start(await jobs)

    def begin(self, run: TargetRun[T, R]) -> None:
        """Start the jobs of a target that has none under way, as new ones; resolve a name first."""
        jobs = self._expand(run.result.target)
        if isinstance(jobs, list):
            run.start(jobs)
        else:
            self.create_task(self._resolve(run, jobs))

    # -- for runs ----------------------------------------------------------------------------------------------------

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in a task, which is cancelled when the scan ends early; what it raises ends the scan."""
        return self._tasks.create_task(work)

    def fail(self, error: Exception) -> None:
        """End the scan with a bug in the engine. No target waits for ever."""
        self.create_task(_raise(error))

    def call_soon(self, step: Callable[[], None]) -> None:
        """Call `step` of a run from the event loop, so that one run does not end deep inside another."""
        asyncio.get_running_loop().call_soon(self.do, step)

    def do(self, step: Callable[[], None]) -> None:
        """Call `step` of a run, unless the scan has ended meanwhile."""
        if self.is_running:
            try:
                step()
            except Exception as error:
                self.fail(error)

    def may_defer(self) -> bool:
        """Whether a job may be put off to the end."""
        return not self._stopped.is_set() and len(self._later) < SECOND_TRIES

    def defer(self, run: TargetRun[T, R]) -> None:
        """Put a target off to the end."""
        del self._runs[run]
        self.progress.waiting += 1
        self._later.append((asyncio.get_running_loop().time() + self._throttle_wait, run))
        if self._on_deferred is not None:
            self._on_deferred(run.result.target)
        self.wake_starter()

    def finish(self, run: TargetRun[T, R]) -> None:
        """Give the result of a target to the reader."""
        del self._runs[run]
        self.progress.done += 1
        self.progress.waiting -= run.is_second_try
        self._unread += 1
        self._finished.append(run.result)
        self._wake_reader()
        self.wake_starter()

    def pause(self, resource_error: str, seconds: float, then: Callable[[], None]) -> None:
        """Start nothing new until one pause is over, and call `then` after this one."""
        if self.limits.slots.unlimited:
            self._reported.clear()
        if resource_error not in self._reported:
            self._reported.add(resource_error)
            self._report(f"{resource_error}: pausing")
        self._calm.clear()

        def end() -> None:
            if not self.outages.is_pausing:
                self._calm.set()
            self.do(then)

        self.network.call_later(seconds, end)

    def _report(self, message: str) -> None:
        if self._on_resource_error is not None:
            self._on_resource_error(message)

    def start_anew(self, run: TargetRun[T, R]) -> None:
        """Start a target anew that an outage cut off, once the outage is over."""
        self._cut_off.append(run)
        if not self.outages.is_pausing:
            self.create_task(self._start_cut_off())

    def _outage_ended(self) -> int:
        hosts = len(self._cut_off)
        self._calm.set()
        self.create_task(self._start_cut_off())
        return hosts

    async def _start_cut_off(self) -> None:
        while self._cut_off and not self.outages.is_pausing:
            run = self._cut_off.pop()
            if self.limits.pace is not None and not self._stopped.is_set():
                await self.limits.pace.next_start()
            if self._stopped.is_set():
                run.give_up()
            else:
                run.forget()
                self.begin(run)


async def _raise(error: Exception) -> None:
    raise error


async def _as_async(targets: Iterable[T]) -> AsyncIterator[T]:
    for target in targets:
        yield target
