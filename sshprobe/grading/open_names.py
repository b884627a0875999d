"""Algorithms on offer that a profile without a closed list does not name: nobody can say whether they comply.

A list of what is forbidden names what its authors met. A name that nobody knows may hide one of those; and a weak
algorithm that no OpenSSH ever had, such as "des-ctr", was outside of what such a list is about. Neither is a
deviation, and neither lets a verdict be `true`.

Where a profile has no rule for a type, less is left open: an unknown name, because it may stand for no protection at
all; and what is of high severity under a vendor's name. Compressions and known host key algorithms are never left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.algorithms import AlgorithmType, canonical, is_unknown, lookup, weakness, weakness_of
from sshprobe.grading.checks.registry import GradedHost
from sshprobe.grading.findings import Judgement
from sshprobe.grading.offers import WORDS
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import Profile

SHOWN = 4
"""Names of each class; the rest are counted."""

_SERIOUS = SEVERITIES.index("medium")


def names_left_open(host: GradedHost, judgements: Iterable[Judgement]) -> Iterator[str]:
    """Yield in words, as in `Verdict.not_observed`, algorithms that may or may not comply. Waived ones are left out."""
    waived = {(each.type.category, each.algorithm) for each in judgements if each.waived is not None}
    profile = host.profile
    for category, offers in host.offers.items():
        rule = host.rules[category]
        if category == "compression" if rule is None else rule.others != "allowed":
            continue
        named = set() if rule is None else {*rule.allowed, *rule.dated, *rule.words}
        named = {canonical(category, name) for name in named}
        found = [
            offer.name for same, offer in offers.items() if same not in named and (category, offer.name) not in waived
        ]
        what = WORDS[category].removesuffix("s")
        unknown = [f"what the {what} {name} is, an unknown name" for name in found if is_unknown(category, name)]
        weak = [
            f"whether the {what} {name} may be offered, which the profile does not name"
            for name in found
            if leaves_open(profile, category, name)
        ]
        for lines, kind in ((unknown, "unknown names"), (weak, "weak names that the profile does not have")):
            yield from lines[:SHOWN]
            if len(lines) > SHOWN:
                yield f"{len(lines) - SHOWN:,} more {kind} of {WORDS[category]}"


def leaves_open(profile: Profile, category: AlgorithmType, name: str) -> bool:
    """Return whether a profile leaves it open if a known algorithm that it does not name may be offered."""
    if profile.algorithms(category) is not None:
        return _is_outside(category, name)
    serious = category not in ("host_key", "compression") and _is_serious(category, name)
    return serious and _is_outside(category, name)


def _is_outside(category: AlgorithmType, name: str) -> bool:
    """Return whether an algorithm is weak, medium or worse, and no OpenSSH offers it by this name.

    For high severity, a release that had it does not count if the newest one has dropped it: a list for OpenSSH 9 is
    not about RC4. A cipher without a mode is one of SSH-1, or "none", which no server of theirs offers.
    """
    entry = lookup(category, name)
    weak = None if entry is None else weakness(entry)
    if entry is None or weak is None or SEVERITIES.index(weak.severity) > _SERIOUS:
        return False
    if category == "cipher" and not entry.mode:
        return True
    since = entry.openssh_in_code
    return not since or (SEVERITIES.index(weak.severity) < _SERIOUS and not since.endswith("+"))


def _is_serious(category: AlgorithmType, name: str) -> bool:
    weak = weakness_of(category, name)
    return weak is not None and SEVERITIES.index(weak.severity) < _SERIOUS
