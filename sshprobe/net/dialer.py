"""Many TCP connections at once, driven by callbacks: no task, no future and no timer for each.

For conversations so short that what asyncio charges for a connection is most of their cost. A `Dialer` has a poll set
of its own (`sshprobe.platform.poll_set`: Linux's epoll), which is one descriptor in the loop's: each time that the loop
finds it readable, all that is ready is handed to the connections in one go. One timer serves all deadlines.

Each socket is in the poll set once, for everything, and edge-triggered: what is ready is read until there is no more.

A round does like things together, because the processor's caches then hold what comes next: it reads from all that are
ready, hands over what came, to those first that are not far into their conversation, and in the end sends and dials.
Besides, each send wakes who waits for it: on loopback, and on any busy machine, that takes the processor from us.

And a round lets events gather, as a network card does with packets ("interrupt moderation"): to wake for each finds
the caches cold each time, which was measured to double what a host costs. How long follows from how fast events come;
with few connections nobody waits.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter

from sshprobe.net.connection import Connection
from sshprobe.platform import POLL_EVERYTHING, POLL_READABLE, has_poll_set, poll_set

_log = logging.getLogger("sshprobe")

EVENTS = 512
"""Connections served before the loop gets its turn again."""

TICK = 0.02
"""Seconds between two looks at the deadlines, at least: they are kept no more exactly than that."""

GATHERED = 64
"""Events that are let gather for one round; at most a quarter as many as connections are open, which then wait an
eighth longer from one of their events to the next."""

FEW = 16
"""Connections that are made, of which fewer are served at once, each time: those of dead addresses bring no events."""

LONGEST = 0.1
"""Seconds for which events are let gather, at most: what a connection waits more for each of its answers."""

SHORTEST = 0.001
"""Seconds that are worth a timer."""

_step = attrgetter("step")


class Dialer:
    """The connections of one sweep. `open` and `close` it on the running loop, `close` in one of their methods, too."""

    def __init__(self) -> None:
        self._connections: dict[int, Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = False
        self.due = float("inf")
        """When the deadlines are looked at next, by the loop's clock."""
        self.time: Callable[[], float] = time.monotonic
        """The loop's clock, once `open`."""
        self.made = 0
        """How many connections are made, and not yet closed."""
        self.in_round = False
        """Whether what has to be sent or dialled is to be put into these, and not done at once."""
        self.to_send: list[Connection] = []
        self.to_dial: list[Connection] = []
        self._gathering: asyncio.TimerHandle | None = None  # while events gather, and the loop does not look
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
        self.time = self._loop.time
        self._poll = poll_set()
        self._began = self.time()
        self._is_open = True
        self._loop.add_reader(self._poll.fileno(), self._ready)

    def close(self) -> None:
        """End, and close every connection without a word."""
        self._is_open = False
        self._loop.remove_reader(self._poll.fileno())
        if self._gathering is not None:
            self._gathering.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        self._poll.close()

    # -- for connections ---------------------------------------------------------------------------------------------

    def add(self, number: int, connection: Connection) -> None:
        """Watch a socket."""
        self._poll.register(number, POLL_EVERYTHING)
        self._connections[number] = connection

    def forget(self, number: int) -> None:
        """Watch a socket no more that is closed next, which takes it out of the poll set."""
        del self._connections[number]

    def release(self, number: int) -> None:
        """Watch a socket no more that stays open."""
        del self._connections[number]
        self._poll.unregister(number)

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then and not as late as `due`."""
        if not self._is_open:
            return
        self.due = deadline
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(max(deadline, self.time() + TICK), self._look)

    def fault(self, connection: Connection, error: Exception) -> None:
        """Give a connection up for a bug of ours."""
        _log.exception("internal error while asking %s port %d", connection.place.ip, connection.port)
        try:
            try:
                connection.close()
            finally:
                connection.faulty(error)
        except Exception:  # of a second bug: it must not keep the round from the others, nor the next round from coming
            _log.exception("internal error while giving up %s port %d", connection.place.ip, connection.port)

    # -- callbacks of the loop ---------------------------------------------------------------------------------------

    def _ready(self) -> None:
        self._serve()
        if self._is_open and self._gathering_time() > SHORTEST:
            self._loop.remove_reader(self._poll.fileno())
            self._let_gather()

    def _gathered(self) -> None:
        happened = self._serve()
        if not self._is_open:
            return
        if happened:
            self._let_gather()
        else:  # who comes after a while without events is served at once
            self._gathering = None
            self._loop.add_reader(self._poll.fileno(), self._ready)

    def _let_gather(self) -> None:
        self._gathering = self._loop.call_at(self._began + self._gathering_time(), self._gathered)

    def _gathering_time(self) -> float:
        """Return the seconds from the beginning of one round to that of the next."""
        if self.made < FEW:
            return 0.0
        return min(LONGEST, min(GATHERED, self.made / 4) * self._seconds / self._events)

    def _serve(self) -> int:
        """Serve what is ready. Returns how many connections were."""
        # Nothing is dialled before the end of a round, so no descriptor that is closed in it is taken again while there
        # are events of who had it. A connection that is made has room to send: to hear of it again means nothing.
        ready: list[Connection] = []
        begun, self._began = self._began, self.time()
        with self._round():
            happened = self._poll.poll(0, EVENTS)
            if happened:
                self._seconds += (min(self._began - begun, LONGEST) - self._seconds) / 4
                self._events += (len(happened) - self._events) / 4
            for number, events in happened:
                connection = self._connections.get(number)
                if connection is not None and (events & POLL_READABLE or not connection.is_made):
                    try:
                        connection.read(events)
                    except Exception as error:  # what the others sent is told of once, and never again
                        self.fault(connection, error)
                    else:
                        ready.append(connection)
            ready.sort(key=_step)
            for connection in ready:
                if connection.is_open:  # else another one's method has closed it
                    try:
                        connection.hand_over()
                    except Exception as error:
                        self.fault(connection, error)
        return len(happened)

    def _look(self) -> None:
        # A process that was stopped, or got no CPU, sees its timers first: what came meanwhile goes before them.
        for _ in range(1 + len(self._connections) // EVENTS):
            if self._is_open:
                self._serve()
        now = self.time()
        lost = now - self.due
        self._timer = None
        self.due = float("inf")
        with self._round():
            for connection in list(self._connections.values()):
                if connection.is_open and connection.deadline <= now:
                    try:
                        connection.take_late(lost)
                    except Exception as error:
                        self.fault(connection, error)
        earliest = min((connection.deadline for connection in self._connections.values()), default=self.due)
        if earliest < self.due:
            self.due_at(earliest)

    @contextmanager
    def _round(self) -> Iterator[None]:
        """Gather what can wait, and do it in the end."""
        self.in_round = True
        try:
            yield
        finally:
            self.in_round = False
        to_send, self.to_send = self.to_send, []
        to_dial, self.to_dial = self.to_dial, []
        if not self._is_open:
            return  # closed in this round, and what was to be sent is sent
        for connections, act in ((to_send, Connection.send_now), (to_dial, Connection.dial_now)):
            for connection in connections:
                try:
                    act(connection)
                except Exception as error:
                    self.fault(connection, error)
