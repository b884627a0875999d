"""Many TCP connections on Linux: one epoll set, and no task, future or timer for each.

asyncio's cost of a connection is most of the cost of a short conversation. An `EpollNetwork` has a poll set of its own
(`sshprobe.platform.poll_set`), which is one descriptor in the loop's: when the loop finds it readable, all that is
ready is dispatched in one go. One timer serves all deadlines.

Each socket is in the poll set once, for everything, and edge-triggered: what is ready is read until there is no more.

A round does the same things together, because the processor's caches then hold what comes next: it reads from all
connections that are ready, dispatches what came, first to those with the fewest events so far, and sends and dials at
its end. Besides, each send wakes its receiver: on loopback, and on any busy machine, that takes the processor from us.

A round also coalesces events, as a network card does with packets ("interrupt moderation"): waking once per event
means running with cold caches, which was measured to double the cost of a host. The wait follows from how fast events
come; with few connections there is none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from operator import attrgetter

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock, Timers, running_clock
from sshprobe.net.epoll_connection import EpollConnection
from sshprobe.net.network import Handler, TimerHandle
from sshprobe.platform import POLL_EVERYTHING, POLL_READABLE, has_poll_set, poll_set

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

_step = attrgetter("step")


class EpollNetwork:
    """A `network.Network`. See there."""

    def __init__(self) -> None:
        self._connections: dict[int, EpollConnection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.is_open = False
        self.due = float("inf")
        """When the deadlines are looked at next, by the clock of deadlines."""
        self.last_made: Address | None = None
        self.clock: Clock
        self.time: Callable[[], float] = time.monotonic
        """The clock of deadlines, once `open`."""
        self.made = 0
        """How many connections are made, and not yet closed."""
        self.in_round = False
        """Whether connections that send or dial put themselves into these lists instead of doing it at once."""
        self.to_send: list[EpollConnection] = []
        self.to_dial: list[EpollConnection] = []
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
        self._poll = poll_set()
        self.clock = running_clock()
        self.clock.start()
        self._timers = Timers(self.clock)
        self.time = self.clock.time
        self._began = self._loop.time()
        self.is_open = True
        self._loop.add_reader(self._poll.fileno(), self._ready)

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._poll.fileno())
        if self._coalescing is not None:
            self._coalescing.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._timers.cancel()
        self.clock.stop()
        for connection in list(self._connections.values()):
            connection.close()
        self._poll.close()

    def connection(self, handler: Handler, address: Address, port: int) -> EpollConnection:
        """Return a connection that is not dialled yet."""
        return EpollConnection(self, handler, address, port)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `seconds` of the network's clock."""
        return self._timers.call_later(seconds, callback)

    # -- for connections ---------------------------------------------------------------------------------------------

    def add(self, number: int, connection: EpollConnection) -> None:
        """Watch a socket."""
        self._poll.register(number, POLL_EVERYTHING)
        self._connections[number] = connection

    def forget(self, number: int) -> None:
        """Watch a socket no more that is closed next, which takes it out of the poll set."""
        del self._connections[number]

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""
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
            self._loop.remove_reader(self._poll.fileno())
            self._coalesce()

    def _coalesced(self) -> None:
        happened = self._serve()
        if not self.is_open:
            return
        if happened:
            self._coalesce()
        else:  # who comes after a while without events is served at once
            self._coalescing = None
            self._loop.add_reader(self._poll.fileno(), self._ready)

    def _coalesce(self) -> None:
        self._coalescing = self._loop.call_at(self._began + self._coalesce_time(), self._coalesced)

    def _coalesce_time(self) -> float:
        """Return the seconds from the beginning of one round to that of the next."""
        if self.made < COALESCE_FROM:
            return 0.0
        return min(MAX_COALESCE, min(COALESCE_EVENTS, self.made / 4) * self._seconds / self._events)

    def _serve(self) -> int:
        """Serve what is ready. Returns how many connections were."""
        # Nothing is dialled before the end of a round, so no descriptor that is closed in it is used again while there
        # are events of its old connection. A connection that is made has room to send: POLLOUT then means nothing.
        begun, self._began = self._began, self._loop.time()
        happened = self._poll.poll(0, EVENTS)
        if not happened:
            return 0
        self._seconds += (min(self._began - begun, MAX_COALESCE) - self._seconds) / 4
        self._events += (len(happened) - self._events) / 4
        self.in_round = True
        ready: list[EpollConnection] = []
        find = self._connections.get
        for number, events in happened:
            connection = find(number)
            if connection is not None and (events & POLL_READABLE or not connection.is_made):
                try:
                    connection.read(events)
                except Exception as error:  # edge-triggered: the kernel reports the events of the others once
                    connection.fail_internally(error)
                else:
                    ready.append(connection)
        ready.sort(key=_step)
        for connection in ready:
            if connection.is_open:  # else another one's handler has closed it
                try:
                    connection.dispatch()
                except Exception as error:
                    connection.fail_internally(error)
        self._end_round()
        return len(happened)

    def _end_round(self) -> None:
        """Send and dial what was put off."""
        self.in_round = False
        to_send, self.to_send = self.to_send, []
        to_dial, self.to_dial = self.to_dial, []
        if not self.is_open:
            return  # closed in this round, and what was to be sent is sent
        for connections, action in ((to_send, EpollConnection.send_now), (to_dial, EpollConnection.dial_now)):
            for connection in connections:
                try:
                    action(connection)
                except Exception as error:
                    connection.fail_internally(error)

    def _look(self) -> None:
        # A process that was stopped, or got no CPU, sees its timers first: what came meanwhile goes before them.
        for _ in range(1 + len(self._connections) // EVENTS):
            if self.is_open:
                self._serve()
        now = self.time()
        self._timer = None
        self.due = float("inf")
        self.in_round = True
        for connection in list(self._connections.values()):
            if connection.is_open and connection.deadline <= now:
                try:
                    connection.on_deadline()
                except Exception as error:
                    connection.fail_internally(error)
        self._end_round()
        earliest = min((connection.deadline for connection in self._connections.values()), default=self.due)
        if earliest < self.due:
            self.due_at(earliest)
