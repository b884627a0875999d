"""How many jobs may run at once while this machine is short of something."""

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

    async def take(self) -> None:
        """Wait for a turn."""
        while self._running >= self._allowed:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._running += 1

    def give_back(self, *, trouble: bool) -> None:
        """End a turn."""
        self._running -= 1
        if not trouble and self._allowed < self._most:
            self._went_well += 1
            if self._went_well >= self._allowed:
                self._went_well = 0
                self._allowed += 1
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
