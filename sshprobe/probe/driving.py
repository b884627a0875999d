"""Driving a probe by an asyncio task: works on every system, and performs every step there is."""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

from sshprobe.net import Stream, adopt_stream, open_stream
from sshprobe.probe.effects import (
    STILL_OPEN,
    Adopt,
    CloseGracefully,
    Connect,
    Effect,
    Exchange,
    Pause,
    ProbeGenerator,
    RunAsync,
)
from sshprobe.resting import rest

T = TypeVar("T")


async def drive(asking: ProbeGenerator[T], step: Effect | None = None) -> T:
    """Perform the steps of `asking` to its end and return what it returns; `step` is the first, if it was yielded."""
    performer = _Performer()
    try:
        if step is None:
            step = next(asking)
        while True:
            try:
                answer = await performer.perform(step)
            except Exception as error:  # of the network; or a bug, which is the probe's to tell
                step = asking.throw(error)
            else:
                step = asking.send(answer)
    except StopIteration as end:
        return cast(T, end.value)
    finally:
        asking.close()
        performer.abort()


class _Performer:
    """The one connection that is open at a time."""

    def __init__(self) -> None:
        self._stream: Stream | None = None

    async def perform(self, step: Effect) -> bytes:
        """Perform a step. Raises `NetworkError`."""
        match step:
            case Exchange(data, deadline):
                assert self._stream is not None
                self._stream.send(data)
                return await self._stream.receive(deadline)
            case CloseGracefully(data, linger):
                assert self._stream is not None
                self._stream.send(data)
                if not await self._stream.finish(linger):
                    return STILL_OPEN
            case Connect(address, port, timeout):
                self._stream = await open_stream(address, port, timeout=timeout)
            case Adopt(begun):
                self._stream = await adopt_stream(begun.socket, begun.received, begun.error)
            case Pause(seconds):
                await rest(asyncio.sleep(seconds))
            case RunAsync(ask):
                await ask()
        return b""

    def abort(self) -> None:
        """Close the connection, if it is still open."""
        if self._stream is not None:
            self._stream.abort()
