"""The socket of one connection of an `AsyncioNetwork`, and then its transport."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from sshprobe.net.addresses import Address
from sshprobe.net.errors import NetworkError, network_error
from sshprobe.net.network import Handler

_CONNECTING = frozenset({0, errno.EINPROGRESS, errno.EINTR, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)})


class Owner(Protocol):
    """The parts of an `AsyncioNetwork` that a link uses."""

    loop: asyncio.AbstractEventLoop
    can_watch: bool
    """Whether the loop can watch a socket that is not its own."""
    tasks: set[asyncio.Task[None]]
    last_made: Address | None


class Connection(Protocol):
    """The parts of an `AsyncioConnection` that a link uses."""

    handler: Handler
    address: Address
    port: int

    def call(self, event: Callable[..., None], *arguments: Any) -> None:
        """Call the handler. A bug in it costs this connection alone."""

    def not_made(self, error: OSError) -> None:
        """The connection could not be made."""

    def is_at(self, link: Link) -> bool:
        """Whether `link` is not that of an earlier connection."""


class Link(asyncio.Protocol):
    """The socket of one connection, and then its transport."""

    def __init__(self, connection: Connection, network: Owner, made: socket.socket) -> None:
        self.socket = made
        self.is_made = False
        self._connection = connection
        self._network = network
        self._transport: asyncio.Transport | None = None
        self._is_watched = False
        self._connecting: asyncio.Task[None] | None = None  # where we cannot watch
        self._is_adopted = False  # a transport has the socket, or gets it
        self._ended = False
        self._early: list[bytes | NetworkError] = []  # what came before `connected`

    def connect(self) -> None:
        """Begin to connect, by ourselves: uvloop 0.23 drops the zone of a link-local address (RFC 4007)."""
        connection, made = self._connection, self.socket
        made.setblocking(False)
        try:
            place = connection.address.socket_address(connection.port)
            if not self._network.can_watch:
                self._connecting = self._start(self._connect_and_adopt(place))
                return
            code = made.connect_ex(place)
            if code not in _CONNECTING:
                raise OSError(code, os.strerror(code))
            self._network.loop.add_writer(made.fileno(), self._connect_ended)
            self._is_watched = True
        except OSError as error:
            connection.not_made(error)

    def _connect_ended(self) -> None:
        self._stop_watching()
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._connection.not_made(OSError(code, os.strerror(code)))
        else:
            self._start(self._adopt())

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
                self._connection.not_made(error)
        else:
            self._connecting = None
            await self._adopt()

    async def _adopt(self) -> None:
        try:
            self._transport, _ = await self._network.loop.create_connection(lambda: self, sock=self.socket)
        except OSError as error:
            if self._connection.is_at(self):
                self._connection.not_made(error)
            return
        # Not earlier, although uvloop 0.23 may have read something: it does not own the socket before this, and would
        # not close it.
        self.is_made = True
        if not self._connection.is_at(self):
            self._transport.abort()
            return
        self._network.last_made = self._connection.address
        self._connection.call(self._connection.handler.connected)
        early, self._early = self._early, []
        for event in early:
            self._tell(event)

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
        """Hand over what came."""
        self._tell(data)

    def eof_received(self) -> bool:
        """Keep our side open: the peer's half-close is an event like any other."""
        self._tell(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell how it ended, unless that is known."""
        self._tell(network_error(exc) if isinstance(exc, OSError) else b"")

    def _tell(self, event: bytes | NetworkError) -> None:
        connection = self._connection
        if not self.is_made:
            self._early.append(event)
        elif connection.is_at(self) and not self._ended:
            if isinstance(event, NetworkError):
                self._ended = True
                connection.call(connection.handler.broken, event)
            else:
                self._ended = not event
                connection.call(connection.handler.received, event)
