"""OpenSSH certificates: the fields that a `*-cert-v01@openssh.com` key has after the key itself.

Sources: OpenSSH's PROTOCOL.certkeys, and draft-miller-ssh-cert, which writes down the same format. All text is
left as the bytes that were sent: a CA may put anything into a key ID.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sshprobe.wire.codec import Reader
from sshprobe.wire.errors import LimitExceeded

if TYPE_CHECKING:
    from sshprobe.wire.host_keys import HostKey

USER = 1
HOST = 2

FOREVER = 2**64 - 1
"""The `valid_before` of a certificate that never expires."""

PRINCIPALS = 256
"""Principals in one certificate: OpenSSH's own limit (SSHKEY_CERT_MAX_PRINCIPALS)."""

OPTIONS = 256
"""Critical options, or extensions, in one certificate. OpenSSH defines fewer than ten of either."""

_WHAT = "certificate"


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


def read_certificate(
    reader: Reader, blob: bytes, nonce: bytes, parse_ca_key: Callable[[bytes], HostKey]
) -> Certificate:
    """Read what follows the public key in `blob`, to the end of it.

    `reader` stands behind the public key. Raises `RemoteProtocolError` where the certificate, its CA key or the
    name in its signature is malformed, `LimitExceeded` past `PRINCIPALS` or `OPTIONS`.
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
