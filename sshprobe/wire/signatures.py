"""Signature blobs: the server's over the exchange hash, and a CA's over a certificate.

Formats: RFC 4253 section 6.6 (RSA with SHA-1, DSA), RFC 8332 (RSA with SHA-2), RFC 5656 section 3.1.2 (ECDSA), RFC 8709
section 6 (EdDSA), OpenSSH's PROTOCOL.u2f (security keys). A malformed signature counts as a wrong one, so these
functions never raise because of bytes from a server.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from sshprobe.wire.codec import Reader, read_strings
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.host_keys import FORMATS, expected_blob_type, host_key_family
from sshprobe.wire.public_keys import Certificate, HostKey

_RSA_DIGESTS = {
    b"ssh-rsa": "sha1",
    b"rsa-sha2-256": "sha256",
    b"rsa-sha2-512": "sha512",
    b"ssh-rsa-sha224@ssh.com": "sha224",
    b"ssh-rsa-sha256@ssh.com": "sha256",
    b"ssh-rsa-sha384@ssh.com": "sha384",
    b"ssh-rsa-sha512@ssh.com": "sha512",
}


def signature_algorithm(signature: bytes) -> bytes | None:
    """Return the name in a signature blob as sent, None if the blob is too short for one."""
    try:
        return Reader(signature, "signature").string("algorithm name")
    except RemoteProtocolError:
        return None


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
    from sshprobe.wire.signature_schemes import verify_raw  # imports cryptography

    return verify_raw(key.parameters, _RSA_DIGESTS.get(name, ""), raw, data)
