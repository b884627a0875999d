"""A verdict with advice: what `assess` finds, and what to do about each finding."""

from __future__ import annotations

import msgspec

from sshprobe.grading.assess import assess
from sshprobe.grading.long_lists import shortened
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy.context import RemedyContext
from sshprobe.remedy.hints import advise


def grade(observation: Observation, profile: Profile, *, strict: bool = False) -> Verdict:
    """Judge what was observed of a host against a profile: `assess`, with the `remediation` of each finding.

    Depends on its arguments and the catalogue, and on nothing else; on who the host is and when it was seen only where
    the profile has waivers. What the keys of other hosts say stands beside a verdict, not in it (`fleet_findings_of`).

    `strict`: an algorithm that the profile does not name is a deviation even if it is no weaker. An observation that is
    not `is_gradeable` scores 0 by a cap that says so, and is never compliant: callers leave its verdicts out. Raises
    `InputError` for a profile of clients.
    """
    return with_hints(assess(observation, profile, strict=strict), observation, profile, strict=strict)


def with_hints(verdict: Verdict, observation: Observation, profile: Profile, *, strict: bool) -> Verdict:
    """Return a verdict of `assess` with what to do about each finding."""
    observation = shortened(observation)
    context = RemedyContext.of(observation, profile, verdict.findings, strict=strict)
    findings = [msgspec.structs.replace(finding, remediation=advise(finding, context)) for finding in verdict.findings]
    return msgspec.structs.replace(verdict, findings=findings)
