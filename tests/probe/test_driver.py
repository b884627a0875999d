"""The driver performs effects on every network, and reports events of servers and of this machine."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.model.observation import Observation
from sshprobe.net import Address, EpollNetwork, Network
from sshprobe.net.asyncio_network import AsyncioNetwork
from sshprobe.probe.driver import Driver
from sshprobe.probe.effects import ProbeGenerator, RunAsync
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from tests.driving import FreeSlot, drive

HERE = Address("127.0.0.1", socket.AF_INET)


@pytest.fixture(params=[EpollNetwork, AsyncioNetwork])
async def network(request: pytest.FixtureRequest) -> AsyncIterator[Network]:
    network: Network = request.param()
    network.open()
    yield network
    network.close()


def probe(port: int, **options: Any) -> HostProbe:
    usual: dict[str, Any] = {"timeout": 3, "connect_timeout": 2, "linger": 0.3}
    return HostProbe("t", "h", port, [HERE], ProbeOptions(client_id=b"SSH-2.0-driven", **(usual | options)))


async def driven(network: Network, asked: HostProbe, slot: FreeSlot | None = None) -> Observation:
    async with asyncio.timeout(20):
        observation: Observation = await drive(Driver(asked), network, slot)
    return observation


def timeless(observation: Observation) -> Observation:
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
async def test_a_good_server(network: Network, depth: str) -> None:
    async with AsyncSSHServer("hardened") as server:
        found = await driven(network, probe(server.port, depth=depth))
        assert server.connections() == found.connections == (1 if depth == "lists" else 2)
        fingerprints = set(server.fingerprints.values())
    assert (found.status, found.error, found.warnings) == ("ok", None, [])
    assert {key.fingerprint for key in found.host_keys or ()} == (fingerprints if depth != "lists" else set())
    assert found.authentication_methods == (["publickey"] if depth == "full" else None)


async def test_others_have_the_slot_while_a_host_rests(network: Network) -> None:
    class Timers:
        """A network whose pauses end at once."""

        seconds: list[float] = []  # noqa: RUF012 - shared on purpose

        def __getattr__(self, name: str) -> Any:
            return getattr(network, name)

        def call_later(self, seconds: float, callback: Callable[[], None]) -> object:
            self.seconds.append(seconds)
            assert slot.rests == len(self.seconds)
            return network.call_later(0, callback)

    slot = FreeSlot()
    async with AsyncSSHServer("hardened") as server:
        asked = probe(server.port, burst=1, pace=3600)  # longer than any connection takes on a busy machine
        found = await driven(cast(Network, Timers()), asked, slot)
        assert [seconds > 3000 for seconds in Timers.seconds] == [True]
        assert (found.status, found.connections, server.connections()) == ("ok", 2, 2)
        assert timeless(found) == timeless(await driven(network, probe(server.port)))


async def test_a_resource_error_is_not_blamed_on_the_host(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object, **__: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("socket.socket", no_socket)
        asked = probe(9)
        found = await driven(network, asked)
    assert found.error == "this machine: too many open files"
    assert asked.resource_error == found.error
    again = await driven(network, asked)
    assert again.status == "refused"
    assert asked.resource_error is None


async def test_a_module_that_cannot_be_read_now_is_not_a_bug(
    network: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Some modules are imported at first use, which needs a descriptor."""

    def no_descriptor(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "ecdh.py")

    async with AsyncSSHServer("hardened") as server:
        asked = probe(server.port, depth="keys")
        with monkeypatch.context() as patch:
            patch.setattr("sshprobe.wire.transport.ClientTransport.start_key_exchange", no_descriptor)
            found = await driven(network, asked)
        assert (found.status, found.error) == ("partial", "this machine: too many open files")
        assert asked.resource_error == found.error
        assert not caplog.records
        assert (await driven(network, asked)).status == "ok"


async def test_no_listener(network: Network) -> None:
    with socket.socket() as unused:
        unused.bind((HERE.ip, 0))
        port = unused.getsockname()[1]
    job = Driver(probe(port))
    found = await drive(job, network)
    assert (found.status, found.connections, job.unanswered) == ("refused", 0, False)


async def test_a_silent_server_leaves_its_question_unanswered(network: Network) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(serve) as port:
        job = Driver(probe(port, timeout=0.2))
        found = await drive(job, network)
    assert (found.status, job.unanswered, job.retry_later) == ("timeout", True, False)


async def test_many_addresses_that_fail_at_once_do_not_nest(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes before `dial` returns, and then the next address is dialled."""

    def no_socket(*_: object, **__: object) -> socket.socket:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    addresses = [Address(f"192.0.2.{at % 250}", socket.AF_INET) for at in range(2000)]
    options = ProbeOptions(client_id=b"SSH-2.0-driven", connect_timeout=2)
    with monkeypatch.context() as patch:
        patch.setattr("socket.socket", no_socket)
        found = await driven(network, HostProbe("t", "h", 22, addresses, options))
    assert (found.status, found.error) == ("unreachable", "network is unreachable (and 1999 more addresses)")


@pytest.mark.parametrize("where", ["effects", "observation"])
async def test_a_bug_of_ours_is_reported_as_one(network: Network, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = probe(9)
    monkeypatch.setattr(asked, where, lambda *_: 1 // 0)
    if where == "effects":
        with pytest.raises(ZeroDivisionError):  # for the engine to report
            await driven(network, asked)
        return
    found = await driven(network, asked)
    assert (found.status, found.error) == ("protocol_error", "internal error: ZeroDivisionError")


async def test_a_bug_in_a_task_is_reported_as_one(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("of ours")

    def effects(clock: object) -> ProbeGenerator[Observation]:
        try:
            yield RunAsync(broken)
        except RuntimeError as error:
            return asked.abandon(error)
        raise AssertionError

    asked = probe(9)
    monkeypatch.setattr(asked, "effects", effects)
    found = await driven(network, asked)
    assert (found.status, found.error) == ("protocol_error", "internal error: RuntimeError")


async def test_a_half_closed_server_is_read_to_its_end(network: Network) -> None:
    """The end came with the data, and comes only once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-There_1.0\r\n")
        writer.write_eof()
        await reader.read()

    async with serving(serve) as port:
        found = await driven(network, probe(port))
    assert found.error == "the connection was closed before KEXINIT"


async def test_a_server_that_does_not_close_is_not_awaited(network: Network) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-1.5-There_1.0\r\n")
        await asyncio.sleep(1)

    async with serving(serve) as port:
        found = await driven(network, probe(port, linger=0.1))
    assert found.status == "ssh1_only"


async def test_data_before_a_reset_counts(network: Network) -> None:
    """A reset does not hide the text before it: here "come back later"."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Exceeded MaxStartups\r\n")
        await writer.drain()
        writer.transport.abort()

    async with serving(serve) as port:
        asked = probe(port)
        found = await driven(network, asked)
    assert (found.status, asked.retry_later) == ("throttled", True)


async def test_data_after_urgent_data_is_read(network: Network) -> None:
    """Reading stops before it although there is more, and pending data is reported once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as mine:
            mine.send(b"SSH-2.0-")
            mine.send(b"!", socket.MSG_OOB)
            mine.send(b"There_1.0\r\n")
        await reader.read()

    async with serving(serve) as port:
        found = await driven(network, probe(port, timeout=1))
    assert found.error == "timed out waiting for KEXINIT"


async def test_slow_senders_get_lost_time_back_once(network: Network) -> None:
    """Otherwise each piece would extend the deadline, and a tarpit would delay the scan forever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with serving(serve) as port:
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.5)  # as if stopped when the deadline came
        found = await driven(network, probe(port, timeout=0.3))
    assert (found.status, found.stage) == ("not_ssh", "identification")
