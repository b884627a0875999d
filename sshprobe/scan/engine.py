"""Runs many jobs on one event loop. Each job probes one host.

Rules:

1. Every target ends in exactly one `TargetResult`, the results of all its jobs, in the order in which targets finish.
2. At most one job connects to an address at a time, and it holds all the addresses that it may connect to. At most
`concurrency` jobs run; resting jobs do not count, but there are at most `RESTING` times as many. At most `rate` targets
are started per second, at equal intervals. 3. A job that may find more later is run again once, after all others and at
least `throttle_wait` later. At most `SECOND_TRIES` jobs are, so that a network that resets every connection costs
neither memory nor twice the time. 4. A job that failed because this machine ran out of resources is run again after a
pause in which nothing new is started. Then only as many jobs run at once as did not fail. After several tries its
result is final. 5. Memory depends on `concurrency`, not on the number of targets. 6. While this machine has lost its
network, nothing new is started, for `MAX_PAUSE` seconds at most. A target that left a question unanswered in an outage,
or while this process was stopped, is started again: see `sshprobe.scan.pauses`.

Jobs are not awaited: `sshprobe.scan.target_run` starts them, and they call back at their end. Only name resolution uses
a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from sshprobe.net import Network
from sshprobe.net.outage import SharedWitnesses
from sshprobe.scan.job import Job, Progress, TargetResult
from sshprobe.scan.limits import Limits
from sshprobe.scan.pauses import Pauses
from sshprobe.scan.target_run import TargetRuns

R = TypeVar("R")
T = TypeVar("T")

RESTING = 16
"""The most resting jobs per running job."""


class Engine(Generic[T, R]):
    """One scan.

    - `expand` turns a target into at least one job: a list, or an awaitable of a list if a name must be resolved first.
    - `network` returns the network to use, open.
    - `on_resource_error(message)` is called when the scan pauses because this machine ran out of resources, and when a
      pause ends because the network is back.
    - `on_deferred(target)` is called for each target that is deferred to the end.
    - `limits`: may be shared by several scans at once.
    - `shared`: the witnesses of other processes of this scan (`sshprobe.net.outage`).
    - `progress`: the counters to use.
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
        progress: Progress | None = None,
    ) -> None:
        self.progress = progress or Progress()
        self.runs: TargetRuns[T, R] = TargetRuns(
            expand,
            limits or Limits(concurrency, None),
            self.progress,
            on_deferred=on_deferred or (lambda target: None),
        )
        self._open_network = network
        self._concurrency = concurrency
        self._throttle_wait = throttle_wait
        self._pace = self.runs.limits.pace
        self._report = on_resource_error or (lambda message: None)
        self._shared = shared

    def stop(self) -> None:
        """Start nothing new. Running jobs are finished; deferred ones keep their first result."""
        self.runs.is_stopped = True
        self.runs.changed.set()
        if self.runs.is_open:
            self.runs.pauses.end_outage()
        if self._pace is not None:
            self._pace.cancel_wait()

    async def batches(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncGenerator[list[TargetResult[T, R]], None]:
        """Yield the results of all targets, in batches of finished ones. Closing it early cancels running jobs."""
        runs = self.runs
        work = asyncio.create_task(self._run_all(targets if isinstance(targets, AsyncIterator) else _as_async(targets)))
        work.add_done_callback(lambda task: runs.changed.set())
        try:
            while True:
                while not runs.finished and not work.done():
                    await self._change()
                batch, runs.finished = runs.finished, []
                if not batch:
                    break
                yield batch
                runs.unread -= len(batch)
                runs.changed.set()
            await work  # re-raises a failure
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _change(self) -> None:
        """Wait until a target ends, a job rests, a batch was read, or the scan is to stop."""
        self.runs.changed.clear()
        await self.runs.changed.wait()

    async def _run_all(self, source: AsyncIterator[T]) -> None:
        runs = self.runs
        try:
            async with asyncio.TaskGroup() as runs.tasks:
                runs.network = self._open_network()
                runs.pauses = Pauses(runs.network, runs.limits.slots, report=self._report, shared=self._shared)
                runs.is_open = True
                try:
                    await self._first_tries(source)
                    await self._second_tries()
                finally:
                    runs.is_open = False
                    runs.network.close()  # before tasks are cancelled, so that nothing is called afterwards
        finally:
            runs.cancel()

    async def _first_tries(self, source: AsyncIterator[T]) -> None:
        """Start targets until there are none, and wait for the last of them."""
        runs = self.runs
        while True:
            while not self._has_room():
                await self._change()
            if runs.is_stopped:
                break
            await runs.pauses.calm.wait()
            if self._pace is not None:
                await self._pace.next_start()
            if runs.is_stopped:
                break  # while we waited
            try:
                target = await anext(source)
            except StopAsyncIteration:
                break
            self.progress.started += 1
            runs.start(target)
        await self._all_ended()

    async def _second_tries(self) -> None:
        runs = self.runs
        while runs.deferred:
            while not self._has_room():
                await self._change()
            deferred_at, run = runs.deferred[0]
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deferred_at + self._throttle_wait):
                    while not runs.is_stopped:
                        await self._change()
            await runs.pauses.calm.wait()
            if self._pace is not None and not runs.is_stopped:
                await self._pace.next_start()
            runs.deferred.popleft()
            runs.under_way[run] = True
            run.start_again()
        await self._all_ended()

    async def _all_ended(self) -> None:
        while self.runs.under_way:
            await self._change()

    def _has_room(self) -> bool:
        runs = self.runs
        running = len(runs.under_way)
        if runs.resting:
            running -= min(runs.resting, RESTING * self._concurrency)
        return running < self._concurrency and running + runs.unread < 2 * self._concurrency


async def _as_async(targets: Iterable[T]) -> AsyncIterator[T]:
    for target in targets:
        yield target
