"""The interface of a network: many TCP connections on one event loop, which report by callbacks.

`EpollNetwork` (Linux) and `AsyncioNetwork` (every system) implement it. A host needs no task, future or timer of its
own: its `Handler` is called when something happens on its `Connection`, and returns what the connection does next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, final

import msgspec

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock
from sshprobe.net.errors import NetworkError

_log = logging.getLogger("sshprobe")

LINGER_BYTES = 65_536
"""Bytes dropped while we wait for the other side to close."""


@final
class Exchange(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, if there is any, then receive until `deadline`, a time of the network's clock.

    `data` is small: it has room in the send buffer of a fresh connection.
    """

    data: bytes
    deadline: float


class CloseGracefully(msgspec.Struct, frozen=True, gc=False):
    """Send `data` and close our side, in one segment where possible; wait up to `linger` seconds for the other side.

    Closing with bytes unread would send a reset, which can overtake our last words, so what comes is dropped. And a
    server counts the connection until it has seen its end.
    """

    data: bytes
    linger: float


Action = Exchange | CloseGracefully
"""What a connection does next."""


class Handler(Protocol):
    """Takes the events of one connection. Each method may call any method of the connection.

    Three return an action; None: go on waiting, or nothing, if the handler has closed the connection.
    """

    def connected(self) -> Action | None:
        """The connection is made."""

    def received(self, data: bytes) -> Action | None:
        """Data came; b"", once: the other side closed its side."""

    def expired(self) -> Action | None:
        """No data came by the deadline of `Exchange`. The connection is still open."""

    def closed(self, *, still_open: bool) -> None:
        """The end of `CloseGracefully`. `still_open`: we closed before the other side did."""

    def broken(self, error: NetworkError) -> None:
        """The connection could not be made, or broke. It is closed."""

    def failed_internally(self, error: Exception) -> None:
        """One of the methods above raised: a bug. The connection is closed, and the error logged."""


class Connection(Protocol):
    """One connection at a time to one address and port, used by the handler of one host."""

    handler: Handler
    """Gets the events. May be replaced while the connection is open."""
    address: Address
    port: int

    def dial(self, deadline: float, timeout: float) -> None:
        """Connect until `deadline`, a time of the network's clock: the first time, or after a connection ended.

        `timeout`: the seconds until then, for the error. `connected` or `broken` is called later, never before `dial`
        returns.
        """

    def perform(self, action: Action | None) -> None:
        """Do what a handler returned."""

    def close(self) -> None:
        """Close at once, whatever is unread; what has to be sent is handed to the system. No event follows."""

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call `failed_internally`. Never raises."""


class TimerHandle(Protocol):
    """A planned call."""

    def cancel(self) -> None:
        """Do not call."""


class Network(Protocol):
    """The connections of one scan. `open` and `close` it on the running loop; `close` also in a method of a handler."""

    time: Callable[[], float]
    """The clock of deadlines, in seconds; to be called once the network is open."""
    clock: Clock
    """The same clock, once the network is open."""
    last_made: Address | None
    """The address of the last connection that was made."""
    rejected: int
    """How many connects a firewall of this machine rejected (`sshprobe.net.errors.is_rejected_here`)."""

    def open(self) -> None:
        """Begin. Raises `OSError` where a descriptor is needed and none is left."""

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows, and nothing is dialled any more."""

    def connection(self, handler: Handler, address: Address, port: int) -> Connection:
        """Return a connection that is not dialled yet."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `seconds` of the network's clock."""


def fail_internally(connection: Connection, error: Exception) -> None:
    """Do what `Connection.fail_internally` does."""
    address, port = connection.address, connection.port
    _log.error("internal error while probing %s port %d", address.ip, port, exc_info=error)
    try:
        try:
            connection.close()
        finally:
            connection.handler.failed_internally(error)
    except Exception:  # a second bug must not keep the round from the others, nor the next round from coming
        _log.exception("internal error while giving up %s port %d", address.ip, port)
