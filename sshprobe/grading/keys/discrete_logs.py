"""ECDSA, EdDSA and DSA host keys that anyone can sign with: small private keys, small orders, invalid groups.

ECDSA (RFC 5656 section 3.1) on the curves of NIST (SP 800-186 section 3.2.1) and on secp256k1 (SEC 2 section 2.4.1),
Ed25519 and Ed448 (RFC 8032 section 5, RFC 8709 section 4), DSA (FIPS 186-4 section 4; RFC 4253 section 6.6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

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

Point = tuple[int, int]


class _Weierstrass(NamedTuple):
    """y^2 = x^3 + ax + b modulo p. Points are pairs of affine coordinates."""

    p: int
    a: int
    x: int
    y: int

    def sums(self, points: Sequence[Point]) -> list[Point]:
        """Return each of the points plus the last of them, itself included."""
        p, (x2, y2) = self.p, points[-1]
        slopes = [(y - y2, x - x2) for x, y in points[:-1]]
        slopes.append((3 * x2 * x2 + self.a, 2 * y2))
        inverses = _inverses([below for _, below in slopes], p)
        found = []
        for (x1, _), (above, _), inverse in zip(points, slopes, inverses, strict=True):
            slope = above * inverse % p
            x = (slope * slope - x1 - x2) % p
            found.append((x, (slope * (x2 - x) - y2) % p))
        return found


class _Edwards(NamedTuple):
    """ax^2 + y^2 = 1 + dx^2y^2 modulo p, where a is a square and d is not: one formula adds all points."""

    p: int
    a: int
    d: int
    x: int
    y: int

    def sums(self, points: Sequence[Point]) -> list[Point]:
        """Return each of the points plus the last of them, itself included."""
        p, (x2, y2) = self.p, points[-1]
        products = [self.d * (x * x2 % p) * (y * y2 % p) % p for x, y in points]
        inverses = _inverses([each for product in products for each in (1 + product, 1 - product)], p)
        return [
            ((x * y2 + x2 * y) * inverses[2 * i] % p, (y * y2 - self.a * x * x2) * inverses[2 * i + 1] % p)
            for i, (x, y) in enumerate(points)
        ]


def _inverses(numbers: Sequence[int], p: int) -> list[int]:
    """Return the inverses modulo p of numbers that have one, at the cost of one inverse and three products each."""
    products = [1]
    for number in numbers:
        products.append(products[-1] * number % p)
    inverse = pow(products[-1], -1, p)
    found = [0] * len(numbers)
    for i in range(len(numbers) - 1, -1, -1):
        found[i] = inverse * products[i] % p
        inverse = inverse * numbers[i] % p
    return found


def _multiples(curve: _Weierstrass | _Edwards, coordinate: Literal[0, 1]) -> frozenset[int]:
    """Return one coordinate of the first multiples of the generator, the one that a point shares with its negative."""
    points = [(curve.x, curve.y)]
    while len(points) < MULTIPLES:
        points += curve.sums(points)
    return frozenset(point[coordinate] for point in points)


_NIST_256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_NIST_384 = 2**384 - 2**128 - 2**96 + 2**32 - 1
_NIST_521 = 2**521 - 1
_WEIERSTRASS = {
    b"nistp256": _Weierstrass(
        _NIST_256,
        -3,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    b"nistp384": _Weierstrass(
        _NIST_384,
        -3,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    ),
    b"nistp521": _Weierstrass(
        _NIST_521,
        -3,
        0x00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
        0x011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
    ),
    b"1.3.132.0.10": _Weierstrass(
        2**256 - 2**32 - 977,
        0,
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    ),
}
"""By the identifier of RFC 5656 section 10.1. b is not needed to add points."""

_P_25519 = 2**255 - 19
_P_448 = 2**448 - 2**224 - 1
_EDWARDS = {
    b"ssh-ed25519": _Edwards(
        _P_25519,
        -1,
        -121665 * pow(121666, -1, _P_25519) % _P_25519,
        15112221349535400772501151409588531511454012693041857206046113283949847762202,
        46316835694926478169428394003475163141307993866256225615783033603165251855960,
    ),
    b"ssh-ed448": _Edwards(
        _P_448,
        1,
        -39081,
        224580040295924300187604334099896036246789641632564134246125461686950415467406032909029192869357953282578032075146446173674602635247710,
        298819210078481492676017930443930673437544040154080242095928241372331506189835876003536878655418784733982303233503462500531545062832660,
    ),
}
"""By the key type: the curves of RFC 8032 sections 5.1 and 5.2."""

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
    if type_ in _EDWARDS and rest:
        return _edwards(type_, rest[0])
    if type_.startswith(b"ecdsa-sha2-") and len(rest) > 1 and rest[0] in _WEIERSTRASS:
        return _weierstrass(rest[0], rest[1])
    return ()


def _edwards(type_: bytes, encoded: bytes) -> tuple[PointWeakness, ...]:
    p = _EDWARDS[type_].p
    # The top bit is the sign of x. RFC 8032 forbids y of p or more, and some libraries read it.
    y = (int.from_bytes(encoded, "little") & (1 << 8 * len(encoded) - 1) - 1) % p if encoded else 2
    if y in _SMALL_ORDERS[type_]:
        return ("small_order",)
    return ("small_private_key",) if y in _edwards_multiples(type_) else ()


def _weierstrass(curve: bytes, encoded: bytes) -> tuple[PointWeakness, ...]:
    size = (_WEIERSTRASS[curve].p.bit_length() + 7) // 8
    # SEC 1 section 2.3.3: whole, or compressed to x and a bit of y.
    if len(encoded) != (2 * size if encoded[:1] == b"\4" else size) + 1 or encoded[0] not in (2, 3, 4):
        return ()
    x = int.from_bytes(encoded[1 : 1 + size], "big")
    return ("small_private_key",) if x in _weierstrass_multiples(curve) else ()


@cache
def _weierstrass_multiples(curve: bytes) -> frozenset[int]:
    return _multiples(_WEIERSTRASS[curve], 0)


@cache
def _edwards_multiples(type_: bytes) -> frozenset[int]:
    return _multiples(_EDWARDS[type_], 1)


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
