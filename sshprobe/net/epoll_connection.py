"""The TCP connections of an `EpollNetwork`, and the rounds in which they are served.

A round does the same things together, because the processor's caches then hold what comes next: it reads from all
connections that are ready, dispatches what came, first to those with the fewest events so far, and sends and dials at
its end. Besides, each send wakes its receiver: on loopback, and on any busy machine, that takes the processor from us.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from operator import attrgetter

from sshprobe.net.addresses import Address
from sshprobe.net.errors import NetworkError, connect_error, network_error, no_connection_in_time
from sshprobe.net.local_firewall import REJECTED, is_rejected_here
from sshprobe.net.network import Handler, fail_internally
from sshprobe.platform import (
    MORE_COMES,
    POLL_EVERYTHING,
    POLL_FAILED,
    POLL_READABLE,
    POLL_TO_THE_END,
    STREAM_NONBLOCKING,
)

READ = 16_384
"""Bytes read at once."""

STEPS = 64
"""Events of one connection that the order of a round distinguishes."""

FIRST_STEPS = 2
"""Events of a connection after which what is sent asks for the answer's segments to be acknowledged at once.

sshd answers two requests in two segments, and Nagle's algorithm (RFC 896) keeps the second until the first is
acknowledged. We have nothing to send with the acknowledgement, so Linux delays it by 40 ms: tcp(7), TCP_QUICKACK.
"""

_step = attrgetter("step")

_CONNECTING = frozenset({0, errno.EINPROGRESS})


class Rounds(ABC):
    """The connections of an `EpollNetwork`, which are served in rounds."""

    time: Callable[[], float]
    """The clock of deadlines."""
    poll: select.epoll
    """The sockets of all connections, while the network is open."""

    def __init__(self) -> None:
        self.is_open = False
        self.due = float("inf")
        """When the deadlines are looked at next, by the clock of deadlines."""
        self.last_made: Address | None = None
        self.rejected = 0
        self.made = 0
        """How many connections are made, and not yet closed."""
        self.in_round = False
        """Whether connections that send or dial put themselves into these lists instead of doing it at once."""
        self.to_send: list[EpollConnection] = []
        self.to_dial: list[EpollConnection] = []
        self.connections: dict[int, EpollConnection] = {}
        """Those that have a socket, by its number."""

    @abstractmethod
    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""

    def serve(self, happened: list[tuple[int, int]]) -> None:
        """Serve the sockets with these numbers, which have these events."""
        # Nothing is dialled before the end of a round, so no descriptor that is closed in it is used again while there
        # are events of its old connection. A connection that is made has room to send: POLLOUT then means nothing.
        self.in_round = True
        ready: list[EpollConnection] = []
        find = self.connections.get
        for number, events in happened:
            connection = find(number)
            if connection is not None and (events & POLL_READABLE or not connection.is_made):
                try:
                    connection.read(events)
                except Exception as error:  # edge-triggered: the kernel reports the events of the others once
                    connection.fail_internally(error)
                else:
                    ready.append(connection)
        ready.sort(key=_step)
        for connection in ready:
            if connection.is_open:  # else another one's handler has closed it
                try:
                    connection.dispatch()
                except Exception as error:
                    connection.fail_internally(error)
        self._end_round()

    def expire(self, now: float) -> float:
        """Tell the connections whose deadline has passed, and return the earliest deadline of the others."""
        self.in_round = True
        for connection in list(self.connections.values()):
            if connection.is_open and connection.deadline <= now:
                try:
                    connection.on_deadline()
                except Exception as error:
                    connection.fail_internally(error)
        self._end_round()
        return min((connection.deadline for connection in self.connections.values()), default=float("inf"))

    def _end_round(self) -> None:
        """Send and dial what was put off."""
        self.in_round = False
        to_send, self.to_send = self.to_send, []
        to_dial, self.to_dial = self.to_dial, []
        if not self.is_open:
            return  # closed in this round, and what was to be sent is sent
        for connections, action in ((to_send, EpollConnection.send_now), (to_dial, EpollConnection.dial_now)):
            for connection in connections:
                try:
                    action(connection)
                except Exception as error:
                    connection.fail_internally(error)


class EpollConnection:
    """A `network.Connection`. See there."""

    __slots__ = (
        "_came",
        "_ended",
        "_events",
        "_last",
        "_network",
        "_number",
        "_socket",
        "_unsent",
        "address",
        "deadline",
        "handler",
        "is_made",
        "is_open",
        "port",
        "step",
        "timeout",
    )

    def __init__(self, network: Rounds, handler: Handler, address: Address, port: int) -> None:
        self.handler = handler
        self.address = address
        self.port = port
        self.deadline = 0.0
        """A time of the network's clock."""
        self.timeout = 0.0
        """Seconds to connect."""
        self.step = 0
        """How many events it has had. Each connection made begins at a multiple of `STEPS`."""
        self.is_open = False
        """Whether there is a socket, which the network watches."""
        self.is_made = False
        """Whether the other side accepted it."""
        self._network = network
        self._unsent: bytes | None = None
        self._last = False
        self._ended = False
        self._came: bytes | OSError | None = None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, timeout: float) -> None:
        """Connect within `timeout` seconds, at the end of this round; for the first time, or after `close`."""
        if not self._network.is_open:
            return
        self.timeout = timeout
        self.is_made = self._last = self._ended = False
        self._came = None  # of the connection before, if it was closed between reading and dispatch
        self.step += STEPS - self.step % STEPS
        if self._network.in_round:
            self._network.to_dial.append(self)
        else:
            self.act(EpollConnection.dial_now)

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, or up to `TICK` later, unless it is changed before."""
        self.deadline = deadline
        if deadline < self._network.due:
            self._network.due_at(deadline)

    def send(self, data: bytes, until: float | None = None) -> None:
        """Send a little, which has room in the kernel's buffer of a fresh connection, at the end of this round."""
        if until is not None:
            self.wait_until(until)
        if self._unsent is not None:
            self._unsent += data
            return
        self._unsent = data
        if self._network.in_round:
            self._network.to_send.append(self)
        else:
            self.act(EpollConnection.send_now)

    def send_last(self, data: bytes, until: float | None = None) -> None:
        """Send a little and close our side, both in one segment where the system can, at the end of this round."""
        self._last = True
        self.send(data, until)

    def close(self) -> None:
        """Close at once, whatever is unread or the kernel has not sent. No event follows."""
        if self.is_open:
            self.is_open = False
            try:
                if self._unsent is not None:
                    self.send_now()
            finally:
                self._network.made -= self.is_made
                del self._network.connections[self._number]
                self._socket.close()  # which takes it out of the poll set

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call `failed_internally`. Never raises."""
        fail_internally(self, error)

    # -- for the network ---------------------------------------------------------------------------------------------

    def act(self, action: Callable[[EpollConnection], None]) -> None:
        """Call a method of this class. A bug in the handler costs this connection alone."""
        try:
            action(self)
        except Exception as error:
            self.fail_internally(error)

    def read(self, events: int) -> None:
        """Read what is ready. Where the connect may have failed, `dispatch` fetches its error first."""
        self._events = events
        self.step += 1
        if events & POLL_READABLE and not self._ended and (self.is_made or not events & POLL_FAILED):
            self._came = self._read_now()

    def dispatch(self) -> None:
        """Call the handler for what was ready."""
        events, came, self._came = self._events, self._came, None
        if not self.is_made:
            if events & POLL_FAILED:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    error = connect_error(OSError(code, os.strerror(code)), self.address)
                    if is_rejected_here(self._socket):
                        self._network.rejected += 1
                        error = NetworkError("unreachable", REJECTED)
                    self.close()
                    self.handler.broken(error)
                    return
                came = self._read_now()
            self.is_made = True
            self._network.made += 1
            self._network.last_made = self.address
            self.handler.connected()
        while came is not None and self.is_open:
            if isinstance(came, OSError):
                self.handler.broken(network_error(came))
                return
            if not came:
                self._ended = True
            self.handler.received(came)
            more = came and (len(came) == READ or events & POLL_TO_THE_END)
            came = self._read_now() if more and self.is_open else None

    def _read_now(self) -> bytes | OSError | None:
        """Read what there is; None: nothing."""
        try:
            return self._socket.recv(READ)
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def dial_now(self) -> None:
        """Begin to connect."""
        try:
            self._socket = made = socket.socket(self.address.family, STREAM_NONBLOCKING)
        except OSError as error:
            self.handler.broken(network_error(error))
            return
        ip = self.address.ip
        try:
            code = made.connect_ex(self.address.socket_address(self.port) if "%" in ip else (ip, self.port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code not in _CONNECTING:
            made.close()
            self.handler.broken(connect_error(OSError(code, os.strerror(code)), self.address))
            return
        self._number = made.fileno()
        try:
            self._network.poll.register(self._number, POLL_EVERYTHING)
        except OSError as error:  # what a user may watch has a limit, too: epoll(7), max_user_watches
            made.close()
            self.handler.broken(network_error(error))
            return
        self._network.connections[self._number] = self
        self.is_open = True
        self.wait_until(self._network.time() + self.timeout)

    def send_now(self) -> None:
        """Send what waits for it, and close our side if that was the last."""
        data, self._unsent = self._unsent, None
        if data is None:
            return  # sent before it was closed
        try:
            if not self._last:
                if self._socket.send(data) != len(data):
                    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
                if self.step % STEPS > FIRST_STEPS:
                    self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                return
            if data:
                self._socket.send(data, MORE_COMES)
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if self.is_open:
                self.handler.unsent(network_error(error))

    def on_deadline(self) -> None:
        """Call the handler: its deadline has passed."""
        if self.is_made:
            self.handler.expired()
        else:
            self.close()
            self.handler.broken(no_connection_in_time(self.timeout))
