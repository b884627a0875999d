"""Signatures by asyncssh, `cryptography` and openssl verify, and fail with any bit flipped."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.codec import Reader, byte, mpint, string, uint32
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import parse_host_key
from sshprobe.wire.limits import RSA_MODULUS_BITS
from sshprobe.wire.signatures import verify

DATA = hashlib.sha256(b"an exchange hash").digest()

# bits, exponent, algorithm, modulus, signature of b"an exchange hash". Keys too short for today's libraries, made
# by OpenSSL 3.0.19: `openssl genrsa -3 512`, `openssl dgst -sha1 -sign`.
SHORT_RSA = [
    (
        512,
        3,
        "ssh-rsa",
        "e5dd9f8f6dc9b92d47302f6cf00af973c9dc9d9039e110036060f8a5b5ad7a4699f3bb3acd6ef30f434f7a25805494ca"
        "384341aa2bb6710ecc707d23a4cb5ebb",
        "3b1dc1bbc463477f0277cb3ee4ee32f8671e05b7fedbafdcc3196d7c984b802d7cd4ab2455b90423a0565a34e5eb49bf"
        "e7ba54035c1c41b9331ae9c0b70675b1",
    ),
    (
        512,
        65537,
        "rsa-sha2-256",
        "c19301c76a73b88ef70ce3a205b66d992963143a4da3453b05edba908ee5e76a0d398a87245a9ea638634a9a40c4c795"
        "2cdba0411ce7d60ff0b97c7865403fd3",
        "8718a3941cb28194060aa0cf79756493f7d69921623b2c8056b6f2c5d39cd388c3e4942076277c599e542bb781ff0cdf"
        "57dc9773884f3005349f433ec7d9b271",
    ),
    (
        768,
        3,
        "rsa-sha2-512",
        "e3f2209acbb514e60a5cb9b84798d0ac32614307b987bad11e82cab7edc87cfd0cceb1143f1f00753a03d14bf6dc61de"
        "9d18ef55bb6bc251173a64be4636ba5fcda914148515e217d4fb00be3ce5b109bc6dab044b7afd1f787c252041f59147",
        "dca3c97dbaadc99adff5d875ab1dc7880aeb301df337f60264c2b8640fa5454c06e8df0a614e1f5880c62b633cad5be9"
        "78f6c5f242ca01194903e784ccebd12adcc8c4ee27a02ff04f24ad7ba198ecfb3bfbce361bb03ddd445527707bfcbe3c",
    ),
    (
        768,
        65537,
        "ssh-rsa",
        "a275e9815e75d79053f37385d0eb01211622f5e158ab3ed254b2e5a2ccaf8f212c3bff7dbd8ace91149d6551786f062b"
        "ac136623c7991473f7d1f9a744052e78569dcbdf6f445e28c42b9b7e4545e9fd12242d5b9f9db3f81368486a29c1b861",
        "17a97ce4cfbd1b8eacbfc36aab97612c353bb6360bc82c56a066545d1bffed1b14327cc9d5e810dbf4db42e275c88875"
        "fe059f53e8ae6f3333cba95611c2e8cd7b4f079e3ff06c9449d59edcc760ed4f6c89be3ef0a4586fc24e7cc3518c5c31",
    ),
    (
        1023,
        3,
        "rsa-sha2-256",
        "5f1e59bbc8ba2e5344e4a8c983cd1010407948f43d6a2c199a74925233a0fe52ca863ff082b97933c9ff47cb95c64014"
        "b873c4c5957144424d8005641ae00d7fb4d363ecc340a6308aa7570af0a9ed80ed7020386729af398f6da50bc621334e"
        "123e5fde9409567e2f8cb228e836db69c8381fce918a4f45b5be54cfe7bed111",
        "3c23ac692f1d6ca2998cd9922ee6c0f26796794dd8ab1c7204238b6515f9157400d3b5a8124f75fd5cb723c07dd5475f"
        "cb50adb3d38cef7258c0976b0c277b615b2a9a64215a1dc696297ccc24dd4f4ba0873b959eef501a5e7a5dd168c8bbe2"
        "cdcbdc3cbe10f01d00ef959a54e84febd206448a591a4be1fe6fbf5ff77690ee",
    ),
]

RSA_ALGORITHMS = ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", *(f"ssh-rsa-sha{n}@ssh.com" for n in (224, 256, 384, 512))]
ALGORITHMS = [
    *RSA_ALGORITHMS,
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-ed25519",
    "ssh-ed448",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
]


def flips(data: bytes) -> list[bytes]:
    number = int.from_bytes(data, "big")
    return [(number ^ 1 << bit).to_bytes(len(data), "big") for bit in range(8 * len(data))]


@cache
def private_key(algorithm: str) -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(algorithm)


def signed(algorithm: str, data: bytes = DATA) -> tuple[bytes, bytes]:
    """Return a key blob and a signature blob."""
    if algorithm.startswith("sk-"):
        return signed_by_security_key(algorithm, data)
    key = private_key("ssh-rsa" if algorithm in RSA_ALGORITHMS else algorithm)
    return key.public_data, key.sign(data, algorithm.encode())


def signed_by_security_key(algorithm: str, data: bytes) -> tuple[bytes, bytes]:
    flags_and_counter = byte(1) + uint32(77)
    message = hashlib.sha256(b"ssh:").digest() + flags_and_counter + hashlib.sha256(data).digest()
    if "ed25519" in algorithm:
        edwards = ed25519.Ed25519PrivateKey.generate()
        fields = string(edwards.public_key().public_bytes_raw())
        raw = edwards.sign(message)
    else:
        weierstrass = ec.generate_private_key(ec.SECP256R1())
        point = weierstrass.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        fields = string(b"nistp256") + string(point)
        r, s = decode_dss_signature(weierstrass.sign(message, ec.ECDSA(hashes.SHA256())))
        raw = mpint(r) + mpint(s)
    name = string(algorithm.encode())
    return name + fields + string(b"ssh:"), name + string(raw) + flags_and_counter


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_right_and_wrong(algorithm: str) -> None:
    blob, signature = signed(algorithm)
    key = parse_host_key(blob)
    assert signature.startswith(string(algorithm.encode()))
    assert verify(key, algorithm, signature, DATA) is True
    for flipped in flips(signature):
        assert verify(key, algorithm, flipped, DATA) is False
    for flipped in flips(DATA):
        assert verify(key, algorithm, signature, flipped) is False
    for cut in range(len(signature)):
        assert verify(key, algorithm, signature[:cut], DATA) is False
    assert verify(key, algorithm, signature + b"\x00", DATA) is False
    assert verify(key, algorithm, signature, b"") is False


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("rsa", "rsa-sha2-512"),
        ("ecdsa -b 256", "ecdsa-sha2-nistp256"),
        ("ecdsa -b 384", "ecdsa-sha2-nistp384"),
        ("ecdsa -b 521", "ecdsa-sha2-nistp521"),
        ("ed25519", "ssh-ed25519"),
    ],
)
def test_signatures_of_openssh(tmp_path: Path, kind: str, algorithm: str) -> None:
    path, message = tmp_path / "key", tmp_path / "message"
    message.write_bytes(b"hello")
    subprocess.run(["ssh-keygen", "-q", "-t", *kind.split(), "-N", "", "-f", path], check=True, capture_output=True)
    subprocess.run(["ssh-keygen", "-Y", "sign", "-f", path, "-n", "file", message], check=True, capture_output=True)
    armored = (tmp_path / "message.sig").read_text().splitlines()[1:-1]
    reader = Reader(base64.b64decode("".join(armored)), "SSHSIG")  # OpenSSH's PROTOCOL.sshsig
    assert reader.take(10, "magic and version") == b"SSHSIG" + uint32(1)
    key = parse_host_key(reader.string("public key"))
    namespace, reserved, digest, signature = (reader.string("field") for _ in range(4))
    hashed = hashlib.new(digest.decode(), b"hello").digest()
    data = b"SSHSIG" + string(namespace) + string(reserved) + string(digest) + string(hashed)
    assert verify(key, algorithm, signature, data) is True
    assert verify(key, algorithm, signature, data + b"\x00") is False


@given(data=st.binary(max_size=80), cut=st.integers(0, 144))
def test_the_data_does_not_decide_where_a_signature_ends(data: bytes, cut: int) -> None:
    """libsodium takes signature and data in one piece: moving a byte between them must fail."""
    key = ed25519.Ed25519PrivateKey.generate()
    host_key = parse_host_key(string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw()))
    whole = key.sign(data) + data
    cut = min(cut, len(whole))
    signature = string(b"ssh-ed25519") + string(whole[:cut])
    assert verify(host_key, "ssh-ed25519", signature, whole[cut:]) is (cut == 64)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_of_the_type(algorithm: str) -> None:
    blob, signature = signed(algorithm)
    for flipped in flips(blob):
        if flipped.startswith(blob[:4]):
            try:
                key = parse_host_key(flipped)
            except RemoteProtocolError:
                continue
            assert not verify(key, algorithm, signature, DATA)


@pytest.mark.parametrize("negotiated", RSA_ALGORITHMS)
@pytest.mark.parametrize("sent", RSA_ALGORITHMS)
def test_rsa_with_another_digest_than_negotiated(negotiated: str, sent: str) -> None:
    blob, signature = signed(sent)
    assert verify(parse_host_key(blob), negotiated, signature, DATA) is (negotiated == sent)


def test_another_key_type_than_negotiated() -> None:
    blob, signature = signed("ssh-ed25519")
    for negotiated in ("ssh-ed448", "ssh-rsa", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com"):
        assert verify(parse_host_key(blob), negotiated, signature, DATA) is False


@pytest.mark.parametrize("negotiated", ["ssh-mldsa44", "", "x509v3-ssh-rsa", "ssh-dss-sha256@ssh.com", "\ud800"])
def test_an_unknown_algorithm_cannot_be_checked(negotiated: str) -> None:
    blob, signature = signed("ssh-ed25519")
    assert verify(parse_host_key(blob), negotiated, signature, DATA) is None


def test_an_unknown_key_type_cannot_be_checked() -> None:
    assert verify(parse_host_key(string(b"ssh-mldsa44") + b"x"), "ssh-mldsa44", string(b"ssh-mldsa44"), DATA) is None


@pytest.mark.parametrize(
    ("negotiated", "sent", "verdict"),
    [
        ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512", True),
        ("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-256", True),
        ("rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512", False),
        ("rsa-sha2-512-cert-v01@openssh.com", "ssh-rsa", False),
        ("ssh-rsa-cert-v01@openssh.com", "ssh-rsa", True),
        ("ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256", True),
        ("ssh-rsa-cert-v01@openssh.com", "rsa-sha2-512", True),
        ("ssh-rsa-cert-v01@openssh.com", "ssh-rsa-sha256@ssh.com", False),
        ("rsa-sha2-512", "rsa-sha2-512", False),
        ("ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", True),
        ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", True),
        ("ssh-ed448-cert-v01@openssh.com", "ssh-ed448", True),
    ],
)
def test_a_certificate_signs_under_the_plain_name(negotiated: str, sent: str, verdict: bool) -> None:
    _, signature = signed(sent)
    private = private_key("ssh-rsa" if sent in RSA_ALGORITHMS else sent)
    certificate = private_key("ssh-ed25519").generate_host_certificate(private, "id", principals=["host"])
    key = parse_host_key(certificate.public_data)
    assert key.certificate is not None
    assert verify(key, negotiated, signature, DATA) is verdict


@pytest.mark.parametrize("algorithm", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
def test_a_security_key_certificate(algorithm: str) -> None:
    blob, signature = signed(algorithm)
    plain = string(algorithm.encode())
    name = algorithm.replace("@", "-cert-v01@")
    tail = bytes(8) + uint32(2) + bytes(8 + 16 + 12) + string(private_key("ssh-ed25519").public_data)
    cert_signature = string(string(b"ssh-ed25519") + string(bytes(64)))
    key = parse_host_key(string(name.encode()) + string(b"") + blob[len(plain) :] + tail + cert_signature)
    assert verify(key, name, signature, DATA) is True
    assert verify(key, algorithm, signature, DATA) is False


@pytest.mark.parametrize(("bits", "e", "algorithm", "modulus", "signature"), SHORT_RSA)
def test_short_rsa_keys(bits: int, e: int, algorithm: str, modulus: str, signature: str) -> None:
    key = parse_host_key(string(b"ssh-rsa") + mpint(e) + mpint(int(modulus, 16)))
    name, raw, data = string(algorithm.encode()), bytes.fromhex(signature), b"an exchange hash"
    assert key.bits == bits
    assert verify(key, algorithm, name + string(raw), data) is True
    for flipped in flips(raw):
        assert verify(key, algorithm, name + string(flipped), data) is False


def test_rsa_signature_without_its_leading_zeros() -> None:
    private, name = private_key("ssh-rsa"), string(b"rsa-sha2-256")
    key = parse_host_key(private.public_data)
    for counter in range(10_000):
        data = uint32(counter)
        signature = private.sign(data, b"rsa-sha2-256")
        raw = signature[len(name) + 4 :]
        if raw[0] == 0:
            break
    assert verify(key, "rsa-sha2-256", signature, data) is True
    assert verify(key, "rsa-sha2-256", name + string(raw.lstrip(b"\x00")), data) is True
    assert verify(key, "rsa-sha2-256", name + string(b"\x00" + raw), data) is False


def test_rsa_signature_plus_the_modulus_is_wrong() -> None:
    bits, e, algorithm, modulus, signature = SHORT_RSA[-1]
    assert bits % 8 == 7  # so that the sum has no more bytes
    key = parse_host_key(string(b"ssh-rsa") + mpint(e) + mpint(int(modulus, 16)))
    more = (int(signature, 16) + int(modulus, 16)).to_bytes(len(signature) // 2, "big")
    assert verify(key, algorithm, string(algorithm.encode()) + string(more), b"an exchange hash") is False


@pytest.mark.parametrize("e", [1, 2, 65536, 2**1023 + 1], ids=hex)
def test_not_an_rsa_key(e: int) -> None:
    # With e = 1 the padded digest is its own signature.
    n = 2**1023
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(DATA).digest()
    raw = b"\x00\x01" + b"\xff" * (125 - len(info)) + b"\x00" + info
    key = parse_host_key(string(b"ssh-rsa") + mpint(e) + mpint(n))
    assert verify(key, "rsa-sha2-256", string(b"rsa-sha2-256") + string(raw), DATA) is False


@pytest.mark.parametrize(
    ("e", "n"),
    [(3, 2**RSA_MODULUS_BITS + 1), (2**64 + 1, 2**4096 + 1), (2**16383, 2**16384 - 1)],
    ids=["modulus", "exponent", "both"],
)
def test_rsa_that_would_take_too_long(e: int, n: int) -> None:
    key = parse_host_key(string(b"ssh-rsa") + mpint(e) + mpint(n))
    assert verify(key, "rsa-sha2-256", string(b"rsa-sha2-256") + string(b"\x02"), DATA) is None


def test_dsa_of_an_odd_size_cannot_be_checked() -> None:
    key = parse_host_key(string(b"ssh-dss") + mpint(2**1535 + 1) + mpint(2**159 + 1) + mpint(3) + mpint(4))
    assert verify(key, "ssh-dss", string(b"ssh-dss") + string(bytes(40)), DATA) is None


@pytest.mark.parametrize("y", [1, -1])
def test_a_dsa_key_that_anyone_has(y: int) -> None:
    p, q, g = (2**1023 + 1, 2**159 + 1, 3)
    key = parse_host_key(string(b"ssh-dss") + mpint(p) + mpint(q) + mpint(g) + mpint(y % p))
    assert verify(key, "ssh-dss", string(b"ssh-dss") + string(b"\x01" * 40), DATA) is False


def test_a_point_that_is_not_on_the_curve() -> None:
    name = string(b"ecdsa-sha2-nistp256")
    key = parse_host_key(name + string(b"nistp256") + string(b"\x04" + bytes(64)))
    assert verify(key, "ecdsa-sha2-nistp256", name + string(mpint(1) + mpint(1)), DATA) is False


def test_a_compressed_point() -> None:
    blob, signature = signed("ecdsa-sha2-nistp256")
    head = string(b"ecdsa-sha2-nistp256") + string(b"nistp256")
    x, y = blob[-64:-32], blob[-32:]
    key = parse_host_key(head + string(bytes((2 + y[-1] % 2,)) + x))
    assert verify(key, "ecdsa-sha2-nistp256", signature, DATA) is True


@pytest.mark.parametrize(("r", "s"), [(0, 0), (0, 1), (1, 0), (-1, 1), (1, -1), (2**256, 1), (1, 2**40000)], ids=hex)
def test_ecdsa_numbers_out_of_range(r: int, s: int) -> None:
    blob, _ = signed("ecdsa-sha2-nistp256")
    signature = string(b"ecdsa-sha2-nistp256") + string(mpint(r) + mpint(s))
    assert verify(parse_host_key(blob), "ecdsa-sha2-nistp256", signature, DATA) is False


ED25519_P, ED448_P = 2**255 - 19, 2**448 - 2**224 - 1
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, -1 % ED25519_P, ED25519_P, ED25519_P + 1, ORDER_8, ED25519_P - ORDER_8])
def test_ed25519_keys_that_anyone_has(y: int, sign: int) -> None:
    name = string(b"ssh-ed25519")
    public = (y | sign << 255).to_bytes(32, "little")
    key = parse_host_key(name + string(public))
    for number in range(64):  # R = A or R = 1, S = 0: right for one message in eight or more
        for raw in (public + bytes(32), b"\x01" + bytes(63), bytes(64)):
            assert verify(key, "ssh-ed25519", name + string(raw), byte(number)) is False


def test_the_constant_is_a_point_of_order_8() -> None:
    d = -121665 * pow(121666, -1, ED25519_P) % ED25519_P  # RFC 8032 section 5.1
    assert (d * ORDER_8**4 + 2 * ORDER_8**2 - 1) % ED25519_P == 0


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, -1 % ED448_P, ED448_P, ED448_P + 1])
def test_ed448_keys_that_anyone_has(y: int, sign: int) -> None:
    name = string(b"ssh-ed448")
    public = (y | sign << 455).to_bytes(57, "little")
    key = parse_host_key(name + string(public))
    for number in range(16):
        for raw in (public + bytes(57), b"\x01" + bytes(113), bytes(114)):
            assert verify(key, "ssh-ed448", name + string(raw), byte(number)) is False


NUMBERS = st.integers(1, 2**1100).map(mpint)
RAW = st.binary(max_size=200) | st.tuples(NUMBERS, NUMBERS).map(b"".join)


@pytest.mark.parametrize("algorithm", ["rsa-sha2-512", *ALGORITHMS[len(RSA_ALGORITHMS) :]])
@given(signature=st.binary() | RAW, wrapped=st.booleans(), tail=st.sampled_from([b"", b"\x01\x00\x00\x00\x01"]))
def test_no_bytes_raise(algorithm: str, signature: bytes, wrapped: bool, tail: bytes) -> None:
    key = parse_host_key(signed_once(algorithm))
    blob = string(algorithm.encode()) + string(signature) + tail if wrapped else signature
    assert verify(key, algorithm, blob, DATA) is False


@cache
def signed_once(algorithm: str) -> bytes:
    return signed(algorithm)[0]


@given(e=NUMBERS, n=NUMBERS, raw=st.binary(max_size=200))
def test_no_rsa_key_raises(e: bytes, n: bytes, raw: bytes) -> None:
    key = parse_host_key(string(b"ssh-rsa") + e + n)
    assert verify(key, "ssh-rsa", string(b"ssh-rsa") + string(raw), DATA) is False


SIZED = st.sampled_from([1024, 2048]).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits - 1)).map(mpint)
Q = st.sampled_from([160, 224, 256]).flatmap(lambda bits: st.integers(2 ** (bits - 1), 2**bits - 1)).map(mpint)


@given(p=SIZED | NUMBERS, q=Q | NUMBERS, g=NUMBERS, y=NUMBERS, raw=st.binary(min_size=40, max_size=40))
def test_no_dsa_key_raises(p: bytes, q: bytes, g: bytes, y: bytes, raw: bytes) -> None:
    key = parse_host_key(string(b"ssh-dss") + p + q + g + y)
    assert not verify(key, "ssh-dss", string(b"ssh-dss") + string(raw), DATA)


@given(st.binary(min_size=64, max_size=64), st.binary(max_size=80))
def test_no_point_raises(point: bytes, raw: bytes) -> None:
    name = string(b"ecdsa-sha2-nistp256")
    key = parse_host_key(name + string(b"nistp256") + string(b"\x04" + point))
    assert verify(key, "ecdsa-sha2-nistp256", name + string(raw), DATA) is False


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_no_ed25519_key_raises(public_key: bytes, raw: bytes) -> None:
    name = string(b"ssh-ed25519")
    assert verify(parse_host_key(name + string(public_key)), "ssh-ed25519", name + string(raw), DATA) is False


def test_a_transport_does_not_load_cryptography() -> None:
    code = "import sys, sshprobe.wire.transport; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
