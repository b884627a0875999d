"""The smallest modulus that a group exchange brings (RFC 4419, RFC 8270)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement
from sshprobe.grading.sizes import (
    SAFE_MODULUS_BITS,
    group_exchange_methods,
    methods_without_modulus,
    smallest_modulus,
)

LOGJAM_BITS = 1024
"""Groups of so many bits are within reach of states (CVE-2015-4000, https://weakdh.org)."""


MODULUS = FindingType(
    id="group_exchange.modulus",
    title="Group exchange with a small modulus",
    severity="high below 2048 bits, else low",
    deviation="if below the profile",
    when="the smallest group sent is too small, and group exchange is offered",
    meaning="""Asked for the smallest group it uses, the server sent a prime smaller than the profile or RFC 8270
        allows.""",
    why="""Discrete logarithms of 1024 bits are within reach of states, and one computation serves for every connection
        that uses the same prime. 2048 bits are 112 bits of strength, 3072 are 128.""",
    see="""`ssh -vv -o KexAlgorithms=diffie-hellman-group-exchange-sha256 HOST` prints "bits set" of the group that it
        got; the fifth field of /etc/ssh/moduli is the bits less one.""",
    fix="Take the small ones out of /etc/ssh/moduli, or leave out group exchange.",
    references=("RFC 4419", "RFC 8270", "https://weakdh.org", "NIST SP 800-57 Part 1 Rev. 5, Table 2"),
    label="small moduli",
    also_called=("group", "moduli", "modulus"),
)


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield the modulus where the profile bounds it, the server offers a group exchange, and no answer counts."""
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
def smallest_group(host: GradedHost) -> Iterator[Judgement]:
    """Find a small modulus. A refusal or no answer is not a finding: it was not observed."""
    if not host.offers_group_exchange:
        return
    observation, profile = host.observation, host.profile
    rule = profile.group_exchange
    least = SAFE_MODULUS_BITS if rule is None else rule.wanted_bits
    bits = smallest_modulus(observation, least)
    if bits is None:  # one that was sent is weak if it is small, be there smaller ones or not
        sizes = [each.modulus_bits or SAFE_MODULUS_BITS for each in observation.group_exchange or ()]
        bits = min(sizes, default=SAFE_MODULUS_BITS)
        if bits >= SAFE_MODULUS_BITS:
            return
    if bits >= max(least, SAFE_MODULUS_BITS):
        return
    asks = "asks for" if rule is not None and bits < rule.min_bits else "advises"
    small = bits < SAFE_MODULUS_BITS
    yield Judgement(
        MODULUS,
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
