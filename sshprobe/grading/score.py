"""Points, caps and letters. A test compares them with the numbers in `docs/grading.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sshprobe.model.verdict import Category, CategoryScore, Finding, Grade, Severity

POINTS: dict[Severity, int] = {"critical": 100, "high": 25, "medium": 10, "low": 4, "note": 0}
"""Points that one finding takes off."""

CAPS: dict[Severity, int] = {"critical": 10, "high": 54, "medium": 89}
"""The highest score with one finding of a severity, so that good answers cannot hide a bad one."""

UNSEEN_CAP = 0
"""For a host without observations, or a record that leaves out names that a profile might forbid."""

LETTERS: tuple[tuple[int, Grade], ...] = ((98, "A+"), (90, "A"), (70, "B"), (55, "C"), (40, "D"), (0, "F"))
"""The lowest score of each letter."""


def letter(score: int) -> Grade:
    """Return the letter of a score from 0 to 100."""
    return next(grade for least, grade in LETTERS if score >= least)


def total(findings: Iterable[Finding], *, unseen: str | None = None) -> tuple[int, int | None, list[str]]:
    """Return `raw_score`, `cap` and `cap_reasons` of a `Verdict`. `unseen`: the reason for a score of 0."""
    points = 0
    cap: int | None = None if unseen is None else UNSEEN_CAP
    reasons: list[str] = [] if unseen is None else [unseen]
    for finding in findings:
        points += finding.effect.points
        limit = finding.effect.cap
        if limit is not None and (cap is None or limit <= cap):
            if limit != cap:
                reasons = []
            cap = limit
            reasons.append(finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}")
    return max(0, 100 - points), cap, reasons


def by_category(findings: Sequence[Finding], judged: Iterable[Category]) -> dict[str, CategoryScore]:
    """Return the score of each category in `judged`, the categories with an observation."""
    scores: dict[str, CategoryScore] = {}
    for category in judged:
        own = [finding for finding in findings if finding.category == category]
        scores[category] = CategoryScore(
            score=max(0, 100 - sum(finding.effect.points for finding in own)),
            findings=sum(finding.counts for finding in own),
        )
    return scores
