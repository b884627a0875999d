"""Whether the group of a group exchange is one: a safe prime and a generator in range (RFC 4419 section 3).

In such a group no computation in a small subgroup helps. Numbers that are known to be safe primes are looked up; others
are tested once and remembered. gmpy2 makes that about ten times faster, if it is installed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal

from sshprobe.algorithms import known_group
from sshprobe.grading.keys.small_factors import primes_below, smooth_part

Kind = Literal["safe", "unsafe", "composite"]

LARGEST_BITS = 8192
"""The largest modulus that is tested: the largest that we ask for."""

_ROUNDS = 2
_LONG_BITS = 4096
"""Above this one base is enough for (p-1)/2: that a number chosen at random passes is far less likely than for 2048
bits with two (Damgard, Landrock and Pomerance, "Average case error estimates for the strong probable prime test",
1993), and a second one costs as much as everything else together."""

BUDGET = 1024
"""What the tests of one host's groups may cost: two powers modulo 8192 bits, or 128 modulo 2048 bits."""

_ALL_OF_THEM = 2000**2
"""Below this a number without a factor below 2000 is prime."""


def cost_of(p: int) -> int:
    """Return what the test of p costs at most, in the unit of `BUDGET`: a power modulo 1024 bits."""
    bits = p.bit_length()
    return (1 + (_ROUNDS if bits <= _LONG_BITS else 1)) * (bits**3 >> 30)


def cost_of_power(p: int) -> int:
    """Return what one power modulo p costs, in the same unit."""
    return p.bit_length() ** 3 >> 30


def is_tested_at_once(p: int) -> bool:
    """Return whether the kind of p costs no power: it is known, too large to be tested, or has a small factor."""
    return p < 5 or p % 2 == 0 or p.bit_length() > LARGEST_BITS or known_group(p) is not None or _has_small_factor(p)


@lru_cache(maxsize=1024)
def kind_of_modulus(p: int) -> Kind | None:
    """Return whether p is a safe prime, a prime with a composite (p-1)/2, or composite. None: too large to be tested.

    "safe" is a matter of overwhelming probability: p and (p-1)/2 pass the test of Miller and Rabin, to bases that
    follow from p, so that the answer is always the same. Who makes up a number to deceive this test gains nothing:
    the server sees what is sent through it anyway.
    """
    if known_group(p) is not None:
        return "safe"
    if p.bit_length() > LARGEST_BITS:
        return None
    if p < 5 or p % 2 == 0 or _has_small_factor(p) or not _passes(p, 2):
        return "composite"
    q = p >> 1
    # If q is prime, 2^(p-1) = 1 modulo p proves p (Pocklington): one base is enough for p.
    if (
        q % 2 == 0
        or _has_small_factor(q)
        or not all(_passes(q, base) for base in _bases(q)[: 1 if p.bit_length() > _LONG_BITS else None])
    ):
        return "unsafe"
    return "safe"


def has_smooth_order(g: int, p: int) -> bool:
    """Return whether the order of g modulo a prime p has only small prime factors, as each order up to 2^16 has.

    All are below 2^16, but for one of at most 64 bits. Then the method of Pohlig and Hellman (IEEE Transactions on
    Information Theory 24, 1978) computes what is secret, with 2^32 steps for the one.
    """
    smooth = smooth_part(p - 1)
    return ((p - 1) // smooth).bit_length() <= 64 or int(power_modulo()(g, smooth, p)) == 1


def is_probable_prime(n: int) -> bool:
    """Return whether n is prime, with overwhelming probability: the same test, and the same answer each time."""
    if n < 3 or n % 2 == 0:
        return n == 2
    return not _has_small_factor(n) and all(_passes(n, base) for base in (2, *_bases(n)))


def _has_small_factor(n: int) -> bool:
    if n < _ALL_OF_THEM:
        return any(n % d == 0 for d in range(2, math.isqrt(n) + 1))
    return math.gcd(n % _odd_primes(), _odd_primes()) != 1


@cache
def _odd_primes() -> int:
    """Return the product of the odd primes below 2000: worked out where a group has to be tested."""
    return math.prod(primes_below(2000)) // 2


def _bases(n: int) -> list[int]:
    if n < _ALL_OF_THEM:
        return []
    size = n.bit_length() // 8 + 8
    digest = hashlib.shake_256(n.to_bytes(size, "big")).digest(size * _ROUNDS)
    return [int.from_bytes(digest[size * i : size * (i + 1)], "big") % (n - 3) + 2 for i in range(_ROUNDS)]


@cache
def power_modulo() -> Callable[[int, int, int], int]:
    """Return how to raise to a power. gmpy2 takes long to import, for a scan that meets known groups alone."""
    try:
        from gmpy2 import powmod
    except ImportError:
        return pow
    power: Callable[[int, int, int], int] = powmod
    return power


def _passes(n: int, base: int) -> bool:
    """One round of Miller and Rabin on an odd n."""
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    x = int(power_modulo()(base, (n - 1) >> twos, n))
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False
