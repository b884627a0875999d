"""Limits of one scan, or of several at once: running jobs, starts per second, and one job per address.

Slots and addresses do not block: a caller passes a callback, which is called when it is the caller's turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Granted = Callable[[], None]
"""Called when a slot or an address was acquired. It must not start a job directly, only through the event loop."""


CATCHES_UP = 0.1
"""After a delay of this process, at most this many seconds of missed starts are caught up at once.

Without it, a process that gets the CPU ten times per second would start only ten hosts per second at any rate."""

HELD_UP = 0.01
"""A gap of more seconds between two starts has another cause than a busy loop, and is not caught up."""


class Limits:
    """The shared limits of scans: together they run at most `concurrency` jobs and start at most `rate` per second."""

    def __init__(self, concurrency: int, rate: float | None) -> None:
        self.slots = AdaptiveSlots(concurrency)
        self.addresses = AddressLocks()
        self.pace = Pace(rate) if rate else None


class AdaptiveSlots:
    """Slots for running jobs: `most` of them, and fewer after this machine ran out of resources.

    If a job fails because of that, only as many are allowed as run at that moment. The number rises by one after as
    many successful jobs.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._running = 0
        self._succeeded = 0
        self._waiting: deque[Granted] = deque()

    @property
    def unlimited(self) -> bool:
        """Whether all slots are allowed: this machine has not run out of resources recently."""
        return self._allowed == self._most

    @property
    def running(self) -> int:
        """Number of slots that are taken."""
        return self._running

    def try_acquire(self) -> bool:
        """Take a slot if one is free."""
        if self._running >= self._allowed:
            return False
        self._running += 1
        return True

    def acquire(self, granted: Granted) -> None:
        """Take a slot and call `granted`: at once, or when it is the caller's turn."""
        if self.try_acquire():
            granted()
        else:
            self._waiting.append(granted)

    def cancel_wait(self, granted: Granted) -> None:
        """Cancel an `acquire` that was not granted yet."""
        self._waiting.remove(granted)

    def release(self, *, succeeded: bool) -> None:
        """Return a slot. `succeeded`: its job has ended without a lack of resources; otherwise the job rests."""
        self._running -= 1
        if succeeded and self._allowed < self._most:
            self._succeeded += 1
            if self._succeeded >= self._allowed:
                self._succeeded = 0
                self._allowed += 1
        self._grant()

    def back_off(self) -> None:
        """Return the slot of a job that failed for lack of resources. Allow as many jobs as still run."""
        self._running -= 1
        self._allowed = max(1, min(self._allowed, self._running))
        self._succeeded = 0
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self.try_acquire():
            self._waiting.popleft()()


class AddressLocks:
    """One job at a time to an address. Holds the addresses in use."""

    def __init__(self) -> None:
        self._held: dict[str, deque[Granted] | None] = {}

    def try_acquire(self, address: str) -> bool:
        """Take an address if it is free."""
        if address in self._held:
            return False
        self._held[address] = None
        return True

    def acquire(self, address: str, granted: Granted) -> None:
        """Take an address and call `granted`: at once, or when it is the caller's turn."""
        if self.try_acquire(address):
            granted()
            return
        waiting = self._held[address]
        if waiting is None:
            waiting = self._held[address] = deque()
        waiting.append(granted)

    def cancel_wait(self, address: str, granted: Granted) -> None:
        """Cancel an `acquire` that was not granted yet."""
        waiting = self._held[address]
        assert waiting is not None
        waiting.remove(granted)

    def release(self, address: str) -> None:
        """Return an address, or pass it to the first caller that waits for it."""
        waiting = self._held[address]
        if waiting:
            waiting.popleft()()
        else:
            del self._held[address]


class Pace:
    """At most `rate` starts per second, for all scans that share it."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._next = 0.0  # the time of the next start
        self._late = 0.0  # the delay of the last wait, in seconds
        self._last = 0.0  # the time of the last start
        self._waiting: dict[float, asyncio.Future[None]] = {}
        """Current waits, by the time of their end."""

    async def next_start(self) -> None:
        """Wait until the next target may be started, or until `cancel_wait`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - self._last > max(self._interval, HELD_UP):
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
