"""Findings on keys, certificates and groups that need no profile, and findings on keys that hosts share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sshprobe.grading.checks.certificates import certificates
from sshprobe.grading.checks.fleet_keys import FleetIndex
from sshprobe.grading.checks.group_exchange import group_numbers
from sshprobe.grading.checks.key_numbers import key_numbers
from sshprobe.grading.checks.registry import graded_host
from sshprobe.grading.checks.waivers import waive
from sshprobe.grading.findings import worst_first
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES, Effect, Finding
from sshprobe.profiles import Profile

WITHOUT_RULES = Profile(id="none", title="No rules", version="", date="", source="")
"""Under this profile, grading finds only weak algorithms and keys."""


def key_findings(observation: Observation, fleet: FleetIndex) -> list[Finding]:
    """Return the findings on keys and groups that every profile has, worst first, without advice."""
    host = graded_host(observation, WITHOUT_RULES)
    across = map(_without_effect, fleet.judge(observation))
    return worst_first([*group_numbers(host), *certificates(host), *key_numbers(host), *across])


def fleet_key_findings(observation: Observation, fleet: FleetIndex, profiles: Sequence[Profile] = ()) -> list[Finding]:
    """Return the findings about the keys of one host across the fleet, one of each id per key type, worst first.

    A finding is waived if each of `profiles` has a waiver for it.
    """
    found = worst_first(fleet.judge(observation))
    if found and all(profile.waiver for profile in profiles):
        # Findings about expired waivers come last. They belong to a profile, not to the fleet.
        waived = [waive(profile, observation, found)[: len(found)] for profile in profiles]
        for number in range(len(found)):
            covered = [each[number] for each in waived if each[number].waived is not None]
            if covered and len(covered) == len(waived):
                found[number] = covered[0]
    return [_without_effect(finding) for finding in found]


def fleet_findings_of(observation: Observation, fleet: FleetIndex, profiles: Sequence[Profile] = ()) -> list[Finding]:
    """Return the findings of one host across the fleet as its record has them, one of each id, worst first.

    They are separate from the verdicts: without points, cap or deviation, under every profile.
    """
    by_id: dict[str, list[Finding]] = {}
    for finding in fleet_key_findings(observation, fleet, profiles):
        by_id.setdefault(finding.id, []).append(finding)
    found = [_of_one_host(same) for same in by_id.values()]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), each.id))


def _of_one_host(same: list[Finding]) -> Finding:
    """Return one finding for all affected keys of a host: a cloned image is one fault, not one fault per key."""
    first, *others = sorted(worst_first(same), key=lambda each: each.waived is not None)
    if not others:
        return first
    types = sorted({each.algorithm or "" for each in same})
    observed = f"{', '.join(types)}: {first.observed}"
    if len({each.observed for each in same}) > 1:
        observed = "; ".join(f"{each.algorithm}: {each.observed}" for each in (first, *others))
    advice = None if first.remediation is None else _new_keys(first.id, types)
    return msgspec.structs.replace(first, algorithm=None, observed=observed, remediation=advice)


def _new_keys(id: str, types: Sequence[str]) -> str:
    keys = f"a new {types[0]} host key" if len(types) == 1 else f"new host keys: {', '.join(types)}"
    return f"make {keys}" + ("; each machine needs its own" if "shared" in id else "")


def _without_effect(finding: Finding) -> Finding:
    """Return a finding across the fleet as records have it: with advice, and without effect on the score."""
    advice = None if finding.severity == "note" else _new_keys(finding.id, [finding.algorithm or ""])
    return msgspec.structs.replace(finding, effect=Effect(), remediation=advice)
