"""The smallest modulus that a group exchange brings (RFC 4419, RFC 8270)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.grading.score import Judgement
from sshprobe.grading.sizes import (
    SAFE_MODULUS_BITS,
    offers_group_exchange,
    smallest_modulus,
)
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile

LOGJAM_BITS = 1024
"""Groups of so many bits are within reach of states (CVE-2015-4000, https://weakdh.org)."""


def judge_group_exchange(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`group_exchange.modulus`. A refusal or no answer is no finding: it was not observed."""
    if not offers_group_exchange(observation):
        return
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
        id="group_exchange.modulus",
        severity="high" if small else "low",
        category="group_exchange",
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


def missing_group_exchange(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the modulus where the profile bounds it, it is in use, and no answer counts."""
    rule = profile.group_exchange
    if rule is None or not offers_group_exchange(observation):
        return
    if smallest_modulus(observation, rule.min_bits) is None:
        yield "the smallest group-exchange modulus"
