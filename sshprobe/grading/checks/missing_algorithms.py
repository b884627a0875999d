"""Algorithms that a profile recommends and a server does not offer."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import canonical, lookup, weakness_of
from sshprobe.grading.checks.algorithms import cite_name, for_each_type
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.checks.terrapin import would_expose
from sshprobe.grading.findings import Judgement
from sshprobe.profiles import is_stock

_RECOMMENDING = ("MUST", "SHOULD+", "SHOULD")

MISSING = for_each_type(
    "missing",
    title="Recommended, but not offered",
    severity="note",
    when="the profile recommends it, and the server does not offer it",
    meaning="The profile recommends one that is not among the {} that the server offers.",
    why="Clients set up by the same profile may find nothing in common. It is not a weakness and costs nothing.",
    see="`ssh -vv HOST` prints the server's lists; `ssh -Q kex` and its like print what a release knows.",
    fix="Nothing need be done. If your clients need it, add it, or update to a release that has it.",
    references=("RFC 4253 section 7.1",),
)


@check(*MISSING.values())
def missing_algorithms(host: GradedHost) -> Iterator[Judgement]:
    """Find recommended algorithms that are not offered. Lists that were not seen are left out."""
    for category, offers in host.offers.items():
        rule = host.rules[category]
        if rule is None:
            continue
        # One name of a key type stands for the type.
        families = {entry.family for name in offers if category == "host_key" and (entry := lookup("host_key", name))}
        gss = any(name.startswith("gss-") for name in offers)
        wanted = [*rule.recommended, *(name for name, word in rule.words.items() if word in _RECOMMENDING)]
        for same in dict.fromkeys(canonical(category, name) for name in wanted):
            entry = lookup(category, same)
            if same in offers or (entry is not None and entry.family in families):
                continue
            if weakness_of(category, same) is not None or (same.startswith("gss-") and not gss):
                # Nobody should add a weak algorithm, nor GSS-API where it is not in use.
                continue
            if would_expose(host.observation, category, same):
                continue  # to Terrapin
            yield Judgement(
                MISSING[category],
                severity="note",
                algorithm=same,
                message="stock has it, not offered here"
                if is_stock(host.profile.id)
                else "recommended, but not offered: some clients may fail",
                expected=same,
                observed="not offered",
                references=(cite_name(host.profile, rule, category, same),),
            )
