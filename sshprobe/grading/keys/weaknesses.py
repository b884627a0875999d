"""Weaknesses of one host key by itself: numbers that make the private key easy to find, or unnecessary.

RSA is tested here, DSA and the curves in `discrete_logs`. Fleets repeat keys, so results are cached by blob.

ROCA (CVE-2017-15361): a faulty Infineon library made primes p = k * M + (65537^a mod M), with M a primorial. So p, q
and N = p * q lie in the subgroup that 65537 generates modulo M (Nemec et al., "The Return of Coppersmith's Attack", CCS
2017). M of the shortest keys, the product of the 39 primes up to 167, divides M of all longer ones: one test serves
all.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Literal

from sshprobe.grading.keys.blobs import RSAKey, decoded, rsa_key, strings, without_x509
from sshprobe.grading.keys.discrete_logs import DSAWeakness, PointWeakness, dsa_weaknesses, point_weaknesses
from sshprobe.grading.keys.primes import has_small_factor, primes_below

RSAWeakness = Literal["malformed", "close_primes", "roca", "exponent", "small_private_exponent", "small_exponent"]
Weakness = RSAWeakness | DSAWeakness | PointWeakness

STANDARD_EXPONENT = 65537
"""The least public exponent that FIPS 186-5 (appendix A.1.1: above 2^16) allows."""

FERMAT_ROUNDS = 300
"""Steps of Fermat's method. Ordinary primes need far more steps than any computer can do."""

LARGEST_BITS = 8192
"""Limit for the method of Wiener, whose time grows with the cube of the length. Software does not make longer keys."""

_MOST_STRINGS = 6
"""A certificate of DSA has its type, a nonce and four numbers."""

_SIEVE = (64, 63, 65, 11, 17, 19, 23, 29, 31)
"""A square is a square modulo each of these. So is one in 3000 other numbers."""

GENERATOR = 65537
PRIMES = tuple(primes_below(168))
M = math.prod(PRIMES)

_POWERS = (16, 81, 25, 7, 11, 13, 17, 23, 29, 37, 41, 53, 83)
"""The prime powers of `ORDER`."""

ORDER = math.prod(_POWERS)
"""The order of 65537 modulo M: 2454106387091158800."""


@lru_cache(maxsize=4096)
def weaknesses_of(blob: str) -> tuple[Weakness, ...]:
    """Return the weaknesses of a host key, from `HostKey.blob`: RSA, DSA, ECDSA, Ed25519 and Ed448."""
    whole = without_x509(decoded(blob))
    key = rsa_key(whole)
    if key is not None:
        return rsa_weaknesses(key)
    fields = strings(whole, _MOST_STRINGS)
    return point_weaknesses(fields) or dsa_weaknesses(fields)


def rsa_weaknesses(key: RSAKey) -> tuple[RSAWeakness, ...]:
    """Return the weaknesses of an RSA key, worst first.

    - "malformed": the modulus is even or has another factor below 2^16: not a product of two large primes;
    - "close_primes": a few steps of Fermat's method factor it (CVE-2022-26320);
    - "roca": made by a faulty library (CVE-2017-15361);
    - "exponent": 1, even, or not below the modulus: no RSA key at all, or one that everybody can sign with;
    - "small_private_exponent": so small that the method of Wiener finds it from the public key;
    - "small_exponent": below 65537.
    """
    found: list[RSAWeakness] = []
    if has_small_factor(key.n):
        found.append("malformed")
    elif has_close_primes(key.n):
        found.append("close_primes")
    if key.e < 3 or key.e % 2 == 0 or key.e >= key.n:
        found.append("exponent")
    elif key.e < STANDARD_EXPONENT:
        found.append("small_exponent")
    elif has_small_private_exponent(key):
        found.append("small_private_exponent")
    if is_roca(key.n):
        found.append("roca")
    return tuple(found)


def has_small_private_exponent(key: RSAKey) -> bool:
    """Return whether continued fractions find the private exponent: one below n^(1/4) / 3. False above `LARGEST_BITS`.

    M. Wiener, "Cryptanalysis of short RSA secret exponents" (IEEE Transactions on Information Theory 36, 1990): k/d is
    a convergent of e/n, with e*d = 1 + k * phi(n). Such a d goes with an e almost as long as n.
    """
    e, n = key
    if 2 * e.bit_length() < n.bit_length() or n.bit_length() > LARGEST_BITS:
        return False
    above, below = e, n
    k, d, k_before, d_before = 1, 0, 0, 1
    while below and 4 * d.bit_length() <= n.bit_length() + 4:
        quotient, rest = divmod(above, below)
        above, below = below, rest
        k, k_before = quotient * k + k_before, k
        d, d_before = quotient * d + d_before, d
        if k > 0 and d > 1 and (e * d - 1) % k == 0:
            total = n + 1 - (e * d - 1) // k  # p + q, where this d is the right one
            square = total * total - 4 * n
            if square >= 0 and math.isqrt(square) ** 2 == square:
                return True
    return False


def has_close_primes(n: int, rounds: int = FERMAT_ROUNDS) -> bool:
    """Return whether `rounds` steps of Fermat's method factor an odd n: n = a^2 - b^2 with a just above its root."""
    a = math.isqrt(n)
    if a * a == n:
        return True
    a += 1
    steps = (1 << rounds) - 1
    for m in _SIEVE:
        steps &= _possible(m, n % m, rounds) >> a % m
    while steps:
        nearest = a + (steps & -steps).bit_length() - 1
        steps &= steps - 1
        square = nearest * nearest - n
        root = math.isqrt(square)
        if root * root == square:
            return nearest - root > 1
    return False


@cache
def _possible(m: int, n: int, rounds: int) -> int:
    """Return a number with bit i set if i * i - n is a square modulo m, for `rounds` numbers from one below m on."""
    squares = {x * x % m for x in range(m)}
    return sum(1 << i for i in range(m + rounds) if (i * i - n) % m in squares)


def _reached(p: int) -> frozenset[int]:
    powers = [1]
    while (power := powers[-1] * GENERATOR % p) != 1:
        powers.append(power)
    return frozenset(powers)


# The primes modulo which 65537 does not reach everything. Alone they accept one in 2^27.8 random moduli.
_TELLING = {p: reached for p in PRIMES[1:] if len(reached := _reached(p)) < p - 1}


def is_roca(modulus: int) -> bool:
    """Return whether a modulus lies in the subgroup. One in 2^155 random ones does."""
    residue = modulus % M
    if any(residue % p not in reached for p, reached in _TELLING.items()):
        return False
    return _is_power_of_generator(residue)


def _is_power_of_generator(residue: int) -> bool:
    """Return whether `residue` is 65537^a modulo M for some a: the exact test.

    An element whose order divides the generator's order is the product of its components of prime power order. Each of
    them must be a power of the generator's component (Pohlig and Hellman).
    """
    if pow(residue, ORDER, M) != 1:
        return False
    return all(pow(residue, ORDER // power, M) in _component(power) for power in _POWERS)


@cache
def _component(power: int) -> frozenset[int]:
    base = pow(GENERATOR, ORDER // power, M)
    return frozenset(pow(base, exponent, M) for exponent in range(power))
