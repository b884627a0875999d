"""Judges the authentication methods that were listed for the users who were asked about (RFC 4252 section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
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
from sshprobe.profiles import AuthenticationRule
from sshprobe.profiles.model import METHODS

UNLISTED = FindingType(
    id="authentication.unlisted",
    title="A way to log in that the profile does not want",
    severity="medium",
    deviation="yes",
    when="a method is listed that the profile does not want",
    meaning="""After a "none" request the server lists a method that the profile does not allow, for one of the users
        that were asked about at least. The finding names them.""",
    why="""Passwords can be guessed, at night, by anyone. A server lists the first method of each chain only: what a
        second factor adds is not seen.""",
    see='`ssh -v -o PreferredAuthentications=none USER@HOST` prints "Authentications that can continue".',
    fix="""`AuthenticationMethods publickey`. A second factor after the key cannot be seen from outside, and this line
        ends it: where one is required today, write `AuthenticationMethods publickey,keyboard-interactive`.
        `PasswordAuthentication no` with `KbdInteractiveAuthentication no` does the same for servers without chains;
        where a chain needs one of them, nobody gets in any more. Have a key in place before.""",
    references=("RFC 4252 section 5.2", "sshd_config(5) AuthenticationMethods"),
    codes={"password": "passwords to guess, by either method", "hostbased": "a login that trusts the client's host"},
    also_called=("password", "keyboard-interactive", "hostbased", "gssapi-with-mic"),
)

NO_METHODS = FindingType(
    id="authentication.no_methods",
    title="An empty list of ways to log in",
    severity="medium",
    deviation="no, but never `true` where the profile names methods",
    when='after a "none" request a list without any method came',
    meaning="The server refused the login without a credential and named no method to try instead.",
    why="""Nobody can log in, or everybody. An sshd with `AuthenticationMethods none` lists nothing, and lets in who
        has an account without a password. From outside the two look alike.""",
    see="""`ssh -v -o PreferredAuthentications=none USER@HOST` prints "Authentications that can continue:" and nothing
        behind it; `sshd -T -C user=USER | grep authenticationmethods` on the host says which it is.""",
    fix="Take out `AuthenticationMethods none`, and let users log in by a key.",
    references=("RFC 4252 section 5.1", "sshd_config(5) AuthenticationMethods"),
    label="empty lists of methods",
    weaknesses=("no-methods",),
    codes={"no-methods": "an empty list of authentication methods"},
)

MISSING = FindingType(
    id="authentication.missing",
    title="A recommended way to log in is not offered",
    severity="note",
    when="a recommended method is not listed",
    meaning="The profile recommends a method that the server lists for none of the users that were asked about.",
    why="It may be offered to other users. It costs nothing.",
    see='`ssh -v -o PreferredAuthentications=none USER@HOST` prints "Authentications that can continue".',
    fix="Nothing need be done, if it is offered to those who log in.",
    references=("RFC 4252 section 5.2",),
    also_called=("publickey",),
)

NONE_ACCEPTED = FindingType(
    id="authentication.none_accepted",
    title="Logs in without any credential",
    severity="critical",
    deviation="yes",
    when="a login without any credential succeeded",
    meaning="""The server answered the first "none" request with success: SSH asks for no credential. The connection
        was closed at once, and no session was opened. So it is not known whether a shell follows, or a prompt for user
        and password inside the session, as on wireless controllers of Cisco and switches of ADVA.""",
    why="""With a shell, anyone who reaches the port is in. With a prompt inside, SSH protects the password on its way,
        but the protections of SSH against guessing are gone: keys, and the limit of attempts. Anyone who reaches the
        port talks to the software behind it.""",
    see="""`ssh -o PreferredAuthentications=none USER@HOST`, on a host of your own, shows which it is: a shell or a
        prompt.""",
    fix="""OpenSSH: `PermitEmptyPasswords no` and a password or key for every account; no `AuthenticationMethods none`.
        Dropbear: start it without `-B`. An appliance: log in by hand. Some ask for name and password inside the
        session, and then only administrators should reach the port; where nothing asks, close the port until something
        does. Then look at who has been in.""",
    references=("RFC 4252 section 5.2", "sshd_config(5) PermitEmptyPasswords"),
    label="logins without a credential",
    weaknesses=("no-authentication",),
    codes={"no-authentication": "a login without any credential"},
)


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield what the profile needs to know about methods, and no answer says."""
    observation = host.observation
    rule = host.profile.authentication
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


@check(UNLISTED, NO_METHODS, MISSING, NONE_ACCEPTED, missing=_missing)
def login_methods(host: GradedHost) -> Iterator[Judgement]:
    """Find unwanted and missing methods, empty lists, and logins without a credential (RFC 4252 section 5.2)."""
    observation, profile = host.observation, host.profile
    rule = profile.authentication
    answers = answers_by_user(observation)
    accepted = accepted_without_credential(observation)
    if accepted:
        yield Judgement(
            NONE_ACCEPTED,
            severity="critical",
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
            NO_METHODS,
            severity="medium",
            message="lists no method at all: either nobody can log in, or some can without a password",
            expected="a list of one method at least",
            observed=f"an empty list for {in_words(empty)}",
        )
    methods = methods_of_all(observation)
    if rule is None or methods is None:
        return
    for method in sorted({method for method in methods if method and not _passes(rule, method)}):
        users = users_with(observation, method)
        yield Judgement(
            UNLISTED,
            severity="medium",
            algorithm=method,
            message=(_wanted(rule.allowed) if rule.allowed else "the profile forbids it")
            + ("" if len(users) == len(answers) else f"; listed for {in_words(users)}"),
            expected=", ".join(rule.allowed) or f"not {method}",
            observed=f"{method} for {in_words(users)}",
            references=(profile.cite(rule),),
            deviation=True,
            weaknesses=_CODES.get(method, ()),
        )
    for method in rule.recommended:
        if method not in methods:
            yield Judgement(
                MISSING,
                severity="note",
                algorithm=method,
                message=f"recommended, but not listed for {in_words(list(answers))}",
                expected=method,
                observed="not listed",
                references=(profile.cite(rule),),
            )


_CODES = {"password": ("password",), "keyboard-interactive": ("password",), "hostbased": ("hostbased",)}
"""Codes of a method. Most servers ask by keyboard-interactive (RFC 4256) for a password."""


def _passes(rule: AuthenticationRule, method: str) -> bool:
    return method in rule.allowed if rule.allowed else method not in rule.forbidden


def _wanted(methods: tuple[str, ...]) -> str:
    *others, last = methods
    return f"the profile wants {', '.join(others)} or {last}" if others else f"the profile wants {last} alone"
