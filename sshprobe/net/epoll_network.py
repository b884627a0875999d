"""Many TCP connections on Linux: one epoll set, and no task, future or timer for each.

asyncio's cost of a connection is most of the cost of a short conversation. An `EpollNetwork` has a poll set of its own
(`sshprobe.platform.poll_set`), which is one descriptor in the loop's: when the loop finds it readable, all that is
ready is dispatched in one go. One timer serves all deadlines.

Each socket is in the poll set once, for everything, and edge-triggered: what is ready is read until there is no more.

All that is ready is served in a round (`sshprobe.net.epoll_connection`). A round also coalesces events, as a network
card does with packets ("interrupt moderation"): waking once per event means running with cold caches, which was
measured to double the cost of a host. The wait follows from how fast events come; with few connections there is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock, Timers, running_clock
from sshprobe.net.epoll_connection import EpollConnection, Rounds
from sshprobe.net.network import Handler, TimerHandle
from sshprobe.platform import has_poll_set, poll_set

EVENTS = 512
"""Connections served before the loop gets its turn again."""

TICK = 0.02
"""Seconds between two looks at the deadlines, at least: they are kept no more exactly than that."""

COALESCE_EVENTS = 64
"""Events that one round waits for; at most a quarter as many as connections are open, which then wait an eighth longer
from one of their events to the next."""

COALESCE_FROM = 16
"""Made connections from which on events are coalesced. Fewer are served at once. Dead addresses bring no events."""

MAX_COALESCE = 0.1
"""Seconds that a round waits for events at most: the delay of a connection for each of its answers."""

MIN_COALESCE = 0.001
"""Seconds that are worth a timer."""


class EpollNetwork(Rounds):
    """A `network.Network`. See there."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: asyncio.TimerHandle | None = None
        self.clock: Clock
        self.time: Callable[[], float] = time.monotonic
        """The clock of deadlines, once `open`."""
        self._coalescing: asyncio.TimerHandle | None = None  # while the loop does not watch the poll set
        self._began = 0.0  # when the last round did
        self._seconds = 0.0  # from one round to the next, of late
        self._events = 1.0  # in each of them

    @staticmethod
    def works() -> bool:
        """Whether this system has what it takes."""
        return has_poll_set()

    def open(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self.poll = poll_set()
        self.clock = running_clock()
        self.clock.start()
        self._timers = Timers(self.clock)
        self.time = self.clock.time
        self._began = self._loop.time()
        self.is_open = True
        self._loop.add_reader(self.poll.fileno(), self._ready)

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self.poll.fileno())
        if self._coalescing is not None:
            self._coalescing.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._timers.cancel()
        self.clock.stop()
        for connection in list(self.connections.values()):
            connection.close()
        self.poll.close()

    def connection(self, handler: Handler, address: Address, port: int) -> EpollConnection:
        """Return a connection that is not dialled yet."""
        return EpollConnection(self, handler, address, port)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `seconds` of the network's clock."""
        return self._timers.call_later(seconds, callback)

    # -- for connections ---------------------------------------------------------------------------------------------

    def due_at(self, deadline: float) -> None:
        """See `Rounds`."""
        if not self.is_open:
            return
        self.due = deadline
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(deadline - self.time(), TICK), self._look)

    # -- callbacks of the loop ---------------------------------------------------------------------------------------

    def _ready(self) -> None:
        self._serve()
        if self.is_open and self._coalesce_time() > MIN_COALESCE:
            self._loop.remove_reader(self.poll.fileno())
            self._coalesce()

    def _coalesced(self) -> None:
        happened = self._serve()
        if not self.is_open:
            return
        if happened:
            self._coalesce()
        else:  # who comes after a while without events is served at once
            self._coalescing = None
            self._loop.add_reader(self.poll.fileno(), self._ready)

    def _coalesce(self) -> None:
        self._coalescing = self._loop.call_at(self._began + self._coalesce_time(), self._coalesced)

    def _coalesce_time(self) -> float:
        """Return the seconds from the beginning of one round to that of the next."""
        if self.made < COALESCE_FROM:
            return 0.0
        return min(MAX_COALESCE, min(COALESCE_EVENTS, self.made / 4) * self._seconds / self._events)

    def _serve(self) -> int:
        """Serve what is ready. Returns how many connections were."""
        begun, self._began = self._began, self._loop.time()
        happened = self.poll.poll(0, EVENTS)
        if not happened:
            return 0
        self._seconds += (min(self._began - begun, MAX_COALESCE) - self._seconds) / 4
        self._events += (len(happened) - self._events) / 4
        self.serve(happened)
        return len(happened)

    def _look(self) -> None:
        # A process that was stopped, or got no CPU, sees its timers first: what came meanwhile goes before them.
        for _ in range(1 + len(self.connections) // EVENTS):
            if self.is_open:
                self._serve()
        now = self.time()
        self._timer = None
        self.due = float("inf")
        earliest = self.expire(now)
        if earliest < self.due:
            self.due_at(earliest)
