"""Who may run: how many jobs at once while this machine is short of something, and one at a time to an address."""

from __future__ import annotations

import asyncio
from collections import deque


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
            await turn

    def give_back(self, *, trouble: bool) -> None:
        """End a turn."""
        self._running -= 1
        if not trouble and self._allowed < self._most:
            self._went_well += 1
            if self._went_well >= self._allowed:
                self._went_well = 0
                self._allowed += 1
        if not self._waiting:
            return
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
                waiting.remove(turn)
            else:
                self.give_back(address)  # it was handed over in the same moment
            raise

    def give_back(self, address: str) -> None:
        """Give an address to who waits for it first, if anyone does."""
        waiting = self._taken[address]
        if waiting:
            waiting.popleft().set_result(None)
        else:
            del self._taken[address]
