"""Who is shown a scan, and what of each host: the terminal with its blocks and table, or the lines of `--fix`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sshprobe.model.observation import Observation
    from sshprobe.model.records import HostRecord, SummaryRecord
    from sshprobe.views.host_stats import HostStats, Place


class Host(Protocol):
    """What came of one host."""

    @property
    def host(self) -> Place:
        """Its host and port."""

    @property
    def counted(self) -> HostStats:
        """What of it is counted."""

    @property
    def example(self) -> HostRecord:
        """A record that agrees with its own in everything but who, when and comments (`sshprobe.kinds`)."""

    def observation(self) -> Observation:
        """Return what was seen of it: its record, or that without verdicts."""

    def record(self) -> HostRecord:
        """Return its record."""


class HostLine(Host, Protocol):
    """The same, as it is written."""

    def line(self) -> bytes:
        """Return its line, with the line end."""


class Audience(Protocol):
    """Shows a sweep to people."""

    def hosts(self, seen: HostStats, hosts: Sequence[Host]) -> None:
        """Take hosts that are alike (`sshprobe.kinds`), and what of each of them is counted."""

    def finish(self, summary: SummaryRecord) -> None:
        """Take the end."""
