"""Return what is wrong with one host key by itself: numbers that make the private key easy to find, or needless.

RSA is tested here; DSA and the curves have modules of their own.
Works on the blob of a record alone. Records of a fleet repeat their keys, so answers are kept by blob.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Literal

from sshprobe.grading.keys.blobs import RSAKey, decoded, rsa_key, strings, without_x509
from sshprobe.grading.keys.dsa import DSAWeakness, dsa_weaknesses
from sshprobe.grading.keys.points import PointWeakness, point_weaknesses
from sshprobe.grading.keys.roca import is_roca
from sshprobe.grading.keys.small_factors import has_small_factor

RSAWeakness = Literal["malformed", "close_primes", "roca", "exponent", "small_private_exponent", "small_exponent"]
Weakness = RSAWeakness | DSAWeakness | PointWeakness

STANDARD_EXPONENT = 65537
"""The least public exponent that FIPS 186-5 (appendix A.1.1: above 2^16) allows."""

FERMAT_ROUNDS = 300
"""Steps of Fermat's factoring. Ordinary primes would need more than there are atoms in the world."""

LARGEST_BITS = 8192
"""The method of Wiener is tried up to here: it takes time by the cube of the length. Software makes no longer keys."""

_MOST_STRINGS = 6
"""A certificate of DSA has its type, a nonce and four numbers."""


@lru_cache(maxsize=4096)
def weaknesses_of(blob: str) -> tuple[Weakness, ...]:
    """Return what is wrong with the host key of a record, given its `blob`: RSA, DSA, ECDSA, Ed25519 and Ed448."""
    whole = without_x509(decoded(blob))
    key = rsa_key(whole)
    if key is not None:
        return rsa_weaknesses(key)
    fields = strings(whole, _MOST_STRINGS)
    return point_weaknesses(fields) or dsa_weaknesses(fields)


def rsa_weaknesses(key: RSAKey) -> tuple[RSAWeakness, ...]:
    """Return what is wrong with an RSA key, worst first.

    - "malformed": the modulus is even or has another factor below 2^16: not a product of two large primes;
    - "close_primes": a few steps of Fermat's method factor it (CVE-2022-26320);
    - "roca": made by a faulty library (CVE-2017-15361);
    - "exponent": 1, even, or not below the modulus: no RSA key at all, or one that everybody can sign with;
    - "small_private_exponent": so small that the method of Wiener finds it from the public key;
    - "small_exponent": below 65537.
    """
    found: list[RSAWeakness] = []
    if not is_well_formed(key.n):
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


def is_well_formed(n: int) -> bool:
    """Return whether a modulus has no factor below 2^16."""
    return not has_small_factor(n)


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


_SIEVE = (64, 63, 65, 11, 17, 19, 23, 29, 31)
"""What is a square is one modulo each of these; of other numbers one in 3000 is."""


@cache
def _possible(m: int, n: int, rounds: int) -> int:
    """Return a number with bit i set if i * i - n is a square modulo m, for `rounds` numbers from one below m on."""
    squares = {x * x % m for x in range(m)}
    return sum(1 << i for i in range(m + rounds) if (i * i - n) % m in squares)
