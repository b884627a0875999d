"""Every job ends in exactly one result, whatever the other side and this machine do."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from sshprobe.resting import rest
from sshprobe.sweep import Job, Sweep, Way, WayEnded, WayLeft
from sshprobe.sweep import engine as sweep_engine
from sshprobe.sweep.rests import RESTING


class Conversation:
    """A job that takes a few turns of the event loop and keeps count of who talks at the same time."""

    talking: Counter[str] = Counter()  # noqa: RUF012 - shared on purpose
    most: Counter[str] = Counter()  # noqa: RUF012

    def __init__(self, name: str, *addresses: str, throttled: int = 0, local: int = 0) -> None:
        self.name = name
        self.addresses = addresses
        self.runs = 0
        self._throttled = throttled
        self._local = local

    @property
    def come_back_later(self) -> bool:
        return self.runs <= self._throttled

    @property
    def local_trouble(self) -> str | None:
        return "no buffer space" if self.runs <= self._local else None

    async def run(self) -> str:
        self.runs += 1
        for key in (*self.addresses, "all"):
            self.talking[key] += 1
            self.most[key] = max(self.most[key], self.talking[key])
        for _ in range(5):
            await asyncio.sleep(0)
        for key in (*self.addresses, "all"):
            self.talking[key] -= 1
        return f"{self.name}#{self.runs}"

    @property
    def address(self) -> str:
        return self.addresses[0]


@pytest.fixture(autouse=True)
def _nobody_talks() -> None:
    Conversation.talking.clear()
    Conversation.most.clear()


async def each(job: Conversation) -> list[Job[str]]:
    return [job]


def sweep(concurrency: int = 10, throttle_wait: float = 0.0) -> Sweep[Conversation, str]:
    return Sweep(each, concurrency=concurrency, throttle_wait=throttle_wait)


async def results_of(engine: Sweep[Conversation, str], targets: Iterable[Conversation]) -> list[str]:
    return [result async for outcome in engine.run(targets) for result in outcome.results]


async def test_every_target_has_one_result() -> None:
    targets = [Conversation(str(number), str(number)) for number in range(500)]
    results = await results_of(sweep(), targets)
    assert sorted(results) == sorted(f"{number}#1" for number in range(500))
    assert Conversation.most["all"] <= 10


async def test_one_address_is_never_talked_to_twice_at_once() -> None:
    targets = [Conversation(str(number), str(number % 3)) for number in range(60)]
    results = await results_of(sweep(30), targets)
    assert len(results) == 60
    assert [Conversation.most[str(address)] for address in range(3)] == [1, 1, 1]
    assert Conversation.most["all"] == 3


async def test_the_throttled_are_asked_once_more_after_all_others() -> None:
    targets = [Conversation(str(number), str(number), throttled=1 if number < 3 else 0) for number in range(50)]
    results = await results_of(sweep(), targets)
    assert len(results) == 50
    assert sorted(results[-3:]) == ["0#2", "1#2", "2#2"]


async def test_a_reader_that_is_woken_for_nothing_waits_on() -> None:
    """On Python 3.13 the end of the first tries woke the reader of the second ones: all of these were lost."""
    engine = sweep()

    class Waking(Conversation):
        async def run(self) -> str:
            result = await super().run()
            engine._wake_reader()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return result

    targets = [Waking(str(number), str(number), throttled=1) for number in range(3)]
    assert sorted(await results_of(engine, targets)) == ["0#2", "1#2", "2#2"]


async def test_no_more_are_put_off_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_engine, "SECOND_TRIES", 2)
    targets = [Conversation(f"a{number}", str(number), throttled=1) for number in range(5)]
    assert await results_of(sweep(), targets) == ["a2#1", "a3#1", "a4#1", "a0#2", "a1#2"]


async def test_who_is_still_throttled_is_not_asked_a_third_time() -> None:
    job = Conversation("a", "a", throttled=9)
    engine = sweep()
    assert await results_of(engine, [job]) == ["a#2"]
    assert engine.progress.waiting == 0


async def test_trouble_of_this_machine_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_engine, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    targets = [Conversation("short", "1", local=2), Conversation("long", "2", local=99)]
    said: list[str] = []
    engine: Sweep[Conversation, str] = Sweep(each, concurrency=10, trouble=said.append)
    assert set(await results_of(engine, targets)) == {"short#3", "long#4"}
    assert set(said) == {"no buffer space"}


async def test_what_three_can_have_at_once_sixty_get_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds nothing left waits until others are done, and not only for so many pauses."""
    monkeypatch.setattr(sweep_engine, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    taken = 0

    class Greedy(Conversation):
        local_trouble: str | None = None

        async def run(self) -> str:
            nonlocal taken
            self.runs += 1
            if taken == 3:
                self.local_trouble = "too many open files"
                return "none left"
            self.local_trouble = None
            taken += 1
            for _ in range(100):
                await asyncio.sleep(0)
            taken -= 1
            return self.name

    said: list[str] = []
    engine: Sweep[Conversation, str] = Sweep(each, concurrency=30, trouble=said.append)
    results = await results_of(engine, [Greedy(str(number), str(number)) for number in range(60)])
    assert sorted(results, key=int) == [str(number) for number in range(60)]
    assert said == ["too many open files"]


async def test_targets_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[Conversation]:
        nonlocal taken
        while True:
            taken += 1
            yield Conversation(str(taken), str(taken))

    seen = 0
    results = sweep(4).run(endless())
    async for _ in results:
        seen += 1
        assert taken <= seen + 4 + 4 + 1  # those under way, those waiting to be read, one being taken
        if seen == 200:
            break
    await results.aclose()
    before = taken
    await asyncio.sleep(0.01)
    assert taken == before  # closing the iterator ended the workers


async def test_no_more_are_started_than_the_rate_allows_nor_in_a_burst_after_a_delay() -> None:
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

    async def expand(job: Conversation) -> list[Job[str]]:
        begun.append(loop.time())
        return [job]

    before = loop.time()
    engine: Sweep[Conversation, str] = Sweep(expand, concurrency=100, rate=1 / interval)
    assert len([outcome async for outcome in engine.run(targets())]) == len(begun) == 12
    early = 0.002  # what a clock may be off
    assert all(at >= before + number * interval - early for number, at in enumerate(begun))
    assert all(at >= delay_over + number * interval - early for number, at in enumerate(begun[delayed + 1 :]))


class Clockwork(asyncio.SelectorEventLoop):
    """A loop whose clock goes on only while nothing happens, and then to the next timer at once; or when it is told."""

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
def test_starts_for_which_the_loop_was_too_busy_are_made_good(busy: float, at_once: int) -> None:
    """As many as were due; of those of a long time, only what was due in the last tenth of a second of it."""
    loop = Clockwork()
    begun: list[float] = []

    async def expand(job: Conversation) -> list[Job[str]]:
        begun.append(round(loop.time(), 6))
        if job.name == "3":
            loop.clock.now += busy
        return [job]

    async def run() -> None:
        engine: Sweep[Conversation, str] = Sweep(expand, concurrency=100, rate=100)
        async for _ in engine.run(Conversation(str(number), str(number)) for number in range(30)):
            pass

    loop.run_until_complete(run())
    loop.close()
    over = round(0.03 + busy, 6)
    assert begun[:4] == [0, 0.01, 0.02, 0.03]
    assert begun[4 : 4 + at_once] == [over] * at_once
    later = range(1, 30 - 3 - at_once)
    assert begun[4 + at_once :] == [round(over + 0.01 * number, 6) for number in later]


def test_what_a_busy_loop_was_late_for_is_not_made_good_after_a_delay() -> None:
    """Of whatever else: the source of the targets, a pause, too many under way."""
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
        engine: Sweep[Conversation, str] = Sweep(expand, concurrency=100, rate=100)
        async for _ in engine.run(targets()):
            pass

    loop.run_until_complete(run())
    loop.close()
    assert begun == [0, 0.01, 0.02, 0.03, 0.08, 1.08, *(round(1.08 + 0.01 * number, 6) for number in range(6))]


async def test_stop_finishes_what_runs_and_gives_what_waits() -> None:
    targets = [Conversation(str(number), str(number), throttled=number == 0) for number in range(1000)]
    engine = sweep(5, throttle_wait=3600)
    results = []
    async for outcome in engine.run(targets):
        results += outcome.results
        if len(results) == 20:
            engine.stop()
    assert 20 <= len(results) <= 40
    assert "0#1" in results
    assert len(results) == engine.progress.started == engine.progress.done


async def test_stop_starts_nothing_whose_time_comes_after_it() -> None:
    engine: Sweep[Conversation, str] = Sweep(each, concurrency=5, rate=5)
    results = []
    async for outcome in engine.run(Conversation(str(number), str(number)) for number in range(100)):
        results += outcome.results
        engine.stop()
    assert results == ["0#1"]


async def test_stop_waits_for_no_start_that_is_far_off() -> None:
    """One host an hour: a sweep that was stopped ends, and not in an hour."""
    engine: Sweep[Conversation, str] = Sweep(each, concurrency=5, rate=1 / 3600)
    results = []
    async with asyncio.timeout(60):
        async for outcome in engine.run(Conversation(str(number), str(number)) for number in range(100)):
            results += outcome.results
            asyncio.get_running_loop().call_later(0.05, engine.stop)  # when it waits for the second
    assert results == ["0#1"]
    assert engine.progress.started == engine.progress.done == 1


async def test_a_sweep_that_waits_for_a_start_can_be_closed() -> None:
    engine: Sweep[Conversation, str] = Sweep(each, concurrency=5, rate=1 / 3600)
    async with asyncio.timeout(60), aclosing(engine.run([Conversation("0", "0"), Conversation("1", "1")])) as outcomes:
        assert (await anext(outcomes)).results == ["0#1"]
        await asyncio.sleep(0.05)
    engine.stop()


async def test_a_name_has_all_of_its_addresses_alone() -> None:
    """Whichever of them will answer: another name may have the same ones, in another order."""
    for seed in range(20):
        order = random.Random(seed)
        jobs = [Conversation(str(number), *order.sample("abcd", order.randint(1, 4))) for number in range(30)]
        assert len(await results_of(sweep(), jobs)) == 30
        assert {Conversation.most[address] for address in "abcd"} == {1}
    assert Conversation.most["all"] > 1


async def test_a_name_that_waits_for_one_of_its_addresses_can_be_cancelled() -> None:
    """It leaves those that it had, and no more."""
    engine = sweep()
    assert engine._addresses.take_now("b")
    waiting = asyncio.ensure_future(engine._run(Conversation("both", "a", "b")))
    await asyncio.sleep(0)
    assert not engine._addresses.take_now("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert engine._addresses.take_now("a")
    assert not engine._addresses.take_now("b")


async def test_a_target_may_have_several_jobs_and_they_are_done_in_turn() -> None:
    async def two(job: Conversation) -> list[Job[str]]:
        return [job, Conversation(f"{job.name}'", job.address)]

    engine: Sweep[Conversation, str] = Sweep(two, concurrency=4)
    results = await results_of(engine, [Conversation("a", "a"), Conversation("b", "b")])
    assert sorted(results) == ["a#1", "a'#1", "b#1", "b'#1"]
    assert engine.progress.done == 2


async def test_a_bug_in_a_job_is_not_swallowed() -> None:
    class Broken(Conversation):
        async def run(self) -> str:
            raise RuntimeError("bug")

    with pytest.raises(ExceptionGroup) as caught:
        _ = await results_of(sweep(), [Broken("a", "a")])
    assert caught.group_contains(RuntimeError, match="bug")


async def test_no_targets() -> None:
    assert await results_of(sweep(), []) == []


async def test_closing_early_does_not_wait_for_a_reader() -> None:
    results = sweep(1).run([Conversation("a", "a"), Conversation("b", "b"), Conversation("c", "c")])
    async for _ in results:
        await asyncio.sleep(0.01)  # the next result fills the queue
        break
    async with asyncio.timeout(5):
        await results.aclose()


class Shortcut:
    """Targets whose address is no "long" one take it; callbacks of the loop end them, or leave them as jobs."""

    def __init__(self, *, leave: bool = False) -> None:
        self.leave = leave
        self.started = 0
        self.is_open = False
        self.handles: list[asyncio.TimerHandle] = []

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        for handle in self.handles:
            handle.cancel()

    def way(self, target: Conversation) -> Way[Conversation, str] | None:
        return None if target.address == "long" else ShortWay(self, target)


class ShortWay:
    def __init__(self, shortcut: Shortcut, target: Conversation) -> None:
        self.shortcut = shortcut
        self.target = target
        self.address = target.address

    def start(self, ended: WayEnded[Conversation, str], left: WayLeft[Conversation, str]) -> None:
        target, loop = self.target, asyncio.get_running_loop()
        assert self.shortcut.is_open
        self.shortcut.started += 1
        for key in (self.address, "all"):
            target.talking[key] += 1
            target.most[key] = max(target.most[key], target.talking[key])

        def end() -> None:
            for key in (self.address, "all"):
                target.talking[key] -= 1
            if self.shortcut.leave or target.local_trouble is not None:
                left(self, target)
            else:
                target.runs = 1
                ended(self, f"{target.name}#short", target)

        if target.name.endswith("0"):
            end()  # at once
        else:
            self.shortcut.handles.append(loop.call_later(0.02 if target.name.endswith("y") else 0.001, end))


def shortened(shortcut: Shortcut, **options: Any) -> Sweep[Conversation, str]:
    return Sweep(each, concurrency=10, shortcut=shortcut, **options)


async def test_the_short_cut_keeps_the_rules() -> None:
    shortcut = Shortcut()
    targets = [Conversation(str(number), "long" if number % 5 == 4 else str(number % 5)) for number in range(200)]
    engine = shortened(shortcut)
    results = await results_of(engine, targets)
    assert {result.split("#")[0] for result in results} == {str(number) for number in range(200)}
    assert len(results) == engine.progress.done == 200
    assert max(Conversation.most[address] for address in ("0", "1", "2", "3", "long")) == 1
    assert shortcut.started > 0
    assert not shortcut.is_open


async def test_concurrency_counts_both_ways() -> None:
    shortcut = Shortcut()
    await results_of(shortened(shortcut), [Conversation(f"{n}x", str(n)) for n in range(300)])
    assert Conversation.most["all"] == 10
    assert shortcut.started == 300


@pytest.mark.parametrize("leave", [True, False])
async def test_what_leaves_the_short_cut_goes_on_as_a_job(leave: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_engine, "LOCAL_PAUSES", (0.0, 0.0, 0.0))
    targets = [Conversation(str(number), str(number), throttled=number == 7) for number in range(60)]
    targets += [Conversation("short", "s", local=2), Conversation("long", "l", local=99)]
    said: list[str] = []
    engine = shortened(Shortcut(leave=leave), throttle_wait=0.0, trouble=said.append)
    results = await results_of(engine, targets)
    assert len(results) == 62
    assert results[-1] == "7#2"  # put off to the end
    assert {"short#3", "long#4"} < set(results)
    assert set(said) == {"no buffer space"}
    assert (engine.progress.done, engine.progress.waiting) == (62, 0)
    assert set(Conversation.most.values()) <= {*range(11)}


async def test_stop_lets_the_short_cut_finish_and_closing_drops_it() -> None:
    shortcut = Shortcut()
    engine = shortened(shortcut)
    results = []
    async for outcome in engine.run(Conversation(f"{n}x", str(n)) for n in range(1000)):
        results += outcome.results
        if len(results) == 20:
            engine.stop()
    assert 20 <= len(results) == engine.progress.done == engine.progress.started <= 60

    shortcut = Shortcut()
    running = shortened(shortcut).run(Conversation(f"{n}x", str(n)) for n in range(1000))
    async for _ in running:
        break
    await running.aclose()
    before = shortcut.started
    await asyncio.sleep(0.02)
    assert (shortcut.started, shortcut.is_open) == (before, False)


async def test_nothing_comes_of_the_short_cut_while_what_runs_is_cancelled() -> None:
    """Who would leave it then finds no one who goes on."""

    class Slow(Conversation):
        async def run(self) -> str:
            try:
                await asyncio.Event().wait()
                return ""
            finally:
                await asyncio.sleep(0.05)

    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    targets = [Slow("slow", "long"), Conversation("quick", "q"), *(Conversation(f"{n}y", str(n)) for n in range(1000))]
    running = shortened(Shortcut(leave=True)).run(targets)
    async for _ in running:
        break
    await running.aclose()
    assert faults == []


class Resting(Conversation):
    """A job that rests until all have begun."""

    begun = 0
    all_begun = asyncio.Event()

    async def run(self) -> str:
        Resting.begun += 1
        if Resting.begun == 8:
            Resting.all_begun.set()
        await rest(Resting.all_begun.wait())
        return await super().run()


async def test_others_run_in_the_place_of_those_that_rest() -> None:
    Resting.begun, Resting.all_begun = 0, asyncio.Event()
    engine = sweep(concurrency=2)
    async with asyncio.timeout(30):
        results = await results_of(engine, [Resting(str(number), str(number)) for number in range(8)])
    assert len(results) == 8
    assert Conversation.most["all"] <= 2
    assert (engine._rests.number, engine._turns._running) == (0, 0)


async def test_those_that_rest_are_bounded() -> None:
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


async def test_a_sweep_that_is_closed_while_some_rest_gives_all_turns_back() -> None:
    Resting.begun, Resting.all_begun = -1000, asyncio.Event()
    engine = sweep(concurrency=2)
    async with asyncio.timeout(30), aclosing(engine.run([Conversation("a"), Resting("b", "b")])) as outcomes:
        await anext(outcomes)
    assert (engine._rests.number, engine._turns._running) == (0, 0)
