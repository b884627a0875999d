"""What a server offers and a profile that only forbids says nothing of: whether it may be offered cannot be known.

A list of what is forbidden names what its authors met. A name that nobody knows may hide one of those; and a weak
algorithm that no OpenSSH ever had, such as "des-ctr", was outside of what such a list is about. Neither is a
deviation, and neither lets a verdict be `true`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sshprobe.algorithms import CLASSES, Class, aliases, canonical, is_unknown, lookup, weakness
from sshprobe.grading.lists import WORDS, offers
from sshprobe.grading.score import Judgement
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import Profile

SHOWN = 4
"""Names of each class; the rest are counted."""

_SERIOUS = SEVERITIES.index("medium")


def unnamed(observation: Observation, profile: Profile, judgements: Iterable[Judgement]) -> Iterator[str]:
    """Yield in words, as `Verdict.not_observed` has them, what nobody can say to comply. What is waived is left out."""
    waived = {(each.category, each.algorithm) for each in judgements if each.waived is not None}
    for category in CLASSES:
        rule = profile.algorithms(category)
        if rule is None or rule.others != "allowed":
            continue
        named = {canonical(category, name) for name in (*rule.allowed, *rule.dated, *rule.words)}
        found = [
            offer.name
            for same, offer in offers(observation, category).items()
            if same not in named and (category, offer.name) not in waived
        ]
        what = WORDS[category].removesuffix("s")
        unknown = [f"what the {what} {name} is, an unknown name" for name in found if is_unknown(category, name)]
        weak = [
            f"whether the {what} {name} may be offered, which the profile does not name"
            for name in found
            if is_outside(category, name)
        ]
        for lines, kind in ((unknown, "unknown names"), (weak, "weak names that the profile does not have")):
            yield from lines[:SHOWN]
            if len(lines) > SHOWN:
                yield f"{len(lines) - SHOWN:,} more {kind} of {WORDS[category]}"


def is_outside(category: Class, name: str) -> bool:
    """Return whether an algorithm is weak, medium or worse, and in no release of OpenSSH by any of its names."""
    entry = lookup(category, name)
    weak = None if entry is None else weakness(entry)
    if entry is None or weak is None or SEVERITIES.index(weak.severity) > _SERIOUS:
        return False
    known = [lookup(category, each) for each in (entry.name, *aliases(entry))]
    return not any(each.openssh_in_code for each in known if each is not None)
