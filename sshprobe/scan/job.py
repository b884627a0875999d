"""What the engine runs: jobs. `sshprobe.probe.driver` and `sshprobe.probe.fast_lists` have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sshprobe.net import Network
from sshprobe.probe.driver import Slot

R_co = TypeVar("R_co", covariant=True)


class Job(Protocol[R_co]):
    """One host: one address, or the first of several that answers."""

    @property
    def addresses(self) -> Sequence[str]:
        """Addresses this job may connect to. No two running jobs share one. Empty: it connects to nothing."""

    @property
    def retry_later(self) -> bool:
        """At its end: whether another try, after a pause, may find more."""

    @property
    def resource_error(self) -> str | None:
        """At its end: what this machine, not the host, ran out of, if that is why it failed."""

    @property
    def unanswered(self) -> bool:
        """At its end: whether a question stayed unanswered, as it does while this machine's network is away."""

    def start(self, network: Network, slot: Slot, done: Callable[[R_co], None]) -> None:
        """Start, or start another try. `done` is called once, perhaps at once, and never where the engine is closed.

        Raises for nothing that the other side does.
        """

    def failed_internally(self, error: Exception) -> None:
        """Take a bug of ours that `start` raised, and call its `done`."""
