"""Many connections by callbacks: made, refused, silent, broken, late; and a process that did not run for a while."""

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

from sshprobe.net import Address, Connection, Dialer, NetworkError
from sshprobe.net.connection import READ
from sshprobe.net.dialer import FEW, LONGEST
from tests.hostile.clock import run_unhurried

LOOPBACK = Address("127.0.0.1", socket.AF_INET)


class Recorder(Connection):
    """Writes down what happens, and closes at the end of the stream."""

    __slots__ = ("bug", "heard", "made", "over")

    def __init__(self, dialer: Dialer, port: int, *, bug: bool = False) -> None:
        super().__init__(dialer, LOOPBACK, port)
        self.heard: list[str] = []
        self.made = asyncio.Event()
        self.over = asyncio.Event()
        self.bug = bug

    def connected(self) -> None:
        self.heard.append("connected")
        self.made.set()
        if self.bug:
            raise RuntimeError("bug")
        self.wait_until(self._dialer.time() + 0.2)

    def received(self, data: bytes) -> None:
        self.heard.append(data.decode())
        if not data:
            self.end()

    def broken(self, error: NetworkError) -> None:
        self.heard.append(error.failure)
        self.end()

    def expired(self) -> None:
        self.heard.append("expired")
        self.end()

    def faulty(self, error: Exception) -> None:
        self.heard.append(f"faulty: {error}")
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


async def test_refused(dialer: Dialer) -> None:
    with listening() as server:
        port = server.getsockname()[1]
    assert await heard(Recorder(dialer, port)) == ["refused"]


async def test_nobody_answers(dialer: Dialer) -> None:
    with listening(backlog=0) as server, socket.socket() as filling, socket.socket() as more:
        for each in (filling, more):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        assert await heard(Recorder(dialer, server.getsockname()[1])) == ["timeout"]


async def test_what_cannot_be_watched_is_this_machines_trouble(dialer: Dialer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def register(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with listening() as server:
        connection = Recorder(dialer, server.getsockname()[1])
        with monkeypatch.context() as patch:
            patch.setattr(dialer, "_poll", Full())
            assert await heard(connection) == ["local"]
        assert await heard(Recorder(dialer, server.getsockname()[1])) == ["connected", "expired"]


async def test_silence(dialer: Dialer) -> None:
    with listening() as server:
        assert await heard(Recorder(dialer, server.getsockname()[1])) == ["connected", "expired"]


async def test_data_and_end_that_come_together_are_both_seen(dialer: Dialer) -> None:
    with listening() as server:
        connection = Recorder(dialer, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.close()
        async with asyncio.timeout(10):
            await connection.over.wait()
    assert connection.heard == ["connected", "hello", ""]


async def test_a_bug_costs_one_connection(dialer: Dialer) -> None:
    with listening() as server:
        port = server.getsockname()[1]
        assert await heard(Recorder(dialer, port, bug=True)) == ["connected", "faulty: bug"]
        assert await heard(Recorder(dialer, port)) == ["connected", "expired"]


async def test_what_came_while_this_process_did_not_run_is_in_time(dialer: Dialer) -> None:
    with listening() as server:
        connection = Recorder(dialer, server.getsockname()[1])
        connection.dial(0.1)
        peer, _ = server.accept()
        with peer:
            time.sleep(0.4)  # noqa: ASYNC251 - as if stopped: the timer is late, and the connection long made
            await connection.made.wait()
            peer.sendall(b"hello")
            time.sleep(0.4)  # noqa: ASYNC251
            await connection.over.wait()
    assert connection.heard == ["connected", "hello", "expired"]


async def test_lost_time_is_given_back_once(dialer: Dialer) -> None:
    with listening(backlog=0) as server, socket.socket() as filling, socket.socket() as more:
        for each in (filling, more):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        connection = Recorder(dialer, server.getsockname()[1])
        start = dialer.time()
        connection.dial(0.1)
        time.sleep(0.5)  # noqa: ASYNC251
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connection.heard == []
        while not connection.over.is_set():
            time.sleep(0.15)  # noqa: ASYNC251 - late again each time
            await asyncio.sleep(0.001)
            assert dialer.time() - start < 10
    assert connection.heard == ["timeout"]


async def test_of_a_long_stop_no_more_is_given_back_than_a_question_has(
    dialer: Dialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the silent servers of a scan that was stopped for an hour would hold it for another."""
    monkeypatch.setattr("sshprobe.net.connection.GIVEN_BACK", 0.2)
    with listening() as server:
        connection = Recorder(dialer, server.getsockname()[1])
        connection.dial(5)
        await connection.made.wait()
        time.sleep(1)  # noqa: ASYNC251
        stopped_until = time.monotonic()
        for _ in range(5):
            await asyncio.sleep(0)
        assert stopped_until < connection.deadline < stopped_until + 0.7
        await connection.over.wait()
    assert connection.heard == ["connected", "expired"]


async def test_closing_drops_everything() -> None:
    dialer = Dialer()
    dialer.open()
    with listening() as server:
        connections = [Recorder(dialer, server.getsockname()[1]) for _ in range(5)]
        for connection in connections:
            connection.dial(0.05)
        dialer.close()
        await asyncio.sleep(0.2)
    assert not any(connection.heard for connection in connections)


class Answerer(Recorder):
    """Sends its last words for the first that comes, and closes at the end of the stream."""

    def received(self, data: bytes) -> None:
        self.heard.append(data.decode())
        if data:
            self.send_last(b"goodbye")
        else:
            self.end()

    def unsent(self, error: NetworkError) -> None:
        self.heard.append(f"unsent: {error.failure}")
        self.end()


async def test_what_is_said_in_the_round_of_the_end_is_said(dialer: Dialer) -> None:
    """Closing comes before the end of the round, in which what is gathered goes out."""
    with listening() as server:
        connection = Answerer(dialer, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(10):
            await connection.over.wait()
        with peer:
            assert connection.heard == ["connected", "hello", ""]
            assert peer.recv(100) == b"goodbye"


async def test_what_cannot_be_sent_is_told(dialer: Dialer) -> None:
    with listening() as server:
        connection = Answerer(dialer, server.getsockname()[1])
        connection.dial(5)
        async with asyncio.timeout(10):
            await connection.made.wait()
        connection._socket.shutdown(socket.SHUT_WR)
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            async with asyncio.timeout(10):
                await connection.over.wait()
    assert connection.heard == ["connected", "hello", "unsent: reset"]


class Closer(Recorder):
    """Closes another one for what comes; says in a list of all whose turn it is."""

    __slots__ = ("order", "other", "turn")

    def __init__(self, dialer: Dialer, port: int, order: list[Connection]) -> None:
        super().__init__(dialer, port)
        self.order = order
        self.other: Recorder | None = None
        self.turn = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.order.append(self)
        self.turn.set()
        super().received(data)
        if self.other is not None:
            self.other.end()


async def pairs(
    dialer: Dialer, stack: ExitStack, number: int
) -> tuple[list[Closer], list[socket.socket], list[Connection]]:
    """Connections, their peers, and the list of whose turn it is."""
    server = stack.enter_context(listening())
    order: list[Connection] = []
    made = [Closer(dialer, server.getsockname()[1], order) for _ in range(number)]
    peers = []
    for each in made:
        each.dial(5)
        peers.append(stack.enter_context(server.accept()[0]))
        await each.made.wait()
        each.wait_until(dialer.time() + 60)
    return made, peers, order


async def test_who_is_not_far_into_a_conversation_is_served_first(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peers, order = await pairs(dialer, stack, 3)
        for who in (0, 0, 1):
            made[who].turn.clear()
            peers[who].sendall(b"hello")
            await made[who].turn.wait()
        order.clear()
        for peer in peers:
            peer.sendall(b"hello")  # in the order in which the poll set has them
        await asyncio.sleep(0.05)
        assert order == [made[2], made[1], made[0]]
        for each in made:
            each.close()


async def test_what_was_read_is_not_handed_over_to_who_was_closed_meanwhile(dialer: Dialer) -> None:
    with ExitStack() as stack:
        (first, second), peers, _ = await pairs(dialer, stack, 2)
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


async def test_nor_is_it_when_that_one_has_connected_anew(dialer: Dialer) -> None:
    with ExitStack() as stack:
        (first, second), peers, order = await pairs(dialer, stack, 2)
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


async def test_more_than_is_read_at_once_comes_in_order_and_before_the_end(dialer: Dialer) -> None:
    with ExitStack() as stack:
        (made,), (peer,), _ = await pairs(dialer, stack, 1)
        peer.sendall(b"ab" * READ)
        peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
    assert "".join(made.heard) == "connected" + "ab" * READ
    assert made.heard[-1] == ""


async def test_a_reset_is_told_once(dialer: Dialer) -> None:
    with ExitStack() as stack:
        (made,), (peer,), _ = await pairs(dialer, stack, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
    assert made.heard == ["connected", "reset"]


async def test_a_reset_before_we_know_of_the_connection_fails_it(dialer: Dialer) -> None:
    with listening() as server:
        connection = Recorder(dialer, server.getsockname()[1])
        connection.dial(5)
        peer, _ = server.accept()
        peer.sendall(b"hello")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(10):
            await connection.over.wait()
    assert connection.heard == ["reset"]


class Listener(Connection):
    """Writes down when something came."""

    __slots__ = ("times",)

    def __init__(self, dialer: Dialer, port: int) -> None:
        super().__init__(dialer, LOOPBACK, port)
        self.times: list[float] = []

    def connected(self) -> None:
        self.wait_until(self._dialer.time() + 600)

    def received(self, data: bytes) -> None:
        self.times.append(self._dialer.time())


async def times_of(number: int, pauses: list[float], dead: int = 0) -> list[tuple[float, float]]:
    """Return when each piece of data was sent, and when it came; to each of `number` connections in turn.

    Beside them are those to `dead` addresses, which nobody takes.
    """
    dialer = Dialer()
    dialer.open()
    with ExitStack() as stack:
        full = stack.enter_context(listening(backlog=0)).getsockname()
        for _ in range(2):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(full)
        for _ in range(dead):
            Listener(dialer, full[1]).dial(600)
        server = stack.enter_context(listening(backlog=number))
        made = [Listener(dialer, server.getsockname()[1]) for _ in range(number)]
        peers = []
        for each in made:
            each.dial(600)
            peers.append(stack.enter_context(server.accept()[0]))
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)  # nothing has been for a while
        sent: list[list[float]] = [[] for _ in made]
        for turn, pause in enumerate(pauses):
            peers[turn % number].sendall(b"hello")
            sent[turn % number].append(dialer.time())
            await asyncio.sleep(pause)
        await asyncio.sleep(2 * LONGEST)
        dialer.close()
        return [pair for times, each in zip(sent, made, strict=True) for pair in zip(times, each.times, strict=True)]


def test_events_of_many_connections_gather() -> None:
    """500 a second, with 100 connections: some 50 at once, and not each by itself."""
    times = run_unhurried(times_of(100, [0.002] * 500))
    rounds = {came for _, came in times}
    assert 8 <= len(rounds) <= 60
    assert all(0 <= came - sent <= LONGEST + 0.01 for sent, came in times)


@pytest.mark.parametrize(
    ("number", "pauses", "dead"),
    [
        pytest.param(FEW - 1, [0.002] * 100, 0, id="few connections"),
        pytest.param(FEW - 1, [0.002] * 100, 100, id="few beside many dead addresses"),
        pytest.param(100, [0.3] * 4, 0, id="events after a while without any"),
    ],
)
def test_but_nobody_waits_with(number: int, pauses: list[float], dead: int) -> None:
    assert all(came - sent < 0.001 for sent, came in run_unhurried(times_of(number, pauses, dead)))


class Faulty(Listener):
    """Has a bug, and another one in what is done about bugs."""

    __slots__ = ()

    def received(self, data: bytes) -> None:
        raise RuntimeError("bug")

    def faulty(self, error: Exception) -> None:
        raise RuntimeError("another")


async def test_two_bugs_at_once_cost_no_more_than_one_connection(dialer: Dialer) -> None:
    """Be it in a round for which events gathered: the others there are served, and the next round comes."""
    with ExitStack() as stack:
        server = stack.enter_context(listening(backlog=100))
        made = [(Faulty if number == 40 else Listener)(dialer, server.getsockname()[1]) for number in range(80)]
        for each in made:
            each.dial(600)
        peers = {each: stack.enter_context(server.accept()[0]) for each in made}
        for each in made:
            peers[each].sendall(b"hello")
            await asyncio.sleep(0.002)
        await asyncio.sleep(2 * LONGEST)
        assert [each for each in made if not each.times] == [made[40]]
        assert not made[40].is_open


class FaultyToTheEnd(Recorder):
    """Has a bug, and another one in what is sent before it is closed."""

    __slots__ = ()

    def connected(self) -> None:
        self.send(b"hello")
        raise RuntimeError("bug")

    def send_now(self) -> None:
        raise RuntimeError("another")


async def test_a_bug_in_closing_is_told_and_leaves_no_socket(dialer: Dialer) -> None:
    with listening() as server:
        connection = FaultyToTheEnd(dialer, server.getsockname()[1])
        assert await heard(connection) == ["faulty: bug"]
        peer, _ = await asyncio.to_thread(server.accept)
        with peer:
            assert await asyncio.to_thread(peer.recv, 1) == b""
        assert dialer.made == 0


async def test_a_dialer_can_be_closed_while_events_gather() -> None:
    dialer = Dialer()
    dialer.open()
    with ExitStack() as stack:
        made, peers, _ = await pairs(dialer, stack, 2 * FEW)
        for peer in peers:
            peer.sendall(b"hello")
            await asyncio.sleep(0.001)
        dialer.close()
        heard_so_far = [list(each.heard) for each in made]
        await asyncio.sleep(2 * LONGEST)
        assert [each.heard for each in made] == heard_so_far


class Ending(Recorder):
    """Closes the dialer in one of its callbacks, then waits and dials on."""

    __slots__ = ("where",)

    def __init__(self, dialer: Dialer, port: int, where: str) -> None:
        super().__init__(dialer, port)
        self.where = where

    def connected(self) -> None:
        super().connected()
        self._end_all("connected")

    def received(self, data: bytes) -> None:
        super().received(data)
        self._end_all("received")

    def expired(self) -> None:
        self.heard.append("expired")
        self._end_all("expired")

    def _end_all(self, here: str) -> None:
        if here == self.where:
            assert isinstance(self._dialer, Dialer)
            self._dialer.close()
            self.wait_until(self._dialer.time() + 600)
            self.dial(600)
            self.over.set()


@pytest.mark.parametrize("where", ["connected", "received", "expired"])
@pytest.mark.parametrize("others", [0, 4 * FEW])
async def test_a_dialer_can_be_closed_by_who_is_served(
    monkeypatch: pytest.MonkeyPatch, where: str, others: int
) -> None:
    """No timer is left, and nothing is done when one would have fired, be it that events were let gather."""
    loop, timers, faults = asyncio.get_running_loop(), [], []
    call_at = loop.call_at

    def noted(*arguments: Any, **keywords: Any) -> asyncio.TimerHandle:
        timers.append(call_at(*arguments, **keywords))
        return timers[-1]

    monkeypatch.setattr(loop, "call_at", noted)
    loop.set_exception_handler(lambda _, context: faults.append(context))
    dialer = Dialer()
    dialer.open()
    with ExitStack() as stack:
        server = stack.enter_context(listening(backlog=100))
        beside = [Listener(dialer, server.getsockname()[1]) for _ in range(others)]
        for each in beside:
            each.dial(600)
            peer = stack.enter_context(server.accept()[0])
            await asyncio.sleep(0.001)
            peer.sendall(b"hello")
        ending = Ending(dialer, server.getsockname()[1], where)
        ending.dial(5)
        peer = stack.enter_context(server.accept()[0])
        if where == "received":
            peer.sendall(b"hello")
        async with asyncio.timeout(20):
            await ending.over.wait()
        await asyncio.sleep(2 * LONGEST)
        waiting = [timer for timer in timers if not timer.cancelled() and timer.when() > loop.time()]
    assert faults == []
    assert waiting == []
    assert not any(each.is_open for each in [ending, *beside])


class Expecting(Recorder):
    """Waits for as long as it is told to, once, and does not ask for more time when something comes."""

    __slots__ = ("news", "until")

    def __init__(self, dialer: Dialer, port: int, wait: float) -> None:
        super().__init__(dialer, port)
        self.until = dialer.time() + wait
        self.news = asyncio.Event()

    def connected(self) -> None:
        self.heard.append("connected")
        self.made.set()
        self.wait_until(self.until)

    def received(self, data: bytes) -> None:
        self.news.set()
        super().received(data)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr("sshprobe.net.connection.PATIENCE", getattr(request, "param", 60))


hurried = pytest.mark.parametrize("patience", [0.05], indirect=True)


async def expecting(
    dialer: Dialer, stack: ExitStack, least: int, *, wait: float = 60
) -> tuple[Expecting, socket.socket]:
    """A connection on which `least` bytes are expected, and its peer."""
    server = stack.enter_context(listening())
    made = Expecting(dialer, server.getsockname()[1], wait)
    made.dial(5, least)
    peer = stack.enter_context(server.accept()[0])
    await made.made.wait()
    stack.callback(made.close)
    return made, peer


async def news(connection: Expecting) -> list[str]:
    """What was heard, once there is more; and what was heard since is forgotten."""
    async with asyncio.timeout(10):
        await connection.news.wait()
    connection.news.clear()
    heard = connection.heard.copy()
    connection.heard.clear()
    return heard


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("more", ["0", "01", "0" * 3000])
async def test_what_is_expected_comes_in_one_piece(dialer: Dialer, more: str) -> None:
    """Whether it is just as much, or more; and what comes after it is told of as ever."""
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        peer.sendall(b"12345")
        await asyncio.sleep(0.02)
        peer.sendall(b"6789")
        await asyncio.sleep(0.02)
        assert made.heard == ["connected"]
        peer.sendall(more.encode())
        assert await news(made) == ["connected", "123456789" + more]
        assert made.deadline == made.until
        peer.sendall(b"a")
        assert await news(made) == ["a"]


@hurried
@pytest.mark.usefixtures("patience")
async def test_one_byte_less_than_expected_is_told_of_a_little_later(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        peer.sendall(b"123456789")
        assert await news(made) == ["connected", "123456789"]
        assert made.deadline == made.until
        for piece in ("0", "a"):
            peer.sendall(piece.encode())
            assert await news(made) == [piece]


@hurried
@pytest.mark.usefixtures("patience")
async def test_what_comes_when_patience_is_over_is_told_of_at_once(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        while made.deadline != made.until:  # noqa: ASYNC110 - nothing is told of it
            await asyncio.sleep(0.01)
        peer.sendall(b"1")
        assert await news(made) == ["connected", "1"]


@pytest.mark.usefixtures("patience")
async def test_what_came_in_time_is_told_of_before_the_deadline_is(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10, wait=0.1)
        peer.sendall(b"123456789")
        async with asyncio.timeout(10):
            await made.over.wait()
        assert made.heard == ["connected", "123456789", "expired"]


@hurried
@pytest.mark.usefixtures("patience")
async def test_silence_where_much_is_expected_is_silence(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, _ = await expecting(dialer, stack, 10, wait=0.2)
        async with asyncio.timeout(10):
            await made.over.wait()
        assert made.heard == ["connected", "expired"]


@hurried
@pytest.mark.usefixtures("patience")
def test_lost_time_is_given_back_once_where_much_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not for the end of patience, and for the deadline that was over by then."""

    async def silence_after_a_stop() -> float:
        dialer = Dialer()
        dialer.open()
        with ExitStack() as stack:
            made, _ = await expecting(dialer, stack, 10, wait=0.1)
            monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda time=dialer.time: time() + 1)
            monkeypatch.setattr(dialer, "time", asyncio.get_running_loop().time)
            stopped_until = dialer.time()
            async with asyncio.timeout(60):
                await made.over.wait()
            assert made.heard == ["connected", "expired"]
            dialer.close()
            return dialer.time() - stopped_until

    assert 0.8 < run_unhurried(silence_after_a_stop()) < 1.4


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("said", ["", "12345", "123456789", "1234567890"])
async def test_the_end_is_not_waited_for_any_longer(dialer: Dialer, said: str, half: bool) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        peer.sendall(said.encode())
        await asyncio.sleep(0.02)
        if half:
            peer.shutdown(socket.SHUT_WR)
        else:
            peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
        assert made.heard == ["connected", said, ""] if said else ["connected", ""]


@pytest.mark.usefixtures("patience")
async def test_nor_is_a_reset_and_what_came_before_it_counts(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        peer.sendall(b"12345")
        await asyncio.sleep(0.02)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(10):
            await made.over.wait()
        assert made.heard == ["connected", "12345", "reset"]


@hurried
@pytest.mark.usefixtures("patience")
async def test_urgent_data_does_not_hide_what_came(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        peer.send(b"12345")
        peer.send(b"!", socket.MSG_OOB)
        peer.send(b"6")
        heard = ""
        while heard != "connected123456":
            heard += "".join(await news(made))


@pytest.mark.usefixtures("patience")
async def test_where_the_kernel_cannot_wait_nothing_is_waited_for(
    dialer: Dialer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "SO_RCVLOWAT")
    with ExitStack() as stack:
        made, peer = await expecting(dialer, stack, 10)
        assert made.deadline == made.until
        peer.sendall(b"1")
        assert await news(made) == ["connected", "1"]


@pytest.mark.usefixtures("patience")
async def test_nothing_is_expected_of_a_socket_that_leaves(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, _ = await expecting(dialer, stack, 10)
        with made.leave() as left:
            assert left.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


@pytest.mark.usefixtures("patience")
async def test_what_is_expected_of_one_connection_is_not_of_the_next(dialer: Dialer) -> None:
    with ExitStack() as stack:
        made, _ = await expecting(dialer, stack, 10)
        made.close()
        server = stack.enter_context(listening())
        made.port = server.getsockname()[1]
        made.made.clear()
        made.dial(5)
        peer = stack.enter_context(server.accept()[0])
        await made.made.wait()
        peer.sendall(b"1")
        assert await news(made) == ["connected", "connected", "1"]
