"""The numbers of the groups that a group exchange brought, whatever a profile says: none of these is a deviation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sshprobe.algorithms import known_group
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement, worst_of_each
from sshprobe.grading.keys.safe_primes import (
    BUDGET,
    LARGEST_BITS,
    cost_of,
    cost_of_power,
    has_smooth_order,
    is_tested_at_once,
    kind_of_modulus,
)
from sshprobe.model.observation import GroupExchange, Observation

_FEW = 4


_SHORT_DIGITS = 4096 // 4
"""So few groups of so many hexadecimal digits cost less than `BUDGET`."""


NOT_SAFE_PRIME = FindingType(
    id="group_exchange.not_safe_prime",
    title="A group whose modulus is not a safe prime",
    severity="high if p is not prime, else medium",
    when="p, or (p-1)/2, of a group that was sent is not prime",
    meaning="The modulus of a group exchange, p, is not prime, or (p-1)/2 is not.",
    why="""In other groups logarithms can be taken in small parts. A composite modulus may be a back door for who knows
        its factors.""",
    see="`ssh-keygen -M screen -f /etc/ssh/moduli OUT` keeps those that are safe primes.",
    fix="Replace the moduli file by that of the vendor, or make a new one: `ssh-keygen -M generate`, then `-M screen`.",
    references=("RFC 4419 section 3", "CVE-2016-0701"),
    label="groups without a safe prime",
    weaknesses=("not-safe-prime",),
    codes={"not-safe-prime": "a modulus that is not a safe prime"},
)

GENERATOR = FindingType(
    id="group_exchange.generator",
    title="A generator that hides nothing",
    severity="high",
    when="the generator of a group that was sent is below 2 or above p-2, or its order has only small prime factors",
    meaning="""The generator of a group exchange is below 2 or above p-2, or its order has only prime factors below
        2^16, but for one of at most 64 bits. A generator of order 3 is one of these.""",
    why="""All secrets made with it are among a few numbers that anyone can write down, or can be computed a small
        factor at a time.""",
    see="The sixth field of a line of /etc/ssh/moduli is the generator, the seventh the modulus.",
    fix="Replace the moduli file by that of the vendor, or make a new one: `ssh-keygen -M generate`, then `-M screen`.",
    references=("RFC 4419 section 3", "Pohlig and Hellman, IEEE Transactions on Information Theory 24, 1978"),
    label="generators that hide nothing",
    weaknesses=("bad-generator",),
    codes={"bad-generator": "a generator that gives the secret away"},
)

STANDARD_GROUP = FindingType(
    id="group_exchange.standard_group",
    title="A group of an RFC in a group exchange",
    severity="note",
    when="the group that was sent is one of RFC 2409 or RFC 3526, as a server without a moduli file sends it",
    meaning="""Asked for a group, the server sent one of RFC 2409 or RFC 3526. OpenSSH sends group 14, 16 or 18, by the
        largest size that the client takes, where it cannot open its moduli file; up to 9.9 also where nothing in the
        file fits.""",
    why="""It costs nothing: the groups are sound from 2048 bits on. But who took small moduli out of the file may have
        taken out all, and everybody's servers share these primes.""",
    see='The log of sshd says "could not open /etc/ssh/moduli, using fixed modulus" or "no suitable primes".',
    fix="""Put /etc/ssh/moduli back from the package, without its small groups, or make a new one: `ssh-keygen -M
        generate`, then `-M screen`.""",
    references=("RFC 3526", "moduli(5)", "OpenSSH source, dh.c: dh_new_group_fallback"),
)


@check(NOT_SAFE_PRIME, GENERATOR, STANDARD_GROUP)
def group_numbers(host: GradedHost) -> list[Judgement]:
    """Find groups that give secrets away or that everybody has: of each type of finding the worst."""
    if not host.offers_group_exchange:
        return []
    found = [judged for each in judge_groups(host.observation.group_exchange or ()) for judged in each or ()]
    return worst_of_each(sorted(found, key=lambda each: each.observed))


def judge_groups(exchanges: Sequence[GroupExchange]) -> list[tuple[Judgement, ...] | None]:
    """Return the judgements on the group of each exchange; None for a group that was not tested.

    A server can send groups that take seconds to test. So `BUDGET` bounds the cost of the tests of one host, whatever
    the speed of this machine: each group is tested once, the cheap tests first, then the smallest groups.
    """
    groups = {(each.modulus, each.generator) for each in exchanges}
    if len(groups) < 2 or (len(groups) <= _FEW and all(len(p or "") <= _SHORT_DIGITS for p, _ in groups)):
        return [judge_group(exchange) for exchange in exchanges]
    judged: dict[tuple[str | None, str | None], tuple[Judgement, ...] | None] = {}
    left = BUDGET
    tested: set[int] = set()
    numbers = {group: _number(group[0]) for group in groups}
    for group in sorted(groups, key=lambda group: (numbers[group] or 0, *(text or "" for text in group))):
        p = numbers[group]
        if p is None or is_tested_at_once(p):
            judged[group] = () if p is None else _judge_numbers(p, _number(group[1]))
            continue
        if (cost_of_power(p) if p in tested else cost_of(p)) > left:
            judged[group] = None
            continue
        kind = kind_of_modulus(p)
        judged[group] = _judge_numbers(p, _number(group[1]))
        if p not in tested:
            left -= cost_of_power(p) if kind == "composite" else cost_of(p)
        elif kind == "unsafe":
            left -= cost_of_power(p)  # that of another generator
        tested.add(p)
    return [judged[exchange.modulus, exchange.generator] for exchange in exchanges]


def leaves_groups_untested(observation: Observation) -> bool:
    """Return whether a server sent more groups than are tested of one host."""
    return None in judge_groups(observation.group_exchange or ())


def judge_group(exchange: GroupExchange) -> tuple[Judgement, ...]:
    """Return the judgements on the group of one exchange. They depend on its modulus and its generator alone."""
    p = _number(exchange.modulus)
    return () if p is None else _judge_numbers(p, _number(exchange.generator))


@lru_cache(maxsize=256)  # servers take their groups from one of a few lists
def _judge_numbers(p: int, g: int | None) -> tuple[Judgement, ...]:
    return tuple(_judge_tested(p, g))


def _judge_tested(p: int, g: int | None) -> Iterator[Judgement]:
    kind = "composite" if p < 5 else kind_of_modulus(p)
    if kind in ("composite", "unsafe"):
        yield Judgement(
            NOT_SAFE_PRIME,
            severity="high" if kind == "composite" else "medium",
            message="the modulus is not prime: secrets made with it can be computed from its factors"
            if kind == "composite"
            else "the modulus is prime but (p-1)/2 is not: secrets may leak in small subgroups",
            expected="a safe prime",
            observed=f"{p.bit_length()} bits, {'not prime' if kind == 'composite' else 'no safe prime'}",
        )
    out_of_range = g is not None and not 1 < g < p - 1
    if out_of_range or (g is not None and kind == "unsafe" and has_smooth_order(g, p)):
        yield Judgement(
            GENERATOR,
            severity="high",
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
            STANDARD_GROUP,
            severity="note",
            message=f"the fixed {group.name} of {group.references}, as a server without a moduli file sends it",
            expected="a group of the server's moduli file",
            observed=group.name,
            references=(group.references, "moduli(5)"),
        )


def _number(text: str | None) -> int | None:
    """Return a number in hex. Records can come from anywhere: what is not a number, or too long, was not observed."""
    if text is None or not text.isascii() or len(text) > LARGEST_BITS // 4 + 2:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None
