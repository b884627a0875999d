"""Judges the authentication methods that the server lists for the users of the scan (RFC 4252 section 5)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
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
from sshprobe.model.verdict import Finding
from sshprobe.profiles.sections import METHODS

_SEE = '`ssh -v -o PreferredAuthentications=none USER@HOST` prints "Authentications that can continue".'

UNLISTED = FindingType(
    id="authentication.unlisted",
    title="A login method that the profile rejects",
    severity="medium",
    deviation="yes",
    when="the server lists a method that the profile rejects",
    meaning="""After a "none" request the server lists a method that the profile rejects, for at least one of the users
        that the scan asked about. The finding names them.""",
    why="""Anyone can guess passwords, at any hour. A server lists only the first method of each chain, so a second
        factor stays hidden.""",
    see=_SEE,
    fix="""`AuthenticationMethods publickey`. A second factor after the key cannot be seen from outside, and this line
        ends it: where one is required today, write `AuthenticationMethods publickey,keyboard-interactive`.
        `PasswordAuthentication no` with `KbdInteractiveAuthentication no` does the same for servers without chains. If
        a chain needs one of them, it locks everyone out. Have a key in place first.""",
    references=("RFC 4252 section 5.2", "sshd_config(5) AuthenticationMethods"),
    weaknesses=(),
    codes={"password": "passwords to guess, by either method", "hostbased": "a login that trusts the client's host"},
    also_called=("password", "keyboard-interactive", "hostbased", "gssapi-with-mic"),
)

NO_METHODS = FindingType(
    id="authentication.no_methods",
    title="An empty list of login methods",
    severity="medium",
    deviation="no, but never `true` where the profile names methods",
    when='after a "none" request the server lists no method',
    meaning="The server refused the login without a credential and named no method to try instead.",
    why="""Either nobody can log in, or everybody. An sshd with `AuthenticationMethods none` lists nothing and accepts
        every account without a password. From outside the two look alike.""",
    see="""`ssh -v -o PreferredAuthentications=none USER@HOST` prints "Authentications that can continue:" with nothing
        after it. On the host, `sshd -T -C user=USER | grep authenticationmethods` tells the two cases apart.""",
    fix="Remove `AuthenticationMethods none`, and let users log in by a key.",
    advice="take out `AuthenticationMethods none`",
    advice_elsewhere="let users log in by a key",
    references=("RFC 4252 section 5.1", "sshd_config(5) AuthenticationMethods"),
    label="empty lists of methods",
    codes={"no-methods": "an empty list of authentication methods"},
)

MISSING = FindingType(
    id="authentication.missing",
    title="A recommended login method is not offered",
    severity="note",
    when="the server lists a recommended method for none of the users that the scan asked about",
    why="The server may offer it to other users. It costs nothing.",
    see=_SEE,
    fix="Nothing, if those who log in have it.",
    references=("RFC 4252 section 5.2",),
    also_called=("publickey",),
)

NONE_ACCEPTED = FindingType(
    id="authentication.none_accepted",
    title="Logs in without any credential",
    severity="critical",
    deviation="yes",
    when="a login without any credential succeeded",
    meaning="""The server answered the first "none" request with success: SSH asks for no credential. The scan closed
        the connection at once and opened no session. It is not known whether a shell follows, or a prompt for user and
        password inside the session, as on Cisco's wireless controllers and ADVA's switches.""",
    why="""With a shell, anyone who reaches the port is in. With a prompt inside, SSH protects the password in transit,
        but not against guessing: there are no keys and no limit of attempts. Anyone who reaches the port talks to the
        software behind it.""",
    see="""Run `ssh -o PreferredAuthentications=none USER@HOST` on a host of your own: it shows a shell or a prompt.""",
    fix="""OpenSSH: `PermitEmptyPasswords no` and a password or key for every account; no `AuthenticationMethods none`.
        Dropbear: start it without `-B`. An appliance: log in by hand. If it asks for name and password inside the
        session, let only administrators reach the port. If nothing asks, close the port until something does. Then
        check who has logged in.""",
    references=("RFC 4252 section 5.2", "sshd_config(5) PermitEmptyPasswords"),
    label="logins without a credential",
    codes={"no-authentication": "a login without any credential"},
)


def _missing(host: GradedHost) -> Iterator[str]:
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
        # sshd with `AuthenticationMethods none` answers so, and accepts accounts without a password.
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
def login_methods(host: GradedHost) -> Iterator[Finding]:
    """Find rejected and missing methods, empty lists, and logins without a credential (RFC 4252 section 5.2)."""
    observation, profile = host.observation, host.profile
    rule = profile.authentication
    answers = answers_by_user(observation)
    accepted = accepted_without_credential(observation)
    if accepted:
        yield NONE_ACCEPTED.judge(
            algorithm="none",
            message="the SSH login asks for no credential; whether a prompt follows inside was not tried",
            expected="a refusal",
            observed=f"success for {in_words(accepted)}",
            references=("RFC 4252 section 5.2",),
        )
    empty = users_with_an_empty_list(observation)
    if empty:
        yield NO_METHODS.judge(
            message="lists no method at all: either nobody can log in, or some can without a password",
            expected="a list of one method at least",
            observed=f"an empty list for {in_words(empty)}",
        )
    methods = methods_of_all(observation)
    if rule is None or methods is None:
        return
    for method in sorted({method for method in methods if method and not rule.passes(method)}):
        users = users_with(observation, method)
        yield UNLISTED.judge(
            algorithm=method,
            message=(_wanted(rule.allowed) if rule.allowed else "the profile forbids it")
            + ("" if len(users) == len(answers) else f"; listed for {in_words(users)}"),
            expected=", ".join(rule.allowed) or f"not {method}",
            observed=f"{method} for {in_words(users)}",
            references=(profile.cite(rule),),
            weaknesses=_CODES.get(method, ()),
        )
    for method in rule.recommended:
        if method not in methods:
            yield MISSING.judge(
                algorithm=method,
                message=f"recommended, but not listed for {in_words(list(answers))}",
                expected=method,
                observed="not listed",
                references=(profile.cite(rule),),
            )


_CODES = {"password": ("password",), "keyboard-interactive": ("password",), "hostbased": ("hostbased",)}
"""Method to codes. Most servers use keyboard-interactive (RFC 4256) to ask for a password."""


def _wanted(methods: tuple[str, ...]) -> str:
    *others, last = methods
    return f"the profile wants {', '.join(others)} or {last}" if others else f"the profile wants {last} alone"
