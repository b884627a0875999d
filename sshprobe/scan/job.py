"""The interface of jobs, which the engine runs, and of its progress. The jobs are in `sshprobe.probe`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from sshprobe.net import Network
from sshprobe.probe.driver import Slot

R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Job(Protocol[R_co]):
    """The probe of one host: of one address, or of the first of several that answers."""

    @property
    def addresses(self) -> Sequence[str]:
        """Addresses this job may connect to. No two running jobs share one. Empty: it connects to nothing."""

    @property
    def retry_later(self) -> bool:
        """At its end: whether another try, after a pause, may find more."""

    @property
    def resource_error(self) -> str | None:
        """At its end: the resource that this machine ran out of, if that is why it failed."""

    @property
    def unanswered(self) -> bool:
        """At its end: whether a question stayed unanswered, as during an outage of this machine's network."""

    def start(self, network: Network, slot: Slot, done: Callable[[R_co], None]) -> None:
        """Start, or start another try. `done` is called once, perhaps at once, and never after the engine has closed.

        Never raises because of the other side.
        """

    def failed_internally(self, error: Exception) -> None:
        """Handle our own bug, which `start` raised, and call its `done`."""


class TargetResult(msgspec.Struct, Generic[T, R]):
    """The results of all jobs of one target."""

    target: T
    results: list[R] = []


class Progress(msgspec.Struct):
    """Counters of the progress of a scan."""

    started: int = 0
    """Targets started."""
    done: int = 0
    """Targets finished."""
    waiting: int = 0
    """Targets deferred for a second try."""
    total: int | None = None
    """Number of all targets. None: unknown, or not counted here."""

    @property
    def pending(self) -> int:
        """Targets started and not done."""
        return self.started - self.done
