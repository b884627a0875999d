"""The public key inside an X.509 host key: RFC 6187 section 2, and the bare DER of its drafts."""

from __future__ import annotations

from binascii import a2b_base64
from functools import lru_cache


def without_x509(blob: bytes) -> bytes:
    """Return the plain blob (RFC 4253 section 6.6) of the key in the first certificate of an X.509 blob.

    Any other blob as it is, and so is one whose certificate cannot be read.
    """
    if blob[4:11] == b"x509v3-":
        size = int.from_bytes(blob[:4], "big")
        start = 4 + size + 8  # after the name: how many certificates there are, and the length of the first
        length = int.from_bytes(blob[start - 4 : start], "big")
        return _plain(blob[start : start + length]) or blob
    return (_plain(blob) or blob) if blob[:1] == b"\x30" else blob


@lru_cache(maxsize=256)
def _plain(certificate: bytes) -> bytes | None:
    # Few hosts have one: what reads it takes longer to import than a host to be asked.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(certificate).public_key()
        text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return a2b_base64(text.split()[1])
