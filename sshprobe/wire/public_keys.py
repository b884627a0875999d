"""What a public key and a certificate hold, once their blobs are read. Nothing but data.

Formats: RFC 4253 section 6.6 (RSA, DSA), RFC 5656 section 3.1 (ECDSA), RFC 8709 section 4 (Ed25519, Ed448),
OpenSSH's PROTOCOL.u2f (keys that live in a security key) and PROTOCOL.certkeys (certificates).
"""

from __future__ import annotations

import binascii
import hashlib

import msgspec

USER = 1
HOST = 2

FOREVER = 2**64 - 1
"""The `valid_before` of a certificate that never expires."""


class RSAParameters(msgspec.Struct, frozen=True):
    """Exponent and modulus, both positive."""

    e: int
    n: int

    __repr__ = object.__repr__  # Python refuses to print the largest numbers


class DSAParameters(msgspec.Struct, frozen=True):
    """Domain and public value, all positive."""

    p: int
    q: int
    g: int
    y: int

    __repr__ = object.__repr__  # Python refuses to print the largest numbers


class ECDSAParameters(msgspec.Struct, frozen=True):
    """A point in the encoding of SEC 1 section 2.3.3: of the right length, not known to be on the curve."""

    curve: str
    """"nistp256", "nistp384", "nistp521"."""
    point: bytes
    application: bytes | None = None
    """Of a key in a security key: what it is for, usually b"ssh:"."""


class EdDSAParameters(msgspec.Struct, frozen=True):
    """The public key of RFC 8032: 32 bytes (Ed25519) or 57 (Ed448)."""

    curve: str
    """"Ed25519", "Ed448"."""
    public_key: bytes
    application: bytes | None = None
    """Of a key in a security key: what it is for, usually b"ssh:"."""


class CompositeParameters(msgspec.Struct, frozen=True):
    """The two halves of "ssh-mldsa44-ed25519": 1312 bytes of ML-DSA-44 (FIPS 204) and 32 of Ed25519 (RFC 8032)."""

    mldsa44: bytes
    ed25519: bytes


Parameters = RSAParameters | DSAParameters | ECDSAParameters | EdDSAParameters | CompositeParameters


class HostKey(msgspec.Struct, frozen=True):
    """One public key as a server sent it (K_S in RFC 4253 section 8)."""

    type: str
    """The name in the blob; what is not printable ASCII is escaped."""
    type_name: bytes
    """The name in the blob as it was sent."""
    bits: int | None
    """The size as `ssh-keygen -l` counts it; None of a type that we do not know."""
    blob: bytes
    """All of it, as received."""
    plain_blob: bytes
    """What `ssh-keygen -l` fingerprints: of a certificate the blob of the key inside, else `blob`. Numbers are in their
    shortest form: OpenSSH reads an RSA or DSA key that was sent with needless zeros, and writes it without them."""
    parameters: Parameters | None
    """None of a type that we do not know."""
    certificate: Certificate | None = None

    @property
    def fingerprint(self) -> str:
        """ "SHA256:" and unpadded base64, as `ssh-keygen -l` prints it, over `plain_blob`."""
        digest = hashlib.sha256(self.plain_blob).digest()
        return "SHA256:" + binascii.b2a_base64(digest, newline=False)[:-1].decode("ascii")  # one "=" pads 32 bytes


class Certificate(msgspec.Struct, frozen=True):
    """What a CA says about a key. Nothing here is checked but the form: see `signatures.verify_certificate`."""

    nonce: bytes
    serial: int
    kind: int
    """`USER` (1), `HOST` (2), or whatever was sent."""
    key_id: bytes
    principals: tuple[bytes, ...]
    """Host names, of a host certificate; empty means any (PROTOCOL.certkeys)."""
    valid_after: int
    """Seconds since 1970-01-01 UTC; 0 is "always"."""
    valid_before: int
    """Seconds since 1970-01-01 UTC; `FOREVER` is "forever"."""
    critical_options: tuple[tuple[bytes, bytes], ...]
    """Names and their data as sent, in order. Data that is not empty is one SSH string within the string."""
    extensions: tuple[tuple[bytes, bytes], ...]
    """As `critical_options`, but a name that a client does not know is no reason to refuse."""
    reserved: bytes
    signature_key: bytes
    """The CA's public key blob."""
    ca_key: HostKey
    """`signature_key`, parsed. Of a type that we do not know it has no parameters."""
    signature: bytes
    """The CA's signature blob, over `signed_data`."""
    signature_algorithm: bytes
    """The name in `signature`: b"rsa-sha2-512"."""
    signed_data: bytes
    """The blob up to the signature."""

    @property
    def kind_name(self) -> str:
        """ "user", "host", or the number."""
        return {USER: "user", HOST: "host"}.get(self.kind, str(self.kind))
