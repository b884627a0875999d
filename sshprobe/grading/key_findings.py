"""Findings on the keys, certificates and groups of a host that need no profile, and those on what hosts share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sshprobe.grading.checks.certificates import certificates
from sshprobe.grading.checks.fleet_keys import FleetIndex
from sshprobe.grading.checks.group_numbers import group_numbers
from sshprobe.grading.checks.key_numbers import key_numbers
from sshprobe.grading.checks.registry import graded_host
from sshprobe.grading.checks.waivers import waive
from sshprobe.grading.findings import Judgement, finding_of, worst_first
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES, Effect, Finding
from sshprobe.profiles import Profile

_WITHOUT_RULES = Profile(id="none", title="No rules", version="", date="", source="")


def key_findings(observation: Observation, fleet: FleetIndex) -> list[Finding]:
    """Return what `grade` finds on keys and groups whatever the profile, worst first, without advice."""
    host = graded_host(observation, _WITHOUT_RULES)
    found = [*group_numbers(host), *certificates(host), *key_numbers(host), *fleet.judge(observation)]
    return [_finding(judged) for judged in worst_first(found)]


def _fleet_judgements(observation: Observation, fleet: FleetIndex, profiles: Sequence[Profile] = ()) -> list[Judgement]:
    """Return what is found across the fleet about the keys of one host, one of each id per key type, worst first.

    It is waived where a waiver of each of `profiles` covers it.
    """
    found = worst_first(fleet.judge(observation))
    if not found or not all(profile.waiver for profile in profiles):
        return found
    # Waivers that ran out come behind what they covered: those are findings of a profile, not of the fleet.
    waived = [waive(profile, observation, found)[: len(found)] for profile in profiles]
    marked = []
    for number, judged in enumerate(found):
        covered = [each[number] for each in waived if each[number].waived is not None]
        marked.append(covered[0] if covered and len(covered) == len(waived) else judged)
    return marked


def fleet_key_findings(observation: Observation, fleet: FleetIndex, profiles: Sequence[Profile] = ()) -> list[Finding]:
    """Return the findings across the fleet of one host, one of each id per key type, worst first."""
    return [_finding(judged) for judged in _fleet_judgements(observation, fleet, profiles)]


def fleet_findings_of(observation: Observation, fleet: FleetIndex, profiles: Sequence[Profile] = ()) -> list[Finding]:
    """Return the findings across the fleet of one host as its record has them, one of each id, worst first.

    They stand beside the verdicts: without points, cap or deviation, whatever the profile.
    """
    by_id: dict[str, list[Judgement]] = {}
    for judged in _fleet_judgements(observation, fleet, profiles):
        by_id.setdefault(judged.type.id, []).append(judged)
    found = [_of_one_host(same) for same in by_id.values()]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.id))


def _of_one_host(same: list[Judgement]) -> Finding:
    """Return one finding for all keys of a host that have it: a cloned image is one fault, not one for each key."""
    first, *others = sorted(worst_first(same), key=lambda each: each.waived is not None)
    if not others:
        return _finding(first)
    types = sorted({each.algorithm or "" for each in same})
    seen = dict.fromkeys(each.observed for each in same)
    observed = f"{', '.join(types)}: {first.observed}"
    if len(seen) > 1:
        observed = "; ".join(f"{each.algorithm}: {each.observed}" for each in (first, *others))
    found = _finding(first)
    advice = None if found.remediation is None else _new_keys(first.type.id, types)
    return msgspec.structs.replace(found, algorithm=None, observed=observed, remediation=advice)


def _new_keys(id: str, types: Sequence[str]) -> str:
    keys = f"a new {types[0]} host key" if len(types) == 1 else f"new host keys: {', '.join(types)}"
    return f"make {keys}" + ("; each machine needs its own" if "shared" in id else "")


def _finding(judged: Judgement) -> Finding:
    kind = judged.type
    if not kind.across_hosts:
        return finding_of(judged, judged.effect)
    advice = None if judged.severity == "note" else _new_keys(kind.id, [judged.algorithm or ""])
    return finding_of(judged, Effect(), advice)
