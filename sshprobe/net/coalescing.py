"""When an `EpollNetwork` serves its next round. Only for speed: without it each event is served as it comes.

A round coalesces events, as a network card does with packets ("interrupt moderation"): waking once per event means
running with cold caches, which was measured to double the cost of a host. The wait follows from how fast events come.
With few connections there is none.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

COALESCE_EVENTS = 64
"""Events that one round waits for; at most a quarter as many as connections are open, which then wait an eighth longer
from one of their events to the next."""

COALESCE_FROM = 16
"""Made connections from which on events are coalesced. Fewer are served at once. Dead addresses bring no events."""

MAX_COALESCE = 0.1
"""Seconds that a round waits for events at most: the delay of a connection for each of its answers."""

MIN_COALESCE = 0.001
"""Seconds that are worth a timer."""


class Rounds(Protocol):
    """The parts of an `EpollNetwork` that are needed here."""

    made: int
    is_open: bool

    def watch(self) -> None:
        """Serve a round as soon as there is an event."""

    def unwatch(self) -> None:
        """Serve no round by itself."""

    def serve(self) -> int:
        """Serve a round. Return how many connections had events."""


class Coalescing:
    """Serves the rounds of a network with many connections later than at their first event."""

    def __init__(self, network: Rounds) -> None:
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None  # while the network is not watched
        self._began = self._loop.time()  # when the last round did
        self._seconds = 0.0  # from one round to the next, of late
        self._events = 1.0  # in each of them

    def round_served(self, began: float, events: int) -> None:
        """Put the next round off, if that is worth a timer. The last one `began` then, by the loop's clock."""
        wait = self._wait(began, events)
        if wait > MIN_COALESCE:
            self._network.unwatch()
            self._timer = self._loop.call_at(began + wait, self._serve)

    def _wait(self, began: float, events: int) -> float:
        """Return the seconds between the beginnings of two rounds."""
        self._seconds += (min(began - self._began, MAX_COALESCE) - self._seconds) / 4
        self._events += (events - self._events) / 4
        self._began = began
        made = self._network.made
        if made < COALESCE_FROM:
            return 0.0
        return min(MAX_COALESCE, min(COALESCE_EVENTS, made / 4) * self._seconds / self._events)

    def _serve(self) -> None:
        began = self._loop.time()
        events = self._network.serve()
        if not self._network.is_open:
            return
        if events:
            self._timer = self._loop.call_at(began + self._wait(began, events), self._serve)
        else:  # after a while without events the next one is served at once
            self._timer = None
            self._network.watch()

    def cancel(self) -> None:
        """Serve no further round."""
        if self._timer is not None:
            self._timer.cancel()
