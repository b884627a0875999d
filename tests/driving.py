"""Runs one probe without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sshprobe.model.observation import Observation
from sshprobe.net import EpollNetwork, Network
from sshprobe.probe.driver import Driver
from sshprobe.probe.host_probe import HostProbe


class FreeSlot:
    """A slot without competitors. Counts how often its job rests."""

    def __init__(self) -> None:
        self.rests = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def release(self) -> None:
        self.rests += 1

    def acquire(self, acquired: Callable[[], None]) -> None:
        acquired()

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def drive(job: Any, network: Network, slot: FreeSlot | None = None) -> Any:
    """Run a job to its end and return its result."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    job.start(network, slot or FreeSlot(), done.set_result)
    return await done


async def observe(probe: HostProbe) -> Observation:
    """Probe one host on its own network."""
    network = EpollNetwork()
    network.open()
    try:
        observation: Observation = await drive(Driver(probe), network)
    finally:
        network.close()
    return observation
