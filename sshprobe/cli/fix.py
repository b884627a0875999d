"""`--fix`: what to paste on the hosts, and nothing else, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.grading import FleetIndex
    from sshprobe.model.records import SummaryRecord
    from sshprobe.profiles import Profile
    from sshprobe.results import HostResult
    from sshprobe.views.host_stats import HostStats


class Fixes:
    """Prints at the end what fixes the hosts, those alike together."""

    def __init__(self, format_: str, profile: Profile, *, strict: bool, fleet: FleetIndex | None = None) -> None:
        from sshprobe.remedy import RemedyCache
        from sshprobe.render.fix.plan import Plan

        self._format = format_
        self._remedies = RemedyCache(profile, strict=strict, fleet=fleet)
        self._plan = Plan()

    def hosts(self, seen: HostStats, hosts: Sequence[HostResult]) -> None:
        """Take hosts; see `sshprobe.cli.audience.Audience`."""
        for host in hosts:
            record = host.record
            self._plan.add(record, self._remedies.remedy_for(record) if record.verdicts else None)

    def finish(self, summary: SummaryRecord) -> None:
        """Print what was found so far, also of a sweep that was interrupted."""
        from sshprobe.render.fix import ansible, pasted

        render = {
            "sshd_config": pasted.sshd_config,
            "sshd_config.d": pasted.drop_in,
            "dropbear": pasted.dropbear,
            "ansible": ansible.playbook,
        }[self._format]
        sys.stdout.write(render(self._plan))
        sys.stdout.flush()
