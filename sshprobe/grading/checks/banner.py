"""The text that a server sends before login (RFC 4252 section 5.4), where a profile says something of it.

It comes with the answer to the first authentication request: so where methods were answered and no text is in the
record, there was none. Where nothing was answered, it was not observed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sshprobe.grading.score import Judgement
from sshprobe.model.escape import ELLIPSIS, escape_text, unescape_text
from sshprobe.model.observation import Observation
from sshprobe.profiles import BannerRule, Profile

SHOWN = 200
"""Characters of a banner that a finding repeats: the record has it."""

LONGEST_BANNER = 4096
"""Bytes of a banner that go into a record (`sshprobe.probe.facts`)."""


def judge_banner(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`authentication.no_banner`, `.banner` and `.banner_text`: deviations, all of them."""
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
                "authentication.no_banner",
                message="no banner",
                expected="a banner",
                observed="none sent",
            )
    elif not rule.sent:
        yield _deviation(profile, rule, "authentication.banner", message="a banner", expected="none", observed=shown)
    else:
        faults = list(_faults(rule, text, cut=_is_cut(observation)))
        if faults:
            yield _deviation(
                profile,
                rule,
                "authentication.banner_text",
                message=f"a text that {' and '.join(said for said, _ in faults)}, sent",
                expected="; ".join(wanted for _, wanted in faults),
                observed=shown,
            )


def _faults(rule: BannerRule, text: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with a text, and what is wanted, in words."""
    found = ", ".join(part for part in rule.without if _holds(text, part))
    if found:
        yield f"may tell what system it is ({escape_text(found)})", f"a text without {escape_text(found)}"
    if rule.any_of and not cut and not any(_squeezed(part) in _squeezed(text) for part in rule.any_of):
        yield "is not the one that the profile asks for", f"a text with: {rule.any_of[0]}"


def missing_banner(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the banner where the profile says something of it and no login was tried, or it was cut short."""
    rule = profile.banner
    if rule is None:
        return
    if not was_asked_for(observation):
        yield "the banner before login"
    elif (rule.without or rule.any_of) and _is_cut(observation):
        yield "the end of the banner before login"


def was_asked_for(observation: Observation) -> bool:
    """Whether the server answered the request of the first user, whose banner the record has."""
    answered = observation.authentication_methods is not None or observation.authentication_none_accepted is not None
    return answered or observation.authentication_banner is not None


def banner_of(observation: Observation) -> str:
    """The text as the server sent it; empty where it sent none."""
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


def _deviation(profile: Profile, rule: BannerRule, id: str, *, message: str, expected: str, observed: str) -> Judgement:
    return Judgement(
        id=id,
        severity="low",
        category="authentication",
        message=f"{message} before login",
        expected=expected,
        observed=observed if len(observed) <= SHOWN else f"{observed[:SHOWN]}{ELLIPSIS}",
        references=(profile.cite(rule), "RFC 4252 section 5.4"),
        deviation=True,
    )
