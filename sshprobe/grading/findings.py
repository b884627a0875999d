"""Findings that need no profile: on the keys, certificates and groups of a host, and on what it shares with others."""

from __future__ import annotations

from sshprobe.grading.certificates import judge_certificates
from sshprobe.grading.fleet import FleetIndex
from sshprobe.grading.key_checks import judge_groups, judge_keys
from sshprobe.grading.score import order
from sshprobe.grading.weakness_codes import codes_of
from sshprobe.records import Finding, Observation


def key_findings(observation: Observation, fleet: FleetIndex) -> list[Finding]:
    """Return what `grade` finds on keys and groups whatever the profile, worst first, without advice."""
    found = [
        *judge_groups(observation),
        *judge_certificates(observation),
        *judge_keys(observation),
        *fleet.judge(observation),
    ]
    return [
        Finding(
            id=judged.id,
            severity=judged.severity,
            category=judged.category,
            algorithm=judged.algorithm,
            message=judged.message,
            expected=judged.expected,
            observed=judged.observed,
            effect=judged.effect,
            remediation=None,
            references=list(judged.references),
            deviation=False,
            weaknesses=list(codes_of(judged)),
        )
        for judged in sorted(found, key=order)
    ]
