"""What a profile says of an observation: findings, score, grade and compliance."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["critical", "high", "medium", "low", "note"]
"""How much a finding matters. A note costs nothing."""

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "note")
"""All severities, worst first."""

Grade = Literal["A+", "A", "B", "C", "D", "F"]

GRADES: tuple[Grade, ...] = ("A+", "A", "B", "C", "D", "F")
"""All letters, best first."""

Category = Literal[
    "protocol", "kex", "group_exchange", "host_key", "cipher", "mac", "compression", "authentication", "profile"
]
"""What a finding is about. "profile": the profile itself, such as a waiver that ran out."""


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a finding does to the score: points taken off, a cap on the result, or neither."""

    points: int = 0
    """Points taken off 100."""
    cap: int | None = None
    """The score can be no more than this. None: no cap."""


class Waived(msgspec.Struct, frozen=True, kw_only=True):
    """Why a finding costs nothing: the waiver in the profile that covers it, and what it would cost."""

    reason: str
    """The reason that the waiver states."""
    until: str
    """The last day on which it holds, in UTC: "2027-01-31"."""
    hosts: str
    """The pattern of the waiver that the host matches: "10.1.*"."""
    effect: Effect
    """What the finding would do to the score by itself."""
    deviation: bool
    """Whether it would make `compliant` false."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that matters. One per algorithm."""

    id: str
    """Stable, "category.reason": "kex.weak". `sshprobe explain ID` says more."""
    severity: Severity
    """How much it matters."""
    category: Category
    """What it is about."""
    algorithm: str | None
    """The algorithm, key type or method that it is about, if it is about one."""
    message: str
    """What was found, in a few words."""
    expected: str
    """What the profile or the rule expects."""
    observed: str
    """What the host showed instead."""
    effect: Effect
    """Points are counted once for each category and weakness: the first finding has them, further ones have none."""
    remediation: str | None
    """What to change. None: nothing, or not known for this server."""
    references: list[str]
    """Sources: RFC sections, CVEs, pages of a document."""
    deviation: bool
    """True: this differs from the profile, and alone makes `compliant` false."""
    waived: Waived | None = None
    """Not None: a waiver of the profile covers it. Then it has no effect and is not a deviation."""
    hint: bool = False
    """True: follows from what the server says of itself, and no byte proves it. Costs nothing, ever."""
    weaknesses: list[str] = []
    """Codes of what is weak whatever a profile says, such as "sha1" or "sweet32", that which gives the severity first.
    Empty: it only differs from the profile, or is a hint. `docs/grading.md` lists all codes."""

    @property
    def counts(self) -> bool:
        """Whether it is more than a note and not waived."""
        return self.severity != "note" and self.waived is None


class CategoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """One category alone: 100 less the points of its findings, at least 0."""

    score: int
    """100 less the points of its findings, at least 0."""
    findings: int
    """Findings above "note" that are not waived."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """All that one profile says of one observation."""

    profile: str
    """Id of the profile."""
    profile_version: str
    """Version of the profile."""
    compliant: bool | None
    """None: nothing differs, but something that the profile needs was not observed."""
    not_observed: list[str]
    """What the profile needs and was not observed, in words."""
    raw_score: int
    """100 less all points, at least 0; before the cap."""
    cap: int | None
    """The lowest cap of any finding."""
    cap_reasons: list[str]
    """Ids of the findings that set `cap`, with their algorithm: "kex.weak diffie-hellman-group1-sha1"."""
    score: int
    """The smaller of `raw_score` and `cap`."""
    grade: Grade
    """The letter of `score`."""
    categories: dict[str, CategoryScore]
    """Category to its own score."""
    findings: list[Finding]
    """Worst first, then by category and algorithm."""
    authentication_users: list[str] = []
    """The users whose authentication methods were seen: others may log in otherwise."""
    waived: int = 0
    """How many of `findings` are waived: with any, `compliant` true means compliant with waivers."""
    grade_is_partial: bool = False
    """True: not everything was seen that can cost points, so `score` and `grade` may be too good. Reports write "A+?".
    False too in records of before this field."""
