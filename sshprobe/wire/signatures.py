"""Signatures: the server's over the exchange hash, and a CA's over a certificate.

Blobs: RFC 4253 section 6.6 (RSA with SHA-1, DSA), RFC 8332 (RSA with SHA-2), RFC 5656 section 3.1.2 (ECDSA), RFC 8709
section 6 (EdDSA), OpenSSH's PROTOCOL.u2f (security keys). A malformed signature counts as a wrong one, so these
functions never raise because of bytes from a server.

Schemes: RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), DSA (FIPS 186-4), ECDSA (RFC 5656 section 6.2.1), EdDSA (RFC 8032),
and the composite of ML-DSA-44 (FIPS 204) and Ed25519 that OpenSSH has since 10.4.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sshprobe.wire.codec import read_mpints, read_strings
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import FORMATS, expected_blob_type, host_key_family
from sshprobe.wire.limits import RSA_MODULUS_BITS
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

_RSA_DIGESTS = {
    b"ssh-rsa": "sha1",
    b"rsa-sha2-256": "sha256",
    b"rsa-sha2-512": "sha512",
    b"ssh-rsa-sha224@ssh.com": "sha224",
    b"ssh-rsa-sha256@ssh.com": "sha256",
    b"ssh-rsa-sha384@ssh.com": "sha384",
    b"ssh-rsa-sha512@ssh.com": "sha512",
}

_RSA_LARGE_MODULUS_BITS = 3072
_RSA_LARGE_EXPONENT_BITS = 64
"""A long exponent takes time: if the modulus is longer than the first limit, an exponent longer than the second is not
verified, as in OpenSSL (OPENSSL_RSA_SMALL_MODULUS_BITS, OPENSSL_RSA_MAX_PUBEXP_BITS)."""

_PKCS1V15 = PKCS1v15()

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

_CURVES: dict[str, tuple[ec.EllipticCurve, ec.ECDSA]] = {
    "nistp256": (ec.SECP256R1(), ec.ECDSA(_HASHES["sha256"])),
    "nistp384": (ec.SECP384R1(), ec.ECDSA(_HASHES["sha384"])),
    "nistp521": (ec.SECP521R1(), ec.ECDSA(_HASHES["sha512"])),
}
"""Each curve, and ECDSA with its digest (RFC 5656 section 6.2.1)."""

_DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha224": bytes.fromhex("302d300d06096086480165030402040500041c"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""The DER in front of the digest (RFC 8017 section 9.2, note 1)."""

_MLDSA44_SIGNATURE = 2420
"""Bytes (FIPS 204, Table 2)."""

_ED25519_SIGNATURE, _ED25519_POINT = 64, 32
"""Bytes (RFC 8032 section 5.1.6). A signature is a point R and a number."""

SIGNATURES_WITHOUT_LIBSODIUM = 400
"""The import of libsodium pays off from this many Ed25519 signatures on."""

_ed25519_signatures = itertools.count()

_COMPOSITE_PREFIX = b"CompositeAlgorithmSignatures2025"
_COMPOSITE_LABEL = b"COMPSIG-MLDSA44-Ed25519-SHA512"

_ED25519_FIELD = 2**255 - 19
_ED448_FIELD = 2**448 - 2**224 - 1
_ED25519_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {
    "Ed25519": {0, 1, _ED25519_FIELD - 1, _ED25519_ORDER_8, _ED25519_FIELD - _ED25519_ORDER_8},
    "Ed448": {0, 1, _ED448_FIELD - 1},
}
"""The y of every point whose order divides the cofactor: y(2P) = 0 gives d * y**4 + 2 * y**2 - 1 = 0 on Ed25519."""


def verify(key: HostKey, algorithm: str, signature: bytes, data: bytes) -> bool | None:
    """Return whether `signature`, a whole signature blob, is `key`'s signature over `data`.

    `algorithm`: the negotiated host key algorithm. True: the signature is right. False: it is wrong or malformed, or it
    or the key has another type than negotiated. None: we cannot verify with this algorithm, key type or key size.
    """
    formats = _signature_formats(algorithm)
    if key.parameters is None or formats is None:
        return None
    if host_key_family(key.type) != expected_blob_type(algorithm):
        return False
    try:
        return _verify(key, formats, signature, data)
    except RemoteProtocolError:
        return False


def verify_certificate(certificate: Certificate) -> bool | None:
    """Return whether the CA key in the certificate made its signature, with the values of `verify`.

    True does not mean that this CA is trusted, or that the certificate is valid now.
    """
    name = certificate.signature_algorithm.decode("ascii", "backslashreplace")
    if name.endswith(("-cert-v01@openssh.com", "-cert")):  # the name of a key type, not of a signature
        return False
    return verify(certificate.ca_key, name, certificate.signature, certificate.signed_data)


@lru_cache(maxsize=256)  # a scan negotiates the same few repeatedly
def _signature_formats(algorithm: str) -> frozenset[bytes] | None:
    """Return the names that a signature may have when `algorithm` was negotiated, None for an unknown algorithm."""
    if algorithm == "ssh-rsa-cert-v01@openssh.com":
        # It names no digest since RFC 8332, and OpenSSH signs with SHA-2 under it (ssh_rsa_verify in ssh-rsa.c).
        return frozenset({b"ssh-rsa", b"rsa-sha2-256", b"rsa-sha2-512"})
    name = algorithm
    if algorithm.endswith("-cert-v01@openssh.com"):
        name = algorithm.removesuffix("-cert-v01@openssh.com")
        if name.startswith(("sk-", "ssh-mldsa44-")):
            name += "@openssh.com"
    elif algorithm.endswith("-cert"):  # OpenSSH 10.6
        name = algorithm.removesuffix("-cert")
    sent = name.encode("ascii", "backslashreplace")
    return frozenset({sent}) if sent in _RSA_DIGESTS or sent in FORMATS else None


def _verify(key: HostKey, formats: frozenset[bytes], signature: bytes, data: bytes) -> bool | None:
    """Parse and verify a signature blob. Raises `RemoteProtocolError` if it is malformed."""
    application = getattr(key.parameters, "application", None)
    if application is not None:
        # A security key signs this instead: PROTOCOL.u2f, "SSH U2F Signatures".
        signature, flags_and_counter = signature[:-5], signature[-5:]
        data = hashlib.sha256(application).digest() + flags_and_counter + hashlib.sha256(data).digest()
    name, raw = read_strings(signature, "signature", ("algorithm name", "signature"))
    if name not in formats:
        return False
    return _verify_raw(key.parameters, _RSA_DIGESTS.get(name, ""), raw, data)


def _verify_raw(key: Parameters | None, rsa_digest: str, raw: bytes, data: bytes) -> bool | None:
    """Return whether `raw`, the octets of a signature without its blob, is `key`'s signature over `data`.

    `rsa_digest`: the hash in the name of an RSA signature, such as "sha256". Raises `RemoteProtocolError` for a
    malformed signature.
    """
    # Not isinstance or match: structs have a metaclass, and if the answer is no, Python's `abc` computes it.
    if type(key) is RSAParameters:
        return _verify_rsa(key, rsa_digest, raw, data)
    if type(key) is DSAParameters:
        return _verify_dsa(key, raw, data)
    if type(key) is ECDSAParameters:
        return _verify_ecdsa(key, raw, data)
    if type(key) is EdDSAParameters:
        return _verify_eddsa(key, raw, data)
    if type(key) is CompositeParameters:
        return _verify_composite(key, raw, data)
    return None


def _verify_rsa(key: RSAParameters, digest: str, raw: bytes, data: bytes) -> bool | None:
    """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). If `cryptography` does not accept it, we compute it ourselves.

    It refuses short keys that are in use, and is eight times as fast for others.
    """
    bits = key.n.bit_length()
    if bits > RSA_MODULUS_BITS:
        return None
    if bits > _RSA_LARGE_MODULUS_BITS and key.e.bit_length() > _RSA_LARGE_EXPONENT_BITS:
        return None
    if not 3 <= key.e < key.n or key.e % 2 == 0:  # not an RSA key (RFC 8017 section 3.1): with e = 1 anyone can sign
        return False
    length = (bits + 7) // 8
    number = int.from_bytes(raw, "big")
    if len(raw) > length or number >= key.n:  # shorter is fine: leading zeros left out, as OpenSSH accepts
        return False
    if _verified_by_library(key, digest, raw.rjust(length, b"\0"), data):
        return True
    info = _DIGEST_INFO[digest] + hashlib.new(digest, data, usedforsecurity=False).digest()
    padding = length - len(info) - 3
    if padding < 8:
        return False
    expected = b"\x00\x01" + b"\xff" * padding + b"\x00" + info
    return pow(number, key.e, key.n).to_bytes(length, "big") == expected


def _verified_by_library(key: RSAParameters, digest: str, raw: bytes, data: bytes) -> bool:
    """Return whether `cryptography` accepts the key and the signature."""
    try:
        RSAPublicNumbers(key.e, key.n).public_key().verify(raw, data, _PKCS1V15, _HASHES[digest])
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify_dsa(key: DSAParameters, raw: bytes, data: bytes) -> bool | None:
    if len(raw) != 40:  # r and s of 160 bits each, whatever q is (RFC 4253 section 6.6)
        return False
    if not 1 < key.y < key.p - 1:  # not a DSA key (FIPS 186-4 section 4.1): with y = 1 anyone can sign
        return False
    from cryptography.hazmat.primitives.asymmetric import dsa  # few servers still have such a key

    r, s = int.from_bytes(raw[:20], "big"), int.from_bytes(raw[20:], "big")
    try:
        group = dsa.DSAParameterNumbers(key.p, key.q, key.g)
        public_key = dsa.DSAPublicNumbers(key.y, group).public_key()
    except (ValueError, UnsupportedAlgorithm):  # a size that is not in FIPS 186
        return None
    der = encode_dss_signature(r, s)
    return _holds(public_key.verify, der, data, _HASHES["sha1"])


def _verify_ecdsa(key: ECDSAParameters, raw: bytes, data: bytes) -> bool | None:
    curve, scheme = _CURVES[key.curve]
    r, s = read_mpints(raw, "ECDSA signature", ("r", "s"))
    if r <= 0 or s <= 0 or (r | s).bit_length() > curve.key_size:
        return False
    try:
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.point)
    except UnsupportedAlgorithm:
        return None
    except ValueError:  # not a point of the curve: there is no private key to it
        return False
    der = encode_dss_signature(r, s)
    return _holds(public_key.verify, der, data, scheme)


def _verify_eddsa(key: EdDSAParameters, raw: bytes, data: bytes) -> bool | None:
    if _has_small_order(key.curve, key.public_key):
        return False
    if key.curve == "Ed25519":
        return _verify_ed25519(key.public_key, raw, data)
    try:
        public_key = Ed448PublicKey.from_public_bytes(key.public_key)
    except UnsupportedAlgorithm:
        return None
    except ValueError:
        return False
    return _holds(public_key.verify, raw, data)


def _verify_composite(key: CompositeParameters, raw: bytes, data: bytes) -> bool | None:
    """ML-DSA-44 and Ed25519 over the same message, one after the other (draft-ietf-lamps-pq-composite-sigs section 3).

    Both signatures must be right. OpenSSH uses no context; the label is the context of ML-DSA.
    """
    if len(raw) != _MLDSA44_SIGNATURE + _ED25519_SIGNATURE:
        return False
    message = _COMPOSITE_PREFIX + _COMPOSITE_LABEL + b"\0" + hashlib.sha512(data).digest()
    traditional = EdDSAParameters("Ed25519", key.ed25519)
    if not _verify_eddsa(traditional, raw[_MLDSA44_SIGNATURE:], message):
        return False
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # few servers have such a key

        public_key = MLDSA44PublicKey.from_public_bytes(key.mldsa44)
    except (ImportError, UnsupportedAlgorithm):
        return None
    except ValueError:
        return False
    return _holds(public_key.verify, raw[:_MLDSA44_SIGNATURE], message, _COMPOSITE_LABEL)


def _verify_ed25519(public_key: bytes, raw: bytes, data: bytes) -> bool | None:
    """Verify with OpenSSL, and many with libsodium, which is faster. They agree where R has a large order."""
    if len(raw) != _ED25519_SIGNATURE or _has_small_order("Ed25519", raw[:_ED25519_POINT]):
        return False
    if next(_ed25519_signatures) < SIGNATURES_WITHOUT_LIBSODIUM:
        return _holds(lambda: Ed25519PublicKey.from_public_bytes(public_key).verify(raw, data))
    from nacl.bindings.crypto_sign import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    try:
        crypto_sign_open(raw + data, public_key)
    except BadSignatureError:
        return False
    return True


def _has_small_order(curve: str, encoded: bytes) -> bool:
    """Return whether a point has a small order. Such a key has no private key, and anyone can sign for it."""
    field, bits = (_ED448_FIELD, 455) if curve == "Ed448" else (_ED25519_FIELD, 255)
    y = int.from_bytes(encoded, "little") & ((1 << bits) - 1)  # without the sign of x
    return y % field in _SMALL_ORDER[curve]


def _holds(check: Callable[..., None], *arguments: Any) -> bool | None:
    """Return the result of a check of `cryptography`, which raises unless the signature is right."""
    try:
        check(*arguments)
    except UnsupportedAlgorithm:
        return None
    except (InvalidSignature, ValueError):
        return False
    return True
