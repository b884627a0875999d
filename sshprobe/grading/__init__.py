"""Judges observations against profiles: findings, compliance, score, grade, remedy. Pure: no I/O, no clock.

How a score comes about is in `docs/grading.md`; what each finding means, in `explain_finding`.
"""

from __future__ import annotations

from sshprobe.grading.explanations import FindingText, explain_finding, finding_ids
from sshprobe.grading.grade import grade, is_gradeable
from sshprobe.grading.remedy import Remedy, remedy
from sshprobe.grading.score import CAPS, POINTS, letter

__all__ = [
    "CAPS",
    "POINTS",
    "FindingText",
    "Remedy",
    "explain_finding",
    "finding_ids",
    "grade",
    "is_gradeable",
    "letter",
    "remedy",
]
