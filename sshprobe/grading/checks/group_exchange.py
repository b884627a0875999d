"""The groups of a group exchange (RFC 4419, RFC 8270): the smallest modulus, and the numbers of each group.

The size depends on the profile. The numbers do not, and are never a deviation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sshprobe.algorithms import known_group
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, worst_of_each
from sshprobe.grading.keys.primes import (
    BUDGET,
    LARGEST_BITS,
    cost_of,
    cost_of_power,
    has_smooth_order,
    is_tested_at_once,
    kind_of_modulus,
)
from sshprobe.grading.sizes import (
    SAFE_MODULUS_BITS,
    group_exchange_methods,
    methods_without_modulus,
    smallest_modulus,
)
from sshprobe.model.observation import GroupExchange, Observation
from sshprobe.model.verdict import Finding

LOGJAM_BITS = 1024
"""Governments can break groups of this size (CVE-2015-4000, https://weakdh.org)."""

_FEW = 4
_SHORT_DIGITS = 4096 // 4
"""Up to `_FEW` groups of up to this many hexadecimal digits cost less than `BUDGET`."""

_NEW_MODULI = """Replace the moduli file with the vendor's, or make a new one: `ssh-keygen -M generate`, then `-M
    screen`."""
_NUMBERS_ADVICE = "replace the moduli file by the vendor's or by a new one"

MODULUS = FindingType(
    id="group_exchange.modulus",
    title="Group exchange with a small modulus",
    severity="high below 2048 bits, else low",
    deviation="if below the profile",
    when="the smallest group that the server sent is too small, and group exchange is on offer",
    meaning="""When asked for its smallest group, the server sent a prime that is smaller than the profile or RFC 8270
        allows.""",
    why="""Discrete logarithms of 1024 bits are within reach of states, and one computation serves for every connection
        that uses the same prime. 2048 bits are 112 bits of strength, 3072 are 128.""",
    see="""`ssh -vv -o KexAlgorithms=diffie-hellman-group-exchange-sha256 HOST` prints "bits set" of the group that it
        got. The fifth field of /etc/ssh/moduli is the number of bits less one.""",
    fix="Remove the small groups from /etc/ssh/moduli, or switch group exchange off.",
    references=("RFC 4419", "RFC 8270", "https://weakdh.org", "NIST SP 800-57 Part 1 Rev. 5, Table 2"),
    label="small moduli",
    also_called=("group", "moduli", "modulus"),
)

NOT_SAFE_PRIME = FindingType(
    id="group_exchange.not_safe_prime",
    title="A group whose modulus is not a safe prime",
    severity="high if p is not prime, else medium",
    when="the modulus p of a group that the server sent is not prime, or (p-1)/2 is not",
    why="""In other groups, logarithms can be computed in small parts. A composite modulus may be a back door for anyone
        who knows its factors.""",
    see="`ssh-keygen -M screen -f /etc/ssh/moduli OUT` keeps the safe primes.",
    fix=_NEW_MODULI,
    advice=f"{_NUMBERS_ADVICE} (ssh-keygen -M generate, then -M screen)",
    advice_elsewhere=_NUMBERS_ADVICE,
    references=("RFC 4419 section 3", "CVE-2016-0701"),
    label="groups without a safe prime",
    codes={"not-safe-prime": "a modulus that is not a safe prime"},
)

GENERATOR = FindingType(
    id="group_exchange.generator",
    title="A generator that gives the secret away",
    severity="high",
    when="the generator of a group that the server sent is below 2 or above p-2, or its order has only small factors",
    meaning="""The generator of a group exchange is below 2 or above p-2, or its order has only prime factors below
        2^16, except for one of at most 64 bits. A generator of order 3 is one of these.""",
    why="""All secrets made with it are among a few numbers that anyone can list, or can be computed one small factor at
        a time.""",
    see="The sixth field of a line of /etc/ssh/moduli is the generator, the seventh the modulus.",
    fix=_NEW_MODULI,
    advice=NOT_SAFE_PRIME.advice,
    advice_elsewhere=NOT_SAFE_PRIME.advice_elsewhere,
    references=("RFC 4419 section 3", "Pohlig and Hellman, IEEE Transactions on Information Theory 24, 1978"),
    label="generators that give the secret away",
    codes={"bad-generator": "a generator that gives the secret away"},
)

STANDARD_GROUP = FindingType(
    id="group_exchange.standard_group",
    title="A group of an RFC in a group exchange",
    severity="note",
    when="the server sent a group of RFC 2409 or RFC 3526, as servers without a moduli file do",
    meaning="""When asked for a group, the server sent one of RFC 2409 or RFC 3526. OpenSSH sends group 14, 16 or 18, by
        the largest size that the client accepts, if it cannot open its moduli file; up to 9.9 also if nothing in the
        file fits.""",
    why="""It costs nothing: the groups are sound from 2048 bits on. But an administrator who removed small moduli may
        have removed all, and very many servers share these primes.""",
    see='The log of sshd says "could not open /etc/ssh/moduli, using fixed modulus" or "no suitable primes".',
    fix="""Restore /etc/ssh/moduli from the package, without its small groups, or make a new one: `ssh-keygen -M
        generate`, then `-M screen`.""",
    advice="put the moduli file back, or make a new one (ssh-keygen -M generate, then -M screen)",
    advice_elsewhere="",
    references=("RFC 3526", "moduli(5)", "OpenSSH source, dh.c: dh_new_group_fallback"),
)


def _missing(host: GradedHost) -> Iterator[str]:
    rule = host.profile.group_exchange
    if rule is None:
        return
    if host.observation.kex_algorithms is None and host.profile.kex is None:
        yield "key exchange methods"
    if host.offers_group_exchange and smallest_modulus(host.observation, rule.min_bits) is None:
        open_methods = methods_without_modulus(host.observation, rule.min_bits)
        if len(open_methods) == len(group_exchange_methods(host.observation)):
            yield "the smallest group-exchange modulus"
        else:
            yield from (f"the smallest modulus of {method}" for method in open_methods)


@check(MODULUS, missing=_missing)
def smallest_group(host: GradedHost) -> Iterator[Finding]:
    """Find a small modulus. After a refusal or without an answer there is no finding: the modulus was not observed."""
    if not host.offers_group_exchange:
        return
    observation, profile = host.observation, host.profile
    rule = profile.group_exchange
    least = SAFE_MODULUS_BITS if rule is None else rule.wanted_bits
    bits = smallest_modulus(observation, least)
    if bits is None:  # a small modulus is weak, even if it may not be the smallest
        sizes = [each.modulus_bits or SAFE_MODULUS_BITS for each in observation.group_exchange or ()]
        bits = min(sizes, default=SAFE_MODULUS_BITS)
        if bits >= SAFE_MODULUS_BITS:
            return
    if bits >= max(least, SAFE_MODULUS_BITS):
        return
    asks = "asks for" if rule is not None and bits < rule.min_bits else "advises"
    small = bits < SAFE_MODULUS_BITS
    yield MODULUS.judge(
        severity="high" if small else "low",
        message=f"{bits}-bit modulus; "
        + (f"the profile {asks} {least}" if rule is not None and bits < least else "less than 2048 is weak"),
        expected=f"{max(least, SAFE_MODULUS_BITS)} bits or more" if small else f"{least} bits or more",
        observed=f"{bits} bits",
        references=(
            *(() if rule is None else (profile.cite(rule),)),
            "RFC 8270",
            "NIST SP 800-57 Part 1 Rev. 5, Table 2",
        ),
        deviation=rule is not None and bits < rule.min_bits,
        weaknesses=() if not small else ("logjam",) if bits <= LOGJAM_BITS else ("low-strength",),
    )


@check(NOT_SAFE_PRIME, GENERATOR, STANDARD_GROUP)
def group_numbers(host: GradedHost) -> list[Finding]:
    """Find groups that leak secrets or that many servers share: the worst of each type of finding."""
    if not host.offers_group_exchange:
        return []
    return worst_of_each(
        [judged for each in judge_groups(host.observation.group_exchange or ()) for judged in each or ()]
    )


def judge_groups(exchanges: Sequence[GroupExchange]) -> list[tuple[Finding, ...] | None]:
    """Return the findings on the group of each exchange. None: the group was not tested.

    A server can send groups that take seconds to test. So `BUDGET` limits the cost of the tests of one host. Each group
    is tested once, the cheap tests first, then the smallest groups.
    """
    groups = {(each.modulus, each.generator) for each in exchanges}
    if len(groups) < 2 or (len(groups) <= _FEW and all(len(p or "") <= _SHORT_DIGITS for p, _ in groups)):
        return [_judge_group(exchange) for exchange in exchanges]
    judged: dict[tuple[str | None, str | None], tuple[Finding, ...] | None] = {}
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
            left -= cost_of_power(p)  # for its generator
        tested.add(p)
    return [judged[exchange.modulus, exchange.generator] for exchange in exchanges]


def leaves_groups_untested(observation: Observation) -> bool:
    """Return whether a server sent more groups than the tests of one host cover."""
    return None in judge_groups(observation.group_exchange or ())


def _judge_group(exchange: GroupExchange) -> tuple[Finding, ...]:
    p = _number(exchange.modulus)
    return () if p is None else _judge_numbers(p, _number(exchange.generator))


@lru_cache(maxsize=256)  # servers take their groups from one of a few lists
def _judge_numbers(p: int, g: int | None) -> tuple[Finding, ...]:
    return tuple(_judge_tested(p, g))


def _judge_tested(p: int, g: int | None) -> Iterator[Finding]:
    kind = "composite" if p < 5 else kind_of_modulus(p)
    if kind in ("composite", "unsafe"):
        yield NOT_SAFE_PRIME.judge(
            severity="high" if kind == "composite" else "medium",
            message="the modulus is not prime: secrets made with it can be computed from its factors"
            if kind == "composite"
            else "the modulus is prime but (p-1)/2 is not: secrets may leak in small subgroups",
            expected="a safe prime",
            observed=f"{p.bit_length()} bits, {'not prime' if kind == 'composite' else 'no safe prime'}",
        )
    out_of_range = g is not None and not 1 < g < p - 1
    if out_of_range or (g is not None and kind == "unsafe" and has_smooth_order(g, p)):
        yield GENERATOR.judge(
            message="the generator is out of range: anyone can compute the secret"
            if out_of_range
            else "the order of the generator has only small prime factors: anyone can compute the secret",
            expected="between 2 and p-2" if out_of_range else "a generator whose order has a large prime factor",
            observed="out of that range" if out_of_range else "a generator of smooth order",
            references=("RFC 4419 section 3", "RFC 4253 section 8"),
        )
    group = known_group(p) if p > 0 else None
    if group is not None and group.name:
        yield STANDARD_GROUP.judge(
            message=f"the fixed {group.name} of {group.references}, as a server without a moduli file sends it",
            expected="a group of the server's moduli file",
            observed=group.name,
            references=(group.references, "moduli(5)"),
        )


def _number(text: str | None) -> int | None:
    """Return the value of a hexadecimal number. None: too long or not a number, since records are not trusted."""
    if text is None or not text.isascii() or len(text) > LARGEST_BITS // 4 + 2:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None
