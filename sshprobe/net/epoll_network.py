"""Many TCP connections on Linux: one epoll set, and no task, future or timer for each.

asyncio's cost of a connection is most of the cost of a short conversation. An `EpollNetwork` has a poll set of its own
(`sshprobe.platform.poll_set`), which is one descriptor in the loop's. When the loop finds it readable, all that is
ready is served in one round. One timer serves all deadlines.

A round does the same things together, because the processor's caches then hold what comes next: it reads from all
connections that are ready, dispatches the data, first to those with the fewest events so far, and sends and dials at
its end. Besides, each send wakes its receiver: on loopback, and on any busy machine, that takes the processor from us.

Each socket is in the poll set once, for everything, and edge-triggered: what is ready is read until there is no more.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Collection
from operator import attrgetter

from sshprobe.net.addresses import Address
from sshprobe.net.base_network import BaseNetwork
from sshprobe.net.coalescing import COALESCE_FROM, Coalescing
from sshprobe.net.errors import NetworkError, network_error, no_connection_in_time
from sshprobe.net.network import LINGER_BYTES, Action, Exchange, Handler, fail_internally
from sshprobe.platform.sockets import (
    MORE_COMES,
    POLL_EVERYTHING,
    POLL_FAILED,
    POLL_READABLE,
    POLL_TO_THE_END,
    STREAM_NONBLOCKING,
    has_poll_set,
    poll_set,
)

EVENTS = 512
"""Connections served before the loop gets its turn again."""

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


class EpollNetwork(BaseNetwork):
    """A `network.Network`. See there."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        """How many connections are made, and not yet closed."""
        self.in_round = False
        """Whether connections that send or dial put themselves into these lists instead of doing it at once."""
        self.to_send: list[EpollConnection] = []
        self.to_dial: list[EpollConnection] = []
        self.connections: dict[int, EpollConnection] = {}
        """Those that have a socket, by its number."""

    @staticmethod
    def works() -> bool:
        """Whether this system has what it takes."""
        return has_poll_set()

    def open(self) -> None:
        """Begin."""
        self.poll: select.epoll = poll_set()
        super().open()
        self._coalescing = Coalescing(self)
        self.watch()

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        if self.is_open:
            self.unwatch()
            self._coalescing.cancel()
            super().close()
            self.poll.close()

    def open_connections(self) -> Collection[EpollConnection]:
        """Return those that have a socket."""
        return self.connections.values()

    def connection(self, handler: Handler, address: Address, port: int) -> EpollConnection:
        """Return a connection that is not dialled yet."""
        return EpollConnection(self, handler, address, port)

    # -- rounds ------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Serve a round as soon as there is an event."""
        self.loop.add_reader(self.poll.fileno(), self._on_readable)

    def unwatch(self) -> None:
        """Serve no round by itself."""
        self.loop.remove_reader(self.poll.fileno())

    def _on_readable(self) -> None:
        began = self.loop.time()
        events = self.serve()
        if self.made >= COALESCE_FROM and events and self.is_open:
            self._coalescing.round_served(began, events)

    def serve(self) -> int:
        """Serve the connections that have events. Return how many had."""
        # Nothing is dialled before the end of a round, so no descriptor that is closed in it is used again while there
        # are events of its old connection. A connection that is made has room to send: POLLOUT then means nothing.
        happened = self.poll.poll(0, EVENTS)
        if not happened:
            return 0
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
                connection.act(EpollConnection.dispatch)
        self.end_looking()
        return len(happened)

    def begin_looking(self) -> None:
        """Serve what is ready: a process that was stopped, or got no CPU, sees its timers first."""
        for _ in range(1 + len(self.connections) // EVENTS):
            if self.is_open:
                self.serve()
        self.in_round = True

    def end_looking(self) -> None:
        """Send and dial what was put off."""
        self.in_round = False
        to_send, self.to_send = self.to_send, []
        to_dial, self.to_dial = self.to_dial, []
        if self.is_open:  # else what was to be sent is sent
            for connection in to_send:
                connection.act(EpollConnection.send_now)
            for connection in to_dial:
                connection.act(EpollConnection.dial_now)


class EpollConnection:
    """A `network.Connection`. See there."""

    def __init__(self, network: EpollNetwork, handler: Handler, address: Address, port: int) -> None:
        self.handler = handler
        self.address = address
        self.port = port
        self.step = 0
        """How many events it has had. Each connection made begins at a multiple of `STEPS`."""
        self.is_open = False
        """Whether there is a socket, which the network watches."""
        self.is_made = False
        """Whether the other side accepted it."""
        self.deadline = self.timeout = 0.0
        self._network = network
        self._unsent: bytes | None = None
        self._came: bytes | OSError | None = None
        self._failure: NetworkError | None = None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`, from the end of this round on."""
        self.deadline, self.timeout = deadline, timeout
        self.is_made = self._is_closing = self._ended = False
        self._discarded = 0
        self._came = self._failure = None  # of the connection before, if it was closed between reading and dispatch
        self.step += STEPS - self.step % STEPS
        if self._network.in_round:
            self._network.to_dial.append(self)
        elif self._network.is_open:
            self.act(EpollConnection.dial_now)

    def perform(self, action: Action | None) -> None:
        """Do what a handler returned. Data is sent at the end of this round."""
        if action is None or not self.is_open:
            return
        if type(action) is Exchange:
            deadline = action.deadline
        else:
            deadline = self._network.time() + action.linger
            self._is_closing = True
        if deadline != self.deadline:
            self.deadline = deadline
            if deadline < self._network.due:
                self._network.due_at(deadline)
        if action.data or self._is_closing:
            if self._unsent is not None:
                self._unsent += action.data
            else:
                self._unsent = action.data
                if self._network.in_round:
                    self._network.to_send.append(self)
                else:
                    self.act(EpollConnection.send_now)
        if self._is_closing and (self._ended or self._failure is not None):
            self._end(still_open=False)

    def close(self) -> None:
        """Close at once, whatever is unread or the kernel has not sent. No event follows."""
        self._failure = None
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
                    self._break(self._connect_failure(code))
                    return
                came = self._read_now()
            self.is_made = True
            self._network.made += 1
            self._network.last_made = self.address
            self.perform(self.handler.connected())
        while came is not None and self.is_open:
            self._ended = not came
            if isinstance(came, OSError):
                self._failed(network_error(came))
                break
            if self._is_closing:
                self._discard(came)
            elif self._ended and self._failure is not None:
                self._break(self._failure)
            else:
                self.perform(self.handler.received(came))
            more = len(came) == READ or (came and events & POLL_TO_THE_END)
            came = self._read_now() if more else None

    def _read_now(self) -> bytes | OSError | None:
        """Read what there is; None: nothing."""
        if not self.is_open:
            return None
        try:
            return self._socket.recv(READ)
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def _discard(self, came: bytes) -> None:
        self._discarded += len(came)
        if not came or self._discarded >= LINGER_BYTES:
            self._end(still_open=bool(came))

    def _failed(self, error: NetworkError) -> None:
        if self._is_closing:
            self._end(still_open=False)
        else:
            self._break(error)

    def _end(self, *, still_open: bool) -> None:
        self.close()
        self.handler.closed(still_open=still_open)

    def _break(self, error: NetworkError) -> None:
        self.close()
        self.handler.broken(error)

    def dial_now(self) -> None:
        """Begin to connect."""
        try:
            self._socket = made = socket.socket(self.address.family, STREAM_NONBLOCKING)
        except OSError as error:
            self._fail_soon(network_error(error))
            return
        ip = self.address.ip
        try:
            code = made.connect_ex(self.address.socket_address(self.port) if "%" in ip else (ip, self.port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code not in _CONNECTING:
            failure = self._connect_failure(code)
            made.close()
            self._fail_soon(failure)
            return
        self._number = made.fileno()
        try:
            self._network.poll.register(self._number, POLL_EVERYTHING)
        except OSError as error:  # what a user may watch has a limit, too: epoll(7), max_user_watches
            made.close()
            self._fail_soon(network_error(error))
            return
        self._network.connections[self._number] = self
        self.is_open = True
        if self.deadline < self._network.due:
            self._network.due_at(self.deadline)

    def _connect_failure(self, code: int) -> NetworkError:
        return self._network.connect_failure(OSError(code, os.strerror(code)), self.address, self._socket)

    def _fail_soon(self, error: NetworkError) -> None:
        self._failure = error
        self._network.loop.call_soon(self._report, error)

    def _report(self, error: NetworkError) -> None:
        if self._failure is error and self._network.is_open:  # else closed, or dialled again
            self.act(lambda self: self._break(error))

    def send_now(self) -> None:
        """Send what waits for it, and close our side if that was the last. A failure is reported behind what comes."""
        data, self._unsent = self._unsent, None
        if data is None:
            return  # sent before it was closed
        try:
            if not self._is_closing:
                if self._socket.send(data) != len(data):
                    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
                if self.step % STEPS > FIRST_STEPS:
                    self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                return
            if data:
                self._socket.send(data, MORE_COMES)
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if not self.is_open:
                return
            if self._is_closing:
                self._end(still_open=False)
            else:
                self._failure = network_error(error)

    def expire(self) -> None:
        """Call the handler: the deadline has passed."""
        self.act(EpollConnection._expire)

    def _expire(self) -> None:
        if not self.is_made:
            self._break(no_connection_in_time(self.timeout))
        elif self._is_closing:
            self._end(still_open=True)
        else:
            self.perform(self.handler.expired())
