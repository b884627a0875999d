"""What each finding means: read from `data/findings.toml`, the source of `sshprobe explain` and of `docs/findings/`."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from functools import cache

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES
from sshprobe.grading.offers import WORDS
from sshprobe.grading.score import CAPS, POINTS
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import SEVERITIES


class FindingText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding explained. Text in the voice of the documents; commands stand in back-quotes."""

    id: str
    title: str
    severity: str
    """In words: "high below 2048 bits, else low"."""
    deviation: str
    """Whether it makes `compliant` false: "yes", "no", or when."""
    when: str
    """What was seen."""
    meaning: str
    why: str
    see: str
    """How to see it without us."""
    fix: str
    references: tuple[str, ...]
    cap: int | None = None
    """What a severity without a cap of its own caps the score to here."""
    points: int | None = None
    """What it costs in place of the points and the cap of its severity."""

    @property
    def cost(self) -> str:
        """Points and cap of each severity that it can have: "high: 25 points, at most 54; low: 4 points"."""
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


@cache
def _table() -> dict[str, FindingText]:
    data = pkgutil.get_data("sshprobe.grading", "data/findings.toml")
    assert data is not None
    texts: dict[str, FindingText] = {}
    for key, value in tomllib.loads(data.decode("utf-8")).items():
        family, _, kind = key.partition(".")
        if family != "*":
            texts[key] = msgspec.convert({"id": key, **value}, FindingText)
            continue
        for category in ALGORITHM_TYPES:
            id, meaning = f"{category}.{kind}", value["meaning"].format(WORDS[category])
            texts[id] = msgspec.convert({"id": id, **value, "meaning": meaning}, FindingText)
    return texts


def finding_ids() -> list[str]:
    """All ids that a finding can have, sorted."""
    return sorted(_table())


def explain_finding(id: str) -> FindingText:
    """What a finding means. Raises `InputError` for an unknown id."""
    try:
        return _table()[id]
    except KeyError:
        raise InputError(f"unknown finding `{id}`") from None
