"""The catalogue: facts about every algorithm name seen in SSH, and the weaknesses that follow from them.

Data, not code: one table per class in `data/*.tsv`. No entry carries an opinion; `weakness` derives it by a
few stated rules (`sshprobe.algorithms.weakness`, explained in `docs/grading.md`).
"""

from __future__ import annotations

from sshprobe.algorithms.catalogue import (
    CLASSES,
    Algorithm,
    Class,
    canonical,
    in_openssh,
    is_marker,
    lookup,
    marker,
    marker_names,
    names,
)
from sshprobe.algorithms.groups import KnownGroup, known_group
from sshprobe.algorithms.weakness import RULES, Rule, Weakness, weakness, weakness_of

__all__ = [
    "CLASSES",
    "RULES",
    "Algorithm",
    "Class",
    "KnownGroup",
    "Rule",
    "Weakness",
    "canonical",
    "in_openssh",
    "is_marker",
    "known_group",
    "lookup",
    "marker",
    "marker_names",
    "names",
    "weakness",
    "weakness_of",
]
