"""Many connections by callbacks: made, refused, silent, broken, late; and a stopped process."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from sshprobe.net import Action, Address, CloseGracefully, EpollNetwork, Exchange, NetworkError
from sshprobe.net.coalescing import COALESCE_FROM, MAX_COALESCE
from sshprobe.net.epoll_network import READ, EpollConnection
from tests.hostile.clock import run_unhurried

LOOPBACK = Address("127.0.0.1", socket.AF_INET)


class Quiet:
    """Ignores events."""

    def __init__(self, network: EpollNetwork, port: int) -> None:
        self.network = network
        self.connection = network.connection(self, LOOPBACK, port)
        self.close = self.connection.close

    @property
    def is_open(self) -> bool:
        return self.connection.is_open

    def dial(self, timeout: float) -> None:
        self.connection.dial(self.network.time() + timeout, timeout)

    def wait_until(self, deadline: float) -> None:
        self.connection.perform(Exchange(b"", deadline))

    def connected(self) -> Action | None: ...

    def received(self, data: bytes) -> Action | None: ...

    def broken(self, error: NetworkError) -> None: ...

    def closed(self, *, still_open: bool) -> None: ...

    def expired(self) -> Action | None: ...

    def failed_internally(self, error: Exception) -> None: ...


class Recorder(Quiet):
    """Records events, and closes at the end of the stream."""

    def __init__(self, network: EpollNetwork, port: int, *, bug: bool = False) -> None:
        super().__init__(network, port)
        self.heard: list[str] = []
        self.made = asyncio.Event()
        self.over = asyncio.Event()
        self.bug = bug

    def connected(self) -> Action | None:
        self.heard.append("connected")
        self.made.set()
        if self.bug:
            raise RuntimeError("bug")
        return Exchange(b"", self.network.time() + 0.2)

    def received(self, data: bytes) -> Action | None:
        self.heard.append(data.decode())
        if not data:
            self.end()
        return None

    def broken(self, error: NetworkError) -> None:
        self.heard.append(error.failure)
        self.end()

    def expired(self) -> Action | None:
        self.heard.append("expired")
        self.end()
        return None

    def closed(self, *, still_open: bool) -> None:
        self.heard.append("closed")
        self.end()

    def failed_internally(self, error: Exception) -> None:
        self.heard.append(f"failed: {error}")
        self.end()

    def end(self) -> None:
        self.close()
        self.over.set()


@contextmanager
def listening(backlog: int = 10) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server


async def heard(connection: Recorder, timeout: float = 0.2) -> list[str]:
    connection.dial(timeout)
    async with asyncio.timeout(10):
        await connection.over.wait()
    return connection.heard


async def test_refused(network: EpollNetwork) -> None:
    with listening() as server:
        port = server.getsockname()[1]
    assert await heard(Recorder(network, port)) == ["refused"]


async def test_no_answer(network: EpollNetwork) -> None:
    with listening(backlog=0) as server, socket.socket() as filling, socket.socket() as more:
        for each in (filling, more):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        assert await heard(Recorder(network, server.getsockname()[1])) == ["timeout"]


async def test_an_unwatchable_socket_is_a_resource_error(
    network: EpollNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def register(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with listening() as server:
        connection = Recorder(network, server.getsockname()[1])
        with monkeypatch.context() as patch:
            patch.setattr(network, "poll", Full())
            assert await heard(connection) == ["local"]
        assert await heard(Recorder(network, server.getsockname()[1])) == ["connected", "expired"]


async def test_silence(network: EpollNetwork) -> None:
    with listening() as server:
        assert await heard(Recorder(network, server.getsockname()[1])) == ["connected", "expired"]


async def test_data_and_end_that_come_together_are_both_seen(network: EpollNetwork) -> None:
    with listening() as server:
        connection = Recorder(network, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.close()
        async with asyncio.timeout(10):
            await connection.over.wait()
    assert connection.heard == ["connected", "hello", ""]


class Talker(Recorder):
    """Answers each piece at once, and notes whether the kernel acknowledges the next data without delay."""

    def received(self, data: bytes) -> Action | None:
        super().received(data)
        if not data:
            return None
        sock = self.connection._socket
        self.heard.append(str(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)))
        return Exchange(b"?", self.network.time() + 5)


async def test_answers_in_two_segments_are_acknowledged_at_once(network: EpollNetwork) -> None:
    with listening() as server:
        connection = Talker(network, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        with peer:
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            for _ in range(8):
                await loop.sock_sendall(peer, b"!")
                assert await loop.sock_recv(peer, 1) == b"?"
        await connection.over.wait()
    assert [word for word in connection.heard if word.isdigit()][3:] == ["1"] * 5


async def test_a_bug_costs_one_connection(network: EpollNetwork) -> None:
    with listening() as server:
        port = server.getsockname()[1]
        assert await heard(Recorder(network, port, bug=True)) == ["connected", "failed: bug"]
        assert await heard(Recorder(network, port)) == ["connected", "expired"]


async def test_data_from_a_stopped_time_is_in_time(network: EpollNetwork) -> None:
    with listening() as server:
        connection = Recorder(network, server.getsockname()[1])
        connection.dial(0.1)
        peer, _ = server.accept()
        with peer:
            time.sleep(0.4)  # noqa: ASYNC251 - as if stopped: the timer is late, and the connection was made long ago
            await connection.made.wait()
            peer.sendall(b"hello")
            time.sleep(0.4)  # noqa: ASYNC251 - as if stopped
            await connection.over.wait()
    assert connection.heard == ["connected", "hello", "expired"]


async def test_lost_time_extends_every_deadline_by_as_much(network: EpollNetwork) -> None:
    """The deadlines of a connect and of an answer; pending data is read first."""
    with listening(backlog=0) as full, listening() as server, ExitStack() as stack:
        for _ in range(2):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        dead, silent = Recorder(network, full.getsockname()[1]), Recorder(network, server.getsockname()[1])
        began, began_here = network.time(), time.monotonic()
        dead.dial(0.3)
        silent.dial(0.3)
        await silent.made.wait()
        time.sleep(2.5)  # noqa: ASYNC251 - as if stopped
        async with asyncio.timeout(20):
            await dead.over.wait()
            await silent.over.wait()
        assert time.monotonic() - began_here - (network.time() - began) > 2.3
    assert (dead.heard, silent.heard) == (["timeout"], ["connected", "expired"])


async def test_a_timer_waits_for_lost_time_too(network: EpollNetwork) -> None:
    fired = asyncio.Event()
    began = network.time()
    network.call_later(0.3, fired.set)
    network.call_later(0.2, fired.set).cancel()
    time.sleep(2.5)  # noqa: ASYNC251 - as if stopped
    async with asyncio.timeout(20):
        await fired.wait()
    assert network.time() - began + 0.002 >= 0.3


async def test_closing_drops_everything() -> None:
    network = EpollNetwork()
    network.open()
    with listening() as server:
        connections = [Recorder(network, server.getsockname()[1]) for _ in range(5)]
        for connection in connections:
            connection.dial(0.05)
        network.close()
        await asyncio.sleep(0.2)
    assert not any(connection.heard for connection in connections)


class Answerer(Recorder):
    """Sends its last message at the first data."""

    def received(self, data: bytes) -> Action | None:
        self.heard.append(data.decode())
        return CloseGracefully(b"goodbye", 60)


async def test_data_sent_in_the_last_round_is_sent(network: EpollNetwork) -> None:
    """The close comes before the end of the round, which sends collected data."""
    with listening() as server:
        connection = Answerer(network, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(10):
            await connection.over.wait()
        with peer:
            assert connection.heard == ["connected", "hello", "closed"]
            assert peer.recv(100) == b"goodbye"


async def test_last_words_that_cannot_be_sent_end_the_connection(network: EpollNetwork) -> None:
    with listening() as server:
        connection = Answerer(network, server.getsockname()[1])
        connection.dial(5)
        async with asyncio.timeout(10):
            await connection.made.wait()
        connection.connection._socket.shutdown(socket.SHUT_WR)
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            async with asyncio.timeout(10):
                await connection.over.wait()
    assert connection.heard == ["connected", "hello", "closed"]


class Closer(Recorder):
    """Closes another connection at the first data; notes its turn in a shared list."""

    def __init__(self, network: EpollNetwork, port: int, order: list[Quiet]) -> None:
        super().__init__(network, port)
        self.order = order
        self.other: Recorder | None = None
        self.turn = asyncio.Event()

    def received(self, data: bytes) -> Action | None:
        self.order.append(self)
        self.turn.set()
        if self.other is not None:
            self.other.end()
        return super().received(data)


async def pairs(
    network: EpollNetwork, stack: ExitStack, number: int
) -> tuple[list[Closer], list[socket.socket], list[Quiet]]:
    """Return connections, their peers, and the shared list of turns."""
    server = stack.enter_context(listening())
    order: list[Quiet] = []
    made = [Closer(network, server.getsockname()[1], order) for _ in range(number)]
    peers = []
    for each in made:
        each.dial(5)
        peers.append(stack.enter_context(server.accept()[0]))
        await each.made.wait()
        each.wait_until(network.time() + 60)
    return made, peers, order


async def test_early_conversations_are_served_first(network: EpollNetwork) -> None:
    with ExitStack() as stack:
        made, peers, order = await pairs(network, stack, 3)
        for who in (0, 0, 1):
            made[who].turn.clear()
            peers[who].sendall(b"hello")
            await made[who].turn.wait()
        order.clear()
        for peer in peers:
            peer.sendall(b"hello")  # in the order of the poll set
        await asyncio.sleep(0.05)
        assert order == [made[2], made[1], made[0]]
        for each in made:
            each.close()


async def test_data_is_not_passed_to_a_connection_closed_meanwhile(network: EpollNetwork) -> None:
    with ExitStack() as stack:
        (first, second), peers, _ = await pairs(network, stack, 2)
        first.other, second.other = second, first
        for peer in peers:
            peer.sendall(b"hello")
        async with asyncio.timeout(10):
            await asyncio.wait(
                [asyncio.create_task(each.over.wait()) for each in (first, second)], return_when="FIRST_COMPLETED"
            )
        await asyncio.sleep(0.05)
        assert sorted((first.heard, second.heard)) == [["connected"], ["connected", "hello"]]
        first.close()
        second.close()


async def test_data_is_not_passed_to_a_reopened_connection(network: EpollNetwork) -> None:
    with ExitStack() as stack:
        (first, second), peers, order = await pairs(network, stack, 2)
        first.other, second.other = second, first
        for peer in peers:
            peer.sendall(b"hello")
        async with asyncio.timeout(10):
            await asyncio.wait(
                [asyncio.create_task(each.turn.wait()) for each in (first, second)], return_when="FIRST_COMPLETED"
            )
            closed = second if order[0] is first else first
            closed.made.clear()
            closed.heard.clear()
            closed.dial(5)
            await closed.made.wait()
        await asyncio.sleep(0.05)
        assert closed.heard == ["connected"]
        closed.close()


async def test_long_data_comes_in_order_before_the_end(network: EpollNetwork) -> None:
    with ExitStack() as stack:
        (made,), (peer,), _ = await pairs(network, stack, 1)
        peer.sendall(b"ab" * READ)
        peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
    assert "".join(made.heard) == "connected" + "ab" * READ
    assert made.heard[-1] == ""


async def test_a_reset_is_reported_once(network: EpollNetwork) -> None:
    with ExitStack() as stack:
        (made,), (peer,), _ = await pairs(network, stack, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
    assert made.heard == ["connected", "reset"]


async def test_data_is_seen_if_connect_data_and_reset_come_together(network: EpollNetwork) -> None:
    with listening() as server:
        connection = Recorder(network, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(10):
            await connection.over.wait()
    assert connection.heard == ["connected", "hello", "reset"]


class Listener(Quiet):
    """Records the times of events."""

    def __init__(self, network: EpollNetwork, port: int) -> None:
        super().__init__(network, port)
        self.times: list[float] = []

    def connected(self) -> Action | None:
        return Exchange(b"", self.network.time() + 600)

    def received(self, data: bytes) -> Action | None:
        self.times.append(self.network.time())
        return None


async def times_of(number: int, pauses: list[float], dead: int = 0) -> list[tuple[float, float]]:
    """Return when each piece of data was sent and received, for each of `number` connections in turn.

    Beside them are connections to `dead` addresses, which do not answer.
    """
    network = EpollNetwork()
    network.open()
    with ExitStack() as stack:
        full = stack.enter_context(listening(backlog=0)).getsockname()
        for _ in range(2):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(full)
        for _ in range(dead):
            Listener(network, full[1]).dial(600)
        server = stack.enter_context(listening(backlog=number))
        made = [Listener(network, server.getsockname()[1]) for _ in range(number)]
        peers = []
        for each in made:
            each.dial(600)
            peers.append(stack.enter_context(server.accept()[0]))
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)  # no event for a while
        sent: list[list[float]] = [[] for _ in made]
        for turn, pause in enumerate(pauses):
            peers[turn % number].sendall(b"hello")
            sent[turn % number].append(network.time())
            await asyncio.sleep(pause)
        await asyncio.sleep(2 * MAX_COALESCE)
        network.close()
        return [pair for times, each in zip(sent, made, strict=True) for pair in zip(times, each.times, strict=True)]


def test_events_of_many_connections_gather() -> None:
    """500 a second on 100 connections: some 50 at once, not one by one."""
    times = run_unhurried(times_of(100, [0.002] * 500))
    rounds = {came for _, came in times}
    assert 8 <= len(rounds) <= 60
    assert all(0 <= came - sent <= MAX_COALESCE + 0.01 for sent, came in times)


@pytest.mark.parametrize(
    ("number", "pauses", "dead"),
    [
        pytest.param(COALESCE_FROM - 1, [0.002] * 100, 0, id="few connections"),
        pytest.param(COALESCE_FROM - 1, [0.002] * 100, 100, id="few beside many dead addresses"),
        pytest.param(100, [0.3] * 4, 0, id="events after a while without any"),
    ],
)
def test_two_events_are_not_delayed_with_few_connections(number: int, pauses: list[float], dead: int) -> None:
    assert all(came - sent < 0.001 for sent, came in run_unhurried(times_of(number, pauses, dead)))


class Faulty(Listener):
    """Has a bug, and another one in its handling of bugs."""

    def received(self, data: bytes) -> Action | None:
        raise RuntimeError("bug")

    def failed_internally(self, error: Exception) -> None:
        raise RuntimeError("another")


async def test_two_bugs_at_once_cost_no_more_than_one_connection(network: EpollNetwork) -> None:
    """Also in a coalesced round: the other connections are served, and the next round comes."""
    with ExitStack() as stack:
        server = stack.enter_context(listening(backlog=100))
        made = [(Faulty if number == 40 else Listener)(network, server.getsockname()[1]) for number in range(80)]
        for each in made:
            each.dial(600)
        peers = {each: stack.enter_context(server.accept()[0]) for each in made}
        for each in made:
            peers[each].sendall(b"hello")
            await asyncio.sleep(0.002)
        await asyncio.sleep(2 * MAX_COALESCE)
        assert [each for each in made if not each.times] == [made[40]]
        assert not made[40].is_open


class FaultyConnection(EpollConnection):
    def send_now(self) -> None:
        raise RuntimeError("another")


class FaultyToTheEnd(Recorder):
    """Has a bug, and another one in its goodbye."""

    def __init__(self, network: EpollNetwork, port: int) -> None:
        super().__init__(network, port)
        self.connection = FaultyConnection(network, self, LOOPBACK, port)
        self.close = self.connection.close

    def connected(self) -> Action | None:
        self.connection.perform(Exchange(b"hello", 0))
        raise RuntimeError("bug")


async def test_a_bug_in_closing_is_reported_and_leaves_no_socket(network: EpollNetwork) -> None:
    with listening() as server:
        connection = FaultyToTheEnd(network, server.getsockname()[1])
        assert await heard(connection) == ["failed: bug"]
        peer, _ = await asyncio.to_thread(server.accept)
        with peer:
            assert await asyncio.to_thread(peer.recv, 1) == b""
        assert network.made == 0


async def test_a_network_can_be_closed_while_events_gather() -> None:
    network = EpollNetwork()
    network.open()
    with ExitStack() as stack:
        made, peers, _ = await pairs(network, stack, 2 * COALESCE_FROM)
        for peer in peers:
            peer.sendall(b"hello")
            await asyncio.sleep(0.001)
        network.close()
        heard_so_far = [list(each.heard) for each in made]
        await asyncio.sleep(2 * MAX_COALESCE)
        assert [each.heard for each in made] == heard_so_far


class Ending(Recorder):
    """Closes the network in one of its callbacks, then waits and dials on."""

    def __init__(self, network: EpollNetwork, port: int, where: str) -> None:
        super().__init__(network, port)
        self.where = where

    def connected(self) -> Action | None:
        action = super().connected()
        self._end_all("connected")
        return action

    def received(self, data: bytes) -> Action | None:
        super().received(data)
        self._end_all("received")
        return None

    def expired(self) -> Action | None:
        self.heard.append("expired")
        self._end_all("expired")
        return None

    def _end_all(self, here: str) -> None:
        if here == self.where:
            assert isinstance(self.network, EpollNetwork)
            self.network.close()
            self.wait_until(self.network.time() + 600)
            self.dial(600)
            self.over.set()


@pytest.mark.parametrize("where", ["connected", "received", "expired"])
@pytest.mark.parametrize("others", [0, 4 * COALESCE_FROM])
async def test_a_network_can_be_closed_in_a_callback(monkeypatch: pytest.MonkeyPatch, where: str, others: int) -> None:
    """No timer is left and nothing fires later, whether events were coalesced or not."""
    loop, timers, faults = asyncio.get_running_loop(), [], []
    call_at = loop.call_at

    def noted(*arguments: Any, **keywords: Any) -> asyncio.TimerHandle:
        timers.append(call_at(*arguments, **keywords))
        return timers[-1]

    monkeypatch.setattr(loop, "call_at", noted)
    loop.set_exception_handler(lambda _, context: faults.append(context))
    network = EpollNetwork()
    network.open()
    with ExitStack() as stack:
        server = stack.enter_context(listening(backlog=100))
        beside = [Listener(network, server.getsockname()[1]) for _ in range(others)]
        for each in beside:
            each.dial(600)
            peer = stack.enter_context(server.accept()[0])
            await asyncio.sleep(0.001)
            peer.sendall(b"hello")
        ending = Ending(network, server.getsockname()[1], where)
        ending.dial(5)
        peer = stack.enter_context(server.accept()[0])
        if where == "received":
            peer.sendall(b"hello")
        async with asyncio.timeout(20):
            await ending.over.wait()
        await asyncio.sleep(2 * MAX_COALESCE)
        waiting = [timer for timer in timers if not timer.cancelled() and timer.when() > loop.time()]
    assert faults == []
    assert waiting == []
    assert not any(each.is_open for each in [ending, *beside])
