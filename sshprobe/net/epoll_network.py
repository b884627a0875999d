"""Many TCP connections on Linux: one epoll set, and no task, future or timer for each.

asyncio's cost of a connection is most of the cost of a short conversation. An `EpollNetwork` has its own poll set
(`sshprobe.platform.poll_set`), which is one descriptor for the loop. When the loop finds it readable, all ready
connections are served in one round. One timer serves all deadlines.

A round does equal work together, because the processor's caches then have its code and data: it reads from all ready
connections, dispatches the data, to those with the fewest events first, and sends and dials at its end. Also, each send
wakes its receiver, which takes the processor from us on loopback and on any busy machine.

Each socket is in the poll set once, for all events, and edge-triggered: it is read until no data is left.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Collection
from operator import attrgetter

from sshprobe.net.addresses import Address
from sshprobe.net.coalescing import COALESCE_FROM, Coalescing
from sshprobe.net.errors import NetworkError, network_error
from sshprobe.net.network import LINGER_BYTES, Action, Connection, Exchange, Handler, Network
from sshprobe.platform.sockets import (
    MORE_COMES,
    POLL_EVERYTHING,
    POLL_FAILED,
    POLL_READABLE,
    POLL_TO_THE_END,
    STREAM_NONBLOCKING,
    poll_set,
)

EVENTS = 512
"""The most connections served before the loop runs again."""

READ = 16_384
"""The most bytes per read."""

STEPS = 64
"""The most events of one connection that the order of a round distinguishes."""

FIRST_STEPS = 2
"""After this many events of a connection, the segments of each answer are acknowledged at once.

sshd answers two requests in two segments, and Nagle's algorithm (RFC 896) keeps the second until the first is
acknowledged. We have no data to send with the acknowledgement, so Linux delays it by 40 ms: tcp(7), TCP_QUICKACK.
"""

_step = attrgetter("step")

_CONNECTING = frozenset({0, errno.EINPROGRESS})


class EpollNetwork(Network):
    """See `Network`."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        """The number of established connections."""
        self.in_round = False
        """Whether connections that send or dial add themselves to these lists instead of doing it at once."""
        self.to_send: list[EpollConnection] = []
        self.to_dial: list[EpollConnection] = []
        self.connections: dict[int, EpollConnection] = {}
        """The connections with a socket, by its number."""

    def open(self) -> None:
        """Begin."""
        self.poll: select.epoll = poll_set()
        super().open()
        self._coalescing = Coalescing(self)
        self._coalescing.watch()

    def close(self) -> None:
        """Close every connection and cancel every timer. No event follows."""
        if self.is_open:
            self._coalescing.cancel()
            super().close()
            self.poll.close()

    def open_connections(self) -> Collection[EpollConnection]:
        """Return the connections with a socket."""
        return self.connections.values()

    def connection(self, handler: Handler, address: Address, port: int) -> EpollConnection:
        """Return a connection that is not dialled yet."""
        return EpollConnection(self, handler, address, port)

    # -- rounds ------------------------------------------------------------------------------------------------------

    def on_readable(self) -> None:
        """Serve a round now, and the next one later if there are many connections."""
        began = self.loop.time()
        events = self.serve()
        if self.made >= COALESCE_FROM and events and self.is_open:
            self._coalescing.round_served(began, events)

    def serve(self) -> int:
        """Serve the connections that have events. Return their number."""
        # Nothing is dialled before the end of a round, so a descriptor that is closed in it is not reused while there
        # are events of its old connection. An established connection can send, so POLLOUT then has no meaning.
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
            if connection.is_open:  # otherwise another handler has closed it
                try:
                    connection.dispatch()
                except Exception as error:
                    connection.fail_internally(error)
        self._end_round()
        return len(happened)

    def look(self) -> None:
        """See `Network`. After a stop or without CPU time, a process sees its timers before its events."""
        for _ in range(1 + len(self.connections) // EVENTS):
            if self.is_open:
                self.serve()
        self.in_round = True
        super().look()
        self._end_round()

    def _end_round(self) -> None:
        """Send and dial for the connections that deferred it."""
        self.in_round = False
        to_send, to_dial, self.to_send, self.to_dial = self.to_send, self.to_dial, [], []
        if self.is_open:  # otherwise the data is already sent
            for connections, action in ((to_send, EpollConnection.send_now), (to_dial, EpollConnection.dial_now)):
                for connection in connections:
                    try:
                        action(connection)
                    except Exception as error:
                        connection.fail_internally(error)


class EpollConnection(Connection):
    """See `Connection`."""

    network: EpollNetwork

    def __init__(self, network: EpollNetwork, handler: Handler, address: Address, port: int) -> None:
        super().__init__(network, handler, address, port)
        self.step = 0
        """The number of its events. Each new connection begins at a multiple of `STEPS`."""
        self._unsent: bytes | None = None
        self._came: bytes | OSError | None = None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`, starting at the end of this round."""
        self.deadline, self.timeout = deadline, timeout
        self.is_made = self._is_closing = self._ended = False
        self._discarded = 0
        self._came = self.failure = None  # of the previous connection, if it was closed between reading and dispatch
        self.step += STEPS - self.step % STEPS
        if self.network.in_round:
            self.network.to_dial.append(self)
        elif self.network.is_open:
            self.dial_now()

    def perform(self, action: Action | None) -> None:
        """Perform the action that a handler returned. Data is sent at the end of this round."""
        if action is None or not self.is_open:
            return
        if type(action) is Exchange:
            deadline = action.deadline
        else:
            deadline = self.network.time() + action.linger
            self._is_closing = True
        if deadline != self.deadline:
            self.deadline = deadline
            if deadline < self.network.due:
                self.network.due_at(deadline)
        if action.data or self._is_closing:
            if self._unsent is not None:
                self._unsent += action.data
            else:
                self._unsent = action.data
                if self.network.in_round:
                    self.network.to_send.append(self)
                else:
                    self.send_now()
        if self._is_closing and (self._ended or self.failure is not None):
            self.end(still_open=False)

    def close(self) -> None:
        """Close at once, even with data unread or not sent by the kernel. No event follows."""
        self.failure = None
        if self.is_open:
            self.is_open = False
            try:
                if self._unsent is not None:
                    self.send_now()
            finally:
                self.network.made -= self.is_made
                del self.network.connections[self._number]
                self._socket.close()  # this removes it from the poll set

    # -- for the network ---------------------------------------------------------------------------------------------

    def read(self, events: int) -> None:
        """Read. If the connect may have failed, `dispatch` fetches its error first."""
        self._events = events
        self.step += 1
        if events & POLL_READABLE and not self._ended and (self.is_made or not events & POLL_FAILED):
            self._came = self._read_now()

    def dispatch(self) -> None:
        """Call the handler for the events of `read`."""
        events, came, self._came = self._events, self._came, None
        if not self.is_made:
            if events & POLL_FAILED:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                came = self._read_now()
                if code:
                    if not isinstance(came, bytes) or not came:
                        self.break_off(self._connect_failure(code))
                        return
                    # The connection was made, and reset after its first data.
                    self.failure = network_error(OSError(code, os.strerror(code)))
            self.is_made = True
            self.network.made += 1
            self.network.last_made = self.address
            self.perform(self.handler.connected())
        while came is not None and self.is_open:
            if isinstance(came, OSError):
                self.failure, came = network_error(came), b""
            self._ended = not came
            if self._is_closing:
                self._discarded += len(came)
                if not came or self._discarded >= LINGER_BYTES:
                    self.close()
                    self.handler.closed(still_open=bool(came))
            elif self._ended and self.failure is not None:
                self.break_off(self.failure)
            else:
                self.perform(self.handler.received(came))
            more = len(came) == READ or (came and events & POLL_TO_THE_END)
            came = self._read_now() if more else None

    def _read_now(self) -> bytes | OSError | None:
        """Return data, b"" at the end of the stream, None without data, or an error."""
        if not self.is_open:
            return None
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
            self.fail_soon(network_error(error))
            return
        ip = self.address.ip
        try:
            code = made.connect_ex(self.address.socket_address(self.port) if "%" in ip else (ip, self.port))
        except OSError as error:
            code = error.errno or errno.EINVAL
        failure = None if code in _CONNECTING else self._connect_failure(code)
        self._number = made.fileno()
        try:
            if failure is None:
                self.network.poll.register(self._number, POLL_EVERYTHING)
        except OSError as error:  # watched descriptors per user have a limit too: epoll(7), max_user_watches
            failure = network_error(error)
        if failure is not None:
            made.close()
            self.fail_soon(failure)
            return
        self.network.connections[self._number] = self
        self.is_open = True
        if self.deadline < self.network.due:
            self.network.due_at(self.deadline)

    def _connect_failure(self, code: int) -> NetworkError:
        return self.network.connect_failure(OSError(code, os.strerror(code)), self.address, self._socket)

    def send_now(self) -> None:
        """Send the pending data, and close our side if it is the last. A failure is reported after received data."""
        data, self._unsent = self._unsent, None
        if data is None:
            return  # sent before it was closed
        try:
            if self._is_closing:
                if data:
                    self._socket.send(data, MORE_COMES)
                self._socket.shutdown(socket.SHUT_WR)
            elif self._socket.send(data) != len(data):
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            elif self.step % STEPS > FIRST_STEPS:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except OSError as error:
            if self.is_open and self._is_closing:
                self.end(still_open=False)
            elif self.is_open:
                self.failure = network_error(error)
