"""Streams over real sockets: deadlines, ends, resets and floods."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest

from sshprobe.net import Address, NetworkError, Stream, open_stream
from sshprobe.net.resolve import resolve
from sshprobe.net.stream import GIVEN_BACK, HIGH_WATER, _Patience
from sshprobe.platform import loop_factory

LOOPBACK = Address("127.0.0.1", socket.AF_INET)

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Stream]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stream = await open_stream(LOOPBACK, server.sockets[0].getsockname()[1], timeout=5)
    try:
        yield stream
    finally:
        stream.abort()
        server.close()
        await server.wait_closed()


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_bytes_come_and_end() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        assert await reader.readexactly(3) == b"you"
        writer.write(b"bye")

    async with connected(peer) as stream:
        assert await stream.receive(soon()) == b"hello"
        stream.send(b"you")
        assert await stream.receive(soon()) == b"bye"
        assert await stream.receive(soon()) == b""
        assert await stream.receive(soon()) == b""


async def test_a_deadline_is_a_timeout() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with connected(peer) as stream:
        with pytest.raises(NetworkError) as caught:
            await stream.receive(soon(0.05))
        assert caught.value.failure == "timeout"


async def test_each_wait_has_a_deadline_of_its_own() -> None:
    """One timer serves all: it must fire for an earlier deadline after a later one, and not for one that is over."""
    asked = asyncio.Event()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"first")
        await asked.wait()
        await asyncio.sleep(0.3)
        writer.write(b"second")
        await reader.read()

    async with connected(peer) as stream:
        assert await stream.receive(soon(20)) == b"first"
        with pytest.raises(NetworkError) as caught:
            await stream.receive(soon(0.05))
        assert caught.value.failure == "timeout"
        asked.set()
        assert await stream.receive(soon(20)) == b"second"
        with pytest.raises(NetworkError):
            await stream.receive(soon(0.05))


async def test_a_reset_is_a_reset() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with connected(peer) as stream:
        with pytest.raises(NetworkError) as caught:
            await stream.receive(soon())
        assert caught.value.failure == "reset"


async def test_a_flood_is_not_held() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(bytes(HIGH_WATER))
            await writer.drain()

    async with connected(peer) as stream:
        await asyncio.sleep(0.3)
        first = await stream.receive(soon())
        # one read of the event loop may come on top of the mark
        assert len(first) <= HIGH_WATER + 256 * 1024
        assert await stream.receive(soon())  # reading was resumed


async def test_finish_waits_for_the_other_side() -> None:
    ended = asyncio.Event()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"goodbye"  # our half-close, with all that was sent before it
        ended.set()

    async with connected(peer) as stream:
        stream.send(b"goodbye")
        await stream.finish(5)
        assert ended.is_set()


async def test_finish_does_not_wait_for_ever() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        while True:  # never closes, and never stops talking
            writer.write(b"more")
            await writer.drain()
            await asyncio.sleep(0.001)

    async with connected(peer) as stream:
        await stream.finish(0.05)


async def test_nobody_there_is_refused() -> None:
    with closing(socket.socket()) as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        with pytest.raises(NetworkError) as caught:
            await open_stream(LOOPBACK, placeholder.getsockname()[1], timeout=5)
    assert caught.value.failure == "refused"


async def test_a_silent_address_times_out() -> None:
    """A listener whose queue is full drops every further SYN, as a dead address does."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            with pytest.raises(NetworkError) as caught:
                await open_stream(LOOPBACK, listener.getsockname()[1], timeout=0.2)
        finally:
            for filler in fillers:
                filler.close()
    assert caught.value.failure == "timeout"


async def test_literals_are_not_looked_up() -> None:
    assert await resolve("127.0.0.1", family=None, timeout=5) == [LOOPBACK]
    assert await resolve("::1", family=None, timeout=5) == [Address("::1", socket.AF_INET6)]
    with pytest.raises(NetworkError):
        await resolve("::1", family=socket.AF_INET, timeout=5)


async def test_localhost_is_found() -> None:
    assert LOOPBACK in await resolve("localhost", family=socket.AF_INET, timeout=5)


@pytest.mark.parametrize("name", ["no-such-name.invalid", "x" * 70 + ".invalid"])
async def test_a_name_without_address_is_a_dns_error(name: str) -> None:
    with pytest.raises(NetworkError) as caught:
        await resolve(name, family=None, timeout=5)
    assert caught.value.failure == "dns_error"


def on_our_loop(work: Coroutine[Any, Any, bytes]) -> bytes:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def test_a_process_that_overslept_a_deadline_looks_whether_an_answer_is_there() -> None:
    """As after Ctrl-Z, or without CPU: the peer answered in time, and only we did not look."""

    async def ask(listener: socket.socket) -> bytes:
        stream = await open_stream(LOOPBACK, listener.getsockname()[1], timeout=5)
        with listener.accept()[0] as server, closing_stream(stream):

            def oversleep() -> None:
                server.send(b"in time")
                time.sleep(0.6)

            asyncio.get_running_loop().call_later(0.05, oversleep)
            return await stream.receive(soon(0.2))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert on_our_loop(ask(listener)) == b"in time"


def test_a_process_that_overslept_a_connection_looks_whether_it_was_made() -> None:
    async def connect(port: int) -> bytes:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, time.sleep, 0.6)
        connecting = asyncio.create_task(open_stream(LOOPBACK, port, timeout=0.2))
        with closing_stream(await connecting) as stream:
            return b"connected" if stream is connecting.result() else b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert on_our_loop(connect(listener.getsockname()[1])) == b"connected"


async def test_of_a_long_stop_no_more_is_given_back_than_a_question_has() -> None:
    loop = asyncio.get_running_loop()
    stream = Stream()
    _Patience(asyncio.timeout(None), stream).time_is_up(loop.time() - 3600)
    assert loop.time() < stream._timer_at <= loop.time() + GIVEN_BACK
    stream.abort()


@contextmanager
def closing_stream(stream: Stream) -> Iterator[Stream]:
    try:
        yield stream
    finally:
        stream.abort()


ZONES = """
import asyncio, socket
from sshprobe.net import NetworkError, parse_ip, open_stream
from sshprobe.platform import loop_factory

async def main():
    here = socket.socket(socket.AF_INET6)
    here.bind(("fe80::5", 2222, 0, socket.if_nametoindex("lo")))
    here.listen()
    for host in ("fe80::5%lo", "fe80::5%1", "fe80::5%none-such", "fe80::5"):
        try:
            stream = await open_stream(parse_ip(host), 2222, timeout=20)
            stream.abort()
            print("connected")
        except NetworkError as error:
            print(error)

with asyncio.Runner(loop_factory=FACTORY) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("factory", ["loop_factory()", "None"])
def test_a_link_local_address_is_dialled_on_its_interface_and_on_no_other(factory: str) -> None:
    """In a network namespace of its own: one interface, which has the address. libuv would take it for any zone."""
    shell = 'ip link set lo up && ip -6 address add fe80::5/64 dev lo nodad && exec "$@"'
    code = ZONES.replace("FACTORY", factory)
    run = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", shell, "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and "Traceback" not in run.stderr:
        pytest.skip("needs `unshare --user --net` and `ip` (packages util-linux, iproute2), and IPv6")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "connected",
        "connected",
        "this machine has no such network interface",
        "a link-local address needs its interface, as in fe80::5%eth0",
    ]
