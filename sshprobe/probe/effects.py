"""Effects: what a probe wants done. A probe does no I/O itself; a driver performs its effects.

A probe is a generator (`ProbeGenerator`). It yields an effect and is sent the answer, or thrown the `NetworkError` with
which the effect failed. At its end it returns what it found. So the same probe runs under `sshprobe.probe.driving` (an
asyncio task, on every system), under `sshprobe.probe.dialled` (callbacks of a `net.Network`), and in tests without I/O.

Rules:

1. One connection at a time: `Connect` or `Adopt` opens it, `CloseGracefully` ends it; `Exchange` comes only between.
2. After a connection failed, only `CloseGracefully` may follow on it. After a timeout another `Exchange` may follow,
   with a later deadline.
3. `Pause` and `RunAsync` come while no connection is open.
4. Who drives may stop at any step, by closing the generator. It yields nothing more then.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Generator
from datetime import datetime
from typing import TypeVar

import msgspec

from sshprobe.net import Address, NetworkError

T = TypeVar("T")


class Connect(msgspec.Struct, frozen=True, gc=False):
    """Connect. Answered with b""."""

    address: Address
    port: int
    timeout: float
    """Seconds."""
    least: int = 1
    """Bytes with which the server is expected to begin. Who drives may wait until as many are there, for a short while:
    each piece that is answered to a `Exchange` costs as much as what it brings."""


class Begun(msgspec.Struct, frozen=True):
    """A connection on which our identification was sent, and what came of it so far (`sshprobe.probe.lists`)."""

    socket: socket.socket
    received: bytes
    reads: int
    """Pieces in which that came."""
    error: NetworkError | None
    """How it broke, if it did."""
    started_at: datetime
    """When the host was begun."""
    started: float
    """The same by the loop's clock."""
    deadlines: dict[str, float]
    """When the waits end that have begun, by what is waited for."""
    connected: float = 0.0
    """When the connection was made, by the loop's clock."""
    identified_after: float | None = None
    """Seconds from there to the server's identification, if it has come."""


class Adopt(msgspec.Struct, frozen=True):
    """Go on with a connection. Answered with b""; what it received comes with the first `Exchange`."""

    begun: Begun


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, if there is any, and wait. Answered with what came, or b"" at the end of the stream.

    `deadline` is a time of the loop's clock. Fails with "timeout" past it, or "reset".
    """

    data: bytes
    deadline: float


class CloseGracefully(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, close our side, and wait up to `linger` seconds for the server to close its side.

    Answered with b"" if it did, or if the connection was lost, and with `STILL_OPEN` if we closed first.

    Closing with bytes unread would send a reset, which can overtake our goodbye; and a server counts the connection
    until it has seen its end. Never fails.
    """

    data: bytes
    linger: float


STILL_OPEN = b"open"


class Pause(msgspec.Struct, frozen=True, gc=False):
    """Wait. Answered with b""."""

    seconds: float


class RunAsync(msgspec.Struct, frozen=True):
    """Wait for `ask`, which talks to the host in a way of its own and keeps what it learns. Answered with b""."""

    ask: Callable[[], Awaitable[None]]


Effect = Connect | Adopt | Exchange | CloseGracefully | Pause | RunAsync

ProbeGenerator = Generator[Effect, bytes, T]
"""Yields steps, is sent answers, and returns what it was for."""
