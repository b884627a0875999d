"""ECDSA, EdDSA and DSA host keys that anyone can sign with: small private keys, small orders, invalid groups.

ECDSA (RFC 5656 section 3.1) on the curves of NIST (SP 800-186 section 3.2.1) and on secp256k1 (SEC 2 section 2.4.1),
Ed25519 and Ed448 (RFC 8032 section 5, RFC 8709 section 4), DSA (FIPS 186-4 section 4; RFC 4253 section 6.6).
"""

from __future__ import annotations

import math
import pkgutil
import struct
from collections.abc import Sequence
from functools import cache
from typing import Literal

from sshprobe.grading.keys.primes import is_probable_prime

PointWeakness = Literal["small_private_key", "small_order"]
DSAWeakness = Literal["no_dsa_group", "small_private_key"]

MULTIPLES = 1024
"""Private keys from 1 to this number, and their negatives, are tried. A power of two."""

LEAST_ORDER_BITS = 128
"""For a shorter order of a DSA group, 2^64 steps or fewer find the key. FIPS 186-4 section 4.2 requires 160 bits or
more."""

LARGEST_DSA_BITS = 3072
"""The largest modulus of FIPS 186-4 section 4.2. Computing with larger ones would take too long."""

CURVES = (b"1.3.132.0.10", b"nistp256", b"nistp384", b"nistp521", b"ssh-ed25519", b"ssh-ed448")
"""By the identifier of RFC 5656 section 10.1, or the key type."""

SMALL_KEYS = "small_keys.bin"
"""For each of `CURVES`, and each multiple of the generator, the low 64 bits of the coordinate that a point shares with
its negative: x, and y of EdDSA. Computing one curve takes 4 ms. Made by scripts/small_keys."""

_COLUMN = struct.Struct(f"<{MULTIPLES}Q")
_LOW_BITS = (1 << 64) - 1

_P_25519 = 2**255 - 19
_P_448 = 2**448 - 2**224 - 1
_FIELDS = {b"ssh-ed25519": _P_25519, b"ssh-ed448": _P_448}

_POINT_SIZES = {b"nistp256": 32, b"nistp384": 48, b"nistp521": 66, b"1.3.132.0.10": 32}
"""Bytes of a coordinate, by the identifier of the curve (RFC 5656 section 10.1)."""

_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDERS = {
    # Order 1, 2, 4 and 8; a point and its negative have the same y.
    b"ssh-ed25519": frozenset({1, _P_25519 - 1, 0, _EIGHTH, _P_25519 - _EIGHTH}),
    b"ssh-ed448": frozenset({1, _P_448 - 1, 0}),
}
"""The y of all points whose order divides the cofactor."""

_SUFFIX = b"-cert-v01@openssh.com"


def point_weaknesses(fields: Sequence[bytes]) -> tuple[PointWeakness, ...]:
    """Return the weaknesses of an ECDSA or EdDSA key, from the strings at the start of its blob.

    - "small_private_key": k times the generator for a k from 1 to 1,024, or the negative of such a point;
    - "small_order": a point of Ed25519 or Ed448 with which a signature needs no private key, in any of its encodings.

    Empty for other types and for incomplete keys.
    """
    if len(fields) < 2:
        return ()
    type_ = fields[0].removesuffix(_SUFFIX)
    rest = fields[1:] if type_ == fields[0] else fields[2:]  # a certificate has a nonce first
    if type_ in _FIELDS and rest:
        return _edwards(type_, rest[0])
    if type_.startswith(b"ecdsa-sha2-") and len(rest) > 1 and rest[0] in _POINT_SIZES:
        return _weierstrass(rest[0], rest[1])
    return ()


def _edwards(type_: bytes, encoded: bytes) -> tuple[PointWeakness, ...]:
    p = _FIELDS[type_]
    # The top bit is the sign of x. RFC 8032 forbids y of p or more, and some libraries read it.
    y = (int.from_bytes(encoded, "little") & (1 << 8 * len(encoded) - 1) - 1) % p if encoded else 2
    if y in _SMALL_ORDERS[type_]:
        return ("small_order",)
    return ("small_private_key",) if y & _LOW_BITS in small_keys(type_) else ()


def _weierstrass(curve: bytes, encoded: bytes) -> tuple[PointWeakness, ...]:
    size = _POINT_SIZES[curve]
    # SEC 1 section 2.3.3: whole, or compressed to x and a bit of y.
    if len(encoded) != (2 * size if encoded[:1] == b"\4" else size) + 1 or encoded[0] not in (2, 3, 4):
        return ()
    x = int.from_bytes(encoded[1 : 1 + size], "big")
    return ("small_private_key",) if x & _LOW_BITS in small_keys(curve) else ()


@cache
def small_keys(curve: bytes) -> frozenset[int]:
    """Return 64 bits of each public key whose private key is tried. `curve`: one of `CURVES`.

    64 bits are enough: one key in 2^54 has those of such a key by chance.
    """
    data = pkgutil.get_data("sshprobe.grading.keys", SMALL_KEYS)
    assert data is not None
    return frozenset(_COLUMN.unpack_from(data, CURVES.index(curve) * _COLUMN.size))


_DSA_TYPES = {b"ssh-dss": 1, b"ssh-dss-cert-v01@openssh.com": 2}
"""Key type to the position of p. A certificate has a nonce before it."""


def dsa_weaknesses(fields: Sequence[bytes]) -> tuple[DSAWeakness, ...]:
    """Return the weaknesses of a DSA key, from the strings at the start of its blob.

    - "no_dsa_group": p or q is not prime, q does not divide p-1 or is small, or the order of g or of y is not q;
    - "small_private_key": y is g to the power of 1 to 1,024, or the inverse of such a number.

    Empty for other types and for incomplete keys.
    """
    if not fields or fields[0] not in _DSA_TYPES:
        return ()
    numbers = fields[_DSA_TYPES[fields[0]] :][:4]
    if len(numbers) < 4:
        return ()
    p, q, g, y = (int.from_bytes(number, "big", signed=True) for number in numbers)
    if p < 3 or q < 2 or (p - 1) % q or q.bit_length() < LEAST_ORDER_BITS or not (1 < g < p and 1 < y < p):
        return ("no_dsa_group",)
    if p.bit_length() > LARGEST_DSA_BITS:
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
