"""The findings of one host under all its profiles, one for each id and algorithm."""

from __future__ import annotations

from typing import NamedTuple

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES, Finding


class HostFinding(NamedTuple):
    """A finding, and the profiles that have it."""

    finding: Finding
    """In the form of the profile that rates it worst."""
    profiles: tuple[str, ...]
    """Ids. Empty: it is a finding across the fleet."""


class FindingText(NamedTuple):
    """The texts that all findings with one id share."""

    title: str
    meaning: str
    why: str
    fix: str


def host_findings(record: HostRecord) -> list[HostFinding]:
    """Return the findings of a host, worst first. One that a profile waives is waived only if no other has it.

    They include notes and waived findings.
    """
    found: dict[tuple[str, str | None], HostFinding] = {}
    for profile, findings in (
        *((verdict.profile, verdict.findings) for verdict in record.verdicts),
        ("", record.fleet_findings),
    ):
        for each in findings:
            key = each.id, each.algorithm
            known = found.get(key)
            profiles = (*(known.profiles if known else ()), *([profile] if profile else []))
            worse = each if known is None or _order(each) < _order(known.finding) else known.finding
            found[key] = HostFinding(worse, profiles)
    return sorted(found.values(), key=lambda each: _order(each.finding))


def _order(finding: Finding) -> tuple[bool, int]:
    return finding.waived is not None, SEVERITIES.index(finding.severity)
