"""The turns of jobs that rest (`sshprobe.resting`): others have them meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sshprobe.sweep.turns import Turns

RESTING = 16
"""Jobs that may rest, for each that may run."""


class Rests:
    """How many jobs rest. `changed` is called when there is one more or less."""

    def __init__(self, turns: Turns, changed: Callable[[], None]) -> None:
        self.turns = turns
        self.changed = changed
        self.number = 0

    def turn(self) -> Turn:
        """Return the turn of a job that has just begun."""
        return Turn(self)


class Turn:
    """The turn of one job."""

    def __init__(self, rests: Rests) -> None:
        self._rests = rests
        self.held = True
        """Whether the job has it, and not others in its place."""

    async def rest(self, wait: Awaitable[object]) -> None:
        """Wait for `wait` without the turn, and then for another one."""
        rests = self._rests
        rests.turns.lend()
        self.held = False
        rests.number += 1
        rests.changed()
        try:
            await wait
        finally:
            rests.number -= 1
        await rests.turns.take()
        self.held = True
