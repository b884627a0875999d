"""An event loop whose clock counts idle time alone, so that nothing is late on a busy machine.

It stands still while callbacks run, and goes on by no more than `SLICE` however long this process got no CPU. What
takes 3 s of silence takes them here too; what takes work is done in time, whatever it took.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SLICE = 0.1
"""Seconds waited at once, and counted at most for one wait."""

Ready = list[tuple[selectors.SelectorKey, int]]


class _Waiting(selectors.DefaultSelector):
    """Waits, and counts the time in which there was nothing to do."""

    idle = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """Return what is ready; nothing, after at most a `SLICE`, is fine with asyncio too."""
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
    """Run `work` to its end, on such a loop."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
