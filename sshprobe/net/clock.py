"""The clock of deadlines. It stops while this process does not run.

A process does not run while it is stopped (Ctrl-Z), while the machine sleeps, and while it waits for the reader of its
output. An active clock is read at least every `BEAT`, so a longer gap between two readings is such a time. The clock
skips it: deadlines move by as much, and durations do not include it.

A busy machine makes gaps too. Time that this process spent computing is not a gap. Gaps of less than `LONG_GAP` may
slow the clock to half its speed in the long run and by `MAX_EXTENSION` at a time, so deadlines still pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

BEAT = 0.1
"""Seconds between two readings of an active clock. The clock advances by this much in each gap."""

CLOCK_JUMP = 0.3
"""More seconds than this between two readings are a gap."""

LONG_GAP = 2.0
"""From this many seconds on, a busy machine does not explain a gap."""

MAX_EXTENSION = 10.0
"""The most seconds that shorter gaps add to deadlines, beyond the running time of the clock."""

_EARLY = 0.001
"""Seconds by which timers of an event loop may be early: uvloop's clock counts milliseconds."""


class Clock:
    """The clock of one event loop (`running_clock`)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.lost = 0.0
        """The total seconds in which this process did not run."""
        self.stopped_at = float("-inf")
        """The time of the last long gap, or of the last sleep of this machine that the loop's clock does not count."""
        self._now = now
        self._users = 0
        self._jump = float("inf")  # CLOCK_JUMP while there are users
        self._last = now()  # the last reading
        self._computed = 0.0  # seconds of CPU until the last beat
        self._extension = MAX_EXTENSION  # seconds that short gaps may add now
        self._extended = 0.0  # the time of the last update of that
        self._beating: asyncio.TimerHandle | None = None
        self._slept = _seconds_asleep()

    def time(self) -> float:
        """Return the time in seconds. It never goes back."""
        now = self._now()
        if now - self._last > self._jump:
            self._take_out(now - self._last, now)
        self._last = now
        return now - self.lost

    def _take_out(self, gap: float, now: float) -> None:
        computed = time.thread_time() - self._computed
        lost = gap - max(BEAT, computed)
        if lost <= 0:
            return
        if gap >= LONG_GAP:
            self.stopped_at = now - self.lost - lost
        else:
            ran = self._last - self.lost
            self._extension = min(MAX_EXTENSION, self._extension + ran - self._extended)
            self._extended = ran
            lost = min(lost, self._extension)
            self._extension -= lost
        self.lost += lost

    def start(self) -> None:
        """Start to look for gaps, on the running loop. Each `start` needs a `stop`."""
        self._users += 1
        if self._users == 1:
            self._last = self._now()
            self._jump = CLOCK_JUMP
            self._beat()

    def stop(self) -> None:
        """Stop looking for gaps, after as many calls as of `start`."""
        self._users -= 1
        if not self._users:
            self._jump = float("inf")
            if self._beating is not None:
                self._beating.cancel()

    def _beat(self) -> None:
        self.time()
        self._computed = time.thread_time()
        slept = _seconds_asleep()
        if slept - self._slept >= LONG_GAP:
            self.stopped_at = self.time()
        self._slept = slept
        self._beating = asyncio.get_running_loop().call_later(BEAT, self._beat)

    async def wait_for(self, future: asyncio.Future[Any], seconds: float) -> bool:
        """Wait until `future` is done, for at most `seconds` of this clock. Return whether it is done."""
        over = asyncio.Event()
        waiting = asyncio.ensure_future(over.wait())
        timers = Timers(self)
        timers.call_later(seconds, over.set)
        self.start()
        try:
            await asyncio.wait([future, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            timers.cancel()
            self.stop()
        return future.done()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` if the block takes more than `seconds` of this clock, as `asyncio.timeout` does."""
        timers = Timers(self)
        self.start()
        try:
            async with asyncio.timeout(None) as limit:
                timers.call_later(seconds, lambda: limit.reschedule(self._now()))
                try:
                    yield
                finally:
                    timers.cancel()
        finally:
            self.stop()


class Timers:
    """Calls scheduled by a clock, which can be cancelled together."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.planned: set[Timer] = set()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` after `seconds` of the clock."""
        return Timer(self, seconds, callback)

    def cancel(self) -> None:
        """Cancel all calls."""
        for timer in list(self.planned):
            timer.cancel()


class Timer:
    """One scheduled call."""

    __slots__ = ("_callback", "_due", "_handle", "_lost", "_timers")

    def __init__(self, timers: Timers, seconds: float, callback: Callable[[], object]) -> None:
        self._timers = timers
        self._callback = callback
        self._due = timers.clock.time() + seconds
        timers.planned.add(self)
        self._plan(seconds)

    def cancel(self) -> None:
        """Do not call."""
        self._timers.planned.discard(self)
        self._handle.cancel()

    def _plan(self, seconds: float) -> None:
        self._lost = self._timers.clock.lost
        self._handle = asyncio.get_running_loop().call_later(seconds, self._fire)

    def _fire(self) -> None:
        clock = self._timers.clock
        left = self._due - clock.time()
        if clock.lost > self._lost:  # some loops serve timers first, but events after a gap must come before this
            self._plan(max(left, BEAT))
        elif left > _EARLY:
            self._plan(left)
        else:
            self._timers.planned.discard(self)
            self._callback()


def _seconds_asleep() -> float:
    """Return the seconds for which this machine slept that are not in the loop's clock, on Linux."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


_clocks: WeakKeyDictionary[asyncio.AbstractEventLoop, Clock] = WeakKeyDictionary()


def running_clock() -> Clock:
    """Return the clock of the running event loop."""
    loop = asyncio.get_running_loop()
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = Clock(loop.time)
    return clock
