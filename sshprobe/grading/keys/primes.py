"""Primes: small factors, tests of primality, safe primes of group exchanges (RFC 4419 section 3), easy RSA moduli.

The group of a safe prime has no small subgroups that help an attacker. Known safe primes are looked up; other numbers
are tested once and cached. gmpy2, if installed, makes that six to ten times as fast.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, Literal

from sshprobe.algorithms import known_group

Kind = Literal["safe", "unsafe", "composite"]

LIMIT = 1 << 16
"""Primes below this are small."""

NUMBERS_WITHOUT_GMPY2 = 200
"""This many numbers are tested for small factors without gmpy2, because its import takes as long."""

LARGEST_BITS = 8192
"""The largest modulus that is tested, and the largest that a scan requests."""

BUDGET = 1024
"""Limit for the tests of one host's groups: two powers modulo 8192 bits, or 128 modulo 2048 bits."""

_ROUNDS = 2
_LONG_BITS = 4096
"""Above this size one base is enough for (p-1)/2: a random composite passes it far less often than one of 2048 bits
passes two (Damgard, Landrock and Pomerance, "Average case error estimates for the strong probable prime test", 1993).
A second base would double the cost of the whole test."""

_ALL_OF_THEM = 2000**2
"""Below this a number without a factor below 2000 is prime."""

_SMOOTH = ((2048, 20_000), (3072, 12_000), (4096, 6_000))
"""Bits of a modulus, and the limit for factors of p-1 with gmpy2: about 30 ms each."""

_SMOOTH_WITHOUT_GMPY2 = 1_000
"""The same limit without gmpy2, for up to 4096 bits."""

OPENSSL_BITS = 3072
"""OpenSSL accepts long exponents for moduli of up to this length (OPENSSL_RSA_SMALL_MODULUS_BITS)."""

_tested = itertools.count()


def primes_below(limit: int) -> Iterator[int]:
    """Yield the primes below `limit` in order (the sieve of Eratosthenes)."""
    is_prime = bytearray([1]) * limit
    is_prime[:2] = bytes(min(limit, 2))
    for n in range(2, math.isqrt(limit) + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = bytes(len(range(n * n, limit, n)))
    return itertools.compress(range(limit), is_prime)


def has_small_factor(n: int) -> bool:
    """Return whether a prime below 2^16 divides a positive n."""
    product = _product() if next(_tested) < NUMBERS_WITHOUT_GMPY2 else _fast_product()
    return math.gcd(int(product % n), n) != 1


def smooth_part(n: int) -> int:
    """Return the largest divisor of a positive n that has only prime factors below 2^16."""
    # A prime divides n at most as often as n has bits. So the smooth part of n divides this power of the product.
    power = int(_product() % n)
    for _ in range(n.bit_length().bit_length()):
        power = power * power % n
    return math.gcd(power, n)


def is_probable_prime(n: int) -> bool:
    """Return whether n is prime, with overwhelming probability. The answer is the same each time."""
    if n < 3 or n % 2 == 0:
        return n == 2
    return not _has_small_factor(n) and all(_passes(n, base) for base in (2, *_bases(n)))


@cache
def large_integer() -> Callable[[int], Any]:
    """Return the type for large numbers. gmpy2 is slow to import, so most scans do without it."""
    try:
        from gmpy2 import mpz
    except ImportError:
        return int
    integer: Callable[[int], Any] = mpz
    return integer


def has_gmp() -> bool:
    """Return whether gmpy2 is installed."""
    return large_integer() is not int


@cache
def power_modulo() -> Callable[[int, int, int], int]:
    """Return the power function. gmpy2 is slow to import, and scans of known groups do not need it."""
    try:
        from gmpy2 import powmod
    except ImportError:
        return pow
    power: Callable[[int, int, int], int] = powmod
    return power


def cost_of(p: int) -> int:
    """Return the highest cost of the test of p, in the unit of `BUDGET`: a power modulo 1024 bits."""
    bits = p.bit_length()
    return (1 + (_ROUNDS if bits <= _LONG_BITS else 1)) * (bits**3 >> 30)


def cost_of_power(p: int) -> int:
    """Return the cost of one power modulo p, in the same unit."""
    return p.bit_length() ** 3 >> 30


def is_tested_at_once(p: int) -> bool:
    """Return whether the test of p needs no power: p is known, too large to be tested, or has a small factor."""
    return p < 5 or p % 2 == 0 or p.bit_length() > LARGEST_BITS or known_group(p) is not None or _has_small_factor(p)


@lru_cache(maxsize=1024)
def kind_of_modulus(p: int) -> Kind | None:
    """Return whether p is a safe prime, a prime with a composite (p-1)/2, or composite. None: too large to be tested.

    "safe" holds with overwhelming probability: p and (p-1)/2 pass the test of Miller and Rabin. The bases follow from
    p, so the answer is always the same. A server gains nothing from a number that deceives this test: it can read the
    connection anyway.
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
    """Return whether the order of g modulo a prime p has only prime factors below 2^16, except one of up to 64 bits.

    The method of Pohlig and Hellman (IEEE Transactions on Information Theory 24, 1978) then computes the secret, with
    2^32 steps for the larger factor.
    """
    smooth = smooth_part(p - 1)
    return ((p - 1) // smooth).bit_length() <= 64 or int(power_modulo()(g, smooth, p)) == 1


@lru_cache(maxsize=4096)
def is_factored(n: int, *, fast: bool, few: bool = True) -> bool:
    """Return whether an odd modulus is prime, a power of a prime, or factored by Pollard's method within its bounds.

    J. M. Pollard, "Theorems on factorization and primality testing", 1974: it finds a prime p of two if p-1 has only
    small factors. False above `LARGEST_BITS`, where nothing is tested.

    `fast`: use gmpy2, which must be installed. Not `few`: with many moduli the bounds are those without gmpy2.
    """
    if n < 3 or n.bit_length() > LARGEST_BITS:
        return False
    # Fermat: modulo a prime p, x^(p-1) = 1 for each x. So p divides x^(n-1) - 1 for n = p, and for n = p^k.
    exponents = [n - 1]
    bound = smooth_bound(n.bit_length(), fast=fast and few)
    if bound > 1:
        exponents.append(_exponent(bound))
    powers = (int(power_modulo()(2, each, n)) if fast else _power_of_some_number(each, n) for each in exponents)
    return any(math.gcd(power - 1, n) != 1 for power in powers)


def _power_of_some_number(exponent: int, n: int) -> int:
    """Return x to the power of `exponent` modulo an odd n. x is a large random number if OpenSSL computes it.

    OpenSSL takes a tenth of the time of `pow`. It raises to a power when it encrypts: the message is random, because of
    its padding, and the public exponent is odd (RFC 8017 section 7.2.1).
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    twos = (exponent & -exponent).bit_length() - 1
    try:
        encrypted = RSAPublicNumbers(exponent >> twos, n).public_key().encrypt(b"", PKCS1v15())
    except (ValueError, UnsupportedAlgorithm):  # n is longer than OPENSSL_BITS, or shorter than the exponent
        return pow(2, exponent, n)
    power = int.from_bytes(encrypted, "big")
    for _ in range(twos):
        power = power * power % n
    return power


def smooth_bound(bits: int, *, fast: bool) -> int:
    """Return the limit for factors of p-1 that are tried, for a modulus of `bits`. 1: none are tried."""
    bound = next((bound for most, bound in _SMOOTH if bits <= most), 1)
    return bound if fast else min(bound, _SMOOTH_WITHOUT_GMPY2)


@cache
def _exponent(bound: int) -> int:
    """Return the least common multiple of the numbers up to `bound`: each smooth p-1 divides it."""
    factors = []
    for p in primes_below(bound + 1):
        power = p
        while power * p <= bound:
            power *= p
        factors.append(power)
    return _product_of(factors)


def _has_small_factor(n: int) -> bool:
    if n < _ALL_OF_THEM:
        return any(n % d == 0 for d in range(2, math.isqrt(n) + 1))
    return math.gcd(n % _odd_primes(), _odd_primes()) != 1


@cache
def _odd_primes() -> int:
    return math.prod(primes_below(2000)) // 2


def _bases(n: int) -> list[int]:
    if n < _ALL_OF_THEM:
        return []
    size = n.bit_length() // 8 + 8
    digest = hashlib.shake_256(n.to_bytes(size, "big")).digest(size * _ROUNDS)
    return [int.from_bytes(digest[size * i : size * (i + 1)], "big") % (n - 3) + 2 for i in range(_ROUNDS)]


def _passes(n: int, base: int) -> bool:
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    x = int(power_modulo()(base, (n - 1) >> twos, n))
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


@cache
def _product() -> int:
    return _product_of(list(primes_below(LIMIT)))


def _product_of(factors: list[int]) -> int:
    """Return the product of numbers, factors of like size first: three times as fast as one by one."""
    while len(factors) > 1:
        factors = [math.prod(factors[i : i + 8]) for i in range(0, len(factors), 8)]
    return factors[0]


@cache
def _fast_product() -> Any:
    return large_integer()(_product())
