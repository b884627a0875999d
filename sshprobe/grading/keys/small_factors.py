"""Factors that anyone finds at once: the primes below 2^16, by one greatest common divisor with all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

LIMIT = 1 << 16
"""Primes below this are small."""

NUMBERS_WITHOUT_GMPY2 = 200
"""So many numbers are tested without gmpy2, whose import takes as long. It is six to eight times as fast."""

_tested = itertools.count()


def has_small_factor(n: int) -> bool:
    """Return whether a prime below 2^16 divides a positive n."""
    product = _product() if next(_tested) < NUMBERS_WITHOUT_GMPY2 else _fast_product()
    return math.gcd(int(product % n), n) != 1


def smooth_part(n: int) -> int:
    """Return the largest divisor of a positive n that has only prime factors below 2^16."""
    # A prime divides n at most as often as n has bits: so n divides that power of the product as far as it is smooth.
    power = int(_product() % n)
    for _ in range(n.bit_length().bit_length()):
        power = power * power % n
    return math.gcd(power, n)


def primes_below(limit: int) -> Iterator[int]:
    """Yield the primes below `limit` in order (the sieve of Eratosthenes)."""
    is_prime = bytearray([1]) * limit
    is_prime[:2] = bytes(min(limit, 2))
    for n in range(2, math.isqrt(limit) + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = bytes(len(range(n * n, limit, n)))
    return itertools.compress(range(limit), is_prime)


@cache
def _product() -> int:
    factors = list(primes_below(LIMIT))
    while len(factors) > 1:  # factors of like size: three times as fast as one by one
        factors = [math.prod(factors[i : i + 8]) for i in range(0, len(factors), 8)]
    return factors[0]


@cache
def _fast_product() -> Any:
    """Return the same number, as gmpy2's if it is installed."""
    try:
        from gmpy2 import mpz
    except ImportError:
        return _product()
    return mpz(_product())
