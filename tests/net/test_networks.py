"""One suite for every network: epoll, and asyncio's transports on its own loop and on uvloop."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sshprobe.net import LINGER_BYTES, Address, EpollNetwork, Network, open_network
from sshprobe.net.asyncio_network import AsyncioNetwork
from sshprobe.platform.sockets import has_poll_set, loop_factory
from tests.net.recorder import LOOPBACK, Do, Recorder, listening, silent_port

Scenario = Callable[[Network], Awaitable[None]]
Run = Callable[[Scenario], None]


class LikeThatOfWindows(asyncio.SelectorEventLoop):
    """A loop that cannot watch other sockets."""

    add_writer = asyncio.AbstractEventLoop.add_writer


@pytest.fixture(params=["epoll", "asyncio", "uvloop", "windows"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a scenario on an open network."""
    factories = {"asyncio": None, "windows": LikeThatOfWindows}
    factory = factories[request.param] if request.param in factories else loop_factory()
    if request.param == "uvloop" and factory is None:
        pytest.skip("there is no uvloop for this system")
    if request.param == "epoll" and not has_poll_set():
        pytest.skip("there is no epoll on this system")

    async def scene(scenario: Scenario) -> None:
        network: Network = EpollNetwork() if request.param == "epoll" else AsyncioNetwork()
        network.open()
        try:
            async with asyncio.timeout(60):
                await scenario(network)
        finally:
            network.close()

    def run(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(scene(scenario))

    return run


@asynccontextmanager
async def pair(network: Network, **on: Do) -> AsyncIterator[tuple[Recorder, socket.socket]]:
    """Return a connection and its peer."""
    with listening() as server:
        handler = Recorder(network, server.getsockname()[1], on=on)
        handler.dial(20)
        await handler.until("connected")
        peer, _ = await asyncio.to_thread(server.accept)
        with peer:
            peer.settimeout(20)
            yield handler, peer


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def in_thread(read: Callable[[int], bytes], size: int = 100) -> bytes:
    return await asyncio.to_thread(read, size)


async def settle() -> None:
    """Give unwanted events time to happen."""
    await asyncio.sleep(0.15)


def test_connecting_is_refused(run: Run) -> None:
    async def scenario(network: Network) -> None:
        with listening() as server:
            port = server.getsockname()[1]
        handler = Recorder(network, port)
        handler.dial(20)
        await handler.until("broken")
        assert (handler.heard, str(handler.error)) == (["broken refused"], "connection refused")

    run(scenario)


def test_connecting_takes_too_long(run: Run) -> None:
    async def scenario(network: Network) -> None:
        with silent_port() as port:
            handler = Recorder(network, port)
            handler.dial(0.2)
            await handler.until("broken")
        assert (handler.heard, str(handler.error)) == (["broken timeout"], "no connection within 0.2 s")

    run(scenario)


def test_a_network_cannot_be_reached(run: Run) -> None:
    """240.0.0.0/4 (RFC 1112): Linux has no route to it, and reports that at once."""

    async def scenario(network: Network) -> None:
        handler = Recorder(network, 22, Address("255.255.255.255", socket.AF_INET))
        handler.dial(20)
        await handler.until("broken")
        assert handler.heard == ["broken unreachable"]

    run(scenario)


def test_a_missing_interface(run: Run) -> None:
    async def scenario(network: Network) -> None:
        handler = Recorder(network, 22, Address("fe80::1%none-such", socket.AF_INET6))
        handler.dial(20)
        await handler.until("broken")
        assert str(handler.error) == "this machine has no such network interface"

    run(scenario)


@contextmanager
def no_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/dev/fd")) + 1  # noqa: PTH208 - at once
    filling = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, before[1]))
        with suppress(OSError):
            while True:
                filling.append(socket.socket())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in filling:
            each.close()


def test_a_missing_descriptor_is_a_resource_error(run: Run) -> None:
    async def scenario(network: Network) -> None:
        with listening() as server:
            handler = Recorder(network, server.getsockname()[1])
            with no_descriptors():
                handler.dial(20)
                await handler.until("broken")
            assert handler.heard == ["broken local"]
            handler.dial(20)
            await handler.until("connected")
            handler.connection.close()

    run(scenario)


def test_data_and_end_that_come_together_are_both_seen(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            peer.sendall(b"hello")
            peer.close()
            await handler.until("end")
            handler.connection.close()
        assert handler.heard == ["connected", "received hello", "end"]

    run(scenario)


def test_a_reset_is_reported_once_after_the_data(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            peer.sendall(b"hello")
            await handler.until("received")
            reset(peer)
            await handler.until("broken")
            await settle()
        assert handler.heard == ["connected", "received hello", "broken reset"]

    run(scenario)


def test_a_reset_before_we_look(run: Run) -> None:
    """The system decides on the event. There is exactly one."""

    async def scenario(network: Network) -> None:
        with listening() as server:
            handler = Recorder(network, server.getsockname()[1])
            handler.dial(20)
            peer, _ = await asyncio.to_thread(server.accept)
            reset(peer)
            await handler.until("broken")
            await settle()
        assert handler.heard in (["broken reset"], ["connected", "broken reset"])

    run(scenario)


def test_a_half_closed_peer_still_gets_data(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            peer.sendall(b"bye")
            peer.shutdown(socket.SHUT_WR)
            await handler.until("end")
            await settle()
            handler.send(b"and you")
            assert await in_thread(peer.recv) == b"and you"
            handler.send_last(b"!")
            assert [await in_thread(peer.recv), await in_thread(peer.recv)] == [b"!", b""]
            handler.connection.close()
        assert handler.heard == ["connected", "received bye", "end", "closed"]

    run(scenario)


def test_our_end_is_sent_and_theirs_awaited(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network, connected=lambda handler: handler.send_last(b"bye")) as (handler, peer):
            assert [await in_thread(peer.recv), await in_thread(peer.recv)] == [b"bye", b""]
            peer.sendall(b"bye")
            await settle()
            assert handler.heard == ["connected"]
            peer.close()
            await handler.until("closed")
        assert handler.heard == ["connected", "closed"]

    run(scenario)


@pytest.mark.parametrize("flood", [0, LINGER_BYTES])
def test_the_wait_for_a_server_that_does_not_close_ends(run: Run, flood: int) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            handler.send_last(b"bye", linger=60 if flood else 0.05)
            peer.sendall(bytes(flood))
            await handler.until("closed first")
            await settle()
        assert handler.heard == ["connected", "closed first"]

    run(scenario)


def test_a_reset_behind_our_end_is_the_end(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            handler.send_last(b"bye")
            reset(peer)
            await handler.until("closed")
            await settle()
        assert handler.heard == ["connected", "closed"]

    run(scenario)


def test_data_sent_before_closing_arrives(run: Run) -> None:
    async def scenario(network: Network) -> None:
        def answer(handler: Recorder) -> None:
            handler.send_last(b"goodbye")
            handler.connection.close()

        async with pair(network, received=answer) as (handler, peer):
            peer.sendall(b"hello")
            await handler.until("received")
            assert await in_thread(peer.recv) == b"goodbye"

    run(scenario)


def test_data_before_a_failed_send_is_reported(run: Run) -> None:
    """A server that sends its reason, closes, and resets the connection because of our data."""

    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            handler.wait_until(network.time() + 60)
            peer.sendall(b"goodbye")
            reset(peer)
            time.sleep(0.05)  # noqa: ASYNC251 - both are there before we look
            handler.send(b"more")
            handler.send(b"and more")
            await handler.until("received")
            await settle()
            handler.connection.close()
        assert "received goodbye" in handler.heard
        assert handler.heard[0] == "connected"
        assert len([words for words in handler.heard if words.startswith("broken")]) <= 1

    run(scenario)


@pytest.mark.parametrize("last", [False, True])
def test_a_failed_send_breaks_the_connection_after_the_data(run: Run, last: bool) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, peer):
            connection: Any = handler.connection
            sending = connection._socket
            sending.shutdown(socket.SHUT_WR)
            handler.send(b"more")
            assert handler.heard == ["connected"]
            peer.sendall(b"goodbye")
            await handler.until("received")
            if last:
                handler.send_last(b"bye")
            else:
                peer.close()
                await handler.until("broken")
            await settle()
        assert handler.heard == ["connected", "received goodbye", "closed" if last else "broken reset"]

    run(scenario)


def test_a_flood_is_read_as_it_comes_and_others_are_served(run: Run) -> None:
    async def scenario(network: Network) -> None:
        ended = asyncio.Event()
        amount = 0

        class Counter(Recorder):
            def received(self, data: bytes) -> None:
                nonlocal amount
                amount += len(data)
                if amount > 3_000_000:
                    self.connection.close()
                    ended.set()

        with listening() as server:
            flooded = Counter(network, server.getsockname()[1])
            flooded.dial(20)
            peer, _ = await asyncio.to_thread(server.accept)

            def flood() -> None:
                with peer:
                    try:
                        while True:
                            peer.sendall(bytes(65_536))
                    except OSError:
                        pass

            flooding = asyncio.create_task(asyncio.to_thread(flood))
            async with pair(network) as (handler, other):
                other.sendall(b"hello")
                await handler.until("received")
                handler.connection.close()
            await ended.wait()
            at_the_end = amount
            await flooding
        assert amount == at_the_end

    run(scenario)


def test_silence_expires_and_can_be_extended(run: Run) -> None:
    async def scenario(network: Network) -> None:
        def wait_on(handler: Recorder) -> None:
            if handler.heard.count("expired") < 3:
                handler.wait_until(network.time() + 0.05)
            else:
                handler.connection.close()

        async with pair(network, connected=wait_on, expired=wait_on) as (handler, _):
            while handler.heard.count("expired") < 3:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
            await settle()
        assert handler.heard == ["connected", "expired", "expired", "expired"]

    run(scenario)


def test_deadlines_can_be_changed(run: Run) -> None:
    async def scenario(network: Network) -> None:
        async with pair(network) as (handler, _):
            began = network.time()
            handler.wait_until(began + 0.1)
            handler.wait_until(began + 0.3)
            await handler.until("expired")
            assert network.time() >= began + 0.3
            handler.wait_until(network.time() + 600)
            handler.wait_until(network.time() + 0.05)
            handler.heard.clear()
            await handler.until("expired")
            handler.connection.close()

    run(scenario)


def test_ready_data_comes_before_a_deadline(run: Run) -> None:
    async def scenario(network: Network) -> None:
        def wait(handler: Recorder) -> None:
            handler.wait_until(network.time() + 0.1)

        async with pair(network, connected=wait, expired=lambda handler: handler.connection.close()) as (handler, peer):
            peer.sendall(b"hello")
            time.sleep(0.2)  # noqa: ASYNC251 - a busy loop
            await handler.until("expired")
        assert handler.heard == ["connected", "received hello", "expired"]

    run(scenario)


def test_a_stop_moves_all_deadlines(run: Run) -> None:
    async def scenario(network: Network) -> None:
        with silent_port() as port:
            dead, fired = Recorder(network, port), asyncio.Event()
            async with pair(network) as (handler, peer):
                dead.dial(0.5)
                handler.wait_until(network.time() + 0.5)
                network.call_later(0.5, fired.set)
                time.sleep(2.2)  # noqa: ASYNC251 - as if stopped
                await asyncio.sleep(0.1)
                assert (dead.heard, handler.heard, fired.is_set()) == ([], ["connected"], False)
                peer.sendall(b"hello")
                await dead.until("broken timeout")
                await handler.until("expired")
                await fired.wait()
                handler.connection.close()
        assert handler.heard == ["connected", "received hello", "expired"]

    run(scenario)


@pytest.mark.parametrize("event", ["connected", "received", "end", "broken", "expired", "closed", "failed"])
@pytest.mark.parametrize("what", ["connection", "network"])
def test_closing_in_a_callback_is_the_end_of_all_events(run: Run, event: str, what: str) -> None:
    async def scenario(network: Network) -> None:
        def close(handler: Recorder) -> None:
            (handler.connection if what == "connection" else network).close()

        def bug(handler: Recorder) -> None:
            if event == "failed":
                raise RuntimeError("bug")

        on: dict[str, Do] = {"received": bug, event: close}
        with listening() as server:
            handler = Recorder(network, server.getsockname()[1], on=on)
            handler.dial(20)
            peer, _ = await asyncio.to_thread(server.accept)
            with peer:
                if event != "connected":
                    await handler.until("connected")
                handler.wait_until(network.time() + (0.05 if event == "expired" else 60))
                if event == "closed":
                    handler.send_last(b"")
                    peer.shutdown(socket.SHUT_WR)
                elif event == "broken":
                    reset(peer)
                elif event in ("received", "end", "failed"):
                    peer.sendall(b"hello")
                    if event == "end":
                        peer.shutdown(socket.SHUT_WR)
                await handler.until(event)
                so_far = list(handler.heard)
                if event not in ("broken", "closed"):
                    try:
                        peer.sendall(b"more")
                    except OSError:
                        pass
                handler.wait_until(network.time())
                await settle()
        assert handler.heard == so_far

    run(scenario)


@pytest.mark.parametrize("event", ["connected", "received", "end", "broken", "expired", "closed"])
def test_a_bug_in_a_callback_costs_one_connection(run: Run, event: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(network: Network) -> None:
        def bug(handler: Recorder) -> None:
            raise RuntimeError("bug")

        with listening() as server, silent_port() as dead:
            beside = Recorder(network, server.getsockname()[1])
            beside.dial(20)
            other, _ = await asyncio.to_thread(server.accept)
            await beside.until("connected")
            handler = Recorder(network, dead if event == "broken" else server.getsockname()[1], on={event: bug})
            handler.dial(0.1 if event == "broken" else 20)
            if event != "broken":
                peer, _ = await asyncio.to_thread(server.accept)
                if event != "connected":
                    await handler.until("connected")
                if event == "closed":
                    handler.send_last(b"")
                    peer.shutdown(socket.SHUT_WR)
                elif event == "received":
                    peer.sendall(b"hello")
                elif event == "end":
                    peer.close()
                elif event == "expired":
                    handler.wait_until(network.time() + 0.05)
            await handler.until("failed bug")
            if event != "broken":
                peer.close()
            other.sendall(b"hello")
            await beside.until("received hello")
            beside.connection.close()
            other.close()

    run(scenario)
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] != []


def test_a_bug_in_abandoning_is_logged_too(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(network: Network) -> None:
        def bug(handler: Recorder) -> None:
            raise RuntimeError("bug")

        async with pair(network, received=bug, failed=bug) as (handler, peer):
            peer.sendall(b"hello")
            await handler.until("failed bug")
            assert await in_thread(peer.recv) == b""

    run(scenario)
    assert [record.message.partition(" 127")[0] for record in caplog.records] == [
        "internal error while probing",
        "internal error while giving up",
    ]


def test_the_handler_can_be_replaced(run: Run) -> None:
    async def scenario(network: Network) -> None:
        second = Recorder(network, 0)

        def replace(handler: Recorder) -> None:
            handler.connection.handler = second

        async with pair(network, received=replace) as (first, peer):
            peer.sendall(b"one")
            await first.until("received")
            peer.sendall(b"two")
            await second.until("received")
            first.wait_until(network.time() + 0.05)
            await second.until("expired")
            first.connection.close()
        assert (first.heard, second.heard) == (["connected", "received one"], ["received two", "expired"])

    run(scenario)


def test_a_connection_can_be_dialled_again(run: Run) -> None:
    """The handler gets nothing from the old connection, not even data that was already read."""

    async def scenario(network: Network) -> None:
        def again(handler: Recorder) -> None:
            handler.connection.close()
            handler.dial(20)

        with listening() as server:
            handler = Recorder(network, server.getsockname()[1], on={"received": again})
            handler.dial(20)
            for number in range(3):
                peer, _ = await asyncio.to_thread(server.accept)
                with peer:
                    peer.sendall(b"%d" % number)
                    await handler.until(f"received {number}")
            await settle()
            handler.connection.close()
        assert " ".join(handler.heard) == "connected received 0 connected received 1 connected received 2 connected"

    run(scenario)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_connection_closed_before_it_is_made_reports_nothing(run: Run, turns: int) -> None:
    async def scenario(network: Network) -> None:
        with listening() as server, silent_port() as dead:
            handlers = [Recorder(network, port) for port in (server.getsockname()[1], dead)]
            for handler in handlers:
                handler.dial(0.05)
            for _ in range(turns):
                await asyncio.sleep(0)
            for handler in handlers:
                handler.connection.close()
            so_far = [list(handler.heard) for handler in handlers]
            await settle()
            assert [handler.heard for handler in handlers] == so_far

    run(scenario)


def test_a_closed_network_makes_no_callback(run: Run) -> None:
    async def scenario(network: Network) -> None:
        called: list[str] = []
        with listening() as server:
            handlers = [Recorder(network, server.getsockname()[1]) for _ in range(5)]
            for handler in handlers:
                handler.dial(0.05)
            network.call_later(0.05, lambda: called.append("timer"))
            network.close()
            handlers[0].dial(0.05)
            await settle()
        assert not called
        assert not any(handler.heard for handler in handlers)

    run(scenario)


def test_timers_come_in_time_or_not_at_all(run: Run) -> None:
    async def scenario(network: Network) -> None:
        called: list[str] = []
        network.call_later(0.1, lambda: called.append("second"))
        network.call_later(0.05, lambda: called.append("first"))
        network.call_later(0.02, lambda: called.append("never")).cancel()
        began = network.time()
        while len(called) < 2:  # noqa: ASYNC110 - in steps of the clock that is tested
            await asyncio.sleep(0.01)
        assert network.time() - began > 0.09
        await settle()
        assert called == ["first", "second"]

    run(scenario)


def test_many_connections_at_once(run: Run) -> None:
    async def scenario(network: Network) -> None:
        with listening() as server:
            handlers = [Recorder(network, server.getsockname()[1]) for _ in range(60)]
            for handler in handlers:
                handler.dial(20)
            peers = [await asyncio.to_thread(server.accept) for _ in handlers]
            for peer, _ in peers:
                peer.sendall(b"hello")
                peer.close()
            for handler in handlers:
                await handler.until("end")
                handler.connection.close()
        assert {tuple(handler.heard) for handler in handlers} == {("connected", "received hello", "end")}

    run(scenario)


async def test_the_network_of_this_system_is_opened() -> None:
    network = open_network()
    assert type(network) is (EpollNetwork if has_poll_set() else AsyncioNetwork)
    assert Recorder(network, 22).connection.address == LOOPBACK
    network.close()


async def test_the_network_works_without_a_descriptor_for_epoll() -> None:
    with no_descriptors():
        network = open_network()
    assert type(network) is AsyncioNetwork
    network.close()


ZONES = """
import asyncio, socket
from sshprobe.net import EpollNetwork, parse_ip
from sshprobe.net.asyncio_network import AsyncioNetwork
from sshprobe.platform.sockets import loop_factory
from tests.net.recorder import Recorder

async def main():
    here = socket.socket(socket.AF_INET6)
    here.bind(("fe80::5", 2222, 0, socket.if_nametoindex("lo")))
    here.listen()
    network = NETWORK()
    network.open()
    for host in ("fe80::5%lo", "fe80::5%1", "fe80::5%none-such", "fe80::5"):
        handler = Recorder(network, 2222, parse_ip(host))
        handler.dial(20)
        await handler.until("")
        print(handler.error or handler.heard)
        handler.connection.close()
    network.close()

with asyncio.Runner(loop_factory=FACTORY) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize(
    ("network", "factory"),
    [("EpollNetwork", "loop_factory()"), ("AsyncioNetwork", "loop_factory()"), ("AsyncioNetwork", "None")],
)
def test_a_link_local_address_is_dialled_on_its_interface_only(network: str, factory: str) -> None:
    """In a network namespace with one interface, which has the address. libuv would accept it for any zone."""
    shell = 'ip link set lo up && ip -6 address add fe80::5/64 dev lo nodad && exec "$@"'
    code = ZONES.replace("FACTORY", factory).replace("NETWORK", network)
    run = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", shell, "sh", sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and "Traceback" not in run.stderr:
        pytest.skip("needs `unshare --user --net` and `ip` (packages util-linux, iproute2), and IPv6")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "['connected']",
        "['connected']",
        "this machine has no such network interface",
        "a link-local address needs its interface, as in fe80::5%eth0",
    ]
