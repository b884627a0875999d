"""The parts that both networks share: the clock, timers, and one timer for the deadlines of all connections."""

from __future__ import annotations

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Protocol

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock, Timers, running_clock
from sshprobe.net.errors import REJECTED, NetworkError, connect_error, is_rejected_here
from sshprobe.net.network import TimerHandle

TICK = 0.02
"""Seconds between two looks at the deadlines, at least: they are kept no more exactly than that."""


class WithDeadline(Protocol):
    """The parts of a connection that are needed here."""

    deadline: float

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""

    def expire(self) -> None:
        """Take the deadline as passed. Never raises."""

    def close(self) -> None:
        """Close at once."""


class BaseNetwork(ABC):
    """See `network.Network`."""

    def __init__(self) -> None:
        self.is_open = False
        self.last_made: Address | None = None
        self.rejected = 0
        self.clock: Clock
        self.time: Callable[[], float] = time.monotonic
        self.due = float("inf")
        """When the deadlines are looked at next, by the clock of deadlines."""
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def open_connections(self) -> Collection[WithDeadline]:
        """Return those that have a socket."""

    @abstractmethod
    def begin_looking(self) -> None:
        """Prepare for a look at the deadlines."""

    @abstractmethod
    def end_looking(self) -> None:
        """Do what connections put off in it."""

    def open(self) -> None:
        """Begin."""
        self.loop = asyncio.get_running_loop()
        self.clock = running_clock()
        self.clock.start()
        self.time = self.clock.time
        self._timers = Timers(self.clock)
        self.is_open = True

    def close(self) -> None:
        """End: close every connection and cancel every timer. No event follows."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
        self._timers.cancel()
        self.clock.stop()
        for connection in list(self.open_connections()):
            connection.close()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> TimerHandle:
        """Call `callback` after `seconds` of the network's clock."""
        return self._timers.call_later(seconds, callback)

    def connect_failure(self, error: OSError, address: Address, connecting: socket.socket) -> NetworkError:
        """Return the error of a connect that failed, and count it if a firewall of this machine rejected it."""
        if is_rejected_here(connecting):
            self.rejected += 1
            return NetworkError("unreachable", REJECTED)
        return connect_error(error, address)

    def due_at(self, deadline: float) -> None:
        """Look at the deadlines then, if that is before `due`."""
        if deadline < self.due and self.is_open:
            self.due = deadline
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(max(deadline - self.time(), TICK), self._look)

    def _look(self) -> None:
        self.begin_looking()
        now = self.time()
        self._timer = None
        self.due = float("inf")
        for connection in list(self.open_connections()):
            if connection.is_open and connection.deadline <= now:
                connection.expire()
        self.end_looking()
        self.due_at(min((connection.deadline for connection in self.open_connections()), default=float("inf")))
