"""What a sweep runs: jobs, each of which talks to one host in a task; or ways, which go without one, by callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
T = TypeVar("T")


class Job(Protocol[R_co]):
    """One conversation with one address, or with the first of several that answers."""

    @property
    def addresses(self) -> Sequence[str]:
        """All that it may talk to, of which none must be talked to twice at the same time; empty for nobody."""

    @property
    def come_back_later(self) -> bool:
        """After a run: another one, a while later, may give more."""

    @property
    def local_trouble(self) -> str | None:
        """After a run: what this machine was short of, if that is why it failed."""

    async def run(self) -> R_co:
        """Run, or go on after a pause. Never raises for what the other side does."""


class Way(Protocol[T, R]):
    """The short cut of one target to the one address that it means."""

    target: T

    @property
    def address(self) -> str:
        """What must not be talked to twice at the same time."""

    def start(self, ended: WayEnded[T, R], left: WayLeft[T, R]) -> None:
        """Begin. One of the two is called, once."""


WayEnded = Callable[[Way[T, R], R, Job[R] | None], None]
"""Takes the result of a `Way`, and the job that may come back later where it was told to."""

WayLeft = Callable[[Way[T, R], Job[R]], None]
"""Takes the job that goes on in place of a `Way`."""


class Shortcut(Protocol[T, R]):
    """A cheaper way to the result of a target, without a task."""

    def open(self) -> None:
        """Begin, on the running loop."""

    def close(self) -> None:
        """End, and drop what is under way."""

    def way(self, target: T) -> Way[T, R] | None:
        """Return how `target` can go; None: not this way. Nothing is begun."""
