"""The clock of deadlines skips gaps, and within bounds those of a busy machine."""

from __future__ import annotations

import asyncio
import time

import pytest

from sshprobe.net.clock import BEAT, CLOCK_JUMP, MAX_EXTENSION, Clock, running_clock


class Hands:
    """The time source of a `Clock`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def hands() -> Hands:
    return Hands()


def after(hands: Hands, clock: Clock, seconds: float) -> float:
    """Return how far the clock advances in a gap of this many seconds."""
    before = clock.time()
    hands.now += seconds
    return clock.time() - before


async def test_a_stop_of_any_length_is_skipped(hands: Hands) -> None:
    clock = Clock(hands)
    clock.start()
    for gap in (2.0, 60.0, 86_400.0):
        assert after(hands, clock, gap) == pytest.approx(BEAT, abs=0.02)
        assert clock.stopped_at == pytest.approx(clock.time())
    clock.stop()


async def test_short_gaps_count(hands: Hands) -> None:
    clock = Clock(hands)
    clock.start()
    for _ in range(100):
        assert after(hands, clock, CLOCK_JUMP) == pytest.approx(CLOCK_JUMP)
    clock.stop()


async def test_an_unused_clock_runs(hands: Hands) -> None:
    clock = Clock(hands)
    assert after(hands, clock, 60) == 60
    clock.start()
    clock.start()
    clock.stop()
    assert after(hands, clock, 60) < 1
    clock.stop()
    assert after(hands, clock, 60) == 60


async def test_a_busy_machine_slows_the_clock_to_half_its_speed_at_most(hands: Hands) -> None:
    """Repeated delays of 0.3 s: after a first extension, each deadline comes."""
    clock = Clock(hands)
    clock.start()
    begun, began = hands.now, clock.time()
    for _ in range(1000):
        after(hands, clock, 0.4)
    clock.stop()
    assert hands.now - begun <= 2 * (clock.time() - began) + MAX_EXTENSION + 1


async def test_computing_is_not_a_gap() -> None:
    clock = running_clock()
    clock.start()
    before, end = clock.time(), time.thread_time() + 0.6
    while time.thread_time() < end:
        pass
    assert clock.time() - before >= 0.6 - 2 * BEAT
    clock.stop()


async def test_a_wait_is_as_long_as_the_clock_says_and_what_is_ready_counts() -> None:
    clock, loop = running_clock(), asyncio.get_running_loop()
    clock.start()
    answer, never = loop.create_future(), loop.create_future()
    loop.call_later(0.2, answer.set_result, None)
    loop.call_soon(time.sleep, 2.5)
    assert await clock.wait_for(answer, 0.25)
    began = clock.time()
    assert not await clock.wait_for(never, 0.05)
    assert clock.time() - began >= 0.045
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.05):
            await never
    async with clock.timeout(0.5):
        loop.call_soon(time.sleep, 2.5)
        await asyncio.sleep(0.1)
    clock.stop()


async def test_the_clock_stops_with_its_last_user() -> None:
    clock = running_clock()
    async with clock.timeout(5):
        await clock.wait_for(asyncio.ensure_future(asyncio.sleep(0)), 5)
    assert clock._beating is not None
    assert clock._beating.cancelled()
