"""Types of findings, judgements of one type on one host, and the findings of a record that they become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from sshprobe.grading.score import CAPS, POINTS
from sshprobe.model.verdict import SEVERITIES, Category, Effect, Finding, Severity, Waived

_TEXTS = ("title", "severity", "deviation", "when", "meaning", "why", "see", "fix")


class FindingType(msgspec.Struct, frozen=True, kw_only=True):
    """What all findings of one id have in common: texts, label and codes.

    A text can be wrapped: line breaks are blanks. Commands stand in back-quotes.
    """

    id: str
    """Stable, "category.reason": "kex.terrapin"."""
    title: str
    severity: str
    """Which severities it can have, in words: "high below 2048 bits, else low"."""
    deviation: str = "no"
    """Whether it makes `compliant` false: "yes", "no", or when."""
    when: str
    """What was seen."""
    meaning: str
    why: str
    see: str
    """How to see it without sshprobe."""
    fix: str
    references: tuple[str, ...]
    cap: int | None = None
    """Cap of a severity that has none of its own."""
    points: int | None = None
    """Points in place of those of the severity; then it has no cap either."""
    label: str | None = None
    """What counts of hosts call it, in the plural: "small moduli". None: by its algorithm, or by its reason."""
    weaknesses: tuple[str, ...] = ()
    """Codes of what is weak whatever a profile says, unless a judgement has codes of its own. None for a hint."""
    codes: Mapping[str, str] = {}
    """Codes that no other type of finding brings, and what each says. Codes stay: other programs count by them."""
    also_called: tuple[str, ...] = ()
    """Other words by which `sshprobe explain` finds it."""
    across_hosts: bool = False
    """Other hosts or a list of keys decide it: it stands beside the verdicts, without effect on them."""
    category: Category = "profile"
    """The part of `id` before the dot; never given."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "category", self.id.partition(".")[0])
        for name in _TEXTS:
            if "\n" in (text := getattr(self, name)):
                msgspec.structs.force_setattr(self, name, " ".join(text.split()))

    @property
    def cost(self) -> str:
        """Return points and cap of each severity that it can have: "high: 25 points, at most 54; low: 4 points"."""
        named = [each for each in SEVERITIES if re.search(rf"\b{each}\b", self.severity)]
        costs = []
        for severity in named:
            points = POINTS[severity] if self.points is None else self.points
            cap = CAPS.get(severity, self.cap) if self.points is None else None
            costs.append(
                f"{severity}: {points or 'no'} points" + ("" if cap is None else f", and a score of {cap} at most")
            )
        if "weakness" in self.severity:
            costs.append("what its weakness costs, by its severity")
        return "; ".join(costs)


class Judgement(msgspec.Struct, frozen=True):
    """A finding before its effect and its remediation are known. Fields without a text as in `Finding`."""

    type: FindingType
    severity: Severity
    message: str
    expected: str
    observed: str
    algorithm: str | None = None
    references: tuple[str, ...] | None = None
    """None: those of its type."""
    deviation: bool = False
    cap: int | None = None
    """In place of the cap of the severity."""
    points: int | None = None
    """In place of the points of the severity."""
    weaknesses: tuple[str, ...] = ()
    """In place of the codes of its type."""
    waived: Waived | None = None
    hint: bool = False

    @property
    def effect(self) -> Effect:
        """Return points and cap by itself. `findings_of` counts points once for each class and weakness."""
        if self.waived is not None:
            return Effect()
        cap = CAPS.get(self.severity) if self.cap is None else self.cap
        return Effect(points=POINTS[self.severity] if self.points is None else self.points, cap=cap)


def worst_first(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return judgements sorted by severity, then by category, algorithm and id."""
    return sorted(judgements, key=_order)


def worst_of_each(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the worst of all judgements with the same id and algorithm."""
    found: dict[tuple[str, str | None], Judgement] = {}
    for judgement in sorted(judgements, key=lambda each: (*_order(each), each.message, each.observed)):
        found.setdefault((judgement.type.id, judgement.algorithm), judgement)
    return list(found.values())


def _order(judgement: Judgement) -> tuple[int, str, str, str]:
    kind = judgement.type
    return SEVERITIES.index(judgement.severity), kind.category, judgement.algorithm or "", kind.id


def findings_of(judgements: Iterable[Judgement]) -> list[Finding]:
    """Return the findings of a verdict, without advice, given judgements worst first.

    Points are counted once for each category and weakness, or without one for each id, and of authentication for each
    method: `hmac-sha1` and `hmac-sha1-etm@openssh.com` share a weakness. The first has the most points, so that one
    more name never raises a score. All keep their caps.
    """
    found = []
    counted: set[tuple[str, ...]] = set()
    for judgement in judgements:
        effect, kind = judgement.effect, judgement.type
        if effect.points:
            codes = judgement.weaknesses or kind.weaknesses
            habit: tuple[str, ...] = (kind.category, codes[0]) if codes else (kind.category, "", kind.id)
            if not codes and kind.category == "authentication":
                habit = (*habit, judgement.algorithm or "")
            if habit in counted:
                effect = Effect(cap=effect.cap)
            counted.add(habit)
        found.append(finding_of(judgement, effect))
    return found


def finding_of(judgement: Judgement, effect: Effect, remediation: str | None = None) -> Finding:
    """Return one judgement as the finding of a record."""
    kind = judgement.type
    references = kind.references if judgement.references is None else judgement.references
    return Finding(
        id=kind.id,
        severity=judgement.severity,
        category=kind.category,
        algorithm=judgement.algorithm,
        message=judgement.message,
        expected=judgement.expected,
        observed=judgement.observed,
        effect=effect,
        remediation=remediation,
        references=list(dict.fromkeys(references)),
        deviation=judgement.deviation,
        waived=judgement.waived,
        hint=judgement.hint,
        weaknesses=list(judgement.weaknesses or kind.weaknesses),
    )
