"""A probe driven by callbacks: the usual way's observation, and who leaves it for a task."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.model.observation import Observation
from sshprobe.net import Address, EpollNetwork
from sshprobe.probe.dialled import DialledProbe
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.options import ProbeOptions

HERE = Address("127.0.0.1", socket.AF_INET)


class Waiting(DialledProbe):
    """Tells a future what came of it: an observation, or None if it left."""

    __slots__ = ("came",)

    def __init__(self, network: EpollNetwork, probe: HostProbe) -> None:
        super().__init__(network, probe)
        self.came: asyncio.Future[Observation | None] = asyncio.get_running_loop().create_future()

    def ended(self, observation: Observation) -> None:
        self.came.set_result(observation)

    def left(self) -> None:
        self.came.set_result(None)


def probe(port: int, **options: Any) -> HostProbe:
    usual: dict[str, Any] = {"timeout": 3, "connect_timeout": 2, "linger": 0.3}
    return HostProbe("t", "h", port, [HERE], ProbeOptions(client_id=b"SSH-2.0-dialled", **(usual | options)))


async def dialled(network: EpollNetwork, asked: HostProbe) -> Observation | None:
    """What came of it by callbacks alone; None if it left."""
    waiting = Waiting(network, asked)
    waiting.begin()
    async with asyncio.timeout(20):
        return await waiting.came


def timeless(observation: Observation | None) -> Observation:
    assert observation is not None
    return msgspec.structs.replace(observation, started_at="", duration_ms=0)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(served, HERE.ip, 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("depth", ["lists", "keys", "full"])
async def test_the_same_as_by_a_task(network: EpollNetwork, depth: str) -> None:
    async with AsyncSSHServer("hardened") as server:
        by_callbacks = await dialled(network, probe(server.port, depth=depth))
        by_a_task = await probe(server.port, depth=depth).run()
    assert timeless(by_callbacks) == timeless(by_a_task)
    assert by_a_task.status == "ok"


async def test_a_pause_is_for_a_task(network: EpollNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []
    sleep = asyncio.sleep

    async def no_long_sleep(seconds: float) -> None:
        if seconds > 60:
            pauses.append(seconds)
        await sleep(0 if seconds > 60 else seconds)

    async with AsyncSSHServer("hardened") as server:
        asked = probe(server.port, burst=1, pace=3600)  # longer than any connection takes on a busy machine
        assert await dialled(network, asked) is None
        assert server.connections() == 1
        monkeypatch.setattr(asyncio, "sleep", no_long_sleep)
        found = await asked.run()
        assert len(pauses) == 1
        assert (found.status, found.connections, server.connections()) == ("ok", 2, 2)
        assert timeless(found) == timeless(await probe(server.port).run())


async def test_what_this_machine_is_short_of_is_for_a_task(
    network: EpollNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("sshprobe.net.epoll_connection.socket.socket", no_socket)
        asked = probe(9)
        assert await dialled(network, asked) is None
        assert asked.local_trouble == "this machine: too many open files"


async def test_nobody_there(network: EpollNetwork) -> None:
    with socket.socket() as unused:
        unused.bind((HERE.ip, 0))
        port = unused.getsockname()[1]
    found = await dialled(network, probe(port))
    assert timeless(found) == timeless(await probe(port).run())
    assert found is not None
    assert (found.status, found.connections) == ("refused", 0)


async def test_a_half_closed_server_is_heard_to_its_end(network: EpollNetwork) -> None:
    """Its end came with what it said, and comes no second time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-There_1.0\r\n")
        writer.write_eof()
        await reader.read()

    async with serving(serve) as port:
        found = await dialled(network, probe(port))
        assert timeless(found) == timeless(await probe(port).run())
    assert found is not None
    assert found.error == "the connection was closed before KEXINIT"


async def test_who_does_not_close_is_not_waited_for(network: EpollNetwork) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-1.5-There_1.0\r\n")
        await asyncio.sleep(1)

    async with serving(serve) as port:
        found = await dialled(network, probe(port, linger=0.1))
    assert found is not None
    assert found.status == "ssh1_only"


async def test_what_was_said_before_a_reset_counts(network: EpollNetwork) -> None:
    """A reset that comes with words does not hide them: here they say "come back later"."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Exceeded MaxStartups\r\n")
        await writer.drain()
        writer.transport.abort()

    async with serving(serve) as port:
        asked = probe(port)
        found = await dialled(network, asked)
    assert found is not None
    assert (found.status, asked.come_back_later) == ("throttled", True)


async def test_what_follows_urgent_data_is_read(network: EpollNetwork) -> None:
    """Reading stops in front of it, although there is more, and of what is there already we are told once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as mine:
            mine.send(b"SSH-2.0-")
            mine.send(b"!", socket.MSG_OOB)
            mine.send(b"There_1.0\r\n")
        await reader.read()

    async with serving(serve) as port:
        found = await dialled(network, probe(port, timeout=1))
        assert timeless(found) == timeless(await probe(port, timeout=1).run())
    assert found is not None
    assert found.error == "timed out waiting for KEXINIT"


async def test_who_sends_a_little_at_a_time_gets_lost_time_back_once(network: EpollNetwork) -> None:
    """Else each piece would buy as much again, and a tarpit would hold the sweep for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with serving(serve) as port:
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.5)  # as if stopped when the deadline came
        found = await dialled(network, probe(port, timeout=0.3))
    assert found is not None
    assert (found.status, found.stage) == ("not_ssh", "identification")
