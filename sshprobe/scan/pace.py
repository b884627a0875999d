"""When the next target may be started: so many a second, evenly, whatever the loop does meanwhile."""

from __future__ import annotations

import asyncio

CATCHES_UP = 0.1
"""Seconds of missed starts, at most, that are caught up at once after this process was late.

Without it, a process that gets the CPU ten times a second would start ten hosts a second, whatever the rate."""

HELD_UP = 0.01
"""Seconds. A longer gap between two starts has another cause than this loop or the starting, and earns no catch-up."""


class Pace:
    """At most `rate` starts a second, of all sweeps that share it."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0  # the time of the next start
        self._late = 0.0  # seconds by which the last wait for one ended late
        self._last = 0.0  # when the last one was
        self._waiting: dict[float, asyncio.Future[None]] = {}
        """Waits under way, by the time at which each ends."""

    async def next_start(self) -> None:
        """Wait until the next target may be started, or until `cancel_wait`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._last > max(self._interval, HELD_UP):  # by something else, which is no credit
            self._late = 0.0
        start = max(self._next, now - self._late)
        self._next = start + self._interval
        if start > now:
            self._waiting[start] = waiting = loop.create_future()
            timer = loop.call_at(start, self._end, start)
            try:
                await waiting
            finally:
                timer.cancel()
                del self._waiting[start]
            now = loop.time()
            self._late = min(now - start, CATCHES_UP)
        self._last = now

    def cancel_wait(self) -> None:
        """End all waits."""
        for start in self._waiting:
            self._end(start)

    def _end(self, start: float) -> None:
        waiting = self._waiting[start]
        if not waiting.done():
            waiting.set_result(None)
