"""One observation, one profile, one verdict: findings, compliance, score and grade, without advice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sshprobe.algorithms import ALGORITHM_TYPES
from sshprobe.grading.checks.algorithms import judge_algorithms
from sshprobe.grading.checks.authentication import judge_authentication, missing_authentication
from sshprobe.grading.checks.banner import judge_banner, missing_banner
from sshprobe.grading.checks.certificates import judge_certificates
from sshprobe.grading.checks.contradictions import judge_contradictions
from sshprobe.grading.checks.group_exchange import judge_group_exchange, missing_group_exchange
from sshprobe.grading.checks.group_numbers import judge_groups
from sshprobe.grading.checks.host_keys import judge_host_keys, missing_host_keys
from sshprobe.grading.checks.key_numbers import judge_keys
from sshprobe.grading.checks.post_quantum import judge_together
from sshprobe.grading.checks.protocol import judge_protocol, protocol_of
from sshprobe.grading.checks.terrapin import judge_terrapin, lacks_strict_kex, would_expose
from sshprobe.grading.checks.user_keys import judge_user_keys, missing_user_keys
from sshprobe.grading.checks.version_hints import judge_version
from sshprobe.grading.checks.waivers import waive
from sshprobe.grading.long_lists import shortened
from sshprobe.grading.offers import is_observed, missing_lists, offers
from sshprobe.grading.partial import is_partial
from sshprobe.grading.score import Judgement, by_category, order, total
from sshprobe.grading.sizes import offers_group_exchange
from sshprobe.grading.unnamed import unnamed
from sshprobe.grading.users import answers_by_user
from sshprobe.grading.weakness_codes import codes_of, habit_of
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Category, Effect, Finding, Verdict
from sshprobe.profiles import Profile


def is_gradeable(observation: Observation) -> bool:
    """Whether there is enough to judge: the server's lists, or the fact that it speaks SSH-1 only.

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
    observation = shortened(observation)
    gradeable = is_gradeable(observation)
    judgements = judge(observation, profile, strict=strict)
    missing = [*not_observed(observation, profile), *unnamed(observation, profile, judgements)]
    if not gradeable and not missing:
        missing = ["anything"]
    findings = [_finding(judgement, effect) for judgement, effect in _effects(judgements)]
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
        categories=by_category(findings, _judged(observation)),
        findings=findings,
        waived=sum(finding.waived is not None for finding in findings),
        grade_is_partial=is_partial(observation, profile),
        authentication_users=list(answers_by_user(observation)),
    )


def judge(observation: Observation, profile: Profile, *, strict: bool) -> list[Judgement]:
    """All judgements, worst first; those that the profile waives are among them."""
    found: list[Judgement] = [*judge_protocol(profile, observation)]
    found += judge_version(observation)
    found += judge_contradictions(observation)
    for category in ALGORITHM_TYPES:
        found += (
            judge_algorithms(profile, category, offers(observation, category), strict=strict)
            if is_observed(observation, category)
            else ()
        )
    # What would open the server to Terrapin is not missed.
    if lacks_strict_kex(observation):
        found = [
            each
            for each in found
            if each.category not in ("cipher", "mac")
            or not each.id.endswith(".missing")
            or not would_expose(observation, each.category, each.algorithm or "")
        ]
    found += judge_group_exchange(profile, observation)
    found += judge_groups(observation)
    found += judge_host_keys(profile, observation)
    found += judge_certificates(observation)
    found += judge_keys(observation)
    found += judge_authentication(profile, observation)
    found += judge_banner(profile, observation)
    found += judge_user_keys(profile, observation)
    found += judge_terrapin(profile, observation)
    found += judge_together(profile, observation)
    return sorted(waive(profile, observation, found), key=order)


def not_observed(observation: Observation, profile: Profile) -> Iterator[str]:
    """In words, what the profile needs and was not seen."""
    if profile.protocol is not None and protocol_of(observation) is None:
        yield "identification"
    for category in ALGORITHM_TYPES:
        if profile.algorithms(category) is not None:
            yield from missing_lists(observation, category)
    if profile.group_exchange is not None and observation.kex_algorithms is None and profile.kex is None:
        yield "key exchange methods"
    yield from missing_group_exchange(profile, observation)
    yield from missing_host_keys(profile, observation)
    yield from missing_authentication(profile, observation)
    yield from missing_banner(profile, observation)
    yield from missing_user_keys(profile, observation)
    if observation.several_servers:
        yield "the other servers at this address: connections met different ones"
    if observation.names_left_out:
        yield f"names of algorithms: {_unseen(observation)}"


def _unseen(observation: Observation) -> str | None:
    left_out = observation.names_left_out
    names = "name" if left_out == 1 else "names"
    return f"{left_out:,} unknown {names} left out" if left_out else None


def _effects(judgements: Sequence[Judgement]) -> Iterator[tuple[Judgement, Effect]]:
    """Yield each judgement with its effect. The first of a class and weakness has the points, all keep their caps.

    Judgements come worst first, so the first has the most points: one more name never raises a score.
    """
    counted: set[tuple[str, ...]] = set()
    for judgement in judgements:
        effect = judgement.effect
        if effect.points:
            habit = habit_of(judgement)
            if habit in counted:
                effect = Effect(cap=effect.cap)
            counted.add(habit)
        yield judgement, effect


def _finding(judgement: Judgement, effect: Effect) -> Finding:
    return Finding(
        id=judgement.id,
        severity=judgement.severity,
        category=judgement.category,
        algorithm=judgement.algorithm,
        message=judgement.message,
        expected=judgement.expected,
        observed=judgement.observed,
        effect=effect,
        remediation=None,
        references=list(dict.fromkeys(judgement.references)),
        deviation=judgement.deviation,
        waived=judgement.waived,
        hint=judgement.hint,
        weaknesses=list(codes_of(judgement)),
    )


def _judged(observation: Observation) -> Iterator[Category]:
    if protocol_of(observation) is not None:
        yield "protocol"
    for category in ALGORITHM_TYPES:
        if is_observed(observation, category):
            yield category
            if category == "kex" and offers_group_exchange(observation) and observation.group_exchange:
                yield "group_exchange"
    if answers_by_user(observation):
        yield "authentication"
