"""An event loop whose clock counts idle time only, so that nothing is late on a busy machine.

The clock stops while callbacks run. When nothing has happened for `QUIET`, it jumps to the next timer, by at most
`SLICE`: clients and servers share the loop, so only a timer can end the silence. So work takes no time, and 3 s of
silence take 0.3 s.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SLICE = 0.1
"""The most seconds that one wait counts. A clock of `sshprobe.net` takes longer steps for a stop of the process."""

QUIET = 0.01
"""Longest wait in seconds. The kernel delays acknowledgements by 0.04 s: that counts as 0.4 s."""

Ready = list[tuple[selectors.SelectorKey, int]]


class _Waiting(selectors.DefaultSelector):
    """A selector that counts idle time."""

    idle = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """Return ready events, or nothing after at most `QUIET`, which asyncio accepts."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        wanted = SLICE if timeout is None else min(timeout, SLICE)
        begun = time.monotonic()
        ready = super().select(min(wanted, QUIET))
        self.idle += min(time.monotonic() - begun, wanted) if ready else wanted
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
