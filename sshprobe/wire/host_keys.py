"""Reads host key blobs and OpenSSH certificates into the values of `sshprobe.wire.public_keys`.

This module checks the form only, with integers and lengths; `sshprobe.wire.signatures` does the cryptography. Text in a
certificate stays bytes as sent, because a CA may put any bytes into it.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from sshprobe.wire.codec import Reader, mpint, read_strings, string
from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.limits import NAME_LENGTH
from sshprobe.wire.public_keys import (
    Certificate,
    CompositeParameters,
    DSAParameters,
    ECDSAParameters,
    EdDSAParameters,
    HostKey,
    Parameters,
    RSAParameters,
)

PRINCIPALS = 256
"""The most principals in one certificate: OpenSSH's own limit (SSHKEY_CERT_MAX_PRINCIPALS)."""

OPTIONS = 256
"""The most critical options, and the most extensions, in one certificate. OpenSSH defines fewer than ten of each."""

_OF_NUMBERS = (RSAParameters, DSAParameters)
"""Keys with more than one encoding: their numbers may have leading zeros."""


class OtherHostKey(RemoteProtocolError):
    """The server sent a host key of another type than negotiated (RFC 4253 section 7.1). `host_key` is that key."""

    def __init__(self, host_key: HostKey) -> None:
        self.host_key = host_key
        super().__init__("the server sent a host key of another type than was asked for")


def parse_host_key(blob: bytes) -> HostKey:
    """Read a public key blob, with or without a certificate.

    A key of an unknown type has no bits and no parameters. Raises `RemoteProtocolError` for a malformed key of a known
    type: truncated, too long, a number that is not positive, a curve that does not belong to its type.
    """
    return _parse(blob, "host key")


def parse_unknown_host_key(blob: bytes, algorithm_name: str) -> HostKey:
    """Return the key in `blob` for a host key algorithm that we do not know.

    Most blobs begin with the name of their type. Others (DER of the old x509v3 drafts) get `algorithm_name`.
    """
    try:
        return parse_host_key(blob)
    except RemoteProtocolError:
        name = algorithm_name.encode("ascii", "backslashreplace")
        return HostKey(_printable(name), name, None, blob, blob, _fingerprint(blob), None)


@lru_cache(maxsize=256)  # each connection looks up a few; limited, because servers can invent names
def host_key_family(algorithm_name: str) -> str:
    """Return one name for all host key algorithms that use the same key.

    The family of "rsa-sha2-512" is "ssh-rsa" (RFC 8332 section 3), the family of an unknown name is the name itself.
    """
    return _FAMILIES.get(algorithm_name, algorithm_name)


@lru_cache(maxsize=256)
def expected_blob_type(algorithm_name: str) -> str | None:
    """Return the type that the key blob of a negotiated algorithm must name, None for an unknown algorithm."""
    family = host_key_family(algorithm_name)
    name = family.encode("ascii", "backslashreplace")
    return family if name in FORMATS or name in _CERTIFICATES else None


def _parse(blob: bytes, what: str, *, may_be_certificate: bool = True) -> HostKey:
    # The key of a CA may not be a certificate (PROTOCOL.certkeys), which also ends the recursion.
    type_name = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    format_ = FORMATS.get(type_name)
    if format_ is not None:
        parameters, bits = format_.read(read_strings(blob, what, format_.fields, 4 + len(type_name)))
        plain_blob = _shortest(type_name, parameters, blob) if type(parameters) in _OF_NUMBERS else blob
        name, fingerprint = type_name.decode("ascii"), _fingerprint(plain_blob)
        return HostKey(name, type_name, bits, blob, plain_blob, fingerprint, parameters)
    reader = Reader(blob, what)
    type_name = reader.string("its type")
    if not 0 < len(type_name) <= NAME_LENGTH:
        raise RemoteProtocolError(f"{what} has a type name of {len(type_name)} bytes")
    if b"-cert-v0" in type_name and not may_be_certificate:
        raise RemoteProtocolError(f"{what} is itself a certificate")
    plain_type = _CERTIFICATES.get(type_name)
    if plain_type is None:
        return HostKey(_printable(type_name), type_name, None, blob, blob, _fingerprint(blob), None)
    nonce = reader.string("nonce")
    start = reader.at
    fields, read = FORMATS[plain_type]
    parameters, bits = read([reader.string(field) for field in fields])
    plain_blob = _shortest(plain_type, parameters, string(plain_type) + blob[start : reader.at])
    certificate = _read_certificate(reader, blob, nonce)
    name, fingerprint = type_name.decode("ascii"), _fingerprint(plain_blob)
    return HostKey(name, type_name, bits, blob, plain_blob, fingerprint, parameters, certificate)


def _fingerprint(plain_blob: bytes) -> str:
    digest = hashlib.sha256(plain_blob).digest()
    return "SHA256:" + binascii.b2a_base64(digest, newline=False)[:-1].decode("ascii")  # one "=" pads 32 bytes


def _shortest(type_name: bytes, parameters: Parameters, blob: bytes) -> bytes:
    """Return the blob of an RSA or DSA key as OpenSSH writes it, without leading zeros; of other keys `blob`."""
    if type(parameters) is RSAParameters:
        e, n = parameters.e, parameters.n
        if len(blob) == len(type_name) + e.bit_length() // 8 + n.bit_length() // 8 + 14:
            return blob  # three lengths, and each number in the fewest bytes that hold it and its sign
        return string(type_name) + mpint(e) + mpint(n)
    if type(parameters) is DSAParameters:
        return string(type_name) + b"".join(map(mpint, (parameters.p, parameters.q, parameters.g, parameters.y)))
    return blob


def _printable(name: bytes) -> str:
    """Return a name in ASCII: other bytes as \\xNN, a backslash doubled."""
    return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name)


def _read_certificate(reader: Reader, blob: bytes, nonce: bytes) -> Certificate:
    """Read the fields after the public key in `blob`, up to its end. `reader` is at the first of them.

    Raises `LimitExceeded` past `PRINCIPALS` or `OPTIONS`.
    """
    serial = reader.uint64("serial")
    kind = reader.uint32("type")
    key_id = reader.string("key id")
    principals = _read_principals(reader.string("valid principals"))
    valid_after = reader.uint64("valid after")
    valid_before = reader.uint64("valid before")
    critical_options = _read_options(reader.string("critical options"), "critical options")
    extensions = _read_options(reader.string("extensions"), "extensions")
    reserved = reader.string("reserved")
    signature_key = reader.string("signature key")
    signed_data = blob[: len(blob) - reader.remaining]
    signature = reader.string("signature")
    reader.end()
    return Certificate(
        nonce=nonce,
        serial=serial,
        kind=kind,
        key_id=key_id,
        principals=principals,
        valid_after=valid_after,
        valid_before=valid_before,
        critical_options=critical_options,
        extensions=extensions,
        reserved=reserved,
        signature_key=signature_key,
        ca_key=_parse(signature_key, "CA key", may_be_certificate=False),
        signature=signature,
        signature_algorithm=Reader(signature, "certificate signature").string("algorithm name"),
        signed_data=signed_data,
    )


def _read_principals(packed: bytes) -> tuple[bytes, ...]:
    reader = Reader(packed, "certificate's list of principals")
    principals: list[bytes] = []
    while reader.remaining:
        if len(principals) == PRINCIPALS:
            raise LimitExceeded(f"certificate has more than {PRINCIPALS} principals")
        principals.append(reader.string("a principal"))
    return tuple(principals)


def _read_options(packed: bytes, what: str) -> tuple[tuple[bytes, bytes], ...]:
    reader = Reader(packed, f"certificate's list of {what}")
    options: list[tuple[bytes, bytes]] = []
    while reader.remaining:
        if len(options) == OPTIONS:
            raise LimitExceeded(f"certificate has more than {OPTIONS} {what}")
        options.append((reader.string("a name"), reader.string("data")))
    return tuple(options)


class _Format(NamedTuple):
    """The strings of a key after its type (and, in a certificate, after the nonce), and what reads them."""

    fields: tuple[str, ...]
    read: Callable[[list[bytes]], tuple[Parameters, int]]


_RSA = ("RSA exponent", "RSA modulus")
_DSA = ("DSA p", "DSA q", "DSA g", "DSA y")


def _positive(fields: tuple[str, ...], strings: list[bytes]) -> list[int]:
    values = [int.from_bytes(raw, "big", signed=True) for raw in strings]
    for field, value in zip(fields, values, strict=True):
        if value <= 0:
            raise RemoteProtocolError(f"key has a {field} that is not positive")
    return values


def _read_rsa(strings: list[bytes]) -> tuple[Parameters, int]:
    e, n = _positive(_RSA, strings)
    return RSAParameters(e, n), n.bit_length()


def _read_dsa(strings: list[bytes]) -> tuple[Parameters, int]:
    p, q, g, y = _positive(_DSA, strings)
    return DSAParameters(p, q, g, y), p.bit_length()


def _ecdsa(curve: str, bits: int, *, in_security_key: bool = False) -> _Format:
    curve_name = curve.encode("ascii")
    coordinate = (bits + 7) // 8
    # RFC 5656 section 3.1 allows point compression; OpenSSH does not use it.
    lengths = {b"\x04": 1 + 2 * coordinate, b"\x02": 1 + coordinate, b"\x03": 1 + coordinate}

    def read(strings: list[bytes]) -> tuple[Parameters, int]:
        name, point, *application = strings
        if name != curve_name:
            raise RemoteProtocolError(f"key has a curve that is not the {curve} of its type")
        if len(point) != lengths.get(point[:1]):
            raise RemoteProtocolError(f"key has a malformed point for {curve}")
        return ECDSAParameters(curve, point, *application), bits

    return _Format(("curve name", "point", *_application(in_security_key)), read)


def _eddsa(curve: str, length: int, bits: int, *, in_security_key: bool = False) -> _Format:
    def read(strings: list[bytes]) -> tuple[Parameters, int]:
        public_key, *application = strings
        if len(public_key) != length:
            raise RemoteProtocolError(f"key has {len(public_key)} bytes of {curve} public key instead of {length}")
        return EdDSAParameters(curve, public_key, *application), bits

    return _Format(("public key", *_application(in_security_key)), read)


def _application(in_security_key: bool) -> tuple[str, ...]:
    return ("application",) if in_security_key else ()


_MLDSA44_LENGTH, _ED25519_LENGTH = 1312, 32


def _read_composite(strings: list[bytes]) -> tuple[Parameters, int]:
    """Read the key of draft-miller-sshm-mldsa44-ed25519-composite-sigs: 512 bits as `ssh-keygen -l` of 10.6 says."""
    (public_key,) = strings
    if len(public_key) != _MLDSA44_LENGTH + _ED25519_LENGTH:
        raise RemoteProtocolError(f"key has {len(public_key)} bytes of ML-DSA-44 and Ed25519 instead of 1344")
    return CompositeParameters(public_key[:_MLDSA44_LENGTH], public_key[_MLDSA44_LENGTH:]), 512


FORMATS: dict[bytes, _Format] = {
    b"ssh-rsa": _Format(_RSA, _read_rsa),
    b"ssh-dss": _Format(_DSA, _read_dsa),
    b"ecdsa-sha2-nistp256": _ecdsa("nistp256", 256),
    b"ecdsa-sha2-nistp384": _ecdsa("nistp384", 384),
    b"ecdsa-sha2-nistp521": _ecdsa("nistp521", 521),
    b"ssh-ed25519": _eddsa("Ed25519", 32, 256),
    b"ssh-ed448": _eddsa("Ed448", 57, 448),
    b"ssh-mldsa44-ed25519": _Format(("public key",), _read_composite),
    b"ssh-mldsa44-ed25519@openssh.com": _Format(("public key",), _read_composite),
    b"sk-ssh-ed25519@openssh.com": _eddsa("Ed25519", 32, 256, in_security_key=True),
    b"sk-ecdsa-sha2-nistp256@openssh.com": _ecdsa("nistp256", 256, in_security_key=True),
}
"""Type of a plain key to the format of its blob."""

_CERTIFICATES: dict[bytes, bytes] = {
    plain.removesuffix(b"@openssh.com") + b"-cert-v01@openssh.com": plain for plain in FORMATS
} | {
    b"rsa-sha2-256-cert-v01@openssh.com": b"ssh-rsa",
    b"rsa-sha2-512-cert-v01@openssh.com": b"ssh-rsa",
    b"ssh-mldsa44-ed25519-cert": b"ssh-mldsa44-ed25519",
}
"""Certificate type to the type of the key inside. A blob should not have the two names with rsa-sha2."""

_FAMILIES: dict[str, str] = {
    "rsa-sha2-256": "ssh-rsa",
    "rsa-sha2-512": "ssh-rsa",
    "rsa-sha2-256-cert-v01@openssh.com": "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com": "ssh-rsa-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com": "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
} | {
    # SSH Communications Security's names, from before RFC 8332.
    f"{plain}-{digest}@ssh.com": plain
    for plain in ("ssh-rsa", "ssh-dss")
    for digest in ("sha224", "sha256", "sha384", "sha512")
}
