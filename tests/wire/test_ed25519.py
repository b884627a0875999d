"""Odd Ed25519 signatures: we refuse whatever OpenSSL or libsodium refuses, and both agree on the rest."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from sshprobe.wire import signatures
from sshprobe.wire.codec import string
from sshprobe.wire.host_keys import parse_host_key
from sshprobe.wire.signatures import verify

# RFC 8032 section 5.1.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int]

NAME = b"ssh-ed25519"
DATA = hashlib.sha256(b"an exchange hash").digest()
SECRET, NONCE = 0x5EC2E7, 0xC0FFEE


def point(y: int) -> Point:
    """Return the point with this y and an even x."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    assert x * x % P == square
    return (P - x if x % 2 else x), y


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def times(number: int, of: Point) -> Point:
    product = (0, 1)
    for bit in f"{number:b}":
        product = add(product, product)
        product = add(product, of) if bit == "1" else product
    return product


def encoded(of: Point) -> bytes:
    return (of[1] | (of[0] % 2) << 255).to_bytes(32, "little")


BASE = point(4 * pow(5, -1, P) % P)
OF_ORDER_8 = point(0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7)
KEY = times(SECRET, BASE)


def signed(key: Point, r: Point, nonce: int, *, laps: int = 0) -> tuple[bytes, bytes]:
    """Return a key and a signature of DATA by SECRET. `laps`: how often the order is added to S."""
    a, first = encoded(key), encoded(r)
    h = int.from_bytes(hashlib.sha512(first + a + DATA).digest(), "little")
    return a, first + ((nonce + h * SECRET) % ORDER + laps * ORDER).to_bytes(32, "little")


def odd() -> Iterator[tuple[bytes, bytes]]:
    r = times(NONCE, BASE)
    for laps in range(1, 16):
        yield signed(KEY, r, NONCE, laps=laps)  # the same number modulo the order
    for number in range(8):
        small = times(number, OF_ORDER_8)
        yield signed(KEY, small, 0)
        if number:
            yield signed(KEY, add(r, small), NONCE)  # right only if both sides are multiplied by 8
            for nonce in range(1, 10):
                yield signed(add(KEY, small), times(nonce, BASE), nonce)


def by_openssl(key: bytes, raw: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(raw, DATA)
    except InvalidSignature:
        return False
    return True


def by_libsodium(key: bytes, raw: bytes) -> bool:
    try:
        crypto_sign_open(raw + DATA, key)
    except BadSignatureError:
        return False
    return True


def by_us(key: bytes, raw: bytes) -> bool | None:
    return verify(parse_host_key(string(NAME) + string(key)), "ssh-ed25519", string(NAME) + string(raw), DATA)


@pytest.fixture(params=[0, signatures.SIGNATURES_WITHOUT_LIBSODIUM], ids=["first", "later"])
def verified_before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first signatures of a process are verified by OpenSSL, later ones by libsodium."""
    monkeypatch.setattr(signatures, "_ed25519_signatures", itertools.count(request.param))


@pytest.mark.usefixtures("verified_before")
def test_odd_signatures_are_otherwise_right() -> None:
    key, raw = signed(KEY, times(NONCE, BASE), NONCE)
    assert (by_us(key, raw), by_openssl(key, raw), by_libsodium(key, raw)) == (True, True, True)


@pytest.mark.usefixtures("verified_before")
@pytest.mark.parametrize(("key", "raw"), list(odd()))
def test_what_one_library_refuses_is_refused(key: bytes, raw: bytes) -> None:
    assert by_us(key, raw) is (by_openssl(key, raw) and by_libsodium(key, raw))
