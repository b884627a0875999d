"""The text that a server sends before login (RFC 4252 section 5.4), for profiles with a rule about it.

The server sends it with the answer to the first authentication request. An answer without a text means that the server
has none. Without an answer, the text was not observed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType
from sshprobe.model.escape import ELLIPSIS, escape_text, unescape_text
from sshprobe.model.observation import LONGEST_BANNER, Observation
from sshprobe.model.verdict import Finding
from sshprobe.profiles import BannerRule, Profile

SHOWN = 200
"""The most characters of a banner in a finding. The record has the whole text."""

_SEE = "`ssh -o PreferredAuthentications=none USER@HOST` prints the text before the refusal."
_REFERENCES = ("RFC 4252 section 5.4", "sshd_config(5) Banner")

NO_BANNER = FindingType(
    id="authentication.no_banner",
    title="No banner before login",
    severity="low",
    deviation="yes",
    when="the profile requires a text before login, and the server answered an authentication request without one",
    why="""It matters in law more than in cryptography: nobody can claim later that they were not warned.""",
    see=_SEE,
    fix="""`Banner /etc/issue.net` in sshd_config, with the text of your site in that file. Without the file sshd sends
        nothing.""",
    references=_REFERENCES,
    label="no banner before login",
    also_called=("banner",),
)

BANNER = FindingType(
    id="authentication.banner",
    title="A banner before login that the profile rejects",
    severity="low",
    deviation="yes",
    when="the profile says `Banner none`, and the server sends a text before login",
    why="Everyone who reaches the port can read it.",
    see=_SEE,
    fix="`Banner none` in sshd_config.",
    advice="Banner none",
    advice_elsewhere="send no text before login",
    references=_REFERENCES,
    label="banners before login",
)

BANNER_TEXT = FindingType(
    id="authentication.banner_text",
    title="A banner before login with the wrong text",
    severity="low",
    deviation="yes",
    when="the text before login has a part that the profile forbids, or lacks the text that it requires",
    meaning="""The server sends a text before login. The text names the system, or holds an escape of /etc/issue (\\m,
        \\r, \\s, \\v), which sshd does not replace; or it is not the text that the profile requires.""",
    why="""A text that names the system helps attackers to choose a weakness. A text other than the required one may not
        stand up in court.""",
    see=_SEE,
    fix="Write the text of your site into the file that `Banner` of sshd_config names.",
    references=_REFERENCES,
    label="wrong banners before login",
)


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield the banner if the profile has a rule for it, and no login was tried or the text was cut off."""
    observation = host.observation
    rule = host.profile.banner
    if rule is None:
        return
    if not was_asked_for(observation):
        yield "the banner before login"
    elif (rule.without or rule.any_of) and _is_cut(observation):
        yield "the end of the banner before login"


@check(NO_BANNER, BANNER, BANNER_TEXT, missing=_missing)
def banner(host: GradedHost) -> Iterator[Finding]:
    """Find a missing, unwanted or wrong text before login. All are deviations."""
    observation, profile = host.observation, host.profile
    rule = profile.banner
    if rule is None or not was_asked_for(observation):
        return
    text = banner_of(observation)
    shown = observation.authentication_banner or ""
    if not text.strip():
        if rule.sent:
            yield _deviation(profile, rule, NO_BANNER, message="no banner", expected="a banner", observed="none sent")
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
    found = ", ".join(part for part in rule.without if _holds(text, part))
    if found:
        yield f"may name the system ({escape_text(found)})", f"a text without {escape_text(found)}"
    if rule.any_of and not cut and not any(_squeezed(part) in _squeezed(text) for part in rule.any_of):
        yield "is not the one that the profile asks for", f"a text with: {rule.any_of[0]}"


def was_asked_for(observation: Observation) -> bool:
    """Return whether the server answered the request of the first user, whose banner the record has."""
    answered = observation.authentication_methods is not None or observation.authentication_none_accepted is not None
    return answered or observation.authentication_banner is not None


def banner_of(observation: Observation) -> str:
    """Return the text as the server sent it, empty without one."""
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
) -> Finding:
    return kind.judge(
        message=f"{message} before login",
        expected=expected,
        observed=observed if len(observed) <= SHOWN else f"{observed[:SHOWN]}{ELLIPSIS}",
        references=(profile.cite(rule), "RFC 4252 section 5.4"),
    )
