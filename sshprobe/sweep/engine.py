"""Running many jobs on one event loop, each of which talks to one address.

Rules:

1. Every target ends in exactly one outcome: the results of all its jobs. Outcomes come as targets finish.
2. At most one job talks to an address at a time, and it has to itself all that it may turn to; at most `concurrency`
   jobs run, not counting those that rest (`sshprobe.resting`), of which there are at most `RESTING` times as many; at
   most `rate` targets are started a second, evenly and not in bursts.
3. A job that may give more later is run again once, after all others and not before `throttle_wait` is over: the first
   `SECOND_TRIES` that ask for it, so that a network that resets every one costs neither memory nor twice the time.
4. A job that failed because this machine was short of something is run again after a pause in which nothing new is
   started, and as many jobs at once as did not fail. Only after several tries is its result taken as it is.
5. Memory follows `concurrency`, not the number of targets.

A target is either expanded into jobs, which run in a task of its own, or goes by a `Shortcut`: then there is no task,
and callbacks say what came of it. All rules hold for both; whatever is out of the ordinary leaves the short cut as a
job.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import msgspec

from sshprobe.resting import AROUND
from sshprobe.sweep.jobs import Job, Shortcut, Way
from sshprobe.sweep.rests import RESTING, Rests
from sshprobe.sweep.turns import Limits

R = TypeVar("R")
T = TypeVar("T")

LOCAL_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each new try when this machine ran out of something."""

SECOND_TRIES = 4096
"""Targets that may be put off to the end. Each takes 3.5 kB until then."""


class Progress(msgspec.Struct):
    """Counters for whoever shows how far a sweep is."""

    started: int = 0
    """Targets taken."""
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


class Outcome(msgspec.Struct, Generic[T, R]):
    """What came of one target."""

    target: T
    results: list[R] = []


class Sweep(Generic[T, R]):
    """One sweep. `expand` turns a target into jobs, at least one; it may resolve names.

    `trouble` is told, in words, when this machine is short of something and the sweep pauses for it. `deferred` is told
    of each target that is put off to the end. Sweeps that run at once share `limits`: then together they keep to the
    rate, the concurrency, and one job at a time to an address.
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
        shortcut: Shortcut[T, R] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.progress = Progress()
        self._expand = expand
        self._concurrency = concurrency
        limits = limits or Limits(concurrency, rate)
        self._pace, self._turns, self._addresses = limits.pace, limits.turns, limits.addresses
        self._throttle_wait = throttle_wait
        self._trouble = trouble
        self._deferred = deferred
        self._shortcut = shortcut
        self._stopped = asyncio.Event()
        self._calm = asyncio.Event()  # cleared while this machine is short of something
        self._calm.set()
        self._on_a_way: dict[str, bool] = {}
        """The addresses of what is under way by the short cut: each has a turn too."""
        self._told: set[str] = set()
        self._later: list[tuple[float, Outcome[T, R], list[tuple[Job[R], R]]]] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._under_way = 0
        """Targets taken that have neither finished nor been put off."""
        self._rests = Rests(self._turns, self._wake_taker)
        self._finished: list[Outcome[T, R]] = []
        self._unread = 0
        """Outcomes in `_finished`, and those that the reader has not come back from."""
        self._reader: asyncio.Future[None] | None = None
        self._taker: asyncio.Future[None] | None = None

    def stop(self) -> None:
        """Start nothing new. What runs is finished; what waits for a second try is given as it is."""
        self._stopped.set()
        if self._pace is not None:
            self._pace.let_go()

    async def run(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncGenerator[Outcome[T, R], None]:
        """Yield the outcome of every target. Closing the iterator early cancels what runs."""
        async with aclosing(self.batches(targets)) as batches:
            async for batch in batches:
                for outcome in batch:
                    yield outcome

    async def batches(self, targets: Iterable[T] | AsyncIterator[T]) -> AsyncGenerator[list[Outcome[T, R]], None]:
        """Yield the outcomes of all targets, each time all that there are. Closing it early cancels what runs."""
        source = targets if isinstance(targets, AsyncIterator) else _as_async(targets)
        async with self._working(self._first_tries(source)) as work:
            while batch := await self._next_batch(work):
                yield batch
                self._read(batch)
        if self._later:
            async with self._working(self._second_tries()) as work:
                while batch := await self._next_batch(work):
                    yield batch
                    self._read(batch)

    # -- between those who work and who reads -----------------------------------------------------------------------

    @asynccontextmanager
    async def _working(self, work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
        """Run `work` and the tasks that it starts beside the block; re-raise what one raised."""

        async def all_of_it() -> None:
            async with asyncio.TaskGroup() as self._tasks:
                await work

        task = asyncio.create_task(all_of_it())
        task.add_done_callback(lambda task: self._wake_reader())
        try:
            yield task
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _next_batch(self, work: asyncio.Task[None]) -> list[Outcome[T, R]]:
        """Wait for outcomes, and return all that there are; none once `work` has ended."""
        while not self._finished and not work.done():
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        batch, self._finished = self._finished, []
        return batch

    def _read(self, batch: list[Outcome[T, R]]) -> None:
        self._unread -= len(batch)
        self._wake_taker()

    def _finish(self, outcome: Outcome[T, R]) -> None:
        self.progress.done += 1
        self._under_way -= 1
        self._unread += 1
        self._finished.append(outcome)
        self._wake_reader()
        self._wake_taker()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            if not self._reader.done():
                self._reader.set_result(None)
            self._reader = None

    def _wake_taker(self) -> None:
        if self._taker is not None:
            if not self._taker.done():
                self._taker.set_result(None)
            self._taker = None

    async def _changed(self) -> None:
        """Wait until a target ends or an outcome is read."""
        self._taker = asyncio.get_running_loop().create_future()
        await self._taker

    # -- first tries -------------------------------------------------------------------------------------------------

    async def _first_tries(self, source: AsyncIterator[T]) -> None:
        """Take targets until there are none, and wait for the last of them."""
        if self._shortcut is None:
            await self._take_all(source)
            return
        self._shortcut.open()
        try:
            await self._take_all(source)
        finally:
            self._shortcut.close()  # before the tasks are cancelled: no one goes on then with what leaves it
            for address in self._on_a_way:  # of a sweep that ended early: other sweeps may go on
                self._turns.give_back(trouble=False)
                self._addresses.give_back(address)
            self._on_a_way.clear()

    async def _take_all(self, source: AsyncIterator[T]) -> None:
        while True:
            while not self._has_room():
                await self._changed()
            if self._stopped.is_set():
                break
            if not self._calm.is_set():
                await self._calm.wait()
            if self._pace is not None:
                await self._pace.next_start()
            if self._stopped.is_set():
                break  # while we waited
            try:
                target = await anext(source)
            except StopAsyncIteration:
                break
            self.progress.started += 1
            self._under_way += 1
            self._begin(target)
        while self._under_way:
            await self._changed()

    def _has_room(self) -> bool:
        running = self._under_way - min(self._rests.number, RESTING * self._concurrency)
        return running < self._concurrency and running + self._unread < 2 * self._concurrency

    def _begin(self, target: T) -> None:
        # While this machine is short of something, nothing takes the short cut.
        if self._shortcut is not None and self._turns.unlimited:
            way = self._shortcut.way(target)
            if way is not None and self._addresses.take_now(way.address):
                if self._turns.take_now():
                    self._on_a_way[way.address] = True
                    way.start(self._way_ended, self._way_left)
                    return
                self._addresses.give_back(way.address)
        self._start(self._in_a_task(target))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._tasks.create_task(work)

    async def _in_a_task(self, target: T) -> None:
        outcome: Outcome[T, R] = Outcome(target)
        put_off: list[tuple[Job[R], R]] = []
        for job in await self._expand(target):
            result = await self._run(job)
            self._sort(job, result, outcome, put_off)
        self._end(outcome, put_off)

    def _sort(self, job: Job[R], result: R, outcome: Outcome[T, R], put_off: list[tuple[Job[R], R]]) -> None:
        if self._may_come_back(job):
            put_off.append((job, result))
        else:
            outcome.results.append(result)

    def _may_come_back(self, job: Job[R]) -> bool:
        return job.come_back_later and not self._stopped.is_set() and len(self._later) < SECOND_TRIES

    def _end(self, outcome: Outcome[T, R], put_off: list[tuple[Job[R], R]]) -> None:
        if not put_off:
            self._finish(outcome)
            return
        self.progress.waiting += 1
        self._later.append((asyncio.get_running_loop().time() + self._throttle_wait, outcome, put_off))
        if self._deferred is not None:
            self._deferred(outcome.target)
        self._under_way -= 1
        self._wake_taker()

    # -- by the short cut --------------------------------------------------------------------------------------------

    def _way_ended(self, way: Way[T, R], result: R, job: Job[R] | None) -> None:
        try:
            del self._on_a_way[way.address]
            self._turns.give_back(trouble=False)
            self._addresses.give_back(way.address)
            if job is not None and self._may_come_back(job):
                self._end(Outcome(way.target), [(job, result)])
            else:
                self._finish(Outcome(way.target, [result]))
        except Exception as error:
            # Who calls would take it for a bug in asking, and end the target a second time. As where a task raises it:
            # the sweep ends with it. It does not wait for this target for ever.
            self._start(_raise(error))

    def _way_left(self, way: Way[T, R], job: Job[R]) -> None:
        self._start(self._go_on(way, job))

    async def _go_on(self, way: Way[T, R], job: Job[R]) -> None:
        """Run a job that came from the short cut: it has its address and its turn already."""
        del self._on_a_way[way.address]
        target = way.target
        outcome: Outcome[T, R] = Outcome(target)
        put_off: list[tuple[Job[R], R]] = []
        self._sort(job, await self._alone(job, job.addresses, in_turn=True), outcome, put_off)
        self._end(outcome, put_off)

    # -- second tries ------------------------------------------------------------------------------------------------

    async def _second_tries(self) -> None:
        later, self._later = iter(self._later), []
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._again(later))

    async def _again(self, later: Iterable[tuple[float, Outcome[T, R], list[tuple[Job[R], R]]]]) -> None:
        """Take what was put off until nothing is left: one worker."""
        for not_before, outcome, put_off in later:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(not_before):
                    await self._stopped.wait()
            for job, result in put_off:
                outcome.results.append(result if self._stopped.is_set() else await self._run(job))
            self.progress.waiting -= 1
            self._under_way += 1  # `_finish` takes it off
            self._finish(outcome)

    # -- one job -----------------------------------------------------------------------------------------------------

    async def _run(self, job: Job[R]) -> R:
        # All in one order, or two jobs could wait for each other.
        addresses = sorted(job.addresses)
        if not addresses:
            return await job.run()
        for number, address in enumerate(addresses):
            try:
                await self._addresses.take(address)
            except asyncio.CancelledError:
                self._give_back(addresses[:number])
                raise
        return await self._alone(job, addresses, in_turn=False)

    def _give_back(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            self._addresses.give_back(address)

    async def _alone(self, job: Job[R], addresses: Sequence[str], *, in_turn: bool) -> R:
        """Run a job whose addresses nobody else has, and give them back."""
        try:
            result = await self._in_turn(job, has_turn=in_turn)
            for pause in LOCAL_PAUSES:
                trouble = job.local_trouble
                if trouble is None:
                    break
                self._turns.fewer()
                await self._wait_out(trouble, pause)
                result = await self._in_turn(job, has_turn=False)
            return result
        finally:
            self._give_back(addresses)

    async def _in_turn(self, job: Job[R], *, has_turn: bool) -> R:
        if not has_turn:
            await self._turns.take()
        turn = self._rests.turn()
        AROUND.set(turn.rest)
        try:
            return await job.run()
        finally:
            if turn.held:
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


async def _raise(error: Exception) -> None:
    raise error


async def _as_async(targets: Iterable[T]) -> AsyncIterator[T]:
    for target in targets:
        yield target
