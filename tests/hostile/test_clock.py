"""The clock of the hostile tests: work takes no time, waits do."""

from __future__ import annotations

import asyncio
import time

from tests.hostile.clock import run_unhurried


def test_work_takes_no_time_and_waits_take_theirs() -> None:
    async def work() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        order: list[str] = []
        loop.call_later(0.2, order.append, "deadline")
        time.sleep(0.4)  # noqa: ASYNC251 - as a machine that has no CPU for us
        await asyncio.sleep(0.1)
        order.append("in time")
        begun = loop.time()
        await asyncio.sleep(0.3)
        return order, loop.time() - begun

    order, waited = run_unhurried(work())
    assert order == ["in time", "deadline"]
    assert 0.29 < waited < 0.45  # by its own clock
