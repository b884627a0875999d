"""One observation and one profile make one verdict: findings, compliance, score and grade, without advice."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import ALGORITHM_TYPES, lookup
from sshprobe.grading.checks.group_exchange import leaves_groups_untested
from sshprobe.grading.checks.protocol import protocol_of
from sshprobe.grading.checks.registry import GradedHost, graded_host, judge, not_observed
from sshprobe.grading.checks.waivers import waive
from sshprobe.grading.findings import count_points_once, worst_first
from sshprobe.grading.offers import has_missing_lists, is_observed, shorten_lists
from sshprobe.grading.open_names import names_left_open
from sshprobe.grading.score import by_category, letter, total
from sshprobe.grading.sizes import SAFE_MODULUS_BITS, group_exchange_methods, smallest_modulus
from sshprobe.grading.users import answers_by_user, unanswered_users
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Category, Verdict
from sshprobe.profiles import Profile


def is_gradeable(observation: Observation) -> bool:
    """Return whether there is enough to judge: the server's lists, or the fact that it speaks SSH-1 only."""
    if observation.status == "ssh1_only":
        return True
    return observation.status in ("ok", "partial") and any(is_observed(observation, name) for name in ALGORITHM_TYPES)


def assess(observation: Observation, profile: Profile, *, strict: bool = False) -> Verdict:
    """Judge an observation against a profile. Findings have no `remediation`: see `sshprobe.remedy.grade`.

    The verdict depends only on the arguments and the catalogue. The identity of the host and the time of the scan
    matter only under profiles with waivers or deadlines. Findings about keys of other hosts are not part of it: see
    `fleet_findings_of`.

    `strict`: an algorithm that the profile does not name is a deviation even if it is as strong as the named ones. An
    observation that is not gradeable has a cap of 0 and is never compliant: callers drop the verdict. Raises
    `InputError` for a client profile.
    """
    profile.need_server()
    observation = shorten_lists(observation)
    gradeable = is_gradeable(observation)
    host = graded_host(observation, profile, strict=strict)
    findings = count_points_once(worst_first(waive(profile, observation, judge(host))))
    missing = [*not_observed(host), *_not_comparable(observation), *names_left_open(host, findings)]
    if not gradeable and not missing:
        missing = ["anything"]
    raw, cap, reasons = total(findings, unseen=_unseen(observation) if gradeable else "nothing observed")
    score = raw if cap is None else min(raw, cap)
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
        raw_score=raw,
        cap=cap,
        cap_reasons=reasons,
        score=score,
        grade=letter(score),
        categories=by_category(findings, list(_judged(host))),
        findings=findings,
        waived=sum(finding.waived is not None for finding in findings),
        grade_is_partial=_is_partial(observation, profile),
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


def _is_partial(observation: Observation, profile: Profile) -> bool:
    """Return whether unseen facts could lower the score (`Verdict.grade_is_partial`)."""
    if observation.status == "ssh1_only":
        return False  # nothing is missing
    return (
        observation.status != "ok"
        or observation.depth != "full"
        or observation.identification is None
        or observation.several_servers
        or observation.names_left_out > 0
        or has_missing_lists(observation)
        or _hides_keys(observation)
        or _hides_groups(observation, profile)
        or _hides_methods(observation)
    )


def _hides_keys(observation: Observation) -> bool:
    """Return whether a key on offer was not shown or not proven."""
    if observation.host_keys is None or any(key.signature_verified is not True for key in observation.host_keys):
        return True
    entries = (lookup("host_key", name) for name in observation.server_host_key_algorithms or () if name)
    return not observation.host_keys and any(entry is None or entry.family != "none" for entry in entries)


def _hides_groups(observation: Observation, profile: Profile) -> bool:
    """Return whether the smallest group is unknown, or a group was not tested."""
    if not group_exchange_methods(observation):
        return False
    if leaves_groups_untested(observation):
        return True
    least = SAFE_MODULUS_BITS if profile.group_exchange is None else profile.group_exchange.min_bits
    return smallest_modulus(observation, least) is None


def _hides_methods(observation: Observation) -> bool:
    """Return whether a user of the scan has no list of methods. After a login by "none" there is no list."""
    answers = answers_by_user(observation)
    listed = all(each.none_accepted or any(each.methods or ()) for each in answers.values())
    return not (answers and listed) or bool(unanswered_users(observation))
