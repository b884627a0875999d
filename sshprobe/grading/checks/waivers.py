"""Waivers: findings that a company accepts on some hosts until a day. They stay in the verdict and cost nothing.

The only part of a verdict that depends on who and when: on the host and address of the observation, and on the day it
was made (`applicable_waivers`). A profile without waivers has no such part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, canonical
from sshprobe.grading.checks.registry import add_types
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.model import timestamps
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES, Waived
from sshprobe.profiles import Profile, Waiver
from sshprobe.profiles.host_patterns import host_pattern

Standing = tuple[int, str, Literal["holds", "ran out", "undated"]]
"""A waiver by its number in the profile, the pattern that the host matches, and whether it holds."""


WAIVER_EXPIRED = FindingType(
    id="profile.waiver_expired",
    title="An expired waiver",
    severity="low",
    when="a waiver of the profile for this host ran out, and what it covered was found",
    meaning="""The profile waives a finding of this host, but the host was seen after the last day of the waiver, or
        the record does not say when. What was waived counts again.""",
    why="A waiver is a promise to look again. Who renews it should know why; most often it was forgotten.",
    see="`sshprobe profiles check FILE` names the waivers that ran out.",
    fix="Fix what was waived, or give the waiver a new day and its reason.",
    references=("docs/profiles.md, Waivers",),
    label="expired waivers",
)
add_types(WAIVER_EXPIRED)


def applicable_waivers(profile: Profile, observation: Observation) -> tuple[Standing, ...]:
    """Return the waivers for this host. Nothing else in a verdict depends on which host it is, and when."""
    if not profile.waiver:
        return ()
    day = _day(observation)
    found: list[Standing] = []
    for number, waiver in enumerate(profile.waiver):
        for text in waiver.hosts:
            if host_pattern(text).matches(observation.host, observation.address):
                found.append((number, text, _standing(waiver, day)))
                break
    return tuple(found)


def waive(profile: Profile, observation: Observation, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Return the judgements, waived ones marked, and one more for each waiver that has expired."""
    ours = applicable_waivers(profile, observation)
    if not ours:
        return list(judgements)
    found: list[Judgement] = []
    lapsed: dict[int, Judgement] = {}
    for judgement in judgements:
        covering = [standing for standing in ours if _covers(profile.waiver[standing[0]], judgement)]
        holding = next((standing for standing in covering if standing[2] == "holds"), None)
        if holding is not None:
            judgement = _waived(judgement, profile.waiver[holding[0]], holding[1])
        else:
            lapsed.update({number: _lapsed(profile.waiver[number], how) for number, _, how in covering})
        found.append(judgement)
    return found + list(lapsed.values())


def _standing(waiver: Waiver, day: str | None) -> Literal["holds", "ran out", "undated"]:
    if day is None:
        return "undated"
    return "holds" if day <= waiver.until.isoformat() else "ran out"


def _day(observation: Observation) -> str | None:
    """Return the day in UTC on which it was seen, "2026-11-21"; None where the record does not say it."""
    seconds = timestamps.parse(observation.started_at)
    return None if seconds is None else timestamps.format_day(seconds)


def _covers(waiver: Waiver, judgement: Judgement) -> bool:
    if waiver.finding != judgement.type.id or SEVERITIES.index(judgement.severity) < SEVERITIES.index(waiver.severity):
        return False
    return waiver.algorithm is None or _same(waiver.algorithm, judgement)


def _same(algorithm: str, judgement: Judgement) -> bool:
    if judgement.algorithm is None:
        return False
    category = judgement.type.category
    if category not in ALGORITHM_TYPES:
        return algorithm == judgement.algorithm
    return canonical(category, algorithm) == canonical(category, judgement.algorithm)


def _waived(judgement: Judgement, waiver: Waiver, pattern: str) -> Judgement:
    waived = Waived(
        reason=waiver.reason,
        until=waiver.until.isoformat(),
        hosts=pattern,
        effect=judgement.effect,
        deviation=judgement.deviation,
    )
    return msgspec.structs.replace(judgement, waived=waived, deviation=False)


def _lapsed(waiver: Waiver, how: Literal["holds", "ran out", "undated"]) -> Judgement:
    about = waiver.finding if waiver.algorithm is None else f"{waiver.finding} {waiver.algorithm}"
    until = waiver.until.isoformat()
    words = f"ran out on {until}" if how == "ran out" else "cannot hold: the record does not say when it was made"
    return Judgement(
        WAIVER_EXPIRED,
        severity="low",
        algorithm=waiver.algorithm,
        message=f"the waiver of {about} {words}. It was: {waiver.reason}",
        expected=f"{about} fixed, or a waiver that holds",
        observed=f"until {until}",
    )
