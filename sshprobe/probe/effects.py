"""Effects: the actions of a probe. A probe does no I/O itself; `sshprobe.probe.driver` performs its effects.

A probe is a generator (`ProbeGenerator`). It yields an effect and receives the answer, or the `NetworkError` with which
the effect failed. At its end it returns its result. Tests perform the effects themselves, including the clock.

    Connect          b"", or the error
    Exchange         the data received, b"" at the end of the stream, or an error: "timeout" past its deadline, "reset"
    CloseGracefully  b"" if the server closed its side or the connection was lost, else `STILL_OPEN`. Never an error
    Pause, RunAsync  b""

`Exchange` and `CloseGracefully` are the actions of a connection (`sshprobe.net`).

Rules:

1. One connection at a time: `Connect` opens it, `CloseGracefully` ends it; `Exchange` comes only between them.
2. After a connection failed, only `CloseGracefully` may follow on it. After a timeout another `Exchange` may follow,
   with a later deadline.
3. `Pause` and `RunAsync` come while no connection is open.
4. The driver may stop at any effect by closing the generator, which then yields no further effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

import msgspec

from sshprobe.net import Address, CloseGracefully, Exchange

T = TypeVar("T")


class Connect(msgspec.Struct, frozen=True, gc=False):
    """Connect until `deadline`, a time of the driver's clock. Answered with b""."""

    address: Address
    port: int
    deadline: float
    timeout: float
    """The seconds until then."""


STILL_OPEN = b"open"
"""The answer to a `CloseGracefully` if we closed before the server did."""


class Pause(msgspec.Struct, frozen=True, gc=False):
    """Wait. Answered with b""."""

    seconds: float


class RunAsync(msgspec.Struct, frozen=True):
    """Await `work()`, which uses its own connection to the host and keeps its results. Answered with b""."""

    work: Callable[[], Awaitable[None]]


Effect = Connect | Exchange | CloseGracefully | Pause | RunAsync

ProbeGenerator = Generator[Effect, bytes, T]
"""Yields effects, receives their answers, and returns the result."""
