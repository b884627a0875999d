"""Deadlines: algorithms that a document accepts until a date. Before it they are a note, after it a deviation.

The day of the scan counts, or `Profile.at`. Without either, a deadline neither passes nor fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from sshprobe.algorithms import AlgorithmType, canonical, lookup
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.checks.waivers import judged_day
from sshprobe.grading.findings import FindingType
from sshprobe.grading.offers import WORDS
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding
from sshprobe.profiles import DEADLINE_SECTIONS, Deadline, Profile

DEADLINE: dict[AlgorithmType, FindingType] = {
    category: FindingType(
        id=f"{category}.deadline",
        title="Accepted until a day",
        severity="note until that day; then medium, or low where the document only advises against it",
        deviation="no until that day; then yes, unless the document only advises against it",
        when="the profile has a deadline for it",
        meaning=f"""The profile has a last day for one of the {WORDS[category]} on offer. The day of the scan decides,
            or the day of `grade --at`. Without either, compliance is not known.""",
        why="""Documents on the migration to post-quantum cryptography name the years in which classical algorithms end.
            Data that is recorded today can be decrypted when a quantum computer exists.""",
        see="`sshprobe profiles show ID` lists deadlines; `sshprobe report --by deadline` counts hosts.",
        fix="Offer the successor that the document names, and remove the algorithm before that day.",
        references=("docs/profiles.md, Deadlines",),
    )
    for category in DEADLINE_SECTIONS
}


_KINDS = {"no": "classical", "hybrid": "hybrid", "pure": "pure"}
"""`Algorithm.post_quantum` to the kinds of a deadline. Experimental KEMs are of no kind."""


def standings(profile: Profile, observation: Observation) -> tuple[bool | None, ...]:
    """Return for each deadline of a profile whether it has passed. None: the record has no time."""
    if not profile.deadline:
        return ()
    day = judged_day(profile, observation)
    return tuple(None if day is None else day > deadline.until.isoformat() for deadline in profile.deadline)


@lru_cache(maxsize=4096)
def applies_to(deadline: Deadline, name: str) -> bool:
    """Return whether a deadline is about an algorithm of its section, by any of the algorithm's names.

    A name that the catalogue does not know is of no kind.
    """
    same = canonical(deadline.section, name)
    if any(canonical(deadline.section, each) == same for each in deadline.names):
        return True
    entry = lookup(deadline.section, name)
    if entry is None or _KINDS.get(entry.post_quantum) not in deadline.kinds:
        return False
    return deadline.below_bits is None or (entry.bits is not None and entry.bits < deadline.below_bits)


def _day_not_known(host: GradedHost) -> Iterator[str]:
    if host.profile.deadline and None in standings(host.profile, host.observation) and any(_found(host)):
        yield "the day of the scan, which the deadlines of the profile depend on"


@check(*DEADLINE.values(), missing=_day_not_known)
def deadlines(host: GradedHost) -> Iterable[Finding]:
    """Find algorithms on offer with a deadline: one finding each, by the strictest deadline that has passed."""
    return _found(host) if host.profile.deadline else ()


def _found(host: GradedHost) -> Iterator[Finding]:
    pairs = list(zip(host.profile.deadline, standings(host.profile, host.observation), strict=True))
    for category in DEADLINE:
        ours = [pair for pair in pairs if pair[0].section == category]
        for offer in host.offers.get(category, {}).values() if ours else ():
            about = [pair for pair in ours if applies_to(pair[0], offer.name)]
            if about:
                deadline, is_past = _strictest(about)
                yield _judge(host.profile, category, deadline, is_past, offer.name, offer.observed())


def _strictest(about: list[tuple[Deadline, bool | None]]) -> tuple[Deadline, bool | None]:
    """Return the deadline that decides: a passed one that forbids, else any passed one, else the next."""
    ended = [pair for pair in about if pair[1]]
    return min(ended or about, key=lambda pair: (bool(ended) and pair[0].only_advises, pair[0].until))


def _judge(
    profile: Profile, category: AlgorithmType, deadline: Deadline, is_past: bool | None, name: str, observed: str
) -> Finding:
    accepted = "recommended" if deadline.only_advises else "accepted"
    message = f"{accepted} until {deadline.until}"
    if is_past:
        message = f"no longer {accepted}: its last day was {deadline.until}"
    elif is_past is None:
        message += "; the record does not say when it was made"
    return DEADLINE[category].judge(
        severity=("low" if deadline.only_advises else "medium") if is_past else "note",
        algorithm=name,
        message=message,
        expected=f"not offered after {deadline.until}",
        observed=observed,
        deviation=bool(is_past) and not deadline.only_advises,
        references=(profile.cite_deadline(deadline),),
    )
