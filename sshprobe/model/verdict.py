"""The verdict of a profile on an observation: findings, score, grade and compliance."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["critical", "high", "medium", "low", "note"]
"""The weight of a finding. A note costs nothing."""

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "note")
"""All severities, worst first."""

Grade = Literal["A+", "A", "B", "C", "D", "F"]

GRADES: tuple[Grade, ...] = ("A+", "A", "B", "C", "D", "F")
"""All letters, best first."""

Category = Literal[
    "protocol", "kex", "group_exchange", "host_key", "cipher", "mac", "compression", "authentication", "profile"
]
"""The subject of a finding. "profile": the profile itself, such as an expired waiver."""


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The effect of a finding on the score: points, a cap, or neither."""

    points: int = 0
    """Points taken off 100."""
    cap: int | None = None
    """The limit of the score. None: no limit."""


class Waived(msgspec.Struct, frozen=True, kw_only=True):
    """The waiver that covers a finding, and the cost of the finding without it."""

    reason: str
    """The reason in the waiver."""
    until: str
    """The last day of the waiver, in UTC: "2027-01-31"."""
    hosts: str
    """The pattern of the waiver for the host: "10.1.*"."""
    effect: Effect
    """The effect of the finding by itself."""
    deviation: bool
    """Whether it would make `compliant` false."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference or weakness. One per algorithm."""

    id: str
    """Stable, "category.reason": "kex.weak". `sshprobe explain ID` says more."""
    severity: Severity
    """Its weight."""
    category: Category
    """Its subject."""
    algorithm: str | None
    """The algorithm, key type or method, if it is about one."""
    message: str
    """The finding in a few words."""
    expected: str
    """The expectation of the profile or the rule."""
    observed: str
    """The observation that differs from it."""
    effect: Effect
    """Points and cap. Points count once per category and weakness: the first finding has them, others have none."""
    remediation: str | None
    """Advice in one line. None: there is nothing to change, or no advice for this server."""
    references: list[str]
    """Sources: RFC sections, CVEs, pages of a document."""
    deviation: bool
    """True: it differs from the profile, and by itself makes `compliant` false."""
    waived: Waived | None = None
    """Not None: a waiver of the profile covers it. Then it has no effect and is not a deviation."""
    hint: bool = False
    """True: it follows from the server's own words, without proof. It never costs anything."""
    weaknesses: list[str] = []
    """Codes of weaknesses that do not depend on the profile, such as "sha1" or "sweet32". The first sets the severity.
    Empty: it only differs from the profile, or is a hint. `docs/grading.md` lists all codes."""

    @property
    def counts(self) -> bool:
        """Whether it is above a note and not waived."""
        return self.severity != "note" and self.waived is None


class CategoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """One category alone: 100 less the points of its findings, at least 0."""

    score: int
    """100 less the points of its findings, at least 0."""
    findings: int
    """Findings above "note" that are not waived."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one profile on one observation."""

    profile: str
    """Id of the profile."""
    profile_version: str
    """Version of the profile."""
    compliant: bool | None
    """Whether the host complies. None: nothing differs, but a fact that the profile needs was not observed."""
    not_observed: list[str]
    """The facts that the profile needs and that were not observed, in words."""
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
    """The users with observed authentication methods. Others may log in in other ways."""
    waived: int = 0
    """Number of waived findings. With any, `compliant` true means compliant with waivers."""
    grade_is_partial: bool = False
    """True: the scan did not see everything that can cost points, so `score` and `grade` may be too good. Reports write
    "A+?". Also false in records older than this field."""
