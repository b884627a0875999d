"""The MODP groups of RFC 2409 and RFC 3526, computed by the formula in these documents.

    p = 2^b - 2^(b-64) - 1 + 2^64 * (floor(2^(b-130) * pi) + c)

All have the generator 2 and a prime (p-1)/2. RFC 4253 section 8.1 calls the 1024-bit one "group1".
"""

from __future__ import annotations

from functools import cache

GENERATOR = 2

_FORMULA = {
    "group1": (1024, 129093),  # RFC 2409 6.2, the Second Oakley Group
    "group5": (1536, 741804),  # RFC 3526 2
    "group14": (2048, 124476),  # RFC 3526 3
    "group15": (3072, 1690314),  # RFC 3526 4
    "group16": (4096, 240904),  # RFC 3526 5
    "group17": (6144, 929484),  # RFC 3526 6
    "group18": (8192, 4743158),  # RFC 3526 7
}
"""Bits and the constant c."""


@cache
def group(name: str) -> int:
    """Return the prime of a group: "group14"."""
    bits, constant = _FORMULA[name]
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((_pi(bits - 130) + constant) << 64)


@cache
def _pi(bits: int) -> int:
    """Return floor(2^bits * pi), by Machin's formula with 64 guard bits."""
    one = 1 << (bits + 64)
    return 4 * (4 * _arctan_inverse(5, one) - _arctan_inverse(239, one)) >> 64


def _arctan_inverse(x: int, one: int) -> int:
    total = term = one // x
    square, divisor, sign = x * x, 3, -1
    while term:
        term //= square
        total += sign * (term // divisor)
        divisor += 2
        sign = -sign
    return total
