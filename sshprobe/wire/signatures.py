"""Signatures: did the server prove that it holds the host key it showed, and did the CA sign the certificate.

Formats: RFC 4253 section 6.6 (RSA with SHA-1, DSA), RFC 8332 (RSA with SHA-2), RFC 5656 section 3.1.2 (ECDSA),
RFC 8709 section 6 (EdDSA), OpenSSH's PROTOCOL.u2f (security keys). A signature that is malformed in any way is a
wrong one: nothing here raises because of what a server sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from sshprobe.wire.certificates import Certificate
from sshprobe.wire.codec import Reader
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import (
    DSAParameters,
    ECDSAParameters,
    EdDSAParameters,
    HostKey,
    RSAParameters,
    expected_blob_type,
    host_key_family,
)
from sshprobe.wire.limits import RSA_MODULUS_BITS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

_RSA_LARGE_MODULUS_BITS = 3072
_RSA_LARGE_EXPONENT_BITS = 64
"""A long exponent costs time: beyond the first, exponents are bounded by the second, as OpenSSL does
(OPENSSL_RSA_SMALL_MODULUS_BITS, OPENSSL_RSA_MAX_PUBEXP_BITS)."""

_RSA_DIGESTS = {
    "ssh-rsa": "sha1",
    "rsa-sha2-256": "sha256",
    "rsa-sha2-512": "sha512",
    "ssh-rsa-sha224@ssh.com": "sha224",
    "ssh-rsa-sha256@ssh.com": "sha256",
    "ssh-rsa-sha384@ssh.com": "sha384",
    "ssh-rsa-sha512@ssh.com": "sha512",
}

_DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha224": bytes.fromhex("302d300d06096086480165030402040500041c"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""The DER in front of the digest (RFC 8017 section 9.2, note 1)."""

_ED25519_FIELD = 2**255 - 19
_ED448_FIELD = 2**448 - 2**224 - 1
_ED25519_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {
    "Ed25519": {0, 1, _ED25519_FIELD - 1, _ED25519_ORDER_8, _ED25519_FIELD - _ED25519_ORDER_8},
    "Ed448": {0, 1, _ED448_FIELD - 1},
}
"""The y of every point whose order divides the cofactor: y(2P) = 0 gives d * y**4 + 2 * y**2 - 1 = 0 on Ed25519."""

_OTHER_FORMATS = frozenset(
    {
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-ed25519",
        "ssh-ed448",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


def signature_algorithm(signature: bytes) -> bytes | None:
    """Return the name in a signature blob as it was sent, None if the blob is too short to hold one."""
    try:
        return Reader(signature, "signature").string("algorithm name")
    except RemoteProtocolError:
        return None


def verify(key: HostKey, algorithm: str, signature: bytes, data: bytes) -> bool | None:
    """Say whether `signature` is `key`'s signature over `data`.

    `algorithm` is the host key algorithm that was negotiated, `signature` the whole signature blob. True: proven.
    False: wrong, which includes a malformed signature, one of another algorithm than negotiated, and a key of
    another type than negotiated. None: an algorithm, key type or key size that we cannot verify with. Never raises.
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
    """Say whether the certificate's signature is that of the CA key in it; None as of `verify`.

    True does not say that anyone should trust this CA, nor that the certificate is valid now.
    """
    name = certificate.signature_algorithm.decode("ascii", "backslashreplace")
    if name.endswith("-cert-v01@openssh.com"):  # names a key type, never a signature
        return False
    return verify(certificate.ca_key, name, certificate.signature, certificate.signed_data)


def _signature_formats(algorithm: str) -> frozenset[str] | None:
    """Return the names that a signature may carry when `algorithm` was negotiated; None if we know none."""
    if algorithm == "ssh-rsa-cert-v01@openssh.com":
        # It names no digest since RFC 8332, and OpenSSH signs with SHA-2 under it (ssh_rsa_verify in ssh-rsa.c).
        return frozenset({"ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"})
    name = algorithm
    if algorithm.endswith("-cert-v01@openssh.com"):
        name = algorithm.removesuffix("-cert-v01@openssh.com")
        if name.startswith("sk-"):
            name += "@openssh.com"
    return frozenset({name}) if name in _RSA_DIGESTS or name in _OTHER_FORMATS else None


def _verify(key: HostKey, formats: frozenset[str], signature: bytes, data: bytes) -> bool | None:
    """Take the blob apart and check it. Raises `RemoteProtocolError` for a malformed blob."""
    reader = Reader(signature, "signature")
    name = reader.string("algorithm name").decode("ascii", "backslashreplace")
    if name not in formats:
        return False
    raw = reader.string("signature")
    parameters = key.parameters
    if isinstance(parameters, ECDSAParameters | EdDSAParameters) and parameters.application is not None:
        # A security key signs this instead: PROTOCOL.u2f, "SSH U2F Signatures".
        flags_and_counter = reader.take(5, "flags and counter")
        data = hashlib.sha256(parameters.application).digest() + flags_and_counter + hashlib.sha256(data).digest()
    reader.end()
    match parameters:
        case RSAParameters():
            return _verify_rsa(parameters, _RSA_DIGESTS[name], raw, data)
        case DSAParameters():
            return _verify_dsa(parameters, raw, data)
        case ECDSAParameters():
            return _verify_ecdsa(parameters, raw, data)
        case EdDSAParameters():
            return _verify_eddsa(parameters, raw, data)
    return None


def _verify_rsa(key: RSAParameters, digest: str, raw: bytes, data: bytes) -> bool | None:
    """RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). What `cryptography` does not prove is worked out here.

    It refuses the short keys that we meet, and is eight times as fast for the others.
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
    if _proven_by_library(key, digest, raw.rjust(length, b"\0"), data):
        return True
    info = _DIGEST_INFO[digest] + hashlib.new(digest, data, usedforsecurity=False).digest()
    padding = length - len(info) - 3
    if padding < 8:
        return False
    expected = b"\x00\x01" + b"\xff" * padding + b"\x00" + info
    return pow(number, key.e, key.n).to_bytes(length, "big") == expected


def _proven_by_library(key: RSAParameters, digest: str, raw: bytes, data: bytes) -> bool:
    """Return True if `cryptography` takes such a key and finds the signature right."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    try:
        RSAPublicNumbers(key.e, key.n).public_key().verify(raw, data, PKCS1v15(), _hash(digest))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@cache
def _hash(name: str) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    known: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    return known[name]


def _verify_dsa(key: DSAParameters, raw: bytes, data: bytes) -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA1

    if len(raw) != 40:  # r and s of 160 bits each, whatever q is (RFC 4253 section 6.6)
        return False
    if not 1 < key.y < key.p - 1:  # not a DSA key (FIPS 186-4 section 4.1): with y = 1 anyone can sign
        return False
    r, s = int.from_bytes(raw[:20], "big"), int.from_bytes(raw[20:], "big")
    try:
        group = dsa.DSAParameterNumbers(key.p, key.q, key.g)
        public_key = dsa.DSAPublicNumbers(key.y, group).public_key()
    except (ValueError, UnsupportedAlgorithm):  # a size that FIPS 186 does not have
        return None
    der = encode_dss_signature(r, s)
    return _holds(lambda: public_key.verify(der, data, SHA1()))


def _verify_ecdsa(key: ECDSAParameters, raw: bytes, data: bytes) -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    curve, scheme = _curve_and_scheme(key.curve)
    reader = Reader(raw, "ECDSA signature")
    r, s = reader.mpint("r"), reader.mpint("s")
    reader.end()
    if r <= 0 or s <= 0 or max(r, s).bit_length() > curve.key_size:
        return False
    try:
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.point)
    except UnsupportedAlgorithm:
        return None
    except ValueError:  # not a point of the curve: there is no private key to it
        return False
    der = encode_dss_signature(r, s)
    return _holds(lambda: public_key.verify(der, data, scheme))


@cache
def _curve_and_scheme(name: str) -> tuple[ec.EllipticCurve, ec.ECDSA]:
    """Return a curve and ECDSA with the digest that goes with it (RFC 5656 section 6.2.1)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if name == "nistp256":
        return ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
    if name == "nistp384":
        return ec.SECP384R1(), ec.ECDSA(hashes.SHA384())
    return ec.SECP521R1(), ec.ECDSA(hashes.SHA512())


def _verify_eddsa(key: EdDSAParameters, raw: bytes, data: bytes) -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if _has_small_order(key):
        return False
    public_key: Ed448PublicKey | Ed25519PublicKey
    try:
        if key.curve == "Ed448":
            public_key = Ed448PublicKey.from_public_bytes(key.public_key)
        else:
            public_key = Ed25519PublicKey.from_public_bytes(key.public_key)
    except UnsupportedAlgorithm:
        return None
    except ValueError:
        return False
    return _holds(lambda: public_key.verify(raw, data))


def _has_small_order(key: EdDSAParameters) -> bool:
    """Say whether `key` is one that no private key leads to, and for which anyone can sign."""
    if key.curve == "Ed448":
        field, bits = _ED448_FIELD, 455
    else:
        field, bits = _ED25519_FIELD, 255
    y = int.from_bytes(key.public_key, "little") & ((1 << bits) - 1)  # without the sign of x
    return y % field in _SMALL_ORDER[key.curve]


def _holds(check: Callable[[], None]) -> bool | None:
    """Run a check of `cryptography` that raises unless the signature is right."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        check()
    except UnsupportedAlgorithm:
        return None
    except (InvalidSignature, ValueError):
        return False
    return True
