"""The interface of a network: many TCP connections on one event loop, which report by callbacks.

`EpollNetwork` (Linux) and `AsyncioNetwork` (every system) implement it. A probe needs no task, future or timer of its
own: its `Handler` is called when something happens on its `Connection`. No method of either waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock
from sshprobe.net.errors import NetworkError

_log = logging.getLogger("sshprobe")

LINGER_BYTES = 65_536
"""Bytes dropped while we wait for the other side to close."""


class Handler(Protocol):
    """Takes the events of one connection. Each method may call any method of the connection."""

    def connected(self) -> None:
        """The connection is made."""

    def received(self, data: bytes) -> None:
        """Data came; b"": the other side closed its side."""

    def broken(self, error: NetworkError) -> None:
        """The connection could not be made, in which case it is closed already, or it broke."""

    def unsent(self, error: NetworkError) -> None:
        """A send failed. `received` may still bring what came before."""

    def expired(self) -> None:
        """The deadline of `wait_until` passed. A connection that was not made in time is `broken`."""

    def failed_internally(self, error: Exception) -> None:
        """One of the methods above raised: a bug. The connection is closed, and the error logged."""


class Connection(Protocol):
    """One connection at a time to one address and port, used by the handler of one host."""

    handler: Handler
    """Gets the events. May be replaced while the connection is open."""
    address: Address
    port: int

    def dial(self, timeout: float) -> None:
        """Connect within `timeout` seconds; for the first time, or after `close`.

        `connected` or `broken` is called later. `broken` may also be called before `dial` returns.
        """

    def wait_until(self, deadline: float) -> None:
        """Call `expired` at `deadline`, a time of the network's clock, unless it is changed before."""

    def send(self, data: bytes, until: float | None = None) -> None:
        """Send a little data, which has room in the send buffer of a fresh connection. `until`: see `wait_until`."""

    def send_last(self, data: bytes, until: float | None = None) -> None:
        """Send a little data and close our side, both in one segment where possible. `until`: see `wait_until`."""

    def close(self) -> None:
        """Close at once, whatever is unread; what has to be sent is handed to the system. No event follows."""

    def fail_internally(self, error: Exception) -> None:
        """Log a bug in the handler, close, and call `failed_internally`. Never raises."""


class TimerHandle(Protocol):
    """A call that is planned."""

    def cancel(self) -> None:
        """Do not call."""


class Network(Protocol):
    """The connections of one scan. `open` and `close` it on the running loop; `close` also in a method of a handler."""

    time: Callable[[], float]
    """The clock of deadlines, in seconds; to be called once the network is open."""
    clock: Clock
    """The same clock, once the network is open."""
    last_made: Address | None
    """The address to which a connection was made last."""
    rejected: int
    """How many connects a firewall of this machine rejected (`sshprobe.net.local_firewall`)."""

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
