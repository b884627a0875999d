"""Waivers that end soon, by the findings that they cover."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from sshprobe.views.change_kinds import EndingWaiver
from sshprobe.views.changes import WAIVER_DAYS
from sshprobe.views.snapshots import Snapshot


def ending_waivers(hosts: Mapping[str, Snapshot | None], today: str) -> list[EndingWaiver]:
    """Return the waivers that end within `WAIVER_DAYS` days after `today`, the first to end first.

    `hosts`: the snapshot of each. `today`: "2026-12-01".
    """
    last = (date.fromisoformat(today) + timedelta(days=WAIVER_DAYS)).isoformat()
    found: dict[tuple[str, str, str, str], tuple[set[str], set[str]]] = {}
    for host, seen in hosts.items():
        for verdict in () if seen is None else seen.verdicts:
            for finding in verdict.findings:
                if finding.waiver is not None and finding.waiver[0] <= last:
                    until, pattern, reason = finding.waiver
                    names, where = found.setdefault((until, verdict.profile, pattern, reason), (set(), set()))
                    names.add(finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}")
                    where.add(host)
    return [
        EndingWaiver(
            profile=profile,
            until=until,
            pattern=pattern,
            reason=reason,
            findings=sorted(names),
            hosts=sorted(where),
        )
        for (until, profile, pattern, reason), (names, where) in sorted(found.items())
    ]
