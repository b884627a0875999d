"""Many TCP connections with asyncio's socket calls: for every system and uvloop.

A task for each connection connects and reads. The handler processes data at once, so nothing is buffered in either
direction: a flooding peer fills its own send buffer, not our memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Collection
from functools import partial

from sshprobe.net.addresses import Address
from sshprobe.net.errors import network_error
from sshprobe.net.network import LINGER_BYTES, Action, Connection, Exchange, Handler, Network
from sshprobe.platform.sockets import MORE_COMES

READ = 16_384
"""The most bytes per read."""

SECOND_LOOK = 0.002
"""Seconds between a deadline and its timeout: uvloop serves timers before pending events."""

_CONNECTING = frozenset({0, errno.EINPROGRESS, errno.EINTR, errno.EWOULDBLOCK})


class AsyncioNetwork(Network):
    """See `Network`."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: set[AsyncioConnection] = set()
        """The connections with a socket."""
        self.tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin, on the running loop."""
        super().open()
        # The loop of Windows has no add_writer, so it cannot watch a socket.
        self.can_watch = type(self.loop).add_writer is not asyncio.AbstractEventLoop.add_writer

    def close(self) -> None:
        """Close every connection and cancel every timer. No event follows."""
        if self.is_open:
            super().close()

    def open_connections(self) -> Collection[AsyncioConnection]:
        """Return the connections with a socket."""
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
        self._socket: socket.socket
        self._task: asyncio.Task[None]

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`: the first time, or after a connection ended."""
        if not self.network.is_open:
            return
        self.timeout = timeout
        self.is_made = self._is_closing = self._ended = False
        self._discarded = 0
        self._wanted_deadline = 0.0
        self.failure = None
        try:
            self._socket = socket.socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            self.fail_soon(network_error(error))
            return
        self._socket.setblocking(False)
        self.is_open = True
        self.network.connections.add(self)
        self._wait_until(deadline)
        own = self._socket
        self._task = self.network.loop.create_task(self._run(own))
        self.network.tasks.add(self._task)
        self._task.add_done_callback(self.network.tasks.discard)
        self._task.add_done_callback(lambda _: own.close())  # even if it never ran

    def _wait_until(self, deadline: float) -> None:
        if deadline != self._wanted_deadline:
            self.deadline = self._wanted_deadline = deadline
            self.network.due_at(deadline)

    def perform(self, action: Action | None) -> None:
        """Perform the action that a handler returned."""
        if action is None or not self.is_open:
            return
        if type(action) is Exchange:
            self._wait_until(action.deadline)
        else:
            self._is_closing = True
            self._wait_until(self.network.time() + action.linger)
        if action.data or self._is_closing:
            self._send(action.data)
        if self._is_closing and (self._ended or self.failure is not None):
            self.end(still_open=False)

    def _send(self, data: bytes) -> None:
        try:
            if data and self._socket.send(data, MORE_COMES if self._is_closing else 0) != len(data):
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            if self._is_closing:
                self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.failure = network_error(error)

    def close(self) -> None:
        """Close at once, even with data unread. No event follows."""
        self.failure = None
        if self.is_open:
            self.is_open = False
            self.network.connections.discard(self)
            self._task.cancel()  # the task closes the socket after the loop has stopped watching it

    def expire(self) -> None:
        """Report that the deadline has passed, at the second look."""
        if self.deadline == self._wanted_deadline:
            self.deadline += SECOND_LOOK
            return
        self._wanted_deadline = 0.0  # it has passed: the same deadline later is a new wait
        super().expire()

    # -- the task ----------------------------------------------------------------------------------------------------

    async def _run(self, own: socket.socket) -> None:
        """Connect, then read until the end. `own`: the socket of this task; the next `dial` makes another one."""
        loop = self.network.loop
        try:
            await self._connect(own)
        except OSError as error:
            failure = self.network.connect_failure(error, self.address, own)
            self.act(lambda: self.break_off(failure))
            return
        self.is_made = True
        self.network.last_made = self.address
        self.act(self.handler.connected)
        came: bytes | OSError = b"?"
        while came and not isinstance(came, OSError):
            await asyncio.sleep(0)  # let others run, although there may be more data. Here `close` ends the task
            try:
                came = await loop.sock_recv(own, READ)
            except OSError as error:
                came = error
            self.act(partial(self._take, came))
        await loop.create_future()  # we may still send

    async def _connect(self, own: socket.socket) -> None:
        """Connect without the loop if possible: uvloop 0.23 drops the zone of a link-local address (RFC 4007)."""
        loop, place = self.network.loop, self.address.socket_address(self.port)
        if not self.network.can_watch:
            await loop.sock_connect(own, place)
            return
        code = own.connect_ex(place)
        if code in _CONNECTING:
            ready = asyncio.Event()
            loop.add_writer(own.fileno(), ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(own.fileno())
            code = own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _take(self, came: bytes | OSError) -> None:
        """Process data, the end of the stream, or a failure."""
        if isinstance(came, OSError):
            self.failure, came = network_error(came), b""
        self._ended = not came
        if self._is_closing:
            self._discarded += len(came)
            if not came or self._discarded >= LINGER_BYTES:
                self.end(still_open=bool(came))
        elif self._ended and self.failure is not None:
            self.break_off(self.failure)
        else:
            self.perform(self.handler.received(came))
