"""The catalogue: facts about every algorithm name seen in SSH, and the weaknesses that follow from them.

Data, not code: one table per class in `data/*.tsv`. No entry carries an opinion; `weakness` derives it by a
few stated rules (`sshprobe.algorithms.weakness`, explained in `docs/grading.md`).
"""

from __future__ import annotations

from sshprobe.algorithms.catalogue import (
    Algorithm,
    Mechanism,
    aliases,
    canonical,
    is_marker,
    lookup,
    marker,
    marker_names,
    mechanism,
    names,
    names_aead_cipher,
)
from sshprobe.algorithms.claims import Claim, claims
from sshprobe.algorithms.groups import KnownGroup, known_group
from sshprobe.algorithms.guesses import is_unknown, weakness_codes, weakness_of
from sshprobe.algorithms.releases import NEWEST, RELEASES, History, history, in_openssh, is_newer_than_known
from sshprobe.algorithms.weakness import RULES, Rule, Weakness, weakness
from sshprobe.model.name_lists import ALGORITHM_TYPES, AlgorithmType

__all__ = [
    "ALGORITHM_TYPES",
    "NEWEST",
    "RELEASES",
    "RULES",
    "Algorithm",
    "AlgorithmType",
    "Claim",
    "History",
    "KnownGroup",
    "Mechanism",
    "Rule",
    "Weakness",
    "aliases",
    "canonical",
    "claims",
    "history",
    "in_openssh",
    "is_marker",
    "is_newer_than_known",
    "is_unknown",
    "known_group",
    "lookup",
    "marker",
    "marker_names",
    "mechanism",
    "names",
    "names_aead_cipher",
    "weakness",
    "weakness_codes",
    "weakness_of",
]
