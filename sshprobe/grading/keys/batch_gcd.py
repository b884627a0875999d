"""Factors that moduli share: all greatest common divisors at once, by a product tree and a remainder tree.

D. J. Bernstein, "How to find the smooth parts of integers" (2004). Heninger et al. used it on keys of the whole
Internet ("Mining your Ps and Qs", USENIX Security 2012). gmpy2, if installed, is far faster with the same result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sshprobe.grading.keys.primes import has_gmp, large_integer

_PLAIN_DIVISION_BITS = 1 << 15
"""Below this length Python's own quadratic division is faster."""


def batch_gcd(moduli: Sequence[int]) -> list[int]:
    """Return, for each of distinct positive moduli, its greatest common divisor with the product of all others."""
    if len(moduli) < 2:
        return [1] * len(moduli)
    # Each node holds a product and its derivative, the sum of the products with one modulus left out. Modulo one of
    # the moduli that sum is the product of all others. So no division by squares is needed.
    integer = large_integer()
    levels: list[list[Any]] = [[integer(n) for n in moduli]]
    derivatives: list[Any] = [integer(1)] * len(moduli)
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = range(0, len(below) - 1, 2)
        above = [below[i] * below[i + 1] for i in pairs]
        sums = [derivatives[i] * below[i + 1] + below[i] * derivatives[i + 1] for i in pairs]
        levels.append([*above, *below[2 * len(above) :]])
        derivatives = [*sums, *derivatives[2 * len(above) :]]
    remainders = [derivatives[0] % levels.pop()[0]]
    while levels:
        remainders = [_remainder(remainders[i // 2], product) for i, product in enumerate(levels.pop())]
    return [math.gcd(int(remainder), n) for remainder, n in zip(remainders, moduli, strict=True)]


def shared_factors(moduli: Sequence[int]) -> dict[int, list[int]]:
    """Return each factor that two or more moduli share, with the positions of these moduli.

    The moduli are distinct and have no small factors. Factors are prime if each modulus is a product of two primes.
    """
    common = batch_gcd(moduli)
    suspects = [i for i, factor in enumerate(common) if factor > 1]
    factors = {common[i] for i in suspects if common[i] < moduli[i]}
    # If both primes of a modulus are shared, its divisor is the modulus itself. Other such moduli split it.
    for i in suspects:
        if common[i] == moduli[i] and not any(moduli[i] % factor == 0 for factor in factors):
            for j in suspects:
                factor = math.gcd(moduli[i], moduli[j])
                if i != j and 1 < factor < moduli[i]:
                    factors |= {factor, moduli[i] // factor}
    for i in suspects:
        if common[i] == moduli[i]:
            factors |= {moduli[i] // factor for factor in factors if moduli[i] % factor == 0}
    found = {factor: [i for i in suspects if moduli[i] % factor == 0] for factor in factors}
    return {factor: where for factor, where in sorted(found.items()) if len(where) > 1}


def _remainder(a: Any, b: Any) -> Any:
    plain = b.bit_length() < _PLAIN_DIVISION_BITS or a.bit_length() < b.bit_length() + _PLAIN_DIVISION_BITS // 2
    if plain or has_gmp():
        return a % b
    return _divide(a, b)[1]


def _divide(a: int, b: int) -> tuple[int, int]:
    """Return `divmod` of numbers from 0 on, by halves (Burnikel and Ziegler 1998): as fast as multiplication."""
    width = b.bit_length()
    mask = (1 << width) - 1
    parts = []
    while a:
        parts.append(a & mask)
        a >>= width
    quotient = remainder = 0
    for part in reversed(parts):
        digit, remainder = _divide_2_by_1(remainder << width | part, b, width)
        quotient = quotient << width | digit
    return quotient, remainder


def _divide_2_by_1(a: int, b: int, width: int) -> tuple[int, int]:
    """Divide a, below b << width, by b of `width` bits."""
    if width <= _PLAIN_DIVISION_BITS:
        return divmod(a, b)
    odd = width & 1
    if odd:
        a, b, width = a << 1, b << 1, width + 1
    half = width >> 1
    mask = (1 << half) - 1
    high, low = b >> half, b & mask
    first, remainder = _divide_3_by_2(a >> width, a >> half & mask, b, high, low, half)
    second, remainder = _divide_3_by_2(remainder, a & mask, b, high, low, half)
    return first << half | second, remainder >> odd


def _divide_3_by_2(top: int, last: int, b: int, high: int, low: int, half: int) -> tuple[int, int]:
    if top >> half == high:
        quotient, remainder = (1 << half) - 1, top - (high << half) + high
    else:
        quotient, remainder = _divide_2_by_1(top, high, half)
    remainder = (remainder << half | last) - quotient * low
    while remainder < 0:
        quotient -= 1
        remainder += b
    return quotient, remainder
