"""Sweeps that share their limits: what one of them leaves behind when it is cancelled is free for the others."""

from __future__ import annotations

import asyncio

from sshprobe.sweep import Limits
from sshprobe.sweep.turns import Addresses, Turns


async def test_a_turn_that_is_granted_to_a_cancelled_job_goes_to_the_next() -> None:
    turns = Turns(1)
    await turns.take()
    cancelled, waiting = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    turns.give_back(trouble=False)
    cancelled.cancel()  # it has its turn already, and has not run since
    await asyncio.wait_for(waiting, 30)
    assert cancelled.cancelled()


async def test_an_address_is_not_given_to_a_cancelled_job() -> None:
    addresses = Addresses()
    await addresses.take("192.0.2.1")
    cancelled, waiting = [asyncio.create_task(addresses.take("192.0.2.1")) for _ in range(2)]
    await asyncio.sleep(0)
    cancelled.cancel()
    addresses.give_back("192.0.2.1")
    await asyncio.wait_for(waiting, 30)
    addresses.give_back("192.0.2.1")
    assert addresses.take_now("192.0.2.1")
    assert cancelled.cancelled()


async def test_two_sweeps_wait_for_their_starts_at_the_same_time() -> None:
    pace = Limits(1, 100.0).pace
    assert pace is not None
    await asyncio.wait_for(asyncio.gather(*(pace.next_start() for _ in range(10))), 30)
    slow = Limits(1, 0.001).pace
    assert slow is not None
    await slow.next_start()
    waiting = asyncio.gather(*(slow.next_start() for _ in range(10)))
    await asyncio.sleep(0)
    slow.let_go()
    await asyncio.wait_for(waiting, 30)
