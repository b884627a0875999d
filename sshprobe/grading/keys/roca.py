"""ROCA (CVE-2017-15361): RSA moduli made by a faulty Infineon library, told by the modulus alone.

The library's primes are p = k * M + (65537^a mod M), with M a primorial. So p and q, and with them N = p * q, lie in
the subgroup that 65537 generates modulo M (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017). The M of
the shortest keys, the product of the 39 primes up to 167, divides that of all longer ones: one test serves for all.
"""

from __future__ import annotations

import math
from functools import cache

GENERATOR = 65537

PRIMES = tuple(n for n in range(2, 168) if all(n % d for d in range(2, n)))
"""The primes whose product is `M`."""

M = math.prod(PRIMES)

# The order of 65537 modulo M, in its prime powers: 2454106387091158800.
_POWERS = (16, 81, 25, 7, 11, 13, 17, 23, 29, 37, 41, 53, 83)
ORDER = math.prod(_POWERS)


def _reached(p: int) -> frozenset[int]:
    """Return all powers of the generator modulo an odd prime."""
    powers = [1]
    while (power := powers[-1] * GENERATOR % p) != 1:
        powers.append(power)
    return frozenset(powers)


# The primes modulo which 65537 does not reach everything: alone they let one in 2^27.8 random moduli through.
_TELLING = {p: reached for p in PRIMES[1:] if len(reached := _reached(p)) < p - 1}


def is_roca(modulus: int) -> bool:
    """Return whether a modulus lies in the subgroup; of random ones, one in 2^155 does."""
    residue = modulus % M
    if any(residue % p not in reached for p, reached in _TELLING.items()):
        return False
    return _is_power_of_generator(residue)


def _is_power_of_generator(residue: int) -> bool:
    """Return whether `residue` is 65537^a modulo M for some a: the exact test.

    An element whose order divides that of the generator is the product of its components of prime power order, and
    each of them must be a power of the generator's (Pohlig and Hellman).
    """
    if pow(residue, ORDER, M) != 1:
        return False
    return all(pow(residue, ORDER // power, M) in _component(power) for power in _POWERS)


@cache
def _component(power: int) -> frozenset[int]:
    base = pow(GENERATOR, ORDER // power, M)
    return frozenset(pow(base, exponent, M) for exponent in range(power))
