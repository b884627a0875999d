"""One observation, one profile, one verdict: findings, compliance, score and grade, without advice."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import ALGORITHM_TYPES
from sshprobe.grading.checks.protocol import protocol_of
from sshprobe.grading.checks.registry import GradedHost, graded_host, judge, not_observed
from sshprobe.grading.checks.waivers import waive
from sshprobe.grading.findings import findings_of, worst_first
from sshprobe.grading.long_lists import shorten_lists
from sshprobe.grading.offers import is_observed
from sshprobe.grading.open_names import names_left_open
from sshprobe.grading.partial_grade import is_partial
from sshprobe.grading.score import by_category, total
from sshprobe.grading.users import answers_by_user
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Category, Verdict
from sshprobe.profiles import Profile


def is_gradeable(observation: Observation) -> bool:
    """Return whether there is enough to judge: the server's lists, or the fact that it speaks SSH-1 only.

    A host that could not be reached has a status and no grade.
    """
    if observation.status == "ssh1_only":
        return True
    return observation.status in ("ok", "partial") and any(is_observed(observation, name) for name in ALGORITHM_TYPES)


def assess(observation: Observation, profile: Profile, *, strict: bool = False) -> Verdict:
    """Judge what was observed of a host against a profile. No finding has a `remediation`: see `sshprobe.remedy.grade`.

    Depends on its arguments and the catalogue, and on nothing else; on who the host is and when it was seen only where
    the profile has waivers. What the keys of other hosts say stands beside a verdict, not in it (`fleet_findings_of`).

    `strict`: an algorithm that the profile does not name is a deviation even if it is no weaker. An observation that is
    not `is_gradeable` scores 0 by a cap that says so, and is never compliant: callers leave its verdicts out. Raises
    `InputError` for a profile of clients.
    """
    profile.need_server()
    observation = shorten_lists(observation)
    gradeable = is_gradeable(observation)
    host = graded_host(observation, profile, strict=strict)
    judgements = worst_first(waive(profile, observation, judge(host)))
    missing = [*not_observed(host), *_not_comparable(observation), *names_left_open(host, judgements)]
    if not gradeable and not missing:
        missing = ["anything"]
    findings = findings_of(judgements)
    score = total(findings, unseen=_unseen(observation) if gradeable else "nothing observed")
    compliant: bool | None = True
    if any(finding.deviation for finding in findings):
        compliant = False
    elif missing:
        compliant = None
    return Verdict(
        profile=profile.id,
        profile_version=profile.version,
        compliant=compliant,
        not_observed=missing,
        raw_score=score.raw_score,
        cap=score.cap,
        cap_reasons=score.cap_reasons,
        score=score.score,
        grade=score.grade,
        categories=by_category(findings, list(_judged(host))),
        findings=findings,
        waived=sum(finding.waived is not None for finding in findings),
        grade_is_partial=is_partial(observation, profile),
        authentication_users=list(answers_by_user(observation)),
    )


def _not_comparable(observation: Observation) -> Iterator[str]:
    if observation.several_servers:
        yield "the other servers at this address: connections met different ones"
    if observation.names_left_out:
        yield f"names of algorithms: {_unseen(observation)}"


def _unseen(observation: Observation) -> str | None:
    left_out = observation.names_left_out
    names = "name" if left_out == 1 else "names"
    return f"{left_out:,} unknown {names} left out" if left_out else None


def _judged(host: GradedHost) -> Iterator[Category]:
    if protocol_of(host.observation) is not None:
        yield "protocol"
    for category in host.offers:
        yield category
        if category == "kex" and host.offers_group_exchange and host.observation.group_exchange:
            yield "group_exchange"
    if answers_by_user(host.observation):
        yield "authentication"
