"""Certificates made by `ssh-keygen -s` and asyncssh; our fields must equal the output of `ssh-keygen -L`."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.codec import mpint, string, uint32, uint64
from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.host_keys import OPTIONS, PRINCIPALS, parse_host_key
from sshprobe.wire.public_keys import FOREVER, HOST, USER, Certificate
from sshprobe.wire.signatures import verify_certificate

KINDS = [("rsa", 2048), ("dsa", 1024), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("ed25519", 256)]
BASIC = ["-I", "id", "-n", "host1,host2"]


def ssh_keygen(*arguments: str | Path) -> str:
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "TZ": "UTC", "LC_ALL": "C"}
    run = subprocess.run(
        ["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, text=True, env=environment
    )
    return run.stdout


class Keys:
    """Private keys made once, and certificates made from them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for kind, bits in KINDS:
            ssh_keygen("-q", "-t", kind, "-b", str(bits), "-N", "", "-C", "", "-f", self.path(kind, bits))
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.path("ca", 0))

    def path(self, kind: str, bits: int) -> Path:
        return self.directory / f"{kind}-{bits}"

    def sign(self, key: Path, ca: Path, *options: str) -> tuple[Path, bytes]:
        ssh_keygen("-q", "-s", ca, *options, key.with_suffix(".pub"))
        certificate = key.with_name(key.name + "-cert.pub")
        return certificate, base64.b64decode(certificate.read_text().split()[1])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


def certificate_of(blob: bytes) -> Certificate:
    certificate = parse_host_key(blob).certificate
    assert certificate is not None
    return certificate


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_every_kind_of_host_certificate_agrees_with_ssh_keygen(keys: Keys, kind: str, bits: int) -> None:
    validity = ["-V", "20250102030405:20350203040506", "-z", "18446744073709551615"]
    key, ca = keys.path(kind, bits), keys.path("ca", 0)
    path, blob = keys.sign(key, ca, "-h", *BASIC, *validity)
    parsed, certificate = parse_host_key(blob), certificate_of(blob)
    text = ssh_keygen("-L", "-f", path)

    assert parsed.type in text
    assert parsed.type.endswith("-cert-v01@openssh.com")
    assert parsed.blob == blob
    assert parsed.plain_blob == base64.b64decode(key.with_suffix(".pub").read_text().split()[1])
    assert ssh_keygen("-lf", path).split()[:2] == [str(parsed.bits), parsed.fingerprint]

    printed_ca = re.search(r"Signing CA: ED25519 (\S+) \(using (\S+)\)", text)
    assert printed_ca is not None
    assert printed_ca.groups() == (certificate.ca_key.fingerprint, certificate.signature_algorithm.decode())
    assert certificate.signature_key == certificate.ca_key.blob
    assert f'Key ID: "{certificate.key_id.decode()}"' in text
    assert f"Serial: {certificate.serial}\n" in text
    assert f"{certificate.kind_name} certificate" in text
    assert "from 2025-01-02T03:04:05 to 2035-02-03T04:05:06" in text
    assert (certificate.valid_after, certificate.valid_before) == (1735787045, 2054088306)
    assert (certificate.serial, certificate.kind, certificate.kind_name) == (FOREVER, HOST, "host")
    assert certificate.principals == (b"host1", b"host2")
    assert certificate.critical_options == certificate.extensions == ()
    assert (certificate.reserved, len(certificate.nonce)) == (b"", 32)
    assert certificate.signed_data + string(certificate.signature) == blob
    assert verify_certificate(certificate) is True


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_every_kind_of_ca(keys: Keys, kind: str, bits: int) -> None:
    _, blob = keys.sign(keys.path("ca", 0), keys.path(kind, bits), "-h", *BASIC)
    assert verify_certificate(certificate_of(blob)) is True


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_every_signature_of_an_rsa_ca(keys: Keys, algorithm: str) -> None:
    _, blob = keys.sign(keys.path("ca", 0), keys.path("rsa", 2048), "-t", algorithm, "-h", *BASIC)
    certificate = certificate_of(blob)
    assert certificate.signature_algorithm == algorithm.encode()
    assert verify_certificate(certificate) is True


def test_a_user_certificate_with_options_for_ever(keys: Keys) -> None:
    options = ["-O", "clear", "-O", "force-command=/bin/true", "-O", "permit-pty", "-O", "extension:a@example=b"]
    _, blob = keys.sign(keys.path("ed25519", 256), keys.path("ca", 0), "-I", "", *options)
    certificate = certificate_of(blob)
    assert (certificate.kind, certificate.kind_name, certificate.principals) == (USER, "user", ())
    assert (certificate.valid_after, certificate.valid_before, certificate.serial) == (0, FOREVER, 0)
    assert certificate.critical_options == ((b"force-command", string(b"/bin/true")),)
    assert certificate.extensions == ((b"a@example", string(b"b")), (b"permit-pty", b""))


def test_ed448_certificate_of_asyncssh() -> None:
    key, ca = asyncssh.generate_private_key("ssh-ed448"), asyncssh.generate_private_key("ssh-ed448")
    made = ca.generate_host_certificate(key, "id", principals=["host"])
    parsed = parse_host_key(made.public_data)
    assert (parsed.type, parsed.bits) == ("ssh-ed448-cert-v01@openssh.com", 448)
    assert parsed.plain_blob == key.public_data
    assert parsed.fingerprint == key.get_fingerprint()
    assert verify_certificate(certificate_of(made.public_data)) is True


def test_every_truncation_and_every_flipped_bit(keys: Keys) -> None:
    _, blob = keys.sign(keys.path("ed25519", 256), keys.path("ca", 0), "-h", *BASIC)
    for cut in range(len(blob)):
        with pytest.raises(RemoteProtocolError):
            parse_host_key(blob[:cut])
    with pytest.raises(RemoteProtocolError, match="1 bytes too many"):
        parse_host_key(blob + b"\x00")
    for bit in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            certificate = parse_host_key(bytes(flipped)).certificate
        except RemoteProtocolError:
            continue
        assert certificate is None or not verify_certificate(certificate)


CA = string(b"ssh-ed25519") + string(bytes(32))
SIGNATURE = string(b"ssh-ed25519") + string(bytes(64))


def build(
    *,
    name: bytes = b"ssh-ed25519-cert-v01@openssh.com",
    key: bytes = string(bytes(range(32))),
    kind: int = HOST,
    principals: bytes = b"",
    critical_options: bytes = b"",
    extensions: bytes = b"",
    ca: bytes = CA,
    signature: bytes = SIGNATURE,
) -> bytes:
    head = string(name) + string(b"nonce") + key + uint64(7) + uint32(kind) + string(b"id")
    dates = string(principals) + uint64(0) + uint64(FOREVER)
    return head + dates + string(critical_options) + string(extensions) + string(b"") + string(ca) + string(signature)


@pytest.mark.parametrize("name", [b"ssh-rsa-cert-v01@openssh.com", b"rsa-sha2-512-cert-v01@openssh.com"])
def test_rsa_names(name: bytes) -> None:
    key = parse_host_key(build(name=name, key=mpint(3) + mpint(2**1023)))
    assert (key.type, key.bits) == (name.decode(), 1024)
    assert key.plain_blob == string(b"ssh-rsa") + mpint(3) + mpint(2**1023)


def test_security_key_certificates() -> None:
    fields = string(bytes(range(32))) + string(b"ssh:")
    key = parse_host_key(build(name=b"sk-ssh-ed25519-cert-v01@openssh.com", key=fields))
    assert key.plain_blob == string(b"sk-ssh-ed25519@openssh.com") + fields
    fields = string(b"nistp256") + string(b"\x04" + bytes(64)) + string(b"ssh:")
    key = parse_host_key(build(name=b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", key=fields))
    assert key.plain_blob == string(b"sk-ecdsa-sha2-nistp256@openssh.com") + fields


def test_an_unknown_kind_is_kept() -> None:
    assert certificate_of(build(kind=77)).kind_name == "77"


def test_an_unknown_ca_cannot_be_checked() -> None:
    certificate = certificate_of(build(ca=string(b"ssh-mldsa44") + b"x", signature=string(b"ssh-mldsa44") + b"x"))
    assert (certificate.ca_key.type, certificate.ca_key.bits) == ("ssh-mldsa44", None)
    assert verify_certificate(certificate) is None


def test_an_unknown_signature_cannot_be_checked() -> None:
    assert verify_certificate(certificate_of(build(signature=string(b"webauthn-sk@openssh.com")))) is None


@pytest.mark.parametrize("name", [b"ssh-ed25519-cert-v01@openssh.com", b"ssh-rsa", b"ecdsa-sha2-nistp256"])
def test_a_signature_of_another_type_is_wrong(name: bytes) -> None:
    assert verify_certificate(certificate_of(build(signature=string(name) + string(bytes(64))))) is False


def test_a_ca_key_is_not_a_certificate() -> None:
    nested = build()
    for _ in range(3):
        nested = build(ca=nested)
    with pytest.raises(RemoteProtocolError, match="CA key is itself a certificate"):
        parse_host_key(nested)


def test_bounded_counts() -> None:
    option = string(b"a") + string(b"")
    largest = certificate_of(build(principals=string(b"h") * PRINCIPALS, extensions=option * OPTIONS))
    assert (len(largest.principals), len(largest.extensions)) == (PRINCIPALS, OPTIONS)
    with pytest.raises(LimitExceeded, match=f"more than {PRINCIPALS} principals"):
        parse_host_key(build(principals=string(b"h") * (PRINCIPALS + 1)))
    with pytest.raises(LimitExceeded, match=f"more than {OPTIONS} critical options"):
        parse_host_key(build(critical_options=option * (OPTIONS + 1)))
    with pytest.raises(LimitExceeded, match=f"more than {OPTIONS} extensions"):
        parse_host_key(build(extensions=option * (OPTIONS + 1)))


@pytest.mark.parametrize(
    "malformed",
    [
        {"principals": uint32(2**32 - 1)},
        {"critical_options": string(b"a")},
        {"extensions": b"\x00"},
        {"ca": b""},
        {"ca": CA + b"\x00"},
        {"signature": b""},
        {"signature": uint32(9) + b"ssh"},
        {"key": string(bytes(31))},
    ],
)
def test_malformed(malformed: dict[str, bytes]) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_host_key(build(**malformed))  # type: ignore[arg-type] # fields of several types


@given(
    st.fixed_dictionaries({}, optional={name: st.binary() for name in ("principals", "extensions", "ca", "signature")})
)
def test_arbitrary_fields_raise_nothing_else(fields: dict[str, bytes]) -> None:
    try:
        certificate = certificate_of(build(**fields))  # type: ignore[arg-type] # fields of several types
    except RemoteProtocolError:
        return
    assert not verify_certificate(certificate)


def test_a_ca_key_of_small_order_proves_nothing() -> None:
    # All zero is the point (sqrt(-1), 0): OpenSSL accepts its all-zero signature for a quarter of all messages.
    assert {verify_certificate(certificate_of(build(kind=kind))) for kind in range(64)} == {False}
