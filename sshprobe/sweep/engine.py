"""Running many jobs, each of which talks to one address.

Rules:

1. Every job ends in exactly one result, and results come as jobs finish.
2. At most one job talks to an address at a time; at most `concurrency` jobs run; at most `rate` are started a second.
3. A job that was told to come back later does so once, after all others and not before `throttle_wait` is over.
4. A job that failed because this machine was short of something is run again, more slowly; only when that goes on is
   its result taken as it is.
5. Memory follows `concurrency`, not the number of targets: they are taken from the iterator one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")

LOCAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each new try when this machine ran out of something."""


class Job(Protocol[R_co]):
    """One conversation with one address."""

    @property
    def address(self) -> str:
        """What must not be talked to twice at the same time."""

    @property
    def come_back_later(self) -> bool:
        """After a run: the other side asked for a pause."""

    @property
    def local_trouble(self) -> bool:
        """After a run: it failed for want of something on this machine."""

    async def run(self) -> R_co:
        """Run, or go on after a pause. Never raises for what the other side does."""


@dataclass(slots=True)
class Progress:
    """Counters for whoever shows how far a sweep is."""

    started: int = 0
    """Targets taken."""
    done: int = 0
    """Results given."""
    waiting: int = 0
    """Jobs put off for a second try."""

    @property
    def pending(self) -> int:
        """Targets started and not done; a target may have more than one result."""
        return max(0, self.started - self.done)


class Sweep(Generic[T, R]):
    """One sweep. `expand` turns a target into jobs, at least one; it may resolve names."""

    def __init__(
        self,
        expand: Callable[[T], Awaitable[Sequence[Job[R]]]],
        *,
        concurrency: int,
        rate: float | None = None,
        throttle_wait: float = 20.0,
    ) -> None:
        self.progress = Progress()
        self._expand = expand
        self._concurrency = concurrency
        self._interval = 1 / rate if rate else 0.0
        self._next_start = 0.0
        self._throttle_wait = throttle_wait
        self._stopped = asyncio.Event()
        self._addresses: dict[str, tuple[asyncio.Lock, int]] = {}
        self._later: list[tuple[float, Job[R], R]] = []

    def stop(self) -> None:
        """Start nothing new. What runs is finished; what waits for a second try is given as it is."""
        self._stopped.set()

    async def run(self, targets: Iterable[T]) -> AsyncIterator[R]:
        """Yield every result. Closing the iterator early cancels what runs."""
        source = iter(targets)
        results: asyncio.Queue[R | None] = asyncio.Queue(maxsize=self._concurrency)
        async with self._workers(results, lambda: self._drain(source, results)):
            while (result := await results.get()) is not None:
                self.progress.done += 1
                yield result
        later, self._later = iter(self._later), []
        async with self._workers(results, lambda: self._second_tries(later, results)):
            while (result := await results.get()) is not None:
                self.progress.done += 1
                yield result

    @asynccontextmanager
    async def _workers(
        self, results: asyncio.Queue[R | None], work: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Run `concurrency` workers; put None into `results` when all are done; re-raise what one raised."""

        async def all_of_them() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._concurrency):
                        group.create_task(_coroutine(work))
            except asyncio.CancelledError:
                raise  # whoever read the results is gone, so nothing may be put for them
            except BaseException:
                await results.put(None)
                raise
            await results.put(None)

        task = asyncio.create_task(all_of_them())
        try:
            yield
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _drain(self, source: Iterable[T], results: asyncio.Queue[R | None]) -> None:
        """Take targets until there are none: one worker."""
        for target in source:
            if self._stopped.is_set():
                return
            self.progress.started += 1
            await self._keep_rate()
            for job in await self._expand(target):
                await self._first_try(job, results)

    async def _first_try(self, job: Job[R], results: asyncio.Queue[R | None]) -> None:
        result = await self._run(job)
        if job.come_back_later and not self._stopped.is_set():
            self.progress.waiting += 1
            self._later.append((asyncio.get_running_loop().time() + self._throttle_wait, job, result))
            return
        await results.put(result)

    async def _second_tries(self, later: Iterable[tuple[float, Job[R], R]], results: asyncio.Queue[R | None]) -> None:
        for not_before, job, result in later:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(not_before):
                    await self._stopped.wait()
            self.progress.waiting -= 1
            await results.put(result if self._stopped.is_set() else await self._run(job))

    async def _run(self, job: Job[R]) -> R:
        async with self._alone(job.address):
            result = await job.run()
            for pause in LOCAL_PAUSES:
                if not job.local_trouble or self._stopped.is_set():
                    break
                await asyncio.sleep(pause)
                result = await job.run()
            return result

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
