"""OpenSSH certificates: the fields of a `*-cert-v01@openssh.com` blob after the public key.

Sources: OpenSSH's PROTOCOL.certkeys, and draft-miller-ssh-cert with the same format. Text stays bytes as sent, because
a CA may put anything into a key ID.
"""

from __future__ import annotations

from collections.abc import Callable

from sshprobe.wire.codec import Reader
from sshprobe.wire.errors import LimitExceeded
from sshprobe.wire.public_keys import Certificate, HostKey

PRINCIPALS = 256
"""The most principals in one certificate: OpenSSH's own limit (SSHKEY_CERT_MAX_PRINCIPALS)."""

OPTIONS = 256
"""The most critical options, and the most extensions, in one certificate. OpenSSH defines fewer than ten of each."""

_WHAT = "certificate"


def read_certificate(
    reader: Reader, blob: bytes, nonce: bytes, parse_ca_key: Callable[[bytes], HostKey]
) -> Certificate:
    """Read the fields after the public key in `blob`, up to its end.

    `reader` is at the first of them, `nonce` comes before the key. `parse_ca_key` reads the CA's public key blob.
    Raises `RemoteProtocolError` if the certificate, its CA key or the name in its signature is malformed, and
    `LimitExceeded` past `PRINCIPALS` or `OPTIONS`.
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
        ca_key=parse_ca_key(signature_key),
        signature=signature,
        signature_algorithm=Reader(signature, "certificate signature").string("algorithm name"),
        signed_data=signed_data,
    )


def _read_principals(packed: bytes) -> tuple[bytes, ...]:
    reader = Reader(packed, f"{_WHAT}'s list of principals")
    principals: list[bytes] = []
    while reader.remaining:
        if len(principals) == PRINCIPALS:
            raise LimitExceeded(f"{_WHAT} has more than {PRINCIPALS} principals")
        principals.append(reader.string("a principal"))
    return tuple(principals)


def _read_options(packed: bytes, what: str) -> tuple[tuple[bytes, bytes], ...]:
    reader = Reader(packed, f"{_WHAT}'s list of {what}")
    options: list[tuple[bytes, bytes]] = []
    while reader.remaining:
        if len(options) == OPTIONS:
            raise LimitExceeded(f"{_WHAT} has more than {OPTIONS} {what}")
        options.append((reader.string("a name"), reader.string("data")))
    return tuple(options)
