"""Judges observations against profiles: findings, compliance, score, grade. Pure: no I/O, no clock, no advice.

`docs/grading.md` explains the score, `explain_finding` each finding.
"""

from __future__ import annotations

from sshprobe.grading.assess import assess, is_gradeable
from sshprobe.grading.checks.fleet_keys import FleetIndex
from sshprobe.grading.checks.registry import explain_finding, finding_types, weakness_meanings
from sshprobe.grading.checks.versions import VersionHint, version_hints
from sshprobe.grading.findings import FindingType
from sshprobe.grading.fleet.comparison import FleetFacts
from sshprobe.grading.key_findings import WITHOUT_RULES, fleet_findings_of, fleet_key_findings, key_findings
from sshprobe.grading.keys.known_keys import KnownKeys
from sshprobe.grading.open_names import leaves_open
from sshprobe.grading.score import CAPS, POINTS, letter
from sshprobe.grading.verdict_key import verdict_key

__all__ = [
    "CAPS",
    "POINTS",
    "WITHOUT_RULES",
    "FindingType",
    "FleetFacts",
    "FleetIndex",
    "KnownKeys",
    "VersionHint",
    "assess",
    "explain_finding",
    "finding_types",
    "fleet_findings_of",
    "fleet_key_findings",
    "is_gradeable",
    "key_findings",
    "leaves_open",
    "letter",
    "verdict_key",
    "version_hints",
    "weakness_meanings",
]
