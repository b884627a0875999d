"""The changes between two scans, most serious first: the document of `sshprobe diff`. `change_builder` computes it."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from sshprobe.model.observation import Depth
from sshprobe.views.change_kinds import (
    AlgorithmChange,
    ComplianceChange,
    EndingWaiver,
    FactChange,
    FindingChange,
    FlappingHost,
    GradeChange,
    KeyChange,
    MissingHost,
    MovedHost,
    NewHost,
)

SCHEMA = "1.0"
"""Version of this format, "major.minor"."""

GONE_AFTER = 3
"""Scans in a row without an answer before a host counts as gone."""

WAIVER_DAYS = 30
"""Waivers that end within this many days are listed."""

NotComparedPart = Literal["host_keys", "name_lists", "group_exchange", "authentication", "verdicts", "grades"]

NOT_COMPARED_PARTS = get_args(NotComparedPart)


class ComparedScan(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two scans that are compared."""

    name: str
    """Its file, or its id in a history."""
    scan_id: str | None
    """The id in its header. None: it has none."""
    started_at: str
    """RFC 3339, UTC; "" if there is no header."""
    hosts: int
    """Hosts with a record."""
    answered: int
    """Those of them that answered."""
    complete: bool
    """Whether it ended by itself: it has a summary, and was not interrupted."""


class NotCompared(msgspec.Struct, frozen=True, kw_only=True):
    """A part that was not compared on some hosts, since the scans do not both have it."""

    part: NotComparedPart
    """`verdicts`: grades, compliance and findings of one profile."""
    about: str
    """Id of the profile, for `verdicts` and `grades`; else ""."""
    reason: Literal["old", "new", "neither", "only_old", "only_new", "edited", "strict", "saw_more", "saw_less"]
    """`old`, `new`: that scan did not see it. `neither`: none of them saw it. `only_old`, `only_new`: only that scan
    has verdicts of the profile. `edited`: the profile changed. `strict`: `--strict` differs. `saw_more`, `saw_less`: a
    worse (better) grade can come from what only the new (old) scan saw."""
    depth: Depth | None
    """The depth of the scan that did not see it, if that explains it: "lists" or "keys"."""
    hosts: int
    """Hosts for which it was not compared, of those that answered in both scans."""


Note = Literal["order", "old_incomplete", "new_incomplete", "versions"]
"""`order`: the old scan began after the new one. `..._incomplete`: that scan was interrupted, or still runs.
`versions`: different versions of sshprobe made the scans, so verdicts can differ by that."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that changed between two scans: the document of `sshprobe diff --format json`."""

    schema: str = SCHEMA
    """Version of this format."""
    old: ComparedScan
    """The scan before."""
    new: ComparedScan
    """The scan after."""
    scans: int
    """Scans that were read: the two, those between them, and earlier ones."""
    today: str
    """The day for `waivers`, in UTC: "2026-12-01"."""
    gone_after: int
    """Scans in a row without an answer before a host counts as gone."""
    profiles: list[str]
    """Profiles whose verdicts were compared on some host, sorted."""
    compared: int
    """Hosts that answered in both scans."""
    unchanged: int
    """Those of them without any change."""
    superseded: int
    """Records that were left out, since their scan has a later one of the same host."""
    worse: bool
    """Whether something got worse: a key changed, a grade fell, a finding of medium severity or above is new, also on a
    new host, or a host stopped complying."""
    host_keys: list[KeyChange]
    """Alarming ones first."""
    grades: list[GradeChange]
    """Falls first, the largest first."""
    compliance: list[ComplianceChange]
    """Hosts that stopped complying first."""
    findings: list[FindingChange]
    """New ones first, then by severity."""
    new_hosts: list[NewHost]
    """Sorted by host."""
    missing_hosts: list[MissingHost]
    """Those that are gone first."""
    moved_hosts: list[MovedHost]
    """Sorted by host."""
    algorithms: list[AlgorithmChange]
    """On most hosts first."""
    facts: list[FactChange]
    """On most hosts first."""
    flapping: list[FlappingHost]
    """Sorted by host."""
    waivers: list[EndingWaiver]
    """The first to end first."""
    not_compared: list[NotCompared]
    """What the scans do not both have."""
    notes: list[Note]
    """What else to know of the two scans."""


def got_worse(changes: Changes) -> bool:
    """Return whether something in the lists of changes is worse: see `Changes.worse`."""
    return (
        any(each.is_alarming for each in changes.host_keys)
        or any(each.fell for each in changes.grades)
        or any(each.old and each.new is False for each in changes.compliance)
        or any(each.is_worse for each in changes.findings)
        or any(each.is_worse for each in changes.new_hosts)
    )
