"""Judges observations against profiles: findings, compliance, score, grade, remedy. Pure: no I/O, no clock.

How a score comes about is in `docs/grading.md`; what each finding means, in `explain_finding`. Profiles made of a host
are in `golden`, which a scan does not need.
"""

from __future__ import annotations

from sshprobe.grading.explanations import FindingText, explain_finding, finding_ids
from sshprobe.grading.findings import fleet_findings_of, fleet_key_findings, key_findings
from sshprobe.grading.fleet import FleetFacts, FleetIndex, fleet_findings
from sshprobe.grading.grade import grade, is_gradeable
from sshprobe.grading.key_checks import judged_group
from sshprobe.grading.keys import weaknesses_of
from sshprobe.grading.known_keys import KnownKeys
from sshprobe.grading.remedy import remedy
from sshprobe.grading.score import CAPS, POINTS, letter
from sshprobe.grading.unnamed import is_outside
from sshprobe.grading.version_hints import VersionHint, version_hints
from sshprobe.grading.waivers import standings
from sshprobe.model.remedy import Remedy

__all__ = [
    "CAPS",
    "POINTS",
    "FindingText",
    "FleetFacts",
    "FleetIndex",
    "KnownKeys",
    "Remedy",
    "VersionHint",
    "explain_finding",
    "finding_ids",
    "fleet_findings",
    "fleet_findings_of",
    "fleet_key_findings",
    "grade",
    "is_gradeable",
    "is_outside",
    "judged_group",
    "key_findings",
    "letter",
    "remedy",
    "standings",
    "version_hints",
    "weaknesses_of",
]
