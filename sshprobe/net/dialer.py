"""Many TCP connections at once, driven by callbacks: no task, no future and no timer for each.

For conversations so short that what asyncio charges for a connection is most of their cost. A `Dialer` has a poll set
of its own (`sshprobe.platform.poll_set`: Linux's epoll), which is one descriptor in the loop's: each time that the loop
finds it readable, all that is ready is handed to the connections in one go. One timer serves all deadlines.

Each socket is in the poll set once, for everything, and edge-triggered: what is ready is read until there is no more.

A round does like things together, because the processor's caches then hold what comes next: it reads from all that are
ready, hands over what came, to those first that are not far into their conversation, and in the end sends and dials.
Besides, each send wakes who waits for it: on loopback, and on any busy machine, that takes the processor from us.

And a round lets events gather, as a network card does with packets ("interrupt moderation"): to wake for each finds
the caches cold each time, which was measured to double what a host costs. How long follows from how fast events come;
with few connections nobody waits.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter

from sshprobe.net.dial import Address, NetworkError, connect_error, network_error, no_connection_in_time
from sshprobe.net.stream import GIVEN_BACK
from sshprobe.platform import (
    MORE_COMES,
    POLL_EVERYTHING,
    POLL_FAILED,
    POLL_READABLE,
    POLL_TO_THE_END,
    STREAM_NONBLOCKING,
    has_poll_set,
    poll_set,
    tell_from,
)

_log = logging.getLogger("sshprobe")

READ = 16_384
"""Bytes read at once."""

EVENTS = 512
"""Connections served before the loop gets its turn again."""

TICK = 0.02
"""Seconds between two looks at the deadlines, at least: they are kept no more exactly than that."""

GATHERED = 64
"""Events that are let gather for one round; at most half as many as connections are open."""

FEW = 16
"""Connections of which fewer are served at once, each time."""

LONGEST = 0.1
"""Seconds for which events are let gather, at most: what a connection waits more for each of its answers."""

SHORTEST = 0.001
"""Seconds that are worth a timer."""

PATIENCE = 1.0
"""Seconds for which a connection waits for the bytes with which the other side is expected to begin. An answer is there
by then from far away, and from a server that is busy; one that says less, and waits, is heard no later than that."""

STEPS = 64
"""Times that a connection is ready, as far as they are told apart."""

LATE = 0.1
"""Seconds by which the look at the deadlines may come late before they are doubted."""

_UNDER_WAY = frozenset({0, errno.EINPROGRESS})


class Connection:
    """One connection of a `Dialer`, which calls the methods that a subclass defines. None of them waits."""

    __slots__ = (
        "_asked_until",
        "_came",
        "_connected",
        "_dialer",
        "_events",
        "_last",
        "_least",
        "_number",
        "_open",
        "_put_off",
        "_socket",
        "_step",
        "_unsent",
        "deadline",
        "place",
        "port",
        "timeout",
    )

    def __init__(self, dialer: Dialer, place: Address, port: int) -> None:
        self.place = place
        self.port = port
        self.deadline = 0.0
        """A time of the loop's clock."""
        self.timeout = 0.0
        """Seconds to connect."""
        self._dialer = dialer
        self._open = False
        self._connected = False
        self._put_off = False
        self._least = 1  # bytes of which the kernel tells
        self._asked_until = 0.0  # the deadline, where `PATIENCE` may be over before it
        self._unsent: bytes | None = None
        self._last = False
        self._came: bytes | OSError | None = None
        self._step = 0  # how far it is; each connection made begins at a multiple of STEPS

    # -- for the subclass to define ----------------------------------------------------------------------------------

    def connected(self) -> None:
        """It is made."""

    def received(self, data: bytes) -> None:
        """Something came; b"" at the end of the stream."""

    def broken(self, error: NetworkError) -> None:
        """It could not be made, or broke. It is closed if it was never made."""

    def unsent(self, error: NetworkError) -> None:
        """What had to be sent could not be. `received` may still bring what came before."""
        self.broken(error)

    def expired(self) -> None:
        """Its deadline is over. One that was not made by then is `broken`."""

    def faulty(self, error: Exception) -> None:
        """One of the methods above raised: a bug of ours. It is closed."""

    # -- for the subclass to call ------------------------------------------------------------------------------------

    def dial(self, timeout: float, least: int = 1) -> None:
        """Connect within `timeout` seconds, when this round is over; for the first time, or after `close`.

        One of `connected` and `broken` is called later, or at once. With `least` the other side is expected to begin
        with so many bytes: until they have come, or the end, or `PATIENCE` is over, `received` is not called.
        """
        self.timeout = timeout
        self._least = least
        self._connected = self._last = False
        self._came = None  # of the connection before, if it was closed between reading and handing over
        self._step += STEPS - self._step % STEPS
        if self._dialer.in_round:
            self._dialer.to_dial.append(self)
        else:
            self._dial_now()

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, or up to `TICK` later, unless it is changed before."""
        if self._least > 1:
            self._asked_until = deadline
            if self._connected:
                deadline = min(deadline, self._dialer.time() + PATIENCE)
        self.deadline = deadline
        self._put_off = False
        if deadline < self._dialer.due:
            self._dialer.due_at(deadline)

    def send(self, data: bytes) -> None:
        """Send a little, which has room in the kernel's buffer of a fresh connection, when this round is over."""
        if self._unsent is not None:
            self._unsent += data
            return
        self._unsent = data
        if self._dialer.in_round:
            self._dialer.to_send.append(self)
        else:
            self._send_now()

    def send_last(self, data: bytes) -> None:
        """Send a little and close our side, both in one segment where the system can, when this round is over."""
        self._last = True
        self.send(data)

    def close(self) -> None:
        """Close at once, whatever is unread or the kernel has not sent. Nothing is called any more."""
        if self._open:
            self._open = False
            if self._unsent is not None:
                self._send_now()
            self._dialer.forget(self._number)
            self._socket.close()

    def leave(self) -> socket.socket:
        """Return the socket, which goes on without the dialer. Nothing is called any more."""
        self._open = False
        if self._unsent is not None:
            self._send_now()
        self._dialer.release(self._number)
        if self._least > 1:
            tell_from(self._socket, 1)
        return self._socket

    # -- for the dialer ----------------------------------------------------------------------------------------------

    def _read(self, events: int) -> None:
        """Read what is ready. Where a connection may have failed to be made, its error is asked for first."""
        self._events = events
        self._step += 1
        if events & POLL_READABLE and (self._connected or not events & POLL_FAILED):
            self._came = self._read_now()

    def _hand_over(self) -> None:
        """Say what was ready."""
        events, came, self._came = self._events, self._came, None
        if not self._connected:
            if events & POLL_FAILED:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.close()
                    self.broken(connect_error(OSError(code, os.strerror(code)), self.place))
                    return
                came = self._read_now()
            self._connected = True
            self.connected()
        while came is not None and self._open:
            if isinstance(came, OSError):
                self.broken(network_error(came))
                return
            if self._least > 1:
                self._take_less()
            self.received(came)
            more = came and (len(came) == READ or events & POLL_TO_THE_END)
            came = self._read_now() if more and self._open else None

    def _read_now(self) -> bytes | OSError | None:
        """Read what there is; None: nothing."""
        try:
            return self._socket.recv(READ)
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def _dial_now(self) -> None:
        try:
            self._socket = made = socket.socket(self.place.family, STREAM_NONBLOCKING)
        except OSError as error:
            self.broken(network_error(error))
            return
        if self._least > 1 and not tell_from(made, self._least):
            self._least = 1
        code = made.connect_ex((self.place.ip, self.port))
        if code not in _UNDER_WAY:
            made.close()
            self.broken(connect_error(OSError(code, os.strerror(code)), self.place))
            return
        self._number = made.fileno()
        try:
            self._dialer.add(self._number, self)
        except OSError as error:  # what a user may watch has a limit, too: epoll(7), max_user_watches
            made.close()
            self.broken(network_error(error))
            return
        self._open = True
        self.wait_until(self._dialer.time() + self.timeout)

    def _send_now(self) -> None:
        data, self._unsent = self._unsent, None
        if data is None:
            return  # sent before it was closed
        try:
            if not self._last:
                if self._socket.send(data) != len(data):
                    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
                return
            if data:
                self._socket.send(data, MORE_COMES)
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if self._open:
                self.unsent(network_error(error))

    def _late(self, lost: float) -> None:
        """Take the end of a wait. `lost`: seconds in which this process did not run; they are given back, once."""
        if lost > LATE and not self._put_off:
            self._put_off = True
            self.deadline = self._dialer.time() + min(lost, GIVEN_BACK)
        elif not self._connected:
            self.close()
            self.broken(no_connection_in_time(self.timeout))
        elif self._least > 1:
            self._lose_patience()
        else:
            self.expired()

    def _take_less(self) -> None:
        """Be told of whatever comes from now on."""
        self._least = 1
        tell_from(self._socket, 1)
        self.wait_until(self._asked_until)

    def _lose_patience(self) -> None:
        """Take what has come. Where the deadline is over, too, it was in time all the same."""
        self._take_less()
        self._events, self._came = 0, self._read_now()  # not every kernel tells of what was there before
        self._hand_over()


_step = attrgetter("_step")


class Dialer:
    """The connections of one sweep. `open` and `close` it on the running loop."""

    def __init__(self) -> None:
        self._connections: dict[int, Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.due = float("inf")
        """When the deadlines are looked at next, by the loop's clock."""
        self.time: Callable[[], float] = time.monotonic
        """The loop's clock, once `open`."""
        self.in_round = False
        """Whether what has to be sent or dialled is to be put into these, and not done at once."""
        self.to_send: list[Connection] = []
        self.to_dial: list[Connection] = []
        self._gathering: asyncio.TimerHandle | None = None  # while events gather, and the loop does not look
        self._began = 0.0  # when the last round did
        self._seconds = 0.0  # from one round to the next, of late
        self._events = 1.0  # in each of them

    @staticmethod
    def works() -> bool:
        """Whether this system has what it takes."""
        return has_poll_set()

    def open(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self.time = self._loop.time
        self._poll = poll_set()
        self._began = self.time()
        self._loop.add_reader(self._poll.fileno(), self._ready)

    def close(self) -> None:
        """End, and close every connection without a word."""
        self._loop.remove_reader(self._poll.fileno())
        if self._gathering is not None:
            self._gathering.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        self._poll.close()

    # -- for connections ---------------------------------------------------------------------------------------------

    def add(self, number: int, connection: Connection) -> None:
        """Watch a socket."""
        self._poll.register(number, POLL_EVERYTHING)
        self._connections[number] = connection

    def forget(self, number: int) -> None:
        """Watch a socket no more that is closed next, which takes it out of the poll set."""
        del self._connections[number]

    def release(self, number: int) -> None:
        """Watch a socket no more that stays open."""
        del self._connections[number]
        self._poll.unregister(number)

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""
        self.due = deadline
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(max(deadline, self.time() + TICK), self._look)

    # -- callbacks of the loop ---------------------------------------------------------------------------------------

    def _ready(self) -> None:
        self._serve()
        if self._gathering_time() > SHORTEST:
            self._loop.remove_reader(self._poll.fileno())
            self._let_gather()

    def _gathered(self) -> None:
        if self._serve():
            self._let_gather()
        else:  # who comes after a while without events is served at once
            self._gathering = None
            self._loop.add_reader(self._poll.fileno(), self._ready)

    def _let_gather(self) -> None:
        self._gathering = self._loop.call_at(self._began + self._gathering_time(), self._gathered)

    def _gathering_time(self) -> float:
        """Return the seconds from the beginning of one round to that of the next."""
        together = len(self._connections)
        if together < FEW:
            return 0.0
        return min(LONGEST, min(GATHERED, together / 2) * self._seconds / self._events)

    def _serve(self) -> int:
        """Serve what is ready. Returns how many connections were."""
        # Nothing is dialled before the end of a round, so no descriptor that is closed in it is taken again while there
        # are events of who had it. A connection that is made has room to send: to hear of it again means nothing.
        ready: list[Connection] = []
        begun, self._began = self._began, self.time()
        with self._round():
            happened = self._poll.poll(0, EVENTS)
            if happened:
                self._seconds += (min(self._began - begun, LONGEST) - self._seconds) / 4
                self._events += (len(happened) - self._events) / 4
            for number, events in happened:
                connection = self._connections.get(number)
                if connection is not None and (events & POLL_READABLE or not connection._connected):
                    connection._read(events)
                    ready.append(connection)
            ready.sort(key=_step)
            for connection in ready:
                if connection._open:  # else another one's method has closed it
                    try:
                        connection._hand_over()
                    except Exception as error:
                        self._fault(connection, error)
        return len(happened)

    def _look(self) -> None:
        # A process that was stopped, or got no CPU, sees its timers first: what came meanwhile goes before them.
        for _ in range(1 + len(self._connections) // EVENTS):
            self._serve()
        now = self.time()
        lost = now - self.due
        self._timer = None
        self.due = float("inf")
        with self._round():
            for connection in list(self._connections.values()):
                if connection._open and connection.deadline <= now:
                    try:
                        connection._late(lost)
                    except Exception as error:
                        self._fault(connection, error)
        earliest = min((connection.deadline for connection in self._connections.values()), default=self.due)
        if earliest < self.due:
            self.due_at(earliest)

    @contextmanager
    def _round(self) -> Iterator[None]:
        """Gather what can wait, and do it in the end."""
        self.in_round = True
        try:
            yield
        finally:
            self.in_round = False
        to_send, self.to_send = self.to_send, []
        to_dial, self.to_dial = self.to_dial, []
        for connections, act in ((to_send, Connection._send_now), (to_dial, Connection._dial_now)):
            for connection in connections:
                try:
                    act(connection)
                except Exception as error:
                    self._fault(connection, error)

    def _fault(self, connection: Connection, error: Exception) -> None:
        _log.exception("internal error while asking %s port %d", connection.place.ip, connection.port)
        connection.close()
        connection.faulty(error)
