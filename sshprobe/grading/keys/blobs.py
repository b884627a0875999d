"""The numbers inside key blobs (RFC 4253 section 6.6), OpenSSH certificates and X.509 host keys (RFC 6187)."""

from __future__ import annotations

import binascii
from functools import lru_cache
from typing import NamedTuple


def without_x509(blob: bytes) -> bytes:
    """Return the plain blob (RFC 4253 section 6.6) of the key in the first certificate of an X.509 blob.

    Other blobs, and X.509 blobs with an unreadable certificate, are returned unchanged.
    """
    if blob[4:11] == b"x509v3-":
        size = int.from_bytes(blob[:4], "big")
        start = 4 + size + 8  # after the name, the number of certificates and the length of the first
        length = int.from_bytes(blob[start - 4 : start], "big")
        return _plain(blob[start : start + length]) or blob
    return (_plain(blob) or blob) if blob[:1] == b"\x30" else blob


@lru_cache(maxsize=256)
def _plain(certificate: bytes) -> bytes | None:
    # Imported here because few hosts have a certificate, and the import takes longer than a host.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(certificate).public_key()
        text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return binascii.a2b_base64(text.split()[1])


class RSAKey(NamedTuple):
    """A public key (RFC 8017 section 3.1)."""

    e: int
    n: int


def rsa_key(blob: bytes) -> RSAKey | None:
    """Return the RSA key in a key blob (RFC 4253 section 6.6) or a certificate (PROTOCOL.certkeys, RFC 6187).

    None: another type, or an incomplete key.
    """
    fields = strings(without_x509(blob), 4)
    if not fields or fields[0] not in _NUMBERS_AT:
        return None
    numbers = fields[_NUMBERS_AT[fields[0]] :][:2]
    if len(numbers) < 2:
        return None
    e, n = (int.from_bytes(number, "big", signed=True) for number in numbers)
    return RSAKey(e, n) if e > 0 and n > 0 else None


_NUMBERS_AT = {
    b"ssh-rsa": 1,
    b"ssh-rsa-cert-v01@openssh.com": 2,
    b"rsa-sha2-256-cert-v01@openssh.com": 2,
    b"rsa-sha2-512-cert-v01@openssh.com": 2,
}
"""Key type to the position of e. A certificate has a nonce before it."""


def strings(blob: bytes, most: int) -> list[bytes]:
    """Return up to `most` strings (RFC 4251 section 5) from the start of a blob, without an incomplete one."""
    found: list[bytes] = []
    start = 0
    while start + 4 <= len(blob) and len(found) < most:
        end = start + 4 + int.from_bytes(blob[start : start + 4], "big")
        if end > len(blob):
            break
        found.append(blob[start + 4 : end])
        start = end
    return found


def plain_blob(blob: bytes) -> bytes:
    """Return the blob of the RSA key inside a certificate, and other blobs unchanged."""
    blob = without_x509(blob)
    fields = strings(blob, 4)
    if len(fields) == 4 and _NUMBERS_AT.get(fields[0]) == 2:
        return b"".join(len(field).to_bytes(4, "big") + field for field in (b"ssh-rsa", *fields[2:]))
    return blob


def decoded(blob: str) -> bytes:
    """Return the bytes of a base64 blob of a record. Empty: it is not base64."""
    try:
        return binascii.a2b_base64(blob, strict_mode=True)
    except (binascii.Error, ValueError):
        return b""
