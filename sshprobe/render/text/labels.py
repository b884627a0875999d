"""Ids of findings as words, for counts of hosts: "small moduli on 4"."""

from __future__ import annotations

from sshprobe.model.finding_table import LABELS
from sshprobe.views.host_stats import Subject


def finding_label(subject: Subject) -> str:
    """Return what a subject of findings is called: an algorithm, "Terrapin", "small moduli"."""
    id = subject.finding_id
    return subject.algorithm or LABELS.get(id) or id.partition(".")[2].replace("_", " ")
