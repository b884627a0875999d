"""Waivers: findings that a company accepts on some hosts until a date. They stay in the verdict and cost no points.

Waivers are the only part of a verdict that depends on the host, its address and the date of the scan
(`applicable_waivers`). Verdicts of a profile without waivers do not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, canonical
from sshprobe.grading.checks.registry import add_types
from sshprobe.grading.findings import FindingType
from sshprobe.model import timestamps
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES, Effect, Finding, Waived
from sshprobe.profiles import Profile, Waiver
from sshprobe.profiles.host_patterns import host_pattern

Standing = tuple[int, str, Literal["holds", "ran out", "undated"]]
"""The number of a waiver in the profile, the pattern that the host matches, and whether it is still valid."""

WAIVER_EXPIRED = FindingType(
    id="profile.waiver_expired",
    title="An expired waiver",
    severity="low",
    when="a waiver of the profile for this host ran out, and the host still has the finding",
    meaning="""The profile waives a finding of this host, but the scan was after the last day of the waiver, or the
        record has no time. The finding counts again.""",
    why="A waiver is a promise to look again. Most expired ones were forgotten, and a renewal needs a reason.",
    see="`sshprobe profiles check FILE` lists the waivers that ran out.",
    fix="Fix the waived finding, or give the waiver a new day and a reason.",
    advice="fix what it covers, or decide again and change its `until`",
    references=("docs/profiles.md, Waivers",),
    label="expired waivers",
)
add_types(WAIVER_EXPIRED)


def applicable_waivers(profile: Profile, observation: Observation) -> tuple[Standing, ...]:
    """Return the waivers for this host. Nothing else in a verdict depends on its identity and the date."""
    if not profile.waiver:
        return ()
    day = judged_day(profile, observation)
    found: list[Standing] = []
    for number, waiver in enumerate(profile.waiver):
        for text in waiver.hosts:
            if host_pattern(text).matches(observation.host, observation.address):
                found.append((number, text, _standing(waiver, day)))
                break
    return tuple(found)


def waive(profile: Profile, observation: Observation, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with the waived ones marked, and one more per expired waiver."""
    ours = applicable_waivers(profile, observation)
    if not ours:
        return list(findings)
    found: list[Finding] = []
    lapsed: dict[int, Finding] = {}
    for finding in findings:
        covering = [standing for standing in ours if _covers(profile.waiver[standing[0]], finding)]
        holding = next((standing for standing in covering if standing[2] == "holds"), None)
        if holding is not None:
            finding = _waived(finding, profile.waiver[holding[0]], holding[1])
        else:
            lapsed.update({number: _lapsed(profile.waiver[number], how) for number, _, how in covering})
        found.append(finding)
    return found + list(lapsed.values())


def _standing(waiver: Waiver, day: str | None) -> Literal["holds", "ran out", "undated"]:
    if day is None:
        return "undated"
    return "holds" if day <= waiver.until.isoformat() else "ran out"


def judged_day(profile: Profile, observation: Observation) -> str | None:
    """Return the day for waivers and deadlines, "2026-11-21".

    It is `Profile.at`, or the day of the scan in UTC. None: the record does not have that.
    """
    if profile.at is not None:
        return profile.at.isoformat()
    seconds = timestamps.parse(observation.started_at)
    return None if seconds is None else timestamps.format_day(seconds)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if waiver.finding != finding.id or SEVERITIES.index(finding.severity) < SEVERITIES.index(waiver.severity):
        return False
    return waiver.algorithm is None or _same(waiver.algorithm, finding)


def _same(algorithm: str, finding: Finding) -> bool:
    if finding.algorithm is None:
        return False
    category = finding.category
    if category not in ALGORITHM_TYPES:
        return algorithm == finding.algorithm
    return canonical(category, algorithm) == canonical(category, finding.algorithm)


def _waived(finding: Finding, waiver: Waiver, pattern: str) -> Finding:
    waived = Waived(
        reason=waiver.reason,
        until=waiver.until.isoformat(),
        hosts=pattern,
        effect=finding.effect,
        deviation=finding.deviation,
    )
    return msgspec.structs.replace(finding, waived=waived, deviation=False, effect=Effect())


def _lapsed(waiver: Waiver, how: Literal["holds", "ran out", "undated"]) -> Finding:
    about = waiver.finding if waiver.algorithm is None else f"{waiver.finding} {waiver.algorithm}"
    until = waiver.until.isoformat()
    words = f"ran out on {until}" if how == "ran out" else "cannot hold: the record does not say when it was made"
    return WAIVER_EXPIRED.judge(
        algorithm=waiver.algorithm,
        message=f"the waiver of {about} {words}. It was: {waiver.reason}",
        expected=f"{about} fixed, or a waiver that holds",
        observed=f"until {until}",
    )
