"""Many TCP connections by asyncio's transports: on every system, and with uvloop.

A transport reads. What is sent goes straight into the socket, because a transport that cannot send also drops what it
has not read. The handler takes what came at once, so nothing is buffered in either direction: a peer that floods fills
its own send buffer and not our memory.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from sshprobe.net.addresses import Address
from sshprobe.net.asyncio_link import Link
from sshprobe.net.clock import Clock, Timer, Timers, running_clock
from sshprobe.net.errors import NetworkError, connect_error, network_error, no_connection_in_time
from sshprobe.net.local_firewall import REJECTED, is_rejected_here
from sshprobe.net.network import Handler, TimerHandle, fail_internally
from sshprobe.platform import MORE_COMES

SECOND_LOOK = 0.002
"""Seconds from the end of a deadline to `expired`: uvloop serves timers first, and what is ready goes before them."""


class AsyncioNetwork:
    """A `network.Network`. See there."""

    def __init__(self) -> None:
        self.last_made: Address | None = None
        self.rejected = 0
        self.clock: Clock
        self.time: Callable[[], float] = time.monotonic
        self.connections: set[AsyncioConnection] = set()
        """Those that are open."""
        self.is_open = False

    def open(self) -> None:
        """Begin, on the running loop."""
        self.loop = asyncio.get_running_loop()
        # That of Windows has no add_writer.
        self.can_watch = type(self.loop).add_writer is not asyncio.AbstractEventLoop.add_writer
        self.clock = running_clock()
        self.clock.start()
        self.time = self.clock.time
        self.timers = Timers(self.clock)
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_open = True

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        if not self.is_open:
            return
        self.is_open = False
        self.timers.cancel()
        for connection in list(self.connections):
            connection.close()
        for task in self.tasks:
            task.cancel()
        self.clock.stop()

    def connection(self, handler: Handler, address: Address, port: int) -> AsyncioConnection:
        """Return a connection that is not dialled yet."""
        return AsyncioConnection(self, handler, address, port)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `seconds` of the network's clock."""
        return self.timers.call_later(seconds, callback)


class AsyncioConnection:
    """A `network.Connection`. See there."""

    def __init__(self, network: AsyncioNetwork, handler: Handler, address: Address, port: int) -> None:
        self.handler = handler
        self.address = address
        self.port = port
        self.deadline = 0.0
        """A time of the network's clock."""
        self._network = network
        self._timeout = 0.0
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._looked = False
        self._link: Link | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return self._link is not None

    # -- for the handler ---------------------------------------------------------------------------------------------

    def dial(self, timeout: float) -> None:
        """Connect within `timeout` seconds; for the first time, or after `close`."""
        if not self._network.is_open:
            return
        self._timeout = timeout
        try:
            made = socket.socket(self.address.family, socket.SOCK_STREAM)
        except OSError as error:
            self.call(self.handler.broken, network_error(error))
            return
        self._link = Link(self, self._network, made)
        self._network.connections.add(self)
        self.wait_until(self._network.time() + timeout)
        self._link.connect()

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, unless it is changed before."""
        self.deadline = deadline
        self._looked = False
        if self._link is not None and (self._timer is None or deadline < self._timer_at):
            self._plan(deadline)

    def send(self, data: bytes, until: float | None = None) -> None:
        """Send a little, which has room in the kernel's buffer of a fresh connection."""
        self._send(data, until, last=False)

    def send_last(self, data: bytes, until: float | None = None) -> None:
        """Send a little and close our side, both in one segment where the system can."""
        self._send(data, until, last=True)

    def _send(self, data: bytes, until: float | None, *, last: bool) -> None:
        if until is not None:
            self.wait_until(until)
        if self._link is None:
            return
        try:
            if data and self._link.socket.send(data, MORE_COMES if last else 0) != len(data):
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            if last:
                self._link.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            failure = network_error(error)
            self.call(self.handler.unsent, failure)

    def close(self) -> None:
        """Close at once, whatever is unread. No event follows."""
        link, self._link = self._link, None
        if link is not None:
            self._network.connections.discard(self)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            link.close()

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call `failed_internally`. Never raises."""
        fail_internally(self, error)

    # -- for the link ------------------------------------------------------------------------------------------------

    def call(self, event: Callable[..., None], *arguments: Any) -> None:
        """Call the handler. A bug in it costs this connection alone."""
        try:
            event(*arguments)
        except Exception as error:
            self.fail_internally(error)

    def not_made(self, error: OSError) -> None:
        """The connection could not be made."""
        failure = connect_error(error, self.address)
        if self._link is not None and is_rejected_here(self._link.socket):
            self._network.rejected += 1
            failure = NetworkError("unreachable", REJECTED)
        self.close()
        self.call(self.handler.broken, failure)

    def is_at(self, link: Link) -> bool:
        """Whether `link` is not that of an earlier connection."""
        return link is self._link

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def _plan(self, deadline: float) -> None:
        # One timer for all waits: it is seldom that a deadline comes before the timer of an earlier one would fire.
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._network.timers.call_later(max(deadline - self._network.time(), 0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self.deadline > self._timer_at:
            self._plan(self.deadline)
        elif not self._looked:
            self._plan(self._network.time() + SECOND_LOOK)
            self._looked = True
            self.deadline = self._timer_at
        elif self._link is not None and self._link.is_made:
            self.call(self.handler.expired)
        else:
            self.close()
            self.call(self.handler.broken, no_connection_in_time(self._timeout))
