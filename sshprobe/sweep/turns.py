"""Limits of one sweep, or of several at once: jobs at once, starts a second, one job at a time to an address."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from sshprobe.sweep.pace import Pace


class Limits:
    """The limits that sweeps share: all of them together keep to `concurrency` jobs and `rate` starts a second."""

    def __init__(self, concurrency: int, rate: float | None) -> None:
        self.turns = Turns(concurrency)
        self.addresses = Addresses()
        self.pace = Pace(rate) if rate else None


class Turns:
    """How many jobs may run at once: `most`, and fewer after this machine was short of something.

    The number goes down to those that ran when one failed, and up by one each time that as many have gone well.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._running = 0
        self._went_well = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def unlimited(self) -> bool:
        """Whether nothing was short lately."""
        return self._allowed == self._most

    def take_now(self) -> bool:
        """Take a turn if there is one without waiting."""
        if self._running >= self._allowed:
            return False
        self._running += 1
        return True

    async def take(self) -> None:
        """Wait for a turn."""
        while not self.take_now():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._wake()  # the turn was for this job: the next one gets it
                raise

    def give_back(self, *, trouble: bool) -> None:
        """End a turn."""
        self._running -= 1
        if not trouble and self._allowed < self._most:
            self._went_well += 1
            if self._went_well >= self._allowed:
                self._went_well = 0
                self._allowed += 1
        if self._waiting:
            self._wake()

    def lend(self) -> None:
        """End a turn that says nothing of how it went: its job rests, and takes another."""
        self._running -= 1
        self._wake()

    def _wake(self) -> None:
        for _ in range(self._allowed - self._running):
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()  # its job was cancelled
            if not self._waiting:
                break
            self._waiting.popleft().set_result(None)

    def fewer(self) -> None:
        """Allow as many as run now: they got what the one that failed did not get."""
        self._allowed = max(1, min(self._allowed, self._running))
        self._went_well = 0


class Addresses:
    """Who talks to an address has it alone. Holds those that are talked to now."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[asyncio.Future[None]] | None] = {}

    def take_now(self, address: str) -> bool:
        """Take an address if nobody has it."""
        if address in self._taken:
            return False
        self._taken[address] = None
        return True

    async def take(self, address: str) -> None:
        """Wait for an address, in the order in which it was asked for."""
        if self.take_now(address):
            return
        waiting = self._taken[address]
        if waiting is None:
            waiting = self._taken[address] = deque()
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # `give_back` has passed over it
                    waiting.remove(turn)
            else:
                self.give_back(address)  # it was handed over in the same moment
            raise

    def give_back(self, address: str) -> None:
        """Give an address to who waits for it first, if anyone does."""
        waiting = self._taken[address]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # else its job was cancelled
                turn.set_result(None)
                return
        del self._taken[address]
