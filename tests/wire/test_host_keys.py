"""Key blobs made by `ssh-keygen` and asyncssh; our fields must equal the output of `ssh-keygen -l`."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.codec import mpint, string, uint32
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import expected_blob_type, host_key_family, parse_host_key, parse_unknown_host_key
from sshprobe.wire.public_keys import DSAParameters, ECDSAParameters, EdDSAParameters, HostKey, RSAParameters

MADE_BY_SSH_KEYGEN = [
    ("rsa", 1024, "ssh-rsa"),
    ("rsa", 2048, "ssh-rsa"),
    ("rsa", 3072, "ssh-rsa"),
    ("dsa", 1024, "ssh-dss"),
    ("ecdsa", 256, "ecdsa-sha2-nistp256"),
    ("ecdsa", 384, "ecdsa-sha2-nistp384"),
    ("ecdsa", 521, "ecdsa-sha2-nistp521"),
    ("ed25519", 256, "ssh-ed25519"),
]


def ssh_keygen(*arguments: str | Path) -> str:
    return subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def read_public_key(path: Path) -> bytes:
    return base64.b64decode(path.read_text().split()[1])


@pytest.mark.parametrize(("kind", "bits", "name"), MADE_BY_SSH_KEYGEN)
def test_agrees_with_ssh_keygen(tmp_path: Path, kind: str, bits: int, name: str) -> None:
    path = tmp_path / "key"
    ssh_keygen("-q", "-t", kind, "-b", str(bits), "-N", "", "-f", path)
    blob = read_public_key(path.with_suffix(".pub"))
    key = parse_host_key(blob)
    printed_bits, printed_fingerprint, *_ = ssh_keygen("-lf", path.with_suffix(".pub")).split()
    assert (str(key.bits), key.fingerprint) == (printed_bits, printed_fingerprint)
    assert (key.type, key.type_name, key.certificate) == (name, name.encode(), None)
    assert key.blob == key.plain_blob == blob
    for cut in range(len(blob)):
        with pytest.raises(RemoteProtocolError):
            parse_host_key(blob[:cut])
    with pytest.raises(RemoteProtocolError, match="1 bytes too many"):
        parse_host_key(blob + b"\x00")


def test_ed448() -> None:
    blob = asyncssh.generate_private_key("ssh-ed448").public_data
    key = parse_host_key(blob)
    assert (key.type, key.bits, key.parameters) == ("ssh-ed448", 448, EdDSAParameters("Ed448", blob[-57:]))


SK_ED25519 = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(range(32))) + string(b"ssh:")
SK_ECDSA = (
    string(b"sk-ecdsa-sha2-nistp256@openssh.com")
    + string(b"nistp256")
    + string(b"\x04" + bytes(range(64)))
    + string(b"ssh:host")
)


def test_security_keys_agree_with_ssh_keygen(tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    name = "sk-ssh-ed25519@openssh.com"
    path.write_text(f"{name} {base64.b64encode(SK_ED25519).decode()} comment\n")
    key = parse_host_key(SK_ED25519)
    assert ssh_keygen("-lf", path).split()[:2] == [str(key.bits), key.fingerprint]
    assert key.parameters == EdDSAParameters("Ed25519", bytes(range(32)), b"ssh:")


def test_sk_ecdsa() -> None:
    key = parse_host_key(SK_ECDSA)
    assert key.bits == 256
    assert key.parameters == ECDSAParameters("nistp256", b"\x04" + bytes(range(64)), b"ssh:host")


def test_numbers_are_read_as_they_are() -> None:
    rsa = parse_host_key(string(b"ssh-rsa") + mpint(3) + mpint(2**767 + 9))
    assert (rsa.parameters, rsa.bits) == (RSAParameters(3, 2**767 + 9), 768)
    dsa = parse_host_key(string(b"ssh-dss") + mpint(2**1535) + mpint(2) + mpint(3) + mpint(4))
    assert (dsa.parameters, dsa.bits) == (DSAParameters(2**1535, 2, 3, 4), 1536)


def padded(value: int, zeros: int) -> bytes:
    """Return an mpint with superfluous leading zeros."""
    return string(bytes(zeros) + value.to_bytes(value.bit_length() // 8 + 1, "big"))


@pytest.mark.parametrize("zeros", [1, 7])
@pytest.mark.parametrize("name", [b"ssh-rsa", b"ssh-dss"])
def test_a_key_with_needless_zeros_has_the_fingerprint_that_ssh_keygen_prints(
    tmp_path: Path, name: bytes, zeros: int
) -> None:
    if name == b"ssh-rsa":
        numbers = [65537, (1 << 2048) - 1]
    else:
        found = dsa.generate_private_key(1024).public_key().public_numbers()
        numbers = [*(getattr(found.parameter_numbers, each) for each in "pqg"), found.y]
    blob = string(name) + b"".join(padded(value, zeros) for value in numbers)
    path = tmp_path / "key.pub"
    path.write_text(f"{name.decode()} {base64.b64encode(blob).decode()} padded\n")
    key = parse_host_key(blob)
    assert ssh_keygen("-lf", path).split()[:2] == [str(key.bits), key.fingerprint]
    assert key.blob == blob
    assert key.plain_blob == string(name) + b"".join(map(mpint, numbers))
    assert parse_host_key(key.plain_blob).fingerprint == key.fingerprint


@pytest.mark.parametrize(
    "blob",
    [
        # RFC 6187 section 2.1: certificate-count, certificates, ocsp-response-count, responses
        string(b"x509v3-ssh-rsa") + uint32(1) + string(b"0\x82\x01\x02 a certificate") + uint32(0),
        string(b"x509v3-ecdsa-sha2-nistp256") + uint32(2) + string(b"0a") + string(b"0b") + uint32(1) + string(b"0"),
        string(b"x509v3-sign-rsa") + string(b"0\x82 a certificate, as of the drafts"),
        b"0\x82\x01\x02 DER alone, as of older drafts",
    ],
)
def test_the_fingerprint_of_an_x509_key_is_over_the_whole_blob(blob: bytes) -> None:
    key = parse_unknown_host_key(blob, "x509v3-sign-rsa")
    assert key.blob == key.plain_blob == blob
    assert key.fingerprint == "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert (key.bits, key.parameters) == (None, None)


def test_an_enormous_modulus_is_reported() -> None:
    key = parse_host_key(string(b"ssh-rsa") + mpint(65537) + mpint(2**32767))
    assert key.bits == 32768
    assert "32768" in repr(key)


@pytest.mark.parametrize("name", [b"ssh-mldsa44", b"ssh-rsa-cert-v00@openssh.com", b"x509v3-ssh-rsa", b"rsa-sha2-256"])
def test_unknown_types_are_kept(name: bytes) -> None:
    blob = string(name) + b"whatever"
    key = parse_host_key(blob)
    assert key == HostKey(name.decode(), name, None, blob, blob, key.fingerprint, None)


def test_a_hostile_name_is_escaped() -> None:
    assert parse_host_key(string(b"\x1b[2J\\\xe2\x80\xae\n")).type == "\\x1b[2J\\\\\\xe2\\x80\\xae\\x0a"


P256 = string(b"ecdsa-sha2-nistp256")
MALFORMED = {
    "empty": b"",
    "empty name": string(b""),
    "long name": string(b"a" * 1025),
    "gigabytes of name": b"\xff\xff\xff\xffssh-rsa",
    "gigabytes of modulus": string(b"ssh-rsa") + mpint(3) + uint32(0xFFFFFFF0) + b"\x01",
    "DER": bytes.fromhex("30820122300d06092a864886f70d01010105000382010f00"),
    "zero exponent": string(b"ssh-rsa") + mpint(0) + mpint(5),
    "negative modulus": string(b"ssh-rsa") + mpint(3) + mpint(-5),
    "zero p": string(b"ssh-dss") + mpint(0) + mpint(2) + mpint(3) + mpint(4),
    "negative y": string(b"ssh-dss") + mpint(5) + mpint(2) + mpint(3) + mpint(-4),
    "other curve": P256 + string(b"nistp384") + string(b"\x04" + bytes(96)),
    "short point": P256 + string(b"nistp256") + string(b"\x04" + bytes(63)),
    "long point": P256 + string(b"nistp256") + string(b"\x04" + bytes(65)),
    "point at infinity": P256 + string(b"nistp256") + string(b"\x00"),
    "no point": P256 + string(b"nistp256") + string(b""),
    "hybrid point": P256 + string(b"nistp256") + string(b"\x06" + bytes(64)),
    "short Ed25519": string(b"ssh-ed25519") + string(bytes(31)),
    "long Ed25519": string(b"ssh-ed25519") + string(bytes(33)),
    "Ed448 of 56": string(b"ssh-ed448") + string(bytes(56)),
    "sk without application": SK_ED25519[:-8],
    "sk with more": SK_ECDSA + b"\x00",
}


@pytest.mark.parametrize("blob", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(blob: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        parse_host_key(blob)
    assert str(raised.value).isprintable()


def test_a_compressed_point_is_a_point() -> None:
    parameters = parse_host_key(P256 + string(b"nistp256") + string(b"\x02" + bytes(32))).parameters
    assert parameters == ECDSAParameters("nistp256", b"\x02" + bytes(32))


NAMES = st.sampled_from(
    [b"ssh-rsa", b"ssh-dss", b"ecdsa-sha2-nistp256", b"ssh-ed25519", b"ssh-ed448", b"sk-ssh-ed25519@openssh.com"]
)
FIELDS = st.one_of(st.binary(max_size=40).map(string), st.integers().map(mpint), st.just(string(b"nistp256")))


@given(st.binary() | st.tuples(NAMES.map(string), st.lists(FIELDS, max_size=6).map(b"".join)).map(b"".join))
def test_arbitrary_bytes_raise_nothing_else(blob: bytes) -> None:
    try:
        key = parse_host_key(blob)
    except RemoteProtocolError:
        return
    assert key.blob == blob
    assert key.type.isascii()
    assert key.type.isprintable()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("ssh-rsa", "ssh-rsa"),
        ("rsa-sha2-256", "ssh-rsa"),
        ("rsa-sha2-512", "ssh-rsa"),
        ("ssh-rsa-sha256@ssh.com", "ssh-rsa"),
        ("ssh-rsa-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com"),
        ("rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com"),
        ("rsa-sha2-512-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com"),
        ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
        ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
    ],
)
def test_families_of_known_algorithms(name: str, family: str) -> None:
    assert host_key_family(name) == family
    assert expected_blob_type(name) == family


@pytest.mark.parametrize("name", ["", "ssh-mldsa44", "ssh-rsa-cert-v00@openssh.com", "schlüssel", "\ud800"])
def test_an_unknown_algorithm_is_its_own_family(name: str) -> None:
    assert host_key_family(name) == name
    assert expected_blob_type(name) is None
