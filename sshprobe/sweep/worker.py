"""A worker process of a `Pool`: one event loop, targets from a connection, results back over it.

Messages from the pool: ("targets", [(number, target), ...]), ("end", None): no more come, ("stop", None): start nothing
new. To the pool: first ("ready", None) or, where it has no room for a thread, ("short", words) and the end; then
("results", [(number, result), ...]), ("deferred", number), ("trouble", words).
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from sshprobe.interrupts import ENDING_SIGNALS
from sshprobe.model.errors import log_in_one_line
from sshprobe.platform import loop_factory

T = TypeVar("T")
R = TypeVar("R")

FLUSH_RESULTS = 128
"""Results sent at once."""

FLUSH_BYTES = 512 * 1024
"""About how many bytes are sent at once. More than a processor's cache holds cost more at both ends; and at the end of
a sweep, one worker has less to do alone than another has just sent."""

FLUSH_SECONDS = 0.05
"""How long a result may wait for others to travel with."""


class Numbered(NamedTuple, Generic[T]):
    """A target, and the number by which its result is sent back."""

    number: int
    target: T


class Batch(NamedTuple, Generic[R]):
    """Results that came together."""

    results: list[tuple[int, R]]
    """Each with the number of its target."""
    weight: int
    """About how many bytes they take to be sent, where that is more than a few for each."""


class Runner(Protocol[T, R]):
    """What a worker runs."""

    def batches(
        self,
        targets: AsyncIterator[Numbered[T]],
        *,
        deferred: Callable[[Numbered[T]], None],
        trouble: Callable[[str], None],
    ) -> AsyncIterator[Batch[R]]:
        """Yield the result of every target, each time all that there are."""

    def stop(self) -> None:
        """Start nothing new."""


def serve(connection: Connection, make_runner: Callable[[], Runner[Any, Any]]) -> None:
    """Run until the pool says that nothing more comes, or is gone."""
    for number in ENDING_SIGNALS:
        # Ctrl-C reaches the whole group, and SIGTERM all of a service; the pool decides what they mean.
        signal.signal(number, signal.SIG_IGN)
    log_in_one_line()
    with asyncio.Runner(loop_factory=loop_factory()) as loop_runner:
        loop_runner.run(_Worker(connection, make_runner).run())


class _Worker:
    def __init__(self, connection: Connection, make_runner: Callable[[], Runner[Any, Any]]) -> None:
        self._connection = connection
        self._runner = make_runner()
        self._inbox: asyncio.Queue[list[tuple[int, Any]] | None] = asyncio.Queue()
        self._results: list[tuple[int, Any]] = []
        self._weight = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        # daemon: a blocked recv must not keep a worker alive that has nothing left to do
        try:
            threading.Thread(target=self._receive, args=(loop,), daemon=True).start()
        except RuntimeError:
            self._connection.send(("short", "no further thread can be started"))
            return
        self._connection.send(("ready", None))
        batches = self._runner.batches(
            self._targets(),
            deferred=lambda numbered: self._connection.send(("deferred", numbered.number)),
            trouble=lambda words: self._connection.send(("trouble", words)),
        )
        async for batch in batches:
            self._results += batch.results
            self._weight += batch.weight
            if len(self._results) >= FLUSH_RESULTS or self._weight >= FLUSH_BYTES:
                self._flush()
            elif self._timer is None:
                self._timer = loop.call_later(FLUSH_SECONDS, self._flush)
        self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._results:
            self._connection.send(("results", self._results))
            self._results = []
            self._weight = 0

    async def _targets(self) -> AsyncIterator[Numbered[Any]]:
        while (targets := await self._inbox.get()) is not None:
            for number, target in targets:
                yield Numbered(number, target)

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run in a thread: hand over what the pool sends."""
        try:
            while True:
                kind, data = self._connection.recv()
                if kind == "targets":
                    loop.call_soon_threadsafe(self._inbox.put_nowait, data)
                elif kind == "stop":
                    loop.call_soon_threadsafe(self._runner.stop)
                elif kind == "end":
                    loop.call_soon_threadsafe(self._inbox.put_nowait, None)
        except (EOFError, OSError):
            # The pool is gone, perhaps by kill -9: whatever is under way is of use to nobody.
            loop.call_soon_threadsafe(_leave)
        except RuntimeError:
            pass  # the loop has ended


def _leave() -> None:
    raise SystemExit(1)
