"""Judges the authentication methods that were listed for the users who were asked about (RFC 4252 section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.score import Judgement
from sshprobe.grading.users import (
    accepted_without_credential,
    answers_by_user,
    in_words,
    methods_for_everybody,
    methods_of_all,
    unanswered_users,
    users_with,
    users_with_an_empty_list,
)
from sshprobe.model.observation import Observation
from sshprobe.profiles import AuthenticationRule, Profile
from sshprobe.profiles.model import METHODS


def judge_authentication(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`authentication.none_accepted`, `.no_methods`, `.unlisted` and `.missing` (RFC 4252 section 5.2), of all."""
    rule = profile.authentication
    answers = answers_by_user(observation)
    accepted = accepted_without_credential(observation)
    if accepted:
        yield Judgement(
            id="authentication.none_accepted",
            severity="critical",
            category="authentication",
            algorithm="none",
            message="the SSH login asks for no credential; whether a prompt follows inside was not tried",
            expected="a refusal",
            observed=f"success for {in_words(accepted)}",
            references=("RFC 4252 section 5.2",),
            deviation=True,
        )
    empty = users_with_an_empty_list(observation)
    if empty:
        yield Judgement(
            id="authentication.no_methods",
            severity="medium",
            category="authentication",
            message="lists no method at all: either nobody can log in, or some can without a password",
            expected="a list of one method at least",
            observed=f"an empty list for {in_words(empty)}",
            references=("RFC 4252 section 5.1", "sshd_config(5) AuthenticationMethods"),
        )
    methods = methods_of_all(observation)
    if rule is None or methods is None:
        return
    for method in sorted({method for method in methods if method and not _passes(rule, method)}):
        users = users_with(observation, method)
        yield Judgement(
            id="authentication.unlisted",
            severity="medium",
            category="authentication",
            algorithm=method,
            message=(_wanted(rule.allowed) if rule.allowed else "the profile forbids it")
            + ("" if len(users) == len(answers) else f"; listed for {in_words(users)}"),
            expected=", ".join(rule.allowed) or f"not {method}",
            observed=f"{method} for {in_words(users)}",
            references=(profile.cite(rule),),
            deviation=True,
        )
    for method in rule.recommended:
        if method not in methods:
            yield Judgement(
                id="authentication.missing",
                severity="note",
                category="authentication",
                algorithm=method,
                message=f"recommended, but not listed for {in_words(list(answers))}",
                expected=method,
                observed="not listed",
                references=(profile.cite(rule),),
            )


def _passes(rule: AuthenticationRule, method: str) -> bool:
    return method in rule.allowed if rule.allowed else method not in rule.forbidden


def _wanted(methods: tuple[str, ...]) -> str:
    *others, last = methods
    return f"the profile wants {', '.join(others)} or {last}" if others else f"the profile wants {last} alone"


def missing_authentication(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the methods where the profile names them and no answer was seen, or one without any."""
    rule = profile.authentication
    if rule is None:
        return
    methods = methods_of_all(observation)
    if methods is None:
        yield "authentication methods"
        return
    for user in unanswered_users(observation):
        yield f"authentication methods of {in_words([user])}"
    if users_with_an_empty_list(observation):
        # sshd with `AuthenticationMethods none` answers so, and lets others in without a password.
        yield "authentication methods: the list is empty"
    else:
        for method in rule.require:
            if method not in methods_for_everybody(observation):
                yield f"{method}: not listed, but a later step of a chain would not be"
        for method in sorted(
            {method for method in methods if method and not rule.allowed} - {*METHODS, *rule.forbidden}
        ):
            yield f"what the authentication method {method} is"
