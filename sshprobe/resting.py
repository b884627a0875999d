"""Rests: a job that waits for a while, with nothing open, lets whoever runs it run others meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar

Rest = Callable[[Awaitable[object]], Awaitable[None]]

AROUND: ContextVar[Rest | None] = ContextVar("AROUND", default=None)
"""Waits for something, and lets others run, in the current task."""


async def rest(wait: Awaitable[object]) -> None:
    """Wait for `wait`."""
    around = AROUND.get()
    if around is None:
        await wait
    else:
        await around(wait)
