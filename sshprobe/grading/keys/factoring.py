"""RSA moduli that can be factored, or need not be: tests that take too long for a scan, and are made once a key.

A modulus that is prime, or a power of one, is its own factorisation. One of two primes is found by the method of
Pollard ("Theorems on factorization and primality testing", 1974) if one of the primes less one has small factors alone.
gmpy2 makes both about eight times as fast; without it the second test reaches less far.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

from sshprobe.grading.keys.safe_primes import power_modulo
from sshprobe.grading.keys.small_factors import primes_below

LARGEST_BITS = 8192
"""Larger moduli are not tested."""

_SMOOTH = ((2048, 20_000), (3072, 12_000), (4096, 6_000))
"""Up to so many bits of the modulus, up to which number the factors of p-1 are tried with gmpy2: in some 30 ms."""

_SMOOTH_WITHOUT_GMPY2 = 1_000
"""Up to 4096 bits."""


@lru_cache(maxsize=4096)
def is_factored(n: int, *, fast: bool, few: bool = True) -> bool:
    """Return whether an odd modulus is prime, a power of a prime, or factored by Pollard's method within its bounds.

    `fast` says to use gmpy2, which has to be there. False above `LARGEST_BITS`, where nothing is tested.
    Not `few`: there are so many moduli that the bounds are those of a test without gmpy2.
    """
    if n < 3 or n.bit_length() > LARGEST_BITS:
        return False
    power = power_modulo() if fast else pow
    # Fermat: modulo each prime p, 2^p = 2. So p divides 2^n - 2 for n = p, and for n = p^k.
    if math.gcd(int(power(2, n, n)) - 2, n) != 1:
        return True
    bound = smooth_bound(n.bit_length(), fast=fast and few)
    return bound > 1 and math.gcd(int(power(2, _exponent(bound), n)) - 1, n) != 1


def smooth_bound(bits: int, *, fast: bool) -> int:
    """Return up to which number the factors of p-1 are tried, for a modulus of so many bits; 1 where none are."""
    bound = next((bound for most, bound in _SMOOTH if bits <= most), 1)
    return bound if fast else min(bound, _SMOOTH_WITHOUT_GMPY2)


@cache
def _exponent(bound: int) -> int:
    """Return the least common multiple of the numbers up to `bound`: what each smooth p-1 divides."""
    factors = []
    for p in primes_below(bound + 1):
        power = p
        while power * p <= bound:
            power *= p
        factors.append(power)
    while len(factors) > 1:
        factors = [math.prod(factors[i : i + 8]) for i in range(0, len(factors), 8)]
    return factors[0]
