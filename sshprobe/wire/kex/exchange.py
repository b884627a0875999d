"""Key exchange methods, each a small machine: payloads in, steps out.

A method is driven by the transport: `start()` gives our first payload, `receive()` takes each payload numbered 30 to
49 and returns a `Step`: a group that the server chose, with our answer to it, or the server's reply. The reply carries
what the exchange hash needs (RFC 4253 section 8): the method's own public fields, and the shared secret in the
encoding that the method's document asks for.

`secret` is None for a method whose key encapsulation we cannot compute (sntrup761): the server shows its host key all
the same, its signature just cannot be checked.

Sessions carry no secret, so cheap choices are right ones: short exponents, one curve operation a side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec


class Step(msgspec.Struct, frozen=True):
    """What came of one payload."""


class GroupChosen(Step, frozen=True):
    """The server chose a group (RFC 4419 section 3). `payload` is our answer; None: a group we will not use.

    `fault` then says why, for people.
    """

    modulus: int
    generator: int
    payload: bytes | None
    fault: str | None = None

    def __repr__(self) -> str:
        return f"GroupChosen({self.modulus.bit_length()} bits, fault={self.fault!r})"  # Python prints no huge numbers


class Reply(Step, frozen=True):
    """The server's reply: its host key, its signature, and what goes into the exchange hash."""

    host_key: bytes
    signature: bytes
    public: bytes
    """The fields of the exchange hash from K_S up to K, encoded. Strings are cut out of the reply as they came."""
    secret: bytes | None
    """K, encoded as mpint or string as the method demands; None if we cannot compute it."""


class KeyExchange(ABC):
    """One run of one method."""

    def __init__(self, name: str, hash_name: str) -> None:
        self.name = name
        self.exchange_hash = hash_name
        """The hash of the exchange hash and of key derivation, as hashlib names it."""

    @abstractmethod
    def start(self) -> bytes:
        """Return our first payload."""

    @abstractmethod
    def receive(self, payload: bytes) -> Step:
        """Take a payload numbered 30 to 49. Raises `RemoteProtocolError` if it is not what has to come now."""

    def hashed_otherwise(self, reply: Reply) -> Iterator[tuple[str, bytes]]:
        """Yield what servers in use hash in place of `reply.public`, each with words for it."""
        yield from ()

    def unimplemented(self) -> bytes | None:
        """The server does not know our first message. Return another to try in its place, or None."""
        return None


class GroupExchangeRequest(msgspec.Struct, frozen=True):
    """Sizes in bits (RFC 4419 section 3).

    The default returns the smallest modulus that an OpenSSH will ever use. A narrow maximum would not: up to 9.9 it
    makes sshd answer with a built-in group although its moduli file was cleaned.
    """

    min: int = 1024
    n: int = 1024
    max: int = 8192


class Curve(Protocol):
    """Our key pair on one curve. `size` is the length of a public value in bytes."""

    size: int
    public: bytes

    def secret(self, theirs: bytes) -> bytes:
        """Return the shared secret as the curve's fixed-length octets. Raises `RemoteProtocolError`."""


KeyPairs = dict[str, Any]
"""Curve or KEM to our key pair (`Curve`, and `Kem` of `ecdh`). Kept for all connections of a scan: what an ephemeral
key protects is the secrecy of a session, and ours has no secret. That an answer is fresh is proven by the cookies, new
in each connection; who passes our bytes on to another server can do that with a new key as well. A key pair of ML-KEM
may serve many encapsulations, too: it resists chosen ciphertexts (FIPS 203: IND-CCA2)."""
