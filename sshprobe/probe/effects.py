"""Effects: what a probe wants done. A probe does no I/O itself; `sshprobe.probe.driver` performs its effects.

A probe is a generator (`ProbeGenerator`). It yields an effect and is sent the answer, or thrown the `NetworkError` with
which the effect failed. At its end it returns what it found. Tests perform effects by hand, clock included.

Rules:

1. One connection at a time: `Connect` opens it, `CloseGracefully` ends it; `Exchange` comes only between them.
2. After a connection failed, only `CloseGracefully` may follow on it. After a timeout another `Exchange` may follow,
   with a later deadline.
3. `Pause` and `RunAsync` come while no connection is open.
4. The driver may stop at any effect by closing the generator, which then yields nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

import msgspec

from sshprobe.net import Address

T = TypeVar("T")


class Connect(msgspec.Struct, frozen=True, gc=False):
    """Connect. Answered with b""."""

    address: Address
    port: int
    timeout: float
    """Seconds."""


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """Send `data`, if there is any, then receive. Answered with the data received, or b"" at the end of the stream.

    `deadline` is a time of the driver's clock. Fails with "timeout" past it, or "reset".
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
    """Await `work()`, which talks to the host over a connection of its own and keeps its results. Answered with b""."""

    work: Callable[[], Awaitable[None]]


Effect = Connect | Exchange | CloseGracefully | Pause | RunAsync

ProbeGenerator = Generator[Effect, bytes, T]
"""Yields effects, is sent their answers, and returns its result."""
