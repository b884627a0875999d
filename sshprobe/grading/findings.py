"""Types of findings, and the findings of a verdict in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from sshprobe.grading.score import CAPS, POINTS
from sshprobe.model.verdict import SEVERITIES, Category, Effect, Finding, Severity

_TEXTS = ("title", "severity", "deviation", "when", "meaning", "why", "see", "fix", "advice", "advice_elsewhere")

_ALL_CODES = ("*",)


class FindingType(msgspec.Struct, frozen=True, kw_only=True):
    """The common part of all findings with one id: texts, label and codes.

    Line breaks in a text count as spaces. Commands are in backquotes.
    """

    id: str
    """Stable, "category.reason": "kex.terrapin"."""
    title: str
    severity: str
    """Its possible severities: "high below 2048 bits, else low"."""
    deviation: str = "no"
    """Whether it makes `compliant` false: "yes", "no", or the condition."""
    when: str
    """The condition under which it is found."""
    meaning: str = ""
    """The condition in full sentences. Empty: `when` as a sentence."""
    why: str
    see: str
    """How to see it without sshprobe."""
    fix: str
    """How to fix it, for the page of the finding."""
    advice: str | None = None
    """How to fix one host, in one line: `Finding.remediation`. "{algorithm}", "{expected}", "{observed}" and "{names}"
    (`observed` without blanks) stand for fields of the finding. None: `sshprobe.remedy.hints` computes it."""
    advice_elsewhere: str | None = None
    """The same for software other than OpenSSH. None: as `advice`. Empty: no advice."""
    references: tuple[str, ...]
    cap: int | None = None
    """Cap for a severity without one."""
    points: int | None = None
    """Points instead of those of the severity. There is no cap then."""
    label: str | None = None
    """Its plural name in counts of hosts: "small moduli". None: its algorithm, or its reason."""
    codes: Mapping[str, str] = {}
    """Weakness codes of only this type, with their meanings. They never change, because programs use them."""
    weaknesses: tuple[str, ...] = _ALL_CODES
    """Codes of its findings, unless a finding has its own. By default all of `codes`. Empty for a hint."""
    also_called: tuple[str, ...] = ()
    """Other names for `sshprobe explain`."""
    across_hosts: bool = False
    """Whether it depends on other hosts or on a list of keys. It is then separate from the verdicts."""
    category: Category = "profile"
    """The part of `id` before the dot. Set here, never by the caller."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "category", self.id.partition(".")[0])
        if self.weaknesses == _ALL_CODES:
            msgspec.structs.force_setattr(self, "weaknesses", tuple(self.codes))
        if not self.meaning:
            msgspec.structs.force_setattr(self, "meaning", f"{self.when[0].upper()}{self.when[1:]}.")
        for name in _TEXTS:
            if "\n" in (text := getattr(self, name) or ""):
                msgspec.structs.force_setattr(self, name, " ".join(text.split()))

    def judge(
        self,
        *,
        message: str,
        expected: str,
        observed: str,
        severity: Severity | None = None,
        algorithm: str | None = None,
        deviation: bool | None = None,
        references: Iterable[str] | None = None,
        weaknesses: Sequence[str] = (),
        cap: int | None = None,
        points: int | None = None,
        hint: bool = False,
    ) -> Finding:
        """Return a finding of this type, without advice. The parameters are the fields of `Finding`.

        `severity` is needed unless the type has only one, and `deviation` unless all or none of its findings deviate.
        `references`, `weaknesses`, `cap` and `points` replace those of the type and of the severity.
        """
        severity = severity or cast(Severity, self.severity)
        effect = Effect(
            points=POINTS[severity] if points is None else points, cap=CAPS.get(severity) if cap is None else cap
        )
        return Finding(
            id=self.id,
            severity=severity,
            category=self.category,
            algorithm=algorithm,
            message=message,
            expected=expected,
            observed=observed,
            effect=effect,
            remediation=None,
            references=list(dict.fromkeys(self.references if references is None else references)),
            deviation=self.deviation == "yes" if deviation is None else deviation,
            hint=hint,
            weaknesses=list(weaknesses or self.weaknesses),
        )

    @property
    def cost(self) -> str:
        """Points and cap of each possible severity: "high: 25 points, and a score of 54 at most; low: 4 points"."""
        named = [each for each in SEVERITIES if re.search(rf"\b{each}\b", self.severity)]
        costs = []
        for severity in named:
            points = POINTS[severity] if self.points is None else self.points
            cap = CAPS.get(severity, self.cap) if self.points is None else None
            costs.append(
                f"{severity}: {points or 'no'} points" + ("" if cap is None else f", and a score of {cap} at most")
            )
        if "weakness" in self.severity:
            costs.append("the cost of its weakness, by its severity")
        return "; ".join(costs)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings sorted by severity, then by category, algorithm and id."""
    return sorted(findings, key=_order)


def first_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first of all findings with the same id and algorithm."""
    found: dict[tuple[str, str | None], Finding] = {}
    for finding in findings:
        found.setdefault((finding.id, finding.algorithm), finding)
    return list(found.values())


def worst_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """Return the worst of all findings with the same id and algorithm."""
    return first_of_each(sorted(findings, key=lambda each: (*_order(each), each.message, each.observed)))


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return SEVERITIES.index(finding.severity), finding.category, finding.algorithm or "", finding.id


def count_points_once(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of a verdict, from findings sorted worst first that each have their own points.

    Points count once per category and weakness: `hmac-sha1` and `hmac-sha1-etm@openssh.com` share one. Without a
    weakness they count once per id, and in authentication once per method. The first finding has the most points, so
    one more name never raises a score. All keep their caps.
    """
    found = []
    counted: set[tuple[str, ...]] = set()
    for finding in findings:
        if finding.effect.points:
            habit: tuple[str, ...] = (finding.category, "", finding.id)
            if finding.weaknesses:
                habit = (finding.category, finding.weaknesses[0])
            elif finding.category == "authentication":
                habit = (*habit, finding.algorithm or "")
            if habit in counted:
                finding = msgspec.structs.replace(finding, effect=Effect(cap=finding.effect.cap))
            counted.add(habit)
        found.append(finding)
    return found
