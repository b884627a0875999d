"""ECDH and the post-quantum hybrids: possible answers of a server. Real servers: test_key_exchange.py."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.handshake import new_key_exchange
from sshprobe.wire.kex.exchange import KeyExchange, KeyPairs, Reply
from sshprobe.wire.kex.methods import METHODS
from tests.wire.playbook import number, text

CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
ECDH = [name for name, method in METHODS.items() if method.kind == "ecdh"]
NIST = [name for name in ECDH if "nistp" in name]
MONTGOMERY = [name for name in ECDH if "curve" in name]
ML_KEM = [name for name, method in METHODS.items() if method.kind == "hybrid" and method.verifiable]
SNTRUP = [name for name, method in METHODS.items() if not method.verifiable]
FAULT = "the server's public value is not a point on the curve"


def ours(run: KeyExchange) -> bytes:
    payload = run.first
    assert payload[0] == 30
    assert int.from_bytes(payload[1:5], "big") == len(payload) - 5
    return payload[5:]


def answer(run: KeyExchange, public: bytes) -> Reply:
    reply = run.read_reply(b"\x1f" + text(b"key") + text(public) + text(b"signature"))
    assert (reply.host_key, reply.signature) == (b"key", b"signature")
    assert reply.public == text(b"key") + text(ours(run)) + text(public)
    return reply


def point(curve: ec.EllipticCurve, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    return ec.derive_private_key(12345, curve).public_key().public_bytes(Encoding.X962, form)


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("curve25519-sha256", 32),
        ("curve448-sha512", 56),
        ("ecdh-sha2-nistp256", 65),
        ("ecdh-sha2-nistp384", 97),
        ("ecdh-sha2-nistp521", 133),
        ("mlkem768x25519-sha256", 1184 + 32),
        ("mlkem768nistp256-sha256", 1184 + 65),
        ("mlkem1024nistp384-sha384", 1568 + 97),
        ("sntrup761x25519-sha512", 1158 + 32),
    ],
)
def test_our_public_value(name: str, length: int) -> None:
    first, second = ours(new_key_exchange(name)), ours(new_key_exchange(name))
    assert len(first) == len(second) == length
    assert first != second


def test_connections_share_a_key_pair_for_each_curve_and_kem() -> None:
    pairs: KeyPairs = {}
    curve, other, hybrid = "curve25519-sha256", "ecdh-sha2-nistp256", "mlkem768x25519-sha256"
    values = {name: [ours(new_key_exchange(name, None, pairs)) for _ in range(2)] for name in (curve, other, hybrid)}
    assert values[curve][0] == values[curve][1] != ours(new_key_exchange(curve, None, {}))
    assert values[other][0] == values[other][1]
    assert [value[1184:] for value in values[hybrid]] == values[curve]
    assert values[hybrid][0] == values[hybrid][1] != ours(new_key_exchange(hybrid, None, {}))
    assert list(pairs) == ["x25519", "nistp256", "mlkem768"]


@pytest.mark.parametrize("form", [PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint])
@pytest.mark.parametrize("name", NIST)
def test_nist_secret(name: str, form: PublicFormat) -> None:
    curve, run = CURVES[METHODS[name].detail], new_key_exchange(name)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(curve, ours(run))
    shared = ec.derive_private_key(12345, curve).exchange(ec.ECDH(), theirs)
    assert answer(run, point(curve, form)).secret == number(int.from_bytes(shared, "big"))


@pytest.mark.parametrize("name", NIST)
def test_not_on_the_curve(name: str) -> None:
    curve = CURVES[METHODS[name].detail]
    right = bytearray(point(curve))
    wrong = [
        b"",
        b"\x00",
        b"\x04",
        right[:-1],
        right + b"\x00",
        b"\x05" + right[1:],
        bytes(len(right)),
        b"\x04" + bytes(len(right) - 1),
    ]
    right[-1] ^= 1
    wrong.append(right)
    others = [point(other) for key, other in CURVES.items() if key != METHODS[name].detail]
    for public in [*wrong, *others]:
        with pytest.raises(RemoteProtocolError, match=FAULT):
            answer(new_key_exchange(name), bytes(public))


LOW_ORDER_25519 = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
]


@pytest.mark.parametrize("name", MONTGOMERY)
def test_montgomery_faults(name: str) -> None:
    length = 56 if "448" in name else 32
    for public in (
        b"",
        b"\x09",
        b"\x09" * (length - 1),
        b"\x09" * (length + 1),
        bytes(length),
        b"\x01".ljust(length, b"\0"),
    ):
        with pytest.raises(RemoteProtocolError, match=FAULT):
            answer(new_key_exchange(name), public)


@pytest.mark.parametrize("public", LOW_ORDER_25519, ids=range(7))
@pytest.mark.parametrize("name", ["curve25519-sha256", "mlkem768x25519-sha256", "sntrup761x25519-sha512"])
def test_points_that_give_away_the_secret(name: str, public: bytes) -> None:
    """RFC 8731 section 3: a secret of all zeros must be refused."""
    kem = {"c": 0, "m": 1088, "s": 1039}[name[0]]
    with pytest.raises(RemoteProtocolError, match=FAULT):
        answer(new_key_exchange(name), bytes(kem) + public)


def test_the_secret_is_a_number_even_with_zeros_in_front() -> None:
    """RFC 8731 section 3.1 encodes X25519's octets as mpint: one in 256 secrets is shorter for it."""
    lengths = set()
    for seed in range(2000):
        run = new_key_exchange("curve25519-sha256")
        private = X25519PrivateKey.from_private_bytes(hashlib.sha256(bytes((seed % 256, seed // 256))).digest())
        shared = private.exchange(X25519PublicKey.from_public_bytes(ours(run)))
        secret = answer(run, private.public_key().public_bytes_raw()).secret
        assert secret == number(int.from_bytes(shared, "big"))
        lengths.add(len(secret))
        if {4 + 31, 4 + 32, 4 + 33} <= lengths:
            break
    assert {4 + 32, 4 + 33} <= lengths


@pytest.mark.parametrize("name", ML_KEM)
def test_ml_kem_secret(name: str) -> None:
    """Both secrets joined and hashed, the KEM's first, and encoded as string."""
    run, method = new_key_exchange(name), METHODS[name]
    public, kem_size = ours(run), 1568 if "1024" in name else 1184
    kem = (MLKEM1024PublicKey if "1024" in name else MLKEM768PublicKey).from_public_bytes(public[:kem_size])
    quantum, ciphertext = kem.encapsulate()
    if "x25519" in name:
        private = X25519PrivateKey.generate()
        classical = private.exchange(X25519PublicKey.from_public_bytes(public[kem_size:]))
        theirs = private.public_key().public_bytes_raw()
    else:
        curve = CURVES[method.detail.partition("+")[2]]
        key = ec.generate_private_key(curve)
        classical = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, public[kem_size:]))
        theirs = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    digest = hashlib.new(method.hash, quantum + classical).digest()
    assert answer(run, ciphertext + theirs).secret == text(digest)


@pytest.mark.parametrize("name", [*ML_KEM, *SNTRUP])
def test_wrong_lengths(name: str) -> None:
    kem = 1039 if "sntrup" in name else 1568 if "1024" in name else 1088
    curve = 32 if "x25519" in name else 97 if "384" in name else 65
    right = kem + curve
    for length in (0, 1, curve, kem, right - 1, right + 1, right + 32, 30_000):
        with pytest.raises(RemoteProtocolError, match="wrong length"):
            answer(new_key_exchange(name), b"\x09" * length)


@pytest.mark.parametrize("name", SNTRUP)
def test_sntrup_shows_the_key_and_no_secret(name: str) -> None:
    assert answer(new_key_exchange(name), bytes(1039) + b"\x09" + bytes(31)).secret is None


@pytest.mark.parametrize("name", ["mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"])
def test_hybrid_with_a_bad_point(name: str) -> None:
    kem, curve = (1568, 97) if "1024" in name else (1088, 65)
    with pytest.raises(RemoteProtocolError, match=FAULT):
        answer(new_key_exchange(name), bytes(kem) + b"\x04" + bytes(curve - 1))
