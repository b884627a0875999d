"""Many TCP connections by asyncio's transports: on every system, and with uvloop.

A transport reads. What is sent goes straight into the socket, because a transport that cannot send also drops what it
has not read. The handler takes data at once, so nothing is buffered in either direction: a peer that floods fills its
own send buffer and not our memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Collection, Coroutine
from typing import Any

from sshprobe.net.addresses import Address
from sshprobe.net.errors import network_error, no_connection_in_time
from sshprobe.net.network import LINGER_BYTES, Action, Connection, Exchange, Handler, Network
from sshprobe.platform.sockets import MORE_COMES

SECOND_LOOK = 0.002
"""Seconds from a deadline to its end: uvloop serves timers first, and events that are ready go before them."""

_CONNECTING = frozenset({0, errno.EINPROGRESS, errno.EINTR, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)})


class AsyncioNetwork(Network):
    """See `Network`."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: set[AsyncioConnection] = set()
        """Those that have a socket."""
        self.tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin, on the running loop."""
        super().open()
        # The loop of Windows has no add_writer: it cannot watch a socket that is not its own.
        self.can_watch = type(self.loop).add_writer is not asyncio.AbstractEventLoop.add_writer

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        if self.is_open:
            super().close()
            for task in self.tasks:
                task.cancel()

    def open_connections(self) -> Collection[AsyncioConnection]:
        """Return those that have a socket."""
        return self.connections

    def connection(self, handler: Handler, address: Address, port: int) -> AsyncioConnection:
        """Return a connection that is not dialled yet."""
        return AsyncioConnection(self, handler, address, port)


class AsyncioConnection(Connection):
    """See `Connection`."""

    network: AsyncioNetwork

    def __init__(self, network: AsyncioNetwork, handler: Handler, address: Address, port: int) -> None:
        super().__init__(network, handler, address, port)
        self._wanted_deadline = 0.0
        self._link: Link | None = None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`: the first time, or after a connection ended."""
        if not self.network.is_open:
            return
        self.timeout = timeout
        self._is_closing = self._ended = False
        self._discarded = 0
        self._wanted_deadline = 0.0
        self.failure = None
        try:
            made = socket.socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            self.fail_soon(network_error(error))
            return
        self._link = Link(self, made)
        self.is_open = True
        self.network.connections.add(self)
        self._wait_until(deadline)
        try:
            self._link.connect()
        except OSError as error:
            failure = self.network.connect_failure(error, self.address, made)
            self.close()
            self.fail_soon(failure)

    def _wait_until(self, deadline: float) -> None:
        if deadline != self._wanted_deadline:
            self.deadline = self._wanted_deadline = deadline
            self.network.due_at(deadline)

    def perform(self, action: Action | None) -> None:
        """Perform the action that a handler returned."""
        if action is None or self._link is None:
            return
        if type(action) is Exchange:
            self._wait_until(action.deadline)
        else:
            self._is_closing = True
            self._wait_until(self.network.time() + action.linger)
        if action.data or self._is_closing:
            self._send(self._link.socket, action.data)
        if self._is_closing and (self._ended or self.failure is not None):
            self.end(still_open=False)

    def _send(self, to: socket.socket, data: bytes) -> None:
        try:
            if data and to.send(data, MORE_COMES if self._is_closing else 0) != len(data):
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            if self._is_closing:
                to.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.failure = network_error(error)

    def close(self) -> None:
        """Close at once, even with data unread. No event follows."""
        self.failure = None
        link, self._link = self._link, None
        if link is not None:
            self.is_open = False
            self.network.connections.discard(self)
            link.close()

    # -- for the link ------------------------------------------------------------------------------------------------

    def not_made(self, error: OSError) -> None:
        """The connection could not be made."""
        if self._link is not None:
            self.break_off(self.network.connect_failure(error, self.address, self._link.socket))

    def take(self, event: bytes | OSError) -> None:
        """Take data, the end of the stream, or a failure."""
        if isinstance(event, OSError):
            if self._is_closing:
                self.end(still_open=False)
            else:
                self.break_off(network_error(event))
            return
        self._ended = not event
        if self._is_closing:
            self._discarded += len(event)
            if not event or self._discarded >= LINGER_BYTES:
                self.end(still_open=bool(event))
        elif self._ended and self.failure is not None:
            self.break_off(self.failure)
        else:
            self.perform(self.handler.received(event))

    def is_at(self, link: Link) -> bool:
        """Return whether `link` is the current one, not of an earlier connection."""
        return link is self._link

    def expire(self) -> None:
        """Call the handler: the deadline has passed."""
        if self.deadline == self._wanted_deadline:
            self.deadline += SECOND_LOOK
            return
        self._wanted_deadline = 0.0  # it is over: the same deadline is another wait
        if self._link is None or not self._link.is_made:
            self.break_off(no_connection_in_time(self.timeout))
        elif self._is_closing:
            self.end(still_open=True)
        else:
            self.perform(self.handler.expired())


class Link(asyncio.Protocol):
    """The socket of one connection, and then its transport."""

    def __init__(self, connection: AsyncioConnection, made: socket.socket) -> None:
        self.socket = made
        self.is_made = False
        self._connection = connection
        self._network = connection.network
        self._transport: asyncio.Transport | None = None
        self._is_watched = False
        self._connecting: asyncio.Task[None] | None = None  # where we cannot watch
        self._is_adopted = False  # a transport has the socket, or gets it
        self._ended = False
        self._early: list[bytes | OSError] = []  # events before `connected`

    def connect(self) -> None:
        """Begin to connect, by ourselves: uvloop 0.23 drops the zone of a link-local address (RFC 4007)."""
        self.socket.setblocking(False)
        place = self._connection.address.socket_address(self._connection.port)
        if not self._network.can_watch:
            self._connecting = self._start(self._connect_and_adopt(place))
            return
        code = self.socket.connect_ex(place)
        if code not in _CONNECTING:
            raise OSError(code, os.strerror(code))
        self._network.loop.add_writer(self.socket.fileno(), self._connect_ended)
        self._is_watched = True

    def _connect_ended(self) -> None:
        self._stop_watching()
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._not_made(OSError(code, os.strerror(code)))
        else:
            self._start(self._adopt())

    def _not_made(self, error: OSError) -> None:
        self._connection.act(lambda: self._connection.not_made(error))

    def _stop_watching(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._network.loop.remove_writer(self.socket.fileno())

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._is_adopted = True
        task = self._network.loop.create_task(work)
        self._network.tasks.add(task)
        task.add_done_callback(self._adopted)
        return task

    def _adopted(self, task: asyncio.Task[None]) -> None:
        self._network.tasks.discard(task)
        if self._transport is None:
            self.socket.close()

    async def _connect_and_adopt(self, place: tuple[str, int] | tuple[str, int, int, int]) -> None:
        try:
            await self._network.loop.sock_connect(self.socket, place)
        except OSError as error:
            if self._connection.is_at(self):
                self._not_made(error)
        else:
            self._connecting = None
            await self._adopt()

    async def _adopt(self) -> None:
        try:
            self._transport, _ = await self._network.loop.create_connection(lambda: self, sock=self.socket)
        except OSError as error:
            if self._connection.is_at(self):
                self._not_made(error)
            return
        # Not earlier, although uvloop 0.23 may have read something: it does not own the socket before this, and would
        # not close it.
        self.is_made = True
        if not self._connection.is_at(self):
            self._transport.abort()
            return
        self._network.last_made = self._connection.address
        self._connection.act(self._connection.handler.connected)
        early, self._early = self._early, []
        for event in early:
            self._report(event)

    def close(self) -> None:
        """Close the socket, unless a transport gets it later, which is closed then."""
        self._stop_watching()
        if self._transport is not None:
            self._transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()
        elif not self._is_adopted:
            self.socket.close()

    # -- asyncio.Protocol --------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Pass data on."""
        self._report(data)

    def eof_received(self) -> bool:
        """Keep our side open: the peer's half-close is an event like any other."""
        self._report(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Report how the connection ended, unless that is known."""
        self._report(exc if isinstance(exc, OSError) else b"")

    def _report(self, event: bytes | OSError) -> None:
        connection = self._connection
        if not self.is_made:
            self._early.append(event)
        elif connection.is_at(self) and not self._ended:
            self._ended = not event or isinstance(event, OSError)
            connection.act(lambda: connection.take(event))
