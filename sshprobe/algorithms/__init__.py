"""The catalogue: facts about every algorithm name seen in SSH, and the weaknesses that follow from them.

The tables in `data/*.tsv`, one for each algorithm type, contain facts only. `sshprobe.algorithms.weakness` derives
weaknesses by a few rules, which docs/grading.md explains.
"""

from __future__ import annotations

from sshprobe.algorithms.catalogue import (
    Algorithm,
    aliases,
    canonical,
    is_marker,
    known_group,
    lookup,
    marker,
    marker_names,
    mechanism,
    names,
    names_aead_cipher,
    signs_with_sha1,
)
from sshprobe.algorithms.claims import claims
from sshprobe.algorithms.guesses import is_unknown, weakness_codes, weakness_of
from sshprobe.algorithms.openssh import NEWEST, RELEASES, history, in_openssh, is_newer_than_known, openssh_release
from sshprobe.algorithms.primitives import primitives_of
from sshprobe.algorithms.weakness import RULES, Weakness, weakness
from sshprobe.model.name_lists import ALGORITHM_TYPES, AlgorithmType

__all__ = [
    "ALGORITHM_TYPES",
    "NEWEST",
    "RELEASES",
    "RULES",
    "Algorithm",
    "AlgorithmType",
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
    "openssh_release",
    "primitives_of",
    "signs_with_sha1",
    "weakness",
    "weakness_codes",
    "weakness_of",
]
