"""`--fix`: what to paste on the hosts, and nothing else, on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sshprobe.remedy import RemedyCache
from sshprobe.render.fix import load_format
from sshprobe.scan.sinks import Sink
from sshprobe.views.fixes import Plan

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import SummaryRecord
    from sshprobe.profiles import Profile
    from sshprobe.scan.results import HostBatch


class FixSink(Sink):
    """Prints at the end what fixes the hosts, those that need the same changes together."""

    def __init__(self, format_: str, profile: Profile, *, strict: bool, fleet: FleetIndex | None = None) -> None:
        self._format = format_
        self._remedies = RemedyCache(profile, strict=strict, fleet=fleet)
        self._plan = Plan()

    def add(self, batch: HostBatch) -> None:
        """Work out what fixes these hosts."""
        for result in batch.results:
            record = result.record
            self._plan.add(record, self._remedies.remedy_for(record) if record.verdicts else None)

    def finish(self, summary: SummaryRecord) -> None:
        """Print what was found so far, also of a scan that was interrupted."""
        sys.stdout.write(load_format(self._format)(self._plan))
        sys.stdout.flush()
