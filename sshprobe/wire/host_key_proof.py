"""The proof that the server has the private key of its host key: a signature over the exchange hash.

RFC 4253 section 8: the hash covers both identifications, both KEXINITs and the fields of the method.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from sshprobe.wire.codec import string
from sshprobe.wire.host_keys import (
    OtherHostKey,
    expected_blob_type,
    host_key_family,
    parse_host_key,
    parse_unknown_host_key,
)
from sshprobe.wire.kex.exchange import KeyExchange, Reply
from sshprobe.wire.key_derivation import HASHES, Secrets
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.signatures import verify


class Proof(msgspec.Struct, frozen=True):
    """A host key, and the result of verifying the signature of its reply."""

    host_key: HostKey
    verified: bool | None
    """The result of `signatures.verify`, or None if we cannot compute the shared secret."""
    secrets: Secrets | None
    """The input of key derivation, with the exchange hash that was signed; None if we cannot compute it."""
    hash_deviation: str | None = None
    """See `HostKeyReceived`."""


def prove(kex: KeyExchange, algorithm: str, reply: Reply, transcript: bytes) -> Proof:
    """Verify the signature in `reply`, a reply to `kex`, for the negotiated host key `algorithm`.

    `transcript`: the first fields of the exchange hash, V_C, V_S, I_C and I_S, as strings. Raises `RemoteProtocolError`
    for a malformed key, and `OtherHostKey` for a key of another type than negotiated.
    """
    host_key = _parse(algorithm, reply.host_key)
    if reply.secret is None:
        return Proof(host_key, None, None)
    exchange_hash = HASHES[kex.exchange_hash](transcript + reply.public + reply.secret).digest()
    verified = verify(host_key, algorithm, reply.signature, exchange_hash)
    proof = Proof(host_key, verified, Secrets(kex.exchange_hash, reply.secret, exchange_hash))
    if verified is not False:
        return proof
    for deviation, public in kex.hash_variants(reply):
        exchange_hash = HASHES[kex.exchange_hash](transcript + public + reply.secret).digest()
        if verify(host_key, algorithm, reply.signature, exchange_hash):
            return Proof(host_key, True, Secrets(kex.exchange_hash, reply.secret, exchange_hash), deviation)
    return proof


def _parse(algorithm: str, blob: bytes) -> HostKey:
    expected = expected_blob_type(algorithm)
    if expected is None:
        return parse_unknown_host_key(blob, algorithm)
    host_key = parse_host_key(blob)
    if host_key_family(host_key.type) != expected:
        raise OtherHostKey(host_key)
    return host_key


@lru_cache(maxsize=256)  # the servers of a fleet send few different ones
def identification_strings(client: bytes, server: bytes) -> bytes:
    """Return the first two fields of the exchange hash, V_C and V_S."""
    return string(client) + string(server)
