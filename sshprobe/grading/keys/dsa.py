"""DSA host keys that anyone can sign with (FIPS 186-4 section 4; RFC 4253 section 6.6 has the blob)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from sshprobe.grading.keys.safe_primes import is_probable_prime

DSAWeakness = Literal["no_dsa_group", "small_private_key"]

LEAST_ORDER_BITS = 128
"""Below this, 2^64 steps or fewer compute the private key. FIPS 186-4 section 4.2 has orders from 160 bits on."""

LARGEST_MODULUS_BITS = 3072
"""The largest modulus of FIPS 186-4 section 4.2. Larger ones are not computed with: they would take too long."""

MULTIPLES = 1024
"""Private keys from 1 to this number, and their negatives, are tried."""

_TYPES = {b"ssh-dss": 1, b"ssh-dss-cert-v01@openssh.com": 2}
"""Which string p is: in a certificate a nonce stands before it."""


def dsa_weaknesses(fields: Sequence[bytes]) -> tuple[DSAWeakness, ...]:
    """Return what is wrong with a DSA key, given the strings that its blob begins with.

    - "no_dsa_group": p or q is not prime, q does not divide p-1 or is small, or the order of g or of y is not q;
    - "small_private_key": y is g to the power of 1 to 1,024, or the inverse of such a number.

    Empty for other types, and for what is not a whole key.
    """
    if not fields or fields[0] not in _TYPES:
        return ()
    numbers = fields[_TYPES[fields[0]] :][:4]
    if len(numbers) < 4:
        return ()
    p, q, g, y = (int.from_bytes(number, "big", signed=True) for number in numbers)
    if p < 3 or q < 2 or (p - 1) % q or q.bit_length() < LEAST_ORDER_BITS or not (1 < g < p and 1 < y < p):
        return ("no_dsa_group",)
    if p.bit_length() > LARGEST_MODULUS_BITS:
        return ()
    if math.gcd(g * y, p) != 1 or pow(g, q, p) != 1 or pow(y, q, p) != 1:
        return ("no_dsa_group",)
    if not is_probable_prime(q) or not is_probable_prime(p):
        return ("no_dsa_group",)
    inverse = pow(y, -1, p)
    power = 1
    for _ in range(MULTIPLES):
        power = power * g % p
        if power in (y, inverse):
            return ("small_private_key",)
    return ()
