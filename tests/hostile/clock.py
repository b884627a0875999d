"""An event loop whose clock counts idle time only, so that nothing is late on a busy machine.

The clock stops while callbacks run, and advances by at most `SLICE` if the process got no CPU. So 3 s of silence are
3 s here too, and work takes no time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SLICE = 0.1
"""Longest wait in seconds, and the most that one wait counts."""

Ready = list[tuple[selectors.SelectorKey, int]]


class _Waiting(selectors.DefaultSelector):
    """A selector that counts idle time."""

    idle = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """Return ready events, or nothing after at most a `SLICE`, which asyncio accepts."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        wanted = SLICE if timeout is None else min(timeout, SLICE)
        begun = time.monotonic()
        ready = super().select(wanted)
        self.idle += min(time.monotonic() - begun, wanted)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._waiting = _Waiting()
        super().__init__(self._waiting)

    def time(self) -> float:
        return self._waiting.idle


def run_unhurried(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on such a loop."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
