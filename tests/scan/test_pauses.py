"""The engine during a lost network. `tests/network` has real networks."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from sshprobe.net import Address, Network, open_network
from sshprobe.net.outage import OutageMonitor
from sshprobe.net.routes import NO_PATH, Path
from sshprobe.probe.driver import Slot
from sshprobe.scan.engine import Engine
from sshprobe.scan.pauses import MAX_FRESH_STARTS
from tests.scan.test_engine import outcomes_of

WITNESS = Address("198.51.100.1", socket.AF_INET)


class World:
    """The network of this machine, as its kernel would report it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_there = True
        self.started: Counter[str] = Counter()
        self.messages: list[str] = []
        self.reported = asyncio.Event()
        monitor = partial(OutageMonitor, read_path=self.path, seek=lambda address: False, count_unsent=lambda: 0)
        monkeypatch.setattr("sshprobe.scan.pauses.OutageMonitor", monitor)
        monkeypatch.setattr("sshprobe.scan.pauses.LOOK_INTERVAL_LOST", 0.05)

    def path(self, address: Address) -> Path:
        return Path(2, "192.0.2.1", works=True, gateway_state="reached") if self.is_there else NO_PATH

    def network(self) -> Network:
        network = open_network()
        network.last_made = WITNESS
        return network

    def report(self, message: str) -> None:
        self.messages.append(message)
        self.reported.set()

    def engine(self, concurrency: int = 4) -> Engine[str, str]:
        return Engine(
            lambda name: [Probe(self, name)],
            self.network,
            concurrency=concurrency,
            throttle_wait=0,
            on_resource_error=self.report,
        )


class Probe:
    """Reports, a few turns of the loop later, whether there was a network at its start."""

    retry_later = False
    resource_error = None

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.addresses = (name,)
        self.unanswered = False

    def start(self, network: Network, slot: Slot, done: Callable[[str], None]) -> None:
        self.world.started[self.addresses[0]] += 1
        slot.create_task(self._run(done))

    async def _run(self, done: Callable[[str], None]) -> None:
        self.unanswered = not self.world.is_there
        await asyncio.sleep(0.01)
        done("cut off" if self.unanswered else "ok")

    def failed_internally(self, error: Exception) -> None:
        raise error


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def scanned(world: World, engine: Engine[str, str], number: int, *, lost_after: int = 10) -> Counter[str]:
    """Scan this number of targets; the network is lost after some of them."""
    found: Counter[str] = Counter()
    async with asyncio.timeout(30):
        async for result in outcomes_of(engine, [f"192.0.2.{last}" for last in range(number)]):
            assert len(result.results) == 1
            found[result.results[0]] += 1
            if found.total() == lost_after:
                engine.runs.pauses.monitor.check()  # like the check once a second
                world.is_there = False
    return found


async def test_hosts_cut_off_by_an_outage_are_probed_again(world: World) -> None:
    engine = world.engine()
    started = 0

    async def repair() -> None:
        nonlocal started
        await world.reported.wait()
        await asyncio.sleep(0.2)
        started = world.started.total()
        await asyncio.sleep(0.2)
        assert world.started.total() == started
        world.is_there = True

    repairing = asyncio.create_task(repair())
    assert await scanned(world, engine, 40) == {"ok": 40}
    await repairing
    again = len([name for name, times in world.started.items() if times > 1])
    assert 1 <= again <= 8
    back = f"the network is back: {again} {'host is' if again == 1 else 'hosts are'} probed again"
    assert world.messages == ["this machine lost its network: pausing", back]
    assert max(world.started.values()) == 2


async def test_the_wait_for_a_lost_network_is_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshprobe.scan.pauses.MAX_PAUSE", 0.3)
    found = await scanned(world, world.engine(), 40)
    assert found["cut off"] >= 20
    assert found.total() == 40
    assert world.messages == [
        "this machine lost its network: pausing",
        "the network is not back after 0.3 s: the scan continues without it",
    ], "it is known then"
    assert max(world.started.values()) <= 1 + MAX_FRESH_STARTS


async def test_a_network_that_is_lost_repeatedly_costs_a_limited_number_of_tries(world: World) -> None:
    engine = world.engine(concurrency=1)

    async def flap() -> None:
        while True:
            await asyncio.sleep(0.015)
            world.is_there = not world.is_there

    flapping = asyncio.create_task(flap())
    found = await scanned(world, engine, 15)
    flapping.cancel()
    assert found.total() == 15
    assert max(world.started.values()) <= 1 + MAX_FRESH_STARTS


async def test_stop_does_not_wait_for_the_network(world: World) -> None:
    engine = world.engine()

    async def stop() -> None:
        await world.reported.wait()
        await asyncio.sleep(0.05)
        engine.stop()

    stopping = asyncio.create_task(stop())
    found = await scanned(world, engine, 40)
    await stopping
    assert found["cut off"] <= 4
    assert found.total() == engine.progress.started == len(world.started)


async def test_hosts_that_failed_across_a_stop_are_probed_again(world: World) -> None:
    engine = world.engine()
    found: Counter[str] = Counter()
    async with asyncio.timeout(30):
        async for result in outcomes_of(engine, [f"192.0.2.{last}" for last in range(20)]):
            found[result.results[0]] += 1
            if found.total() == 8:
                engine.runs.pauses.monitor.check()
                world.is_there = False
                await asyncio.sleep(0.005)
                world.is_there = True
                engine.runs.network.clock.stopped_at = engine.runs.network.time()
    assert found == {"ok": 20}
    assert world.messages == []
