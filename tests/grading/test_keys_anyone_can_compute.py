"""Keys of curves and of DSA that anyone can sign with, against keys made so and against good ones."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from sshprobe.grading.keys.blobs import rsa_key
from sshprobe.grading.keys.discrete_logs import MULTIPLES
from sshprobe.grading.keys.weaknesses import weaknesses_of
from sshprobe.model.observation import HostKey
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.wire.codec import mpint, string
from tests.grading.observations import modern
from tests.grading.rsa_keys import next_prime

MODERN = load_profile("mozilla-modern")
INTERMEDIATE = load_profile("mozilla-intermediate")
CURVES: dict[str, ec.EllipticCurve] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
    "1.3.132.0.10": ec.SECP256K1(),
}
ORDERS = {
    "nistp256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "1.3.132.0.10": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
CERTIFIED = "-cert-v01@openssh.com"


def weaknesses(*fields: bytes) -> tuple[str, ...]:
    return weaknesses_of(base64.b64encode(b"".join(map(string, fields))).decode("ascii"))


def ecdsa_weaknesses(curve: str, private: int, *, compressed: bool = False, suffix: str = "") -> tuple[str, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    form = PublicFormat.CompressedPoint if compressed else PublicFormat.UncompressedPoint
    key = ec.derive_private_key(private, CURVES[curve]).public_key().public_bytes(Encoding.X962, form)
    nonce = (bytes(32),) if suffix else ()
    return weaknesses(f"ecdsa-sha2-{curve}{suffix}".encode(), *nonce, curve.encode(), key)


@pytest.mark.parametrize("curve", CURVES)
def test_small_multiples_of_the_generator(curve: str) -> None:
    for private in (1, 2, 3, 511, 512, 513, 1000, MULTIPLES):
        assert ecdsa_weaknesses(curve, private) == ("small_private_key",)
    assert ecdsa_weaknesses(curve, 1, compressed=True) == ("small_private_key",)
    assert ecdsa_weaknesses(curve, 7, suffix=CERTIFIED) == ("small_private_key",)
    for private in (MULTIPLES + 1, 2 * MULTIPLES, 2**200 + 1):
        assert ecdsa_weaknesses(curve, private) == ()


@pytest.mark.parametrize(("curve", "order"), ORDERS.items())
def test_their_negatives(curve: str, order: int) -> None:
    assert ecdsa_weaknesses(curve, order - 1) == ("small_private_key",)
    assert ecdsa_weaknesses(curve, order - MULTIPLES) == ("small_private_key",)
    assert ecdsa_weaknesses(curve, order - MULTIPLES - 1) == ()


SMALL_ORDER_25519 = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    # RFC 8032 forbids a sign of zero, and y from p on.
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("encoded", SMALL_ORDER_25519)
def test_points_of_small_order_of_ed25519(encoded: str) -> None:
    point = bytes.fromhex(encoded)
    assert weaknesses(b"ssh-ed25519", point) == ("small_order",)
    assert weaknesses(b"ssh-ed25519" + CERTIFIED.encode(), bytes(32), point) == ("small_order",)


def test_a_signature_by_no_key_is_accepted_in_the_name_of_such_a_point() -> None:
    """Why it is critical: the neutral element verifies R = B, S = 1 over any message."""
    base = (4 * pow(5, -1, 2**255 - 19) % (2**255 - 19)).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(bytes([1, *bytes(31)])).verify(base + bytes([1, *bytes(31)]), b"any message")


@pytest.mark.parametrize(("y", "sign"), [(1, 0), (0, 0), (0, 1), (2**448 - 2**224 - 2, 0), (2**448 - 2**224, 1)])
def test_points_of_small_order_of_ed448(y: int, sign: int) -> None:
    assert weaknesses(b"ssh-ed448", (y | sign << 455).to_bytes(57, "little")) == ("small_order",)


def test_small_multiples_on_ed25519() -> None:
    for number in range(1, MULTIPLES + 2):
        point = bytearray(crypto_scalarmult_ed25519_base_noclamp(number.to_bytes(32, "little")))
        expected = ("small_private_key",) if number <= MULTIPLES else ()
        assert weaknesses(b"ssh-ed25519", bytes(point)) == expected
        point[31] ^= 0x80  # its negative
        assert weaknesses(b"ssh-ed25519", bytes(point)) == expected


def test_small_multiples_on_ed448() -> None:
    loader = SourceFileLoader("small_keys", str(Path(__file__).parents[2] / "scripts" / "small_keys"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    script = module_from_spec(spec)
    loader.exec_module(script)
    curve = script.EDWARDS[b"ssh-ed448"]
    point = curve.x, curve.y
    for number in range(1, 12):
        for sign in (0, 1):
            encoded = (point[1] | sign << 455).to_bytes(57, "little")
            assert weaknesses(b"ssh-ed448", encoded) == ("small_private_key",), number
        x, y = point
        assert (curve.a * x * x + y * y - 1 - curve.d * x * x * y * y) % curve.p == 0
        point = curve.sums([point, (curve.x, curve.y)])[0]


def good_keys() -> Iterator[tuple[bytes, ...]]:
    for _ in range(20):
        yield b"ssh-ed25519", Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        yield b"ssh-ed448", Ed448PrivateKey.generate().public_key().public_bytes_raw()


def test_good_keys_and_other_data_give_nothing() -> None:
    for fields in good_keys():
        assert weaknesses(*fields) == ()
    assert weaknesses(b"ssh-ed25519") == weaknesses(b"ssh-ed25519", b"") == weaknesses(b"ssh-ed448", b"") == ()
    assert weaknesses(b"ecdsa-sha2-nistp256", b"nistp256", b"") == ()
    assert weaknesses(b"ecdsa-sha2-nistp256", b"nistp256", b"\x04" + bytes(32)) == ()
    assert weaknesses(b"ecdsa-sha2-nistp256", b"nistp999", b"\x04" + bytes(64)) == ()
    assert weaknesses(b"ssh-dss", b"\x01") == ()


GROUP = dsa.generate_parameters(1024).parameter_numbers()


def dsa_weaknesses(*, p: int = GROUP.p, q: int = GROUP.q, g: int = GROUP.g, y: int | None = None) -> tuple[str, ...]:
    y = pow(g, 2**80 + 13, p) if y is None else y
    return weaknesses(b"ssh-dss", *(mpint(number)[4:] for number in (p, q, g, y)))


def test_a_good_dsa_key() -> None:
    assert dsa_weaknesses() == ()


@pytest.mark.parametrize("private", [1, 2, 1024, -1, -1024])
def test_a_small_private_key_of_dsa(private: int) -> None:
    assert dsa_weaknesses(y=pow(GROUP.g, private, GROUP.p)) == ("small_private_key",)


def test_numbers_that_are_not_a_dsa_group() -> None:
    p, q, g = GROUP.p, GROUP.q, GROUP.g
    cases = {
        "y of order 1": dsa_weaknesses(y=1),
        "y of order 2": dsa_weaknesses(y=p - 1),
        "y outside of the group": dsa_weaknesses(y=p - pow(g, 5, p)),
        "y of nothing": dsa_weaknesses(y=0),
        "g of order 1": dsa_weaknesses(g=1, y=pow(g, 2**80, p)),
        "g of order 2": dsa_weaknesses(g=p - 1, y=pow(g, 2**80, p)),
        "q not a divisor of p - 1": dsa_weaknesses(q=next_prime(q + 2)),
        "q not prime": dsa_weaknesses(q=(p - 1) // 2),
        "q small": dsa_weaknesses(q=2, g=p - 1, y=p - 1),
        "negative": dsa_weaknesses(p=-p),
    }
    assert set(cases.values()) == {("no_dsa_group",)}, cases


def test_a_p_that_is_not_prime() -> None:
    """Two primes p with q dividing p-1: g has order q modulo their product n, and q divides n-1 too."""
    q = next_prime(2**159 + 2**80)
    first, second = (next(k * q + 1 for k in range(start, start + 4000, 2) if _prime(k * q + 1)) for start in (2, 9000))
    p = first * second
    a, b = (pow(3, (each - 1) // q, each) for each in (first, second))
    g = (a + first * ((b - a) * pow(first, -1, second) % second)) % p  # of order q modulo both
    assert pow(g, q, p) == 1
    assert dsa_weaknesses(p=p, q=q, g=g) == ("no_dsa_group",)


def _prime(n: int) -> bool:
    return next_prime(n) == n


def host_key(*fields: bytes, type_: str, bits: int, verified: bool = True) -> HostKey:
    from sshprobe.wire.host_keys import parse_host_key

    blob = b"".join(map(string, fields))
    return HostKey(
        type=type_,
        bits=bits,
        fingerprint=parse_host_key(blob).fingerprint,
        blob=base64.b64encode(blob).decode("ascii"),
        signature_verified=verified,
        signature_algorithm=type_,
        kex_algorithm="curve25519-sha256",
    )


GENERATOR_256 = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


@pytest.mark.parametrize(
    ("key", "id"),
    [
        (
            host_key(b"ecdsa-sha2-nistp256", b"nistp256", GENERATOR_256, type_="ecdsa-sha2-nistp256", bits=256),
            "host_key.small_private_key",
        ),
        (host_key(b"ssh-ed25519", bytes(32), type_="ssh-ed25519", bits=256), "host_key.small_order"),
    ],
)
def test_the_finding_is_critical_in_every_command(key: HostKey, id: str) -> None:
    observation = modern(host_keys=[key])
    for profile in (MODERN, INTERMEDIATE):
        verdict = grade(observation, profile)
        (found,) = [finding for finding in verdict.findings if finding.id == id]
        assert (found.severity, found.algorithm, found.deviation, verdict.grade) == ("critical", key.type, False, "F")
        assert found.weaknesses == ["weak-key"]
        assert found.remediation == f"make a new {key.type} host key"
    # The cache of `scan` must not take it for a good key of the same type, which comes first.
    good = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    cache = VerdictCache([MODERN], strict=False)
    cache.verdicts_for(modern(host_keys=[host_key(b"ssh-ed25519", good, type_="ssh-ed25519", bits=256)]))
    assert cache.verdicts_for(observation).verdicts[0].grade == "F"


def test_a_point_of_small_order_counts_although_its_proof_is_wrong() -> None:
    """Some libraries refuse such a point, so that no signature in its name is right."""
    key = host_key(b"ssh-ed25519", bytes(32), type_="ssh-ed25519", bits=256, verified=False)
    found = {finding.id: finding.severity for finding in grade(modern(host_keys=[key]), MODERN).findings}
    assert (found["host_key.small_order"], found["host_key.unproven"]) == ("critical", "high")


def x509_certificate(key: object, signer: object) -> bytes:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2027, 1, 1, tzinfo=UTC)
    )
    return builder.public_key(key).sign(signer, SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type] # any key type


def test_keys_in_certificates_of_x509_are_tested_too() -> None:
    signer = ec.generate_private_key(ec.SECP256R1())
    small = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    factor = rsa.RSAPublicNumbers(65537, next_prime(2**1100) * 1009 * next_prime(2**940)).public_key()
    for key, type_, expected in (
        (small, b"x509v3-ecdsa-sha2-nistp256", ("small_private_key",)),
        (factor, b"x509v3-ssh-rsa", ("malformed",)),
        (factor, b"x509v3-rsa2048-sha256", ("malformed",)),
        (signer.public_key(), b"x509v3-ecdsa-sha2-nistp256", ()),
    ):
        der = x509_certificate(key, signer)
        blob = string(type_) + (1).to_bytes(4, "big") + string(der) + (0).to_bytes(4, "big")
        assert weaknesses_of(base64.b64encode(blob).decode("ascii")) == expected
        assert weaknesses_of(base64.b64encode(der).decode("ascii")) == expected  # as the drafts have it
        for cut in (5, 40, len(blob) // 2):
            assert weaknesses_of(base64.b64encode(blob[:cut]).decode("ascii")) == ()
    assert rsa_key(string(b"x509v3-ssh-rsa") + (1).to_bytes(4, "big") + string(x509_certificate(factor, signer)))
