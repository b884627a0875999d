"""Every job ends in exactly one result, despite failures of servers and this machine."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

import pytest

from sshprobe.net import Network, open_network
from sshprobe.probe.driver import Slot
from sshprobe.scan import target_run
from sshprobe.scan.engine import RESTING, Engine
from sshprobe.scan.job import Job, TargetResult
from sshprobe.scan.limits import Limits

T = TypeVar("T")


class Conversation:
    """A job that takes a few turns of the event loop and keeps count of the jobs that run at the same time."""

    unanswered = False
    talking: Counter[str] = Counter()  # noqa: RUF012 - shared on purpose
    most: Counter[str] = Counter()  # noqa: RUF012 - shared on purpose

    def __init__(self, name: str, *addresses: str, throttled: int = 0, local: int = 0) -> None:
        self.name = name
        self.addresses = addresses
        self.runs = 0
        self._throttled = throttled
        self._local = local

    @property
    def retry_later(self) -> bool:
        return self.runs <= self._throttled

    @property
    def resource_error(self) -> str | None:
        return "no buffer space" if self.runs <= self._local else None

    def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
        slot.create_task(self.converse(done))

    async def converse(self, done: Callable[[str], None]) -> None:
        self.begin()
        for _ in range(5):
            await asyncio.sleep(0)
        self.end(done)

    def begin(self) -> None:
        self.runs += 1
        for key in (*self.addresses, "all"):
            self.talking[key] += 1
            self.most[key] = max(self.most[key], self.talking[key])

    def end(self, done: Callable[[str], None]) -> None:
        for key in (*self.addresses, "all"):
            self.talking[key] -= 1
        done(f"{self.name}#{self.runs}")

    def failed_internally(self, error: Exception) -> None:
        raise error

    @property
    def address(self) -> str:
        return self.addresses[0]


@pytest.fixture(autouse=True)
def _nobody_talks() -> None:
    Conversation.talking.clear()
    Conversation.most.clear()


def each(job: Conversation) -> list[Job[str]]:
    return [job]


async def each_resolved(job: Conversation) -> list[Job[str]]:
    """In a task, like names."""
    await asyncio.sleep(0)
    return [job]


def sweep(concurrency: int = 10, throttle_wait: float = 0.0) -> Engine[Conversation, str]:
    return Engine(each, open_network, concurrency=concurrency, throttle_wait=throttle_wait)


async def outcomes_of(
    engine: Engine[T, str], targets: Iterable[T] | AsyncIterator[T]
) -> AsyncGenerator[TargetResult[T, str], None]:
    async with aclosing(engine.batches(targets)) as batches:
        async for batch in batches:
            for result in batch:
                yield result


async def results_of(engine: Engine[Conversation, str], targets: Iterable[Conversation]) -> list[str]:
    return [result async for outcome in outcomes_of(engine, targets) for result in outcome.results]


@pytest.mark.parametrize("expand", [each, each_resolved])
async def test_every_target_has_one_result(expand: Any) -> None:
    targets = [Conversation(str(number), str(number)) for number in range(500)]
    results = await results_of(Engine(expand, open_network, concurrency=10), targets)
    assert sorted(results) == sorted(f"{number}#1" for number in range(500))
    assert Conversation.most["all"] <= 10


async def test_an_address_never_has_two_connections() -> None:
    targets = [Conversation(str(number), str(number % 3)) for number in range(60)]
    results = await results_of(sweep(30), targets)
    assert len(results) == 60
    assert [Conversation.most[str(address)] for address in range(3)] == [1, 1, 1]
    assert Conversation.most["all"] == 3


async def test_throttled_hosts_are_tried_again_at_the_end() -> None:
    targets = [Conversation(str(number), str(number), throttled=1 if number < 3 else 0) for number in range(50)]
    results = await results_of(sweep(), targets)
    assert len(results) == 50
    assert sorted(results[-3:]) == ["0#2", "1#2", "2#2"]


async def test_a_spurious_wakeup_does_not_end_a_reader() -> None:
    """On Python 3.13 the end of the first tries woke the reader of second tries, which were all lost."""
    engine = sweep()

    class Waking(Conversation):
        async def converse(self, done: Callable[[str], None]) -> None:
            for _ in range(3):
                engine.runs.changed.set()
                await asyncio.sleep(0)
            await super().converse(done)

    targets = [Waking(str(number), str(number), throttled=1) for number in range(3)]
    assert sorted(await results_of(engine, targets)) == ["0#2", "1#2", "2#2"]


async def test_deferred_targets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_run, "SECOND_TRIES", 2)
    targets = [Conversation(f"a{number}", str(number), throttled=1) for number in range(5)]
    assert await results_of(sweep(), targets) == ["a2#1", "a3#1", "a4#1", "a0#2", "a1#2"]


async def test_a_throttled_host_has_no_third_try() -> None:
    job = Conversation("a", "a", throttled=9)
    engine = sweep()
    assert await results_of(engine, [job]) == ["a#2"]
    assert engine.progress.waiting == 0


async def test_a_shortage_of_this_machine_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_run, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    targets = [Conversation("short", "1", local=2), Conversation("long", "2", local=99)]
    said: list[str] = []
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=10, on_resource_error=said.append)
    assert set(await results_of(engine, targets)) == {"short#3", "long#4"}
    assert set(said) == {"no buffer space: pausing"}


async def test_sixty_jobs_share_three_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without targets waits until others are done, not for a number of pauses."""
    monkeypatch.setattr(target_run, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    taken = 0

    class Greedy(Conversation):
        resource_error: str | None = None
        retry_later = False

        async def converse(self, done: Callable[[str], None]) -> None:
            nonlocal taken
            if taken == 3:
                self.resource_error = "too many open files"
                done("none left")
                return
            self.resource_error = None
            taken += 1
            for _ in range(100):
                await asyncio.sleep(0)
            taken -= 1
            done(self.name)

    said: list[str] = []
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=30, on_resource_error=said.append)
    results = await results_of(engine, [Greedy(str(number), str(number)) for number in range(60)])
    assert sorted(results, key=int) == [str(number) for number in range(60)]
    assert said == ["too many open files: pausing"]


async def test_targets_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[Conversation]:
        nonlocal taken
        while True:
            taken += 1
            yield Conversation(str(taken), str(taken))

    seen = 0
    results = outcomes_of(sweep(4), endless())
    async for _ in results:
        seen += 1
        assert taken <= seen + 4 + 4 + 1  # the running ones, those waiting to be read, one being read
        if seen == 200:
            break
    await results.aclose()
    before = taken
    await asyncio.sleep(0.01)
    assert taken == before  # closing the iterator ended the workers


async def test_starts_respect_the_rate_without_bursts() -> None:
    interval, delayed = 0.01, 5
    loop = asyncio.get_running_loop()
    begun: list[float] = []
    delay_over = 0.0

    async def targets() -> AsyncIterator[Conversation]:
        nonlocal delay_over
        for number in range(12):
            if number == delayed:
                await asyncio.sleep(5 * interval)
                delay_over = loop.time()
            yield Conversation(str(number), str(number))

    def expand(job: Conversation) -> list[Job[str]]:
        begun.append(loop.time())
        return [job]

    before = loop.time()
    engine: Engine[Conversation, str] = Engine(expand, open_network, concurrency=100, limits=Limits(100, 1 / interval))
    assert len([outcome async for outcome in outcomes_of(engine, targets())]) == len(begun) == 12
    early = 0.002  # tolerance of the clock
    assert all(at >= before + number * interval - early for number, at in enumerate(begun))
    assert all(at >= delay_over + number * interval - early for number, at in enumerate(begun[delayed + 1 :]))


async def test_second_tries_keep_to_the_rate() -> None:
    interval = 0.01
    begun: list[float] = []

    class Timed(Conversation):
        def begin(self) -> None:
            super().begin()
            begun.append(asyncio.get_running_loop().time())

    engine: Engine[Conversation, str] = Engine(
        each, open_network, concurrency=100, limits=Limits(100, 1 / interval), throttle_wait=0.0
    )
    before = asyncio.get_running_loop().time()
    results = await results_of(engine, [Timed(str(number), str(number), throttled=1) for number in range(6)])
    assert sorted(results) == [f"{number}#2" for number in range(6)]
    early = 0.002  # tolerance of the clock
    assert all(at >= before + number * interval - early for number, at in enumerate(begun))


class Clockwork(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when idle, or moves when the test says so."""

    class Selector(selectors.DefaultSelector):
        now = 0.0

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            ready = super().select(0)
            if not ready and timeout is not None:
                self.now += timeout
            return ready

    def __init__(self) -> None:
        self.clock = self.Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


@pytest.mark.parametrize(("busy", "at_once"), [(0.0, 0), (0.05, 5), (60.0, 12)])
def test_starts_missed_by_a_busy_loop_are_caught_up(busy: float, at_once: int) -> None:
    """All missed starts of a short delay; of a long delay, those of the last tenth of a second."""
    loop = Clockwork()
    begun: list[float] = []

    async def expand(job: Conversation) -> list[Job[str]]:
        begun.append(round(loop.time(), 6))
        if job.name == "3":
            loop.clock.now += busy
        return [job]

    async def run() -> None:
        engine: Engine[Conversation, str] = Engine(expand, open_network, concurrency=100, limits=Limits(100, 100))
        async for _ in outcomes_of(engine, (Conversation(str(number), str(number)) for number in range(30))):
            pass

    loop.run_until_complete(run())
    loop.close()
    over = round(0.03 + busy, 6)
    assert begun[:4] == [0, 0.01, 0.02, 0.03]
    assert begun[4 : 4 + at_once] == [over] * at_once
    later = range(1, 30 - 3 - at_once)
    assert begun[4 + at_once :] == [round(over + 0.01 * number, 6) for number in later]


def test_a_delay_is_not_caught_up() -> None:
    """After any other delay: the source of the targets, a pause, too many running hosts."""
    loop = Clockwork()
    begun: list[float] = []

    async def targets() -> AsyncIterator[Conversation]:
        for number in range(12):
            if number == 5:
                await asyncio.sleep(1)
            yield Conversation(str(number), str(number))

    async def expand(job: Conversation) -> list[Job[str]]:
        begun.append(round(loop.time(), 6))
        if job.name == "3":
            loop.clock.now += 0.05
        return [job]

    async def run() -> None:
        engine: Engine[Conversation, str] = Engine(expand, open_network, concurrency=100, limits=Limits(100, 100))
        async for _ in outcomes_of(engine, targets()):
            pass

    loop.run_until_complete(run())
    loop.close()
    assert begun == [0, 0.01, 0.02, 0.03, 0.08, 1.08, *(round(1.08 + 0.01 * number, 6) for number in range(6))]


async def test_stop_finishes_running_jobs_and_returns_waiting_results() -> None:
    targets = [Conversation(str(number), str(number), throttled=number == 0) for number in range(1000)]
    engine = sweep(5, throttle_wait=3600)
    results = []
    async for outcome in outcomes_of(engine, targets):
        results += outcome.results
        if len(results) == 20:
            engine.stop()
    assert 20 <= len(results) <= 40
    assert "0#1" in results
    assert len(results) == engine.progress.started == engine.progress.done


async def test_stop_starts_no_later_target() -> None:
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=5, limits=Limits(5, 5))
    results = []
    async for outcome in outcomes_of(engine, (Conversation(str(number), str(number)) for number in range(100))):
        results += outcome.results
        engine.stop()
    assert results == ["0#1"]


async def test_stop_does_not_wait_for_a_distant_start() -> None:
    """One host an hour: a stopped scan ends at once."""
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=5, limits=Limits(5, 1 / 3600))
    results = []
    async with asyncio.timeout(60):
        async for outcome in outcomes_of(engine, (Conversation(str(number), str(number)) for number in range(100))):
            results += outcome.results
            asyncio.get_running_loop().call_later(0.05, engine.stop)  # when it waits for the second
    assert results == ["0#1"]
    assert engine.progress.started == engine.progress.done == 1


async def test_a_sweep_that_waits_for_a_start_can_be_closed() -> None:
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=5, limits=Limits(5, 1 / 3600))
    async with (
        asyncio.timeout(60),
        aclosing(outcomes_of(engine, [Conversation("0", "0"), Conversation("1", "1")])) as outcomes,
    ):
        assert (await anext(outcomes)).results == ["0#1"]
        await asyncio.sleep(0.05)
    engine.stop()


async def test_a_name_locks_all_its_addresses() -> None:
    """It locks all of them, since another name may have the same addresses in another order."""
    for seed in range(20):
        order = random.Random(seed)
        jobs = [Conversation(str(number), *order.sample("abcd", order.randint(1, 4))) for number in range(30)]
        assert len(await results_of(sweep(), jobs)) == 30
        assert {Conversation.most[address] for address in "abcd"} == {1}
    assert Conversation.most["all"] > 1


class Endless(Conversation):
    """A job that never ends."""

    def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
        self.begin()


async def test_a_scan_that_ends_early_releases_everything() -> None:
    """One job runs, one waits for an address, one for a slot; another scan continues under the same limits."""
    limits = Limits(1, None)
    assert limits.addresses.try_acquire("theirs")
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=3, limits=limits)
    targets = [Conversation("first"), Endless("runs", "a"), Conversation("both", "b", "theirs"), Endless("waits", "c")]
    async with aclosing(outcomes_of(engine, targets)) as results:
        await anext(results)
        for _ in range(20):
            await asyncio.sleep(0)
        assert limits.slots.running == 1
        assert not any(map(limits.addresses.try_acquire, "abc"))
    assert limits.slots.running == 0
    assert all(map(limits.addresses.try_acquire, "abc"))
    assert not limits.addresses.try_acquire("theirs")
    limits.addresses.release("theirs")
    assert limits.addresses.try_acquire("theirs")


async def test_a_slot_granted_at_the_end_is_released() -> None:
    """A slot or an address comes before the event loop runs the next step of its target."""
    limits = Limits(1, None)
    assert limits.slots.try_acquire()
    assert limits.addresses.try_acquire("b")
    engine: Engine[Conversation, str] = Engine(each, open_network, concurrency=3, limits=limits)
    async with aclosing(outcomes_of(engine, [Conversation("first"), Endless("a", "a"), Endless("b", "b")])) as results:
        await anext(results)
        for _ in range(20):
            await asyncio.sleep(0)
        limits.slots.release(succeeded=True)
        limits.addresses.release("b")
        assert limits.slots.running == 1
    assert limits.slots.running == 0
    assert all(map(limits.addresses.try_acquire, "ab"))
    assert Conversation.most["all"] == 1  # "first"; the others have not started


async def test_a_target_may_have_several_jobs_and_they_are_done_in_turn() -> None:
    def two(job: Conversation) -> list[Job[str]]:
        return [job, Conversation(f"{job.name}'", job.address)]

    engine: Engine[Conversation, str] = Engine(two, open_network, concurrency=4)
    results = await results_of(engine, [Conversation("a", "a"), Conversation("b", "b")])
    assert sorted(results) == ["a#1", "a'#1", "b#1", "b'#1"]
    assert engine.progress.done == 2


async def test_a_bug_in_a_job_is_not_swallowed() -> None:
    class Broken(Conversation):
        def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
            raise RuntimeError("bug")

    with pytest.raises(ExceptionGroup) as caught:
        _ = await results_of(sweep(), [Broken("a", "a")])
    assert caught.group_contains(RuntimeError, match="bug")


async def test_no_targets() -> None:
    assert await results_of(sweep(), []) == []


async def test_closing_early_does_not_wait_for_a_reader() -> None:
    results = outcomes_of(sweep(1), [Conversation("a", "a"), Conversation("b", "b"), Conversation("c", "c")])
    async for _ in results:
        await asyncio.sleep(0.01)  # the next result fills the queue
        break
    async with asyncio.timeout(5):
        await results.aclose()


class ByCallback(Conversation):
    """A job without a task. A timer ends it, or it ends at once if its name ends in 0."""

    def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
        self.begin()
        if self.name.endswith("0"):
            self.end(done)
        else:
            network.call_later(0.02 if self.name.endswith("y") else 0.001, partial(self.end, done))


async def test_jobs_without_a_task_keep_the_rules() -> None:
    targets = [ByCallback(str(number), str(number % 5)) for number in range(200)]
    engine = sweep()
    results = await results_of(engine, targets)
    assert sorted(results, key=lambda result: int(result[:-2])) == [f"{number}#1" for number in range(200)]
    assert engine.progress.done == 200
    assert [Conversation.most[str(address)] for address in range(5)] == [1] * 5


async def test_jobs_with_and_without_a_task_are_counted_together() -> None:
    make = [Conversation, ByCallback]
    await results_of(sweep(), [make[number % 2](f"{number}x", str(number)) for number in range(300)])
    assert Conversation.most["all"] == 10


async def test_a_thousand_jobs_that_end_at_once_on_one_address_do_not_nest() -> None:
    """Each passes the address to the next one, which ends at once but not inside the previous call."""
    one = [ByCallback("slow", "one"), *(ByCallback(f"{number}0", "one") for number in range(2000))]
    assert len(await results_of(sweep(2001), one)) == 2001

    def many(job: Conversation) -> list[Job[str]]:
        return [ByCallback(f"{number}0", "one") for number in range(2000)]

    engine: Engine[Conversation, str] = Engine(many, open_network, concurrency=1)
    assert len(await results_of(engine, [one[0]])) == 2000


@pytest.mark.parametrize("make", [Conversation, ByCallback])
async def test_retried_targets_have_one_result(make: type[Conversation], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_run, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    targets = [make(str(number), str(number), throttled=number == 7) for number in range(60)]
    targets += [make("short", "s", local=2), make("long", "l", local=99)]
    said: list[str] = []
    engine: Engine[Conversation, str] = Engine(
        each, open_network, concurrency=10, throttle_wait=0.0, on_resource_error=said.append
    )
    results = await results_of(engine, targets)
    assert len(results) == 62
    assert results[-1] == "7#2"  # deferred to the end
    assert {"short#3", "long#4"} < set(results)
    assert set(said) == {"no buffer space: pausing"}
    assert (engine.progress.done, engine.progress.waiting) == (62, 0)
    assert Conversation.most["all"] <= 10


async def test_stop_lets_jobs_finish_and_closing_drops_them() -> None:
    engine = sweep()
    results = []
    async for outcome in outcomes_of(engine, (ByCallback(f"{n}x", str(n)) for n in range(1000))):
        results += outcome.results
        if len(results) == 20:
            engine.stop()
    assert 20 <= len(results) == engine.progress.done == engine.progress.started <= 60

    running = outcomes_of(sweep(), (ByCallback(f"{n}x", str(n)) for n in range(1000)))
    async for _ in running:
        break
    await running.aclose()
    before = Conversation.talking["all"]
    await asyncio.sleep(0.02)
    assert Conversation.talking["all"] == before  # no timer of a dropped job fired


async def test_stop_in_the_second_tries_keeps_the_first_results() -> None:
    engine = sweep(concurrency=1)
    targets = [Conversation(str(number), str(number), throttled=1) for number in range(4)]
    results = []
    async for outcome in outcomes_of(engine, targets):
        results += outcome.results
        engine.stop()
    assert results == ["0#2", "1#1", "2#1", "3#1"] or results == ["0#2", "1#2", "2#1", "3#1"]
    assert engine.progress.waiting == 0


async def test_no_job_starts_during_cancellation() -> None:
    """A task may end slowly: the scan still ends, and starts no other job."""

    class Slow(Conversation):
        async def converse(self, done: Callable[[str], None]) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.05)
                done("late")

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    taken = 0

    def targets() -> Iterator[Conversation]:
        nonlocal taken
        for job in (
            Slow("slow", "long"),
            ByCallback("quick", "q"),
            *(ByCallback(f"{n}y", str(n)) for n in range(1000)),
        ):
            taken += 1
            yield job

    engine = sweep()
    running = outcomes_of(engine, targets())
    async for _ in running:
        break
    before = taken
    await running.aclose()
    assert (taken, faults) == (before, [])
    assert engine.progress.pending == 0, "dropped targets are not counted"


async def test_targets_that_a_scan_drops_at_its_end_are_not_counted() -> None:
    """Several scans of one `Scanner` share its counters."""
    engine = Engine(each, open_network, concurrency=5, throttle_wait=60.0)
    targets = [Conversation(str(number), str(number), throttled=1 if number < 3 else 0) for number in range(50)]
    running = outcomes_of(engine, targets)
    async for _ in running:
        if engine.progress.done == 47:
            break
    await running.aclose()
    assert (engine.progress.started, engine.progress.done, engine.progress.waiting) == (47, 47, 0)


class Resting(Conversation):
    """A job that rests until all have started."""

    begun = 0
    all_begun = asyncio.Event()

    def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
        slot.create_task(self.rest(slot, done))

    async def rest(self, slot: Slot, done: Callable[[str], None]) -> None:
        Resting.begun += 1
        if Resting.begun == 8:
            Resting.all_begun.set()
        slot.release()
        await Resting.all_begun.wait()

        def acquired() -> None:
            slot.create_task(self.converse(done))

        slot.acquire(acquired)


async def test_other_jobs_use_the_slots_of_resting_ones() -> None:
    Resting.begun, Resting.all_begun = 0, asyncio.Event()
    engine = sweep(concurrency=2)
    async with asyncio.timeout(30):
        results = await results_of(engine, [Resting(str(number), str(number)) for number in range(8)])
    assert len(results) == 8
    assert Conversation.most["all"] <= 2
    assert (engine.runs.resting, engine.runs.limits.slots.running) == (0, 0)


async def test_resting_jobs_are_bounded() -> None:
    Resting.begun, Resting.all_begun = -1000, asyncio.Event()
    engine = sweep(concurrency=2)

    async def see() -> None:
        for _ in range(400):
            await asyncio.sleep(0)
        assert Resting.begun == -1000 + 2 + 2 * RESTING
        Resting.all_begun.set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(see())
        assert len(await results_of(engine, [Resting(str(number), str(number)) for number in range(60)])) == 60
    assert Conversation.most["all"] <= 2


async def test_a_closed_scan_releases_resting_jobs() -> None:
    Resting.begun, Resting.all_begun = -1000, asyncio.Event()
    engine = sweep(concurrency=2)
    async with asyncio.timeout(30), aclosing(outcomes_of(engine, [Conversation("a"), Resting("b", "b")])) as outcomes:
        await anext(outcomes)
    assert (engine.runs.resting, engine.runs.limits.slots.running) == (0, 0)
