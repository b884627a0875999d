"""The time of the next round of an `EpollNetwork`. Only for speed: without it, each event is served at once.

A round coalesces events, as a network card does with packets ("interrupt moderation"): waking once per event means
running with cold caches, which was measured to double the cost of a host. The wait depends on the rate of events. With
few connections there is none.
"""

from __future__ import annotations

import asyncio
import select
from typing import Protocol

COALESCE_EVENTS = 64
"""The number of events that one round waits for. It is at most a quarter of the open connections, which then wait an
eighth longer between two events."""

COALESCE_FROM = 16
"""From this many established connections on, events are coalesced. Dead addresses have no events."""

MAX_COALESCE = 0.1
"""The most seconds that a round waits for events: the delay of each answer."""

MIN_COALESCE = 0.001
"""The fewest seconds that justify a timer."""


class Rounds(Protocol):
    """The required interface of an `EpollNetwork`."""

    made: int
    is_open: bool
    poll: select.epoll

    def on_readable(self) -> None:
        """Serve a round, because there is an event."""

    def serve(self) -> int:
        """Serve a round. Return how many connections had events."""


class Coalescing:
    """Delays the rounds of a network with many connections to collect events."""

    def __init__(self, network: Rounds) -> None:
        self._network = network
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None  # while the network is not watched
        self._began = self._loop.time()  # when the last round did
        self._seconds = 0.0  # recent average between rounds
        self._events = 1.0  # recent average per round

    def watch(self) -> None:
        """Serve a round as soon as there is an event."""
        self._loop.add_reader(self._network.poll.fileno(), self._network.on_readable)

    def round_served(self, began: float, events: int) -> None:
        """Delay the next round if that justifies a timer. `began`: the start of the last one, by the loop's clock."""
        wait = self._wait(began, events)
        if wait > MIN_COALESCE:
            self._loop.remove_reader(self._network.poll.fileno())
            self._timer = self._loop.call_at(began + wait, self._serve)

    def _wait(self, began: float, events: int) -> float:
        """Return the seconds between the starts of two rounds."""
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
        else:  # after a time without events, the next one is served at once
            self._timer = None
            self.watch()

    def cancel(self) -> None:
        """Serve no further round."""
        self._loop.remove_reader(self._network.poll.fileno())
        if self._timer is not None:
            self._timer.cancel()
