"""The numbers of the groups that a group exchange brought, whatever a profile says: none of these is a deviation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sshprobe.algorithms import known_group
from sshprobe.grading.keys.safe_primes import (
    BUDGET,
    LARGEST_BITS,
    cost_of,
    cost_of_power,
    has_smooth_order,
    is_tested_at_once,
    kind_of_modulus,
)
from sshprobe.grading.score import Judgement, worst_of_each
from sshprobe.grading.sizes import offers_group_exchange
from sshprobe.model.observation import GroupExchange, Observation

_FEW = 4


_SHORT_DIGITS = 4096 // 4
"""So few groups of so many hexadecimal digits cost less than `BUDGET`."""


def judge_groups(observation: Observation) -> Iterator[Judgement]:
    """`group_exchange.not_safe_prime`, `.generator` and `.standard_group`, at most one of each, the worst."""
    if offers_group_exchange(observation):
        found = [judged for each in judged_groups(observation.group_exchange or ()) for judged in each or ()]
        yield from worst_of_each(found)


def judged_groups(exchanges: Sequence[GroupExchange]) -> list[tuple[Judgement, ...] | None]:
    """All that is said of the group of each exchange; None for a group that was not tested.

    A server can send groups that take seconds to test. So what the tests of one host cost is bounded by `BUDGET`,
    whatever the speed of this machine: each group is tested once, the cheap tests first, then the smallest groups.
    """
    groups = {(each.modulus, each.generator) for each in exchanges}
    if len(groups) < 2 or (len(groups) <= _FEW and all(len(p or "") <= _SHORT_DIGITS for p, _ in groups)):
        return [judged_group(exchange) for exchange in exchanges]
    judged: dict[tuple[str | None, str | None], tuple[Judgement, ...] | None] = {}
    left = BUDGET
    tested: set[int] = set()
    numbers = {group: _number(group[0]) for group in groups}
    for group in sorted(groups, key=lambda group: (numbers[group] or 0, *(text or "" for text in group))):
        p = numbers[group]
        if p is None or is_tested_at_once(p):
            judged[group] = () if p is None else _judged_group(p, _number(group[1]))
            continue
        if (cost_of_power(p) if p in tested else cost_of(p)) > left:
            judged[group] = None
            continue
        kind = kind_of_modulus(p)
        judged[group] = _judged_group(p, _number(group[1]))
        if p not in tested:
            left -= cost_of_power(p) if kind == "composite" else cost_of(p)
        elif kind == "unsafe":
            left -= cost_of_power(p)  # that of another generator
        tested.add(p)
    return [judged[exchange.modulus, exchange.generator] for exchange in exchanges]


def leaves_groups_untested(observation: Observation) -> bool:
    """Whether a server sent more groups than are tested of one host."""
    return None in judged_groups(observation.group_exchange or ())


def judged_group(exchange: GroupExchange) -> tuple[Judgement, ...]:
    """All that is said of the group that an exchange brought. Depends on its modulus and its generator alone."""
    p = _number(exchange.modulus)
    return () if p is None else _judged_group(p, _number(exchange.generator))


@lru_cache(maxsize=256)  # servers take their groups from one of a few lists
def _judged_group(p: int, g: int | None) -> tuple[Judgement, ...]:
    return tuple(_judge_group(p, g))


def _judge_group(p: int, g: int | None) -> Iterator[Judgement]:
    kind = "composite" if p < 5 else kind_of_modulus(p)
    if kind in ("composite", "unsafe"):
        yield Judgement(
            id="group_exchange.not_safe_prime",
            severity="high" if kind == "composite" else "medium",
            category="group_exchange",
            message="the modulus is not prime: secrets made with it can be computed from its factors"
            if kind == "composite"
            else "the modulus is prime but (p-1)/2 is not: secrets may leak in small subgroups",
            expected="a safe prime",
            observed=f"{p.bit_length()} bits, {'not prime' if kind == 'composite' else 'no safe prime'}",
            references=("RFC 4419 section 3", "CVE-2016-0701"),
        )
    out_of_range = g is not None and not 1 < g < p - 1
    if out_of_range or (g is not None and kind == "unsafe" and has_smooth_order(g, p)):
        yield Judgement(
            id="group_exchange.generator",
            severity="high",
            category="group_exchange",
            message="the generator is out of range: anyone can compute the secret"
            if out_of_range
            else "the order of the generator has only small prime factors: anyone can compute the secret",
            expected="between 2 and p-2" if out_of_range else "a generator whose order has a large prime factor",
            observed="out of that range" if out_of_range else "a generator of smooth order",
            references=("RFC 4419 section 3", "RFC 4253 section 8"),
        )
    group = known_group(p) if p > 0 else None
    if group is not None and group.name:
        yield Judgement(
            id="group_exchange.standard_group",
            severity="note",
            category="group_exchange",
            message=f"the fixed {group.name} of {group.references}, as a server without a moduli file sends it",
            expected="a group of the server's moduli file",
            observed=group.name,
            references=(group.references, "moduli(5)"),
        )


def _number(text: str | None) -> int | None:
    """Read a number in hex. Records can come from anywhere: what is none, or is too long, was not observed."""
    if text is None or not text.isascii() or len(text) > LARGEST_BITS // 4 + 2:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None
