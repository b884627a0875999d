"""Running many jobs on one event loop, each of which talks to one address.

Rules:

1. Every target ends in exactly one outcome: the results of all its jobs. Outcomes come as targets finish.
2. At most one job talks to an address at a time; at most `concurrency` jobs run; at most `rate` targets are started a
   second, evenly and not in bursts.
3. A job that was told to come back later does so once, after all others and not before `throttle_wait` is over.
4. A job that failed because this machine was short of something is run again after a pause in which nothing new is
   started, and as many jobs at once as did not fail. Only after several tries is its result taken as it is.
5. Memory follows `concurrency` and the number of throttled hosts, not the number of targets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sshprobe.sweep.turns import Turns

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")

LOCAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each new try when this machine ran out of something."""


class Job(Protocol[R_co]):
    """One conversation with one address."""

    @property
    def address(self) -> str:
        """What must not be talked to twice at the same time; "" for nobody."""

    @property
    def come_back_later(self) -> bool:
        """After a run: the other side asked for a pause."""

    @property
    def local_trouble(self) -> str | None:
        """After a run: what this machine was short of, if that is why it failed."""

    async def run(self) -> R_co:
        """Run, or go on after a pause. Never raises for what the other side does."""


@dataclass(slots=True)
class Progress:
    """Counters for whoever shows how far a sweep is."""

    started: int = 0
    """Targets taken."""
    done: int = 0
    """Targets finished."""
    waiting: int = 0
    """Targets put off for a second try."""

    @property
    def pending(self) -> int:
        """Targets started and not done."""
        return self.started - self.done


@dataclass(slots=True)
class Outcome(Generic[T, R]):
    """What came of one target."""

    target: T
    results: list[R] = field(default_factory=list)


class Sweep(Generic[T, R]):
    """One sweep. `expand` turns a target into jobs, at least one; it may resolve names.

    `trouble` is told, in words, when this machine is short of something and the sweep pauses for it. `deferred` is told
    of each target that is put off to the end.
    """

    def __init__(
        self,
        expand: Callable[[T], Awaitable[Sequence[Job[R]]]],
        *,
        concurrency: int,
        rate: float | None = None,
        throttle_wait: float = 20.0,
        trouble: Callable[[str], None] | None = None,
        deferred: Callable[[T], None] | None = None,
    ) -> None:
        self.progress = Progress()
        self._expand = expand
        self._concurrency = concurrency
        self._interval = 1 / rate if rate else 0.0
        self._next_start = 0.0
        self._throttle_wait = throttle_wait
        self._trouble = trouble
        self._deferred = deferred
        self._stopped = asyncio.Event()
        self._calm = asyncio.Event()  # cleared while this machine is short of something
        self._calm.set()
        self._turns = Turns(concurrency)
        self._told: set[str] = set()
        self._addresses: dict[str, tuple[asyncio.Lock, int]] = {}
        self._later: list[tuple[float, Outcome[T, R], list[tuple[Job[R], R]]]] = []

    def stop(self) -> None:
        """Start nothing new. What runs is finished; what waits for a second try is given as it is."""
        self._stopped.set()

    async def run(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncIterator[Outcome[T, R]]:
        """Yield the outcome of every target. Closing the iterator early cancels what runs."""
        source = targets if isinstance(targets, AsyncIterator) else _as_async(targets)
        one_at_a_time = asyncio.Lock()
        outcomes: asyncio.Queue[Outcome[T, R] | None] = asyncio.Queue(maxsize=self._concurrency)
        async with self._workers(outcomes, lambda: self._first_tries(source, one_at_a_time, outcomes)):
            while (outcome := await outcomes.get()) is not None:
                self.progress.done += 1
                yield outcome
        later, self._later = iter(self._later), []
        async with self._workers(outcomes, lambda: self._second_tries(later, outcomes)):
            while (outcome := await outcomes.get()) is not None:
                self.progress.done += 1
                yield outcome

    @asynccontextmanager
    async def _workers(
        self, outcomes: asyncio.Queue[Outcome[T, R] | None], work: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Run `concurrency` workers; put None into `outcomes` when all are done; re-raise what one raised."""

        async def all_of_them() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._concurrency):
                        group.create_task(_coroutine(work))
            except asyncio.CancelledError:
                raise  # whoever read the outcomes is gone, so nothing may be put for them
            except BaseException:
                await outcomes.put(None)
                raise
            await outcomes.put(None)

        task = asyncio.create_task(all_of_them())
        try:
            yield
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _first_tries(
        self, source: AsyncIterator[T], one_at_a_time: asyncio.Lock, outcomes: asyncio.Queue[Outcome[T, R] | None]
    ) -> None:
        """Take targets until there are none: one worker."""
        while True:
            async with one_at_a_time:
                if self._stopped.is_set():
                    return
                await self._calm.wait()
                await self._keep_rate()
                try:
                    target = await anext(source)
                except StopAsyncIteration:
                    return
            self.progress.started += 1
            outcome: Outcome[T, R] = Outcome(target)
            put_off = []
            for job in await self._expand(target):
                result = await self._run(job)
                if job.come_back_later and not self._stopped.is_set():
                    put_off.append((job, result))
                else:
                    outcome.results.append(result)
            if put_off:
                self.progress.waiting += 1
                self._later.append((asyncio.get_running_loop().time() + self._throttle_wait, outcome, put_off))
                if self._deferred is not None:
                    self._deferred(target)
            else:
                await outcomes.put(outcome)

    async def _second_tries(
        self,
        later: Iterable[tuple[float, Outcome[T, R], list[tuple[Job[R], R]]]],
        outcomes: asyncio.Queue[Outcome[T, R] | None],
    ) -> None:
        for not_before, outcome, put_off in later:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(not_before):
                    await self._stopped.wait()
            for job, result in put_off:
                outcome.results.append(result if self._stopped.is_set() else await self._run(job))
            self.progress.waiting -= 1
            await outcomes.put(outcome)

    async def _run(self, job: Job[R]) -> R:
        if not job.address:
            return await job.run()
        async with self._alone(job.address):
            result = await self._in_turn(job)
            for pause in LOCAL_PAUSES:
                trouble = job.local_trouble
                if trouble is None:
                    break
                self._turns.fewer()
                await self._wait_out(trouble, pause)
                result = await self._in_turn(job)
            return result

    async def _in_turn(self, job: Job[R]) -> R:
        await self._turns.take()
        try:
            return await job.run()
        finally:
            self._turns.give_back(trouble=job.local_trouble is not None)

    async def _wait_out(self, trouble: str, pause: float) -> None:
        """Pause the sweep: nothing new is started until one pause is over."""
        if self._turns.unlimited:
            self._told.clear()
        if self._trouble is not None and trouble not in self._told:
            self._told.add(trouble)
            self._trouble(trouble)
        self._calm.clear()
        try:
            await asyncio.sleep(pause)
        finally:
            self._calm.set()

    @asynccontextmanager
    async def _alone(self, address: str) -> AsyncIterator[None]:
        lock, users = self._addresses.get(address, (asyncio.Lock(), 0))
        self._addresses[address] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._addresses[address]
            if users == 1:
                del self._addresses[address]
            else:
                self._addresses[address] = (lock, users - 1)

    async def _keep_rate(self) -> None:
        if not self._interval:
            return
        loop = asyncio.get_running_loop()
        start = max(self._next_start, loop.time())
        self._next_start = start + self._interval
        await asyncio.sleep(start - loop.time())


async def _coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _as_async(targets: Iterable[T]) -> AsyncIterator[T]:
    for target in targets:
        yield target
