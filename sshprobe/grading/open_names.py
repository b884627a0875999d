"""Algorithms on offer that a profile without a closed list does not name, so that compliance is unknown.

A list of forbidden algorithms contains the names that its authors knew. An unknown name may hide one of them, and a
weak algorithm that no OpenSSH ever had, such as "des-ctr", is beyond such a list. Neither is a deviation, but both
prevent `compliant: true`.

Without a rule for a type, fewer names are open: unknown ones, which may mean no protection at all, and those of high
severity under a vendor's name. Compressions and known host key algorithms are never open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.algorithms import AlgorithmType, canonical, is_unknown, lookup, weakness, weakness_of
from sshprobe.grading.checks.registry import GradedHost
from sshprobe.grading.offers import WORDS
from sshprobe.model.verdict import SEVERITIES, Finding
from sshprobe.profiles import Profile

SHOWN = 4
"""Up to this many names of each type are listed; the rest are counted."""

_SERIOUS = SEVERITIES.index("medium")


def names_left_open(host: GradedHost, findings: Iterable[Finding]) -> Iterator[str]:
    """Yield descriptions of the algorithms that may or may not comply, for `Verdict.not_observed`, without waived
    ones."""
    waived = {(each.category, each.algorithm) for each in findings if each.waived is not None}
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
        unknown = [f"the {what} {name}: an unknown name" for name in found if is_unknown(category, name)]
        weak = [
            f"whether the profile allows the {what} {name}, which it does not name"
            for name in found
            if leaves_open(profile, category, name)
        ]
        for lines, kind in ((unknown, "unknown names"), (weak, "weak names that the profile does not name")):
            yield from lines[:SHOWN]
            if len(lines) > SHOWN:
                yield f"{len(lines) - SHOWN:,} more {kind} of {WORDS[category]}"


def leaves_open(profile: Profile, category: AlgorithmType, name: str) -> bool:
    """Return whether a profile leaves open whether a known algorithm, which it does not name, may be offered."""
    if profile.algorithms(category) is not None:
        return _is_outside(category, name)
    serious = category not in ("host_key", "compression") and _is_serious(category, name)
    return serious and _is_outside(category, name)


def _is_outside(category: AlgorithmType, name: str) -> bool:
    """Return whether an algorithm has a weakness of medium severity or worse, and no OpenSSH offers it by this name.

    For high severity only the newest release counts: a list for OpenSSH 9 is not about RC4. A cipher without a mode is
    one of SSH-1, or "none", which no OpenSSH server offers.
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
