"""Composite host keys of ML-DSA-44 and Ed25519, as in OpenSSH since 10.4."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sshprobe.wire.codec import Reader, string
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import expected_blob_type, parse_host_key
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.signatures import verify

SEEN = json.loads((Path(__file__).parent / "openssh_10_6_mldsa44_ed25519.json").read_text())
"""A signature of a real OpenSSH 10.6 in an exchange with this program."""

NAME = "ssh-mldsa44-ed25519"
BLOB, SIGNATURE, DATA = (base64.b64decode(SEEN[field]) for field in ("blob", "signature", "data"))


def key() -> HostKey:
    return parse_host_key(BLOB)


def raw_signature() -> bytes:
    reader = Reader(SIGNATURE, "signature")
    assert reader.string("name") == NAME.encode()
    return reader.string("signature")


def signed(raw: bytes, name: str = NAME) -> bytes:
    return string(name.encode()) + string(raw)


def test_openssh_10_6_proves_its_key() -> None:
    assert verify(key(), NAME, SIGNATURE, DATA) is True
    assert (key().type, key().bits, key().fingerprint) == (NAME, 512, SEEN["fingerprint"])
    assert expected_blob_type(NAME) == NAME


def test_another_message_is_not_proven() -> None:
    assert verify(key(), NAME, SIGNATURE, DATA + b"\0") is False


@pytest.mark.parametrize("place", [0, 1000, 2419, 2420, 2483])
def test_both_halves_have_to_hold(place: int) -> None:
    raw = bytearray(raw_signature())
    raw[place] ^= 1
    assert verify(key(), NAME, signed(bytes(raw)), DATA) is False


@pytest.mark.parametrize("length", [0, 64, 2420, 2483, 2485])
def test_a_signature_of_another_length_is_wrong(length: int) -> None:
    assert verify(key(), NAME, signed((raw_signature() + b"\0")[:length]), DATA) is False


def test_a_traditional_half_of_somebody_else_is_wrong() -> None:
    """Only the holder of both keys is the server: here a foreign Ed25519 key signs correctly."""
    other = Ed25519PrivateKey.generate()
    public = Reader(BLOB, "key")
    public.string("name")
    mixed = parse_host_key(
        string(NAME.encode()) + string(public.string("key")[:1312] + other.public_key().public_bytes_raw())
    )
    assert verify(mixed, NAME, SIGNATURE, DATA) is False


def test_the_names_of_10_4_are_not_those_of_10_6() -> None:
    older = f"{NAME}@openssh.com"
    public = Reader(BLOB, "key")
    public.string("name")
    renamed = parse_host_key(string(older.encode()) + string(public.string("key")))
    assert verify(renamed, older, signed(raw_signature(), older), DATA) is True
    assert verify(renamed, older, SIGNATURE, DATA) is False
    assert verify(key(), older, signed(raw_signature(), older), DATA) is False


@pytest.mark.parametrize("length", [0, 32, 1343, 1345])
def test_a_key_of_another_length_is_malformed(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_host_key(string(NAME.encode()) + string(b"\1" * length))
