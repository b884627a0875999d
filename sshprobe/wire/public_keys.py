"""The contents of public keys and certificates. Data only.

Formats: RFC 4253 section 6.6 (RSA, DSA), RFC 5656 section 3.1 (ECDSA), RFC 8709 section 4 (Ed25519, Ed448),
OpenSSH's PROTOCOL.u2f (keys in a security key) and PROTOCOL.certkeys (certificates).
"""

from __future__ import annotations

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
    """A point in the encoding of SEC 1 section 2.3.3. Its length is right; it may not be on the curve."""

    curve: str
    """"nistp256", "nistp384", "nistp521"."""
    point: bytes
    application: bytes | None = None
    """The application of a key in a security key, usually b"ssh:"; None for other keys."""


class EdDSAParameters(msgspec.Struct, frozen=True):
    """The public key of RFC 8032: 32 bytes (Ed25519) or 57 (Ed448)."""

    curve: str
    """"Ed25519", "Ed448"."""
    public_key: bytes
    application: bytes | None = None
    """The application of a key in a security key, usually b"ssh:"; None for other keys."""


class CompositeParameters(msgspec.Struct, frozen=True):
    """The two halves of "ssh-mldsa44-ed25519": 1312 bytes of ML-DSA-44 (FIPS 204) and 32 of Ed25519 (RFC 8032)."""

    mldsa44: bytes
    ed25519: bytes


Parameters = RSAParameters | DSAParameters | ECDSAParameters | EdDSAParameters | CompositeParameters


class HostKey(msgspec.Struct, frozen=True):
    """One public key as a server sent it (K_S in RFC 4253 section 8)."""

    type: str
    """The name in the blob, with everything but printable ASCII escaped."""
    type_name: bytes
    """The name in the blob as sent."""
    bits: int | None
    """The size as `ssh-keygen -l` counts it; None for an unknown type."""
    blob: bytes
    """The whole blob, as sent."""
    plain_blob: bytes
    """The blob that `ssh-keygen -l` fingerprints: of a certificate the key inside, else `blob`. Numbers have no leading
    zeros: OpenSSH reads an RSA or DSA key with them and writes it without."""
    fingerprint: str
    """"SHA256:" and unpadded base64, as `ssh-keygen -l` prints it, over `plain_blob`."""
    parameters: Parameters | None
    """None for an unknown type."""
    certificate: Certificate | None = None


class Certificate(msgspec.Struct, frozen=True):
    """A CA's statement about a key. Only its form has been checked: see `signatures.verify_certificate`."""

    nonce: bytes
    serial: int
    kind: int
    """`USER` (1), `HOST` (2), or another number as sent."""
    key_id: bytes
    principals: tuple[bytes, ...]
    """The host names of a host certificate; empty means any (PROTOCOL.certkeys)."""
    valid_after: int
    """Seconds since 1970-01-01 UTC; 0 is "always"."""
    valid_before: int
    """Seconds since 1970-01-01 UTC; `FOREVER` is "forever"."""
    critical_options: tuple[tuple[bytes, bytes], ...]
    """Names and their data as sent, in order. Data that is not empty is one SSH string within the string."""
    extensions: tuple[tuple[bytes, bytes], ...]
    """Like `critical_options`, but a client ignores names that it does not know."""
    reserved: bytes
    signature_key: bytes
    """The CA's public key blob."""
    ca_key: HostKey
    """`signature_key`, parsed. A key of an unknown type has no parameters."""
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
