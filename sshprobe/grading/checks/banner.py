"""The text that a server sends before login (RFC 4252 section 5.4), where a profile has a rule for it.

It comes with the answer to the first authentication request. With an answer and no text in the record, there was none.
Without an answer it was not observed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.model.escape import ELLIPSIS, escape_text, unescape_text
from sshprobe.model.observation import Observation
from sshprobe.profiles import BannerRule, Profile

SHOWN = 200
"""Characters of a banner that a finding repeats: the record has it."""

LONGEST_BANNER = 4096
"""Bytes of a banner that go into a record (`sshprobe.probe`)."""


NO_BANNER = FindingType(
    id="authentication.no_banner",
    title="No banner before login",
    severity="low",
    deviation="yes",
    when="the profile asks for a text before login, and a server that answered an authentication request sent none",
    meaning="""The profile asks that a text is shown before anyone logs in. The server answered the first request and
        sent none.""",
    why="""It is a matter of law more than of cryptography: who was told that access is watched and reserved cannot say
        otherwise later.""",
    see="`ssh -o PreferredAuthentications=none USER@HOST` prints the text before it is refused.",
    fix="""`Banner /etc/issue.net` in sshd_config, with the text of your site in that file. sshd sends nothing where
        the file is not there.""",
    references=("RFC 4252 section 5.4", "sshd_config(5) Banner"),
    label="no banner before login",
    also_called=("banner",),
)

BANNER = FindingType(
    id="authentication.banner",
    title="A banner before login that the profile does not want",
    severity="low",
    deviation="yes",
    when="the profile wants no text before login, and the server sent one",
    meaning="The server sends a text before anyone logs in, and the profile says `Banner none`.",
    why="What it says is read by everyone who reaches the port.",
    see="`ssh -o PreferredAuthentications=none USER@HOST` prints the text before it is refused.",
    fix="`Banner none` in sshd_config.",
    references=("RFC 4252 section 5.4", "sshd_config(5) Banner"),
    label="banners before login",
)

BANNER_TEXT = FindingType(
    id="authentication.banner_text",
    title="A banner before login with the wrong text",
    severity="low",
    deviation="yes",
    when="""the text before login holds what the profile forbids in it, such as the name of the system, or lacks what
        it asks for""",
    meaning="""The server sends a text before login. It names the system or holds one of the escapes of /etc/issue
        (\\m, \\r, \\s, \\v), which sshd does not replace; or it is not the text that the profile asks for.""",
    why="""A text that names the system helps an attacker who looks for a way in. A text other than the required one
        may not hold before a court.""",
    see="`ssh -o PreferredAuthentications=none USER@HOST` prints the text before it is refused.",
    fix="Write the text of your site into the file that `Banner` of sshd_config names.",
    references=("RFC 4252 section 5.4", "sshd_config(5) Banner"),
    label="wrong banners before login",
)


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield the banner where the profile has a rule for it, and no login was tried or the text was cut."""
    observation = host.observation
    rule = host.profile.banner
    if rule is None:
        return
    if not was_asked_for(observation):
        yield "the banner before login"
    elif (rule.without or rule.any_of) and _is_cut(observation):
        yield "the end of the banner before login"


@check(NO_BANNER, BANNER, BANNER_TEXT, missing=_missing)
def banner(host: GradedHost) -> Iterator[Judgement]:
    """Find a missing, unwanted or wrong text before login. All are deviations."""
    observation, profile = host.observation, host.profile
    rule = profile.banner
    if rule is None or not was_asked_for(observation):
        return
    text = banner_of(observation)
    shown = observation.authentication_banner or ""
    if not text.strip():
        if rule.sent:
            yield _deviation(
                profile,
                rule,
                NO_BANNER,
                message="no banner",
                expected="a banner",
                observed="none sent",
            )
    elif not rule.sent:
        yield _deviation(profile, rule, BANNER, message="a banner", expected="none", observed=shown)
    else:
        faults = list(_faults(rule, text, cut=_is_cut(observation)))
        if faults:
            yield _deviation(
                profile,
                rule,
                BANNER_TEXT,
                message=f"a text that {' and '.join(said for said, _ in faults)}, sent",
                expected="; ".join(wanted for _, wanted in faults),
                observed=shown,
            )


def _faults(rule: BannerRule, text: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """Yield in words what is wrong with a text, and what is wanted."""
    found = ", ".join(part for part in rule.without if _holds(text, part))
    if found:
        yield f"may tell what system it is ({escape_text(found)})", f"a text without {escape_text(found)}"
    if rule.any_of and not cut and not any(_squeezed(part) in _squeezed(text) for part in rule.any_of):
        yield "is not the one that the profile asks for", f"a text with: {rule.any_of[0]}"


def was_asked_for(observation: Observation) -> bool:
    """Return whether the server answered the request of the first user, whose banner the record has."""
    answered = observation.authentication_methods is not None or observation.authentication_none_accepted is not None
    return answered or observation.authentication_banner is not None


def banner_of(observation: Observation) -> str:
    """Return the text as the server sent it; empty where it sent none."""
    return unescape_text(observation.authentication_banner or "")


def _is_cut(observation: Observation) -> bool:
    text = observation.authentication_banner or ""
    return len(text) >= LONGEST_BANNER and text.endswith(ELLIPSIS)


def _holds(text: str, part: str) -> bool:
    pattern = re.escape(part)
    if part[0].isalnum() and part[-1].isalnum():
        pattern = rf"\b{pattern}\b"
    return re.search(pattern, text, re.IGNORECASE) is not None


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _deviation(
    profile: Profile, rule: BannerRule, kind: FindingType, *, message: str, expected: str, observed: str
) -> Judgement:
    return Judgement(
        kind,
        severity="low",
        message=f"{message} before login",
        expected=expected,
        observed=observed if len(observed) <= SHOWN else f"{observed[:SHOWN]}{ELLIPSIS}",
        references=(profile.cite(rule), "RFC 4252 section 5.4"),
        deviation=True,
    )
