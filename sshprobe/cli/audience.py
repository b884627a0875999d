"""Who is shown a scan, and what of each host: the terminal with its blocks and table, or the lines of `--fix`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sshprobe.model.records import SummaryRecord
    from sshprobe.results import HostResult
    from sshprobe.views.host_stats import HostStats


class Audience(Protocol):
    """Shows a sweep to people."""

    def hosts(self, seen: HostStats, hosts: Sequence[HostResult]) -> None:
        """Take hosts that are alike (`sshprobe.results`), and what of each of them is counted."""

    def finish(self, summary: SummaryRecord) -> None:
        """Take the end."""
