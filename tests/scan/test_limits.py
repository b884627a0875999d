"""Limits shared by scans: released or abandoned slots and addresses go to other scans."""

from __future__ import annotations

import asyncio
from functools import partial

from sshprobe.scan.limits import AdaptiveSlots, AddressLocks, Limits


def test_waiting_jobs_get_slots_in_order() -> None:
    slots = AdaptiveSlots(1)
    granted: list[str] = []
    first, second, third = (partial(granted.append, name) for name in "abc")
    for each in (first, second, third):
        slots.acquire(each)
    assert granted == ["a"]
    assert not slots.try_acquire()
    slots.cancel_wait(second)
    slots.release(succeeded=True)
    assert granted == ["a", "c"]
    slots.release(succeeded=True)
    assert slots.running == 0


def test_slots_shrink_at_a_failure_and_grow_slowly() -> None:
    slots = AdaptiveSlots(10)
    for _ in range(4):
        assert slots.try_acquire()
    slots.back_off()
    assert not slots.unlimited
    assert not slots.try_acquire()
    granted: list[int] = []
    for number in range(3):
        slots.acquire(partial(granted.append, number))
    for _ in range(2):
        slots.release(succeeded=True)
    assert granted == [0, 1]
    slots.release(succeeded=True)  # as many successes as slots: there is one more slot
    assert (granted, slots.running) == ([0, 1, 2], 3)
    assert slots.try_acquire()
    assert not slots.try_acquire()


def test_waiting_jobs_get_an_address_in_order() -> None:
    addresses = AddressLocks()
    granted: list[str] = []
    first, second, third = (partial(granted.append, name) for name in "abc")
    for each in (first, second, third):
        addresses.acquire("192.0.2.1", each)
    addresses.cancel_wait("192.0.2.1", second)
    addresses.release("192.0.2.1")
    assert granted == ["a", "c"]
    assert not addresses.try_acquire("192.0.2.1")
    addresses.release("192.0.2.1")
    assert addresses.try_acquire("192.0.2.1")


async def test_two_sweeps_wait_for_their_starts_at_the_same_time() -> None:
    pace = Limits(1, 100.0).pace
    assert pace is not None
    await asyncio.wait_for(asyncio.gather(*(pace.next_start() for _ in range(10))), 30)
    slow = Limits(1, 0.001).pace
    assert slow is not None
    await slow.next_start()
    waiting = asyncio.gather(*(slow.next_start() for _ in range(10)))
    await asyncio.sleep(0)
    slow.cancel_wait()
    await asyncio.wait_for(waiting, 30)
