"""The interface of all key exchange methods.

A method makes the client's messages and reads the server's. `first` is its first message. `read_reply` reads the
server's reply and its fields of the exchange hash (RFC 4253 section 8). `dh.GroupExchange` also reads the server's
group, before the reply. `sshprobe.wire.states` has the order of messages, so a method does not check their numbers.

`Reply.secret` is None for a method whose key encapsulation we cannot compute (sntrup761). Such a server shows its host
key, but its signature cannot be verified. Sessions carry no secret, so the cheapest parameters are good enough.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "sha1": hashlib.sha1,
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
"""Constructors of the hashes of key exchange methods. They take half as long as `hashlib.new`."""


class Reply(msgspec.Struct, frozen=True):
    """The server's reply: its host key, its signature, and its part of the exchange hash."""

    host_key: bytes
    signature: bytes
    public: bytes
    """The fields of the exchange hash from K_S up to K, encoded. Strings are those of the reply, byte for byte."""
    secret: bytes | None
    """K, encoded as the method requires (mpint or string); None if we cannot compute it."""


class Secrets(msgspec.Struct, frozen=True):
    """The result of a key exchange: K in the encoding that is hashed, H, and the name of the hash."""

    hash_name: str
    secret: bytes
    exchange_hash: bytes

    def __repr__(self) -> str:
        return f"Secrets({self.hash_name!r})"


class KeyExchange(ABC):
    """One run of one method."""

    name: str
    first: bytes
    """The payload of our first message."""
    exchange_hash: str
    """The hash of the exchange hash and of key derivation, as hashlib names it."""

    @abstractmethod
    def read_reply(self, payload: bytes) -> Reply:
        """Read the server's reply. Raises `RemoteProtocolError` if it is malformed or its public value is invalid."""

    def hash_variants(self, reply: Reply) -> Iterator[tuple[str, bytes]]:
        """Yield the fields that some servers hash instead of `reply.public`, each with a description for people."""
        yield from ()


class GroupExchangeRequest(msgspec.Struct, frozen=True):
    """Sizes in bits (RFC 4419 section 3).

    With the default, OpenSSH returns the smallest modulus that it uses. With a smaller maximum, sshd up to 9.9 answers
    with a built-in group although its moduli file has only large ones.
    """

    min: int = 1024
    n: int = 1024
    max: int = 8192


class Curve(Protocol):
    """Our key pair on one curve. `size`: bytes of a public value. `public`: ours."""

    size: int
    public: bytes

    def secret(self, theirs: bytes) -> bytes:
        """Return the shared secret as octets of a fixed length. Raises `RemoteProtocolError` for an invalid value."""


KeyPairs = dict[str, Any]
"""Curve or KEM to our key pair (`Curve`, and `Kem` of `ecdh`), for all connections of a scan.

An ephemeral key protects the secrets of a session, and ours has none. The cookies, new in each connection, prove that
an answer is fresh. A relay that forwards our bytes to another server could do so with new keys as well. A key pair of
ML-KEM may serve many encapsulations: it resists chosen ciphertexts (FIPS 203: IND-CCA2)."""
