"""A network: many TCP connections on one event loop, which report by callbacks.

There are two: `EpollNetwork` (Linux) and `AsyncioNetwork` (every system). A host needs no task, future or timer: its
`Handler` is called for events of its `Connection`, and returns the next action.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Protocol, final

import msgspec

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock, Timer, Timers, running_clock
from sshprobe.net.errors import REJECTED, NetworkError, connect_error, is_rejected_here, no_connection_in_time

_log = logging.getLogger("sshprobe")

TICK = 0.02
"""The fewest seconds between two checks of deadlines, and so their precision."""

LINGER_BYTES = 65_536
"""The most bytes dropped while we wait for the other side to close."""


@final
class Exchange(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, which may be empty, then receive until `deadline`, a time of the network's clock.

    `data` is small: it has room in the send buffer of a fresh connection.
    """

    data: bytes
    deadline: float


class CloseGracefully(msgspec.Struct, frozen=True, gc=False):
    """Send `data` and close our side, in one segment where possible; wait up to `linger` seconds for the other side.

    Closing with unread bytes would send a reset, which can overtake our last message, so incoming data is read and
    dropped. The wait matters because a server counts the connection until it has seen its end.
    """

    data: bytes
    linger: float


Action = Exchange | CloseGracefully
"""The next action of a connection."""


class Handler(Protocol):
    """Handles the events of one connection. Each method may call any method of the connection.

    Three methods return an action; None: continue to wait, or do nothing if the handler has closed the connection.
    """

    def connected(self) -> Action | None:
        """The connection is made."""

    def received(self, data: bytes) -> Action | None:
        """Data arrived; b"", once: the other side closed its side."""

    def expired(self) -> Action | None:
        """No data arrived by the deadline of `Exchange`. The connection is still open."""

    def closed(self, *, still_open: bool) -> None:
        """The end of `CloseGracefully`. `still_open`: we closed before the other side did."""

    def broken(self, error: NetworkError) -> None:
        """The connection could not be made, or broke. It is closed."""

    def failed_internally(self, error: Exception) -> None:
        """One of the methods above raised: a bug. The connection is closed, and the error logged."""


class Connection(ABC):
    """One connection at a time to one address and port, used by the handler of one host."""

    def __init__(self, network: Network, handler: Handler, address: Address, port: int) -> None:
        self.handler = handler
        """Receives the events. May be replaced while the connection is open."""
        self.address = address
        self.port = port
        self.deadline = 0.0
        """The time of the call of `expire`, by the network's clock."""
        self.is_open = False
        """Whether there is a socket."""
        self.is_made = False
        """Whether the other side accepted it."""
        self._is_closing = False  # by `CloseGracefully`
        self.timeout = 0.0
        """The timeout of the connect in seconds, for its error."""
        self.failure: NetworkError | None = None
        """The failure of a send, to be reported after earlier data; or of a dial, to be reported soon."""
        self.network = network

    @abstractmethod
    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`, a time of the network's clock: the first time, or after a connection ended.

        `timeout`: the seconds until then, for the error. `connected` or `broken` is called later, never before `dial`
        returns.
        """

    @abstractmethod
    def perform(self, action: Action | None) -> None:
        """Perform the action that a handler returned."""

    @abstractmethod
    def close(self) -> None:
        """Close at once, even with data unread; data to be sent goes to the system first. No event follows."""

    def expire(self) -> None:
        """Report that the deadline has passed."""
        if not self.is_made:
            self.break_off(no_connection_in_time(self.timeout))
        elif self._is_closing:
            self.end(still_open=True)
        else:
            self.perform(self.handler.expired())

    def act(self, action: Callable[[], Action | None]) -> None:
        """Run an action, such as a call of the handler. A bug in it affects only this connection."""
        try:
            self.perform(action())
        except Exception as error:
            self.fail_internally(error)

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call its `failed_internally`. Never raises."""
        _log.error("internal error while probing %s port %d", self.address.ip, self.port, exc_info=error)
        try:
            try:
                self.close()
            finally:
                self.handler.failed_internally(error)
        except Exception:  # a second bug must not stop this round for other connections, nor the next round
            _log.exception("internal error while giving up %s port %d", self.address.ip, self.port)

    def end(self, *, still_open: bool) -> None:
        """Close, at the end of `CloseGracefully`."""
        self.close()
        self.handler.closed(still_open=still_open)

    def break_off(self, error: NetworkError) -> None:
        """Close, and report a failure."""
        self.close()
        self.handler.broken(error)

    def fail_soon(self, error: NetworkError) -> None:
        """Report that dialling failed, once `dial` has returned."""
        self.failure = error
        self.network.loop.call_soon(self._report, error)

    def _report(self, error: NetworkError) -> None:
        if self.failure is error and self.network.is_open:  # otherwise closed or dialled again
            self.act(lambda: self.break_off(error))


class Network(ABC):
    """The connections of one scan. `open` and `close` it on the running loop; `close` also in a method of a handler.

    One timer serves the deadlines of all connections.
    """

    loop: asyncio.AbstractEventLoop
    clock: Clock
    """The clock of deadlines, once the network is open."""

    def __init__(self) -> None:
        self.is_open = False
        self.last_made: Address | None = None
        """The address of the last connection that was made."""
        self.rejected = 0
        """The number of connects that a firewall of this machine rejected (`sshprobe.net.errors.is_rejected_here`)."""
        self.time: Callable[[], float] = time.monotonic
        """The time of `clock` in seconds; only valid once the network is open."""
        self.due = float("inf")
        """The time of the next check of deadlines."""
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def connection(self, handler: Handler, address: Address, port: int) -> Connection:
        """Return a connection that is not dialled yet."""

    @abstractmethod
    def open_connections(self) -> Collection[Connection]:
        """Return the connections with a socket."""

    def open(self) -> None:
        """Open the network. Raises `OSError` if no descriptor is left."""
        self.loop = asyncio.get_running_loop()
        self.clock = running_clock()
        self.clock.start()
        self.time = self.clock.time
        self._timers = Timers(self.clock)
        self.is_open = True

    def close(self) -> None:
        """Close every connection and cancel every timer. No event follows, and nothing is dialled afterwards."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
        self._timers.cancel()
        self.clock.stop()
        for connection in list(self.open_connections()):
            connection.close()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after `seconds` of the network's clock."""
        return self._timers.call_later(seconds, callback)

    def connect_failure(self, error: OSError, address: Address, connecting: socket.socket) -> NetworkError:
        """Return the error of a connect that failed, and count it if a firewall of this machine rejected it."""
        if is_rejected_here(connecting):
            self.rejected += 1
            return NetworkError("unreachable", REJECTED)
        return connect_error(error, address)

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def due_at(self, deadline: float) -> None:
        """Check the deadlines at this time, if that is before `due`."""
        if deadline < self.due and self.is_open:
            self.due = deadline
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(max(deadline - self.time(), TICK), self.look)

    def look(self) -> None:
        """Expire the connections whose deadline has passed."""
        now = self.time()
        self._timer = None
        self.due = float("inf")
        for connection in list(self.open_connections()):
            if connection.is_open and connection.deadline <= now:
                connection.act(connection.expire)
        self.due_at(min((connection.deadline for connection in self.open_connections()), default=float("inf")))
