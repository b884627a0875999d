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
from typing import TYPE_CHECKING

import msgspec

from sshprobe.wire.errors import LocalProtocolError

if TYPE_CHECKING:
    from sshprobe.wire.elliptic import Curve


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


class Method(msgspec.Struct, frozen=True):
    """A key exchange method that we speak."""

    name: str
    kind: str
    """"ecdh", "hybrid", "dh" or "gex"."""
    detail: str
    """The curve, the KEM and curve, or the group."""
    hash: str
    verifiable: bool = True
    """False: the host key can be had, its proof cannot be checked."""


def _methods() -> dict[str, Method]:
    table = [
        Method("curve25519-sha256", "ecdh", "x25519", "sha256"),
        Method("curve25519-sha256@libssh.org", "ecdh", "x25519", "sha256"),
        Method("ecdh-sha2-nistp256", "ecdh", "nistp256", "sha256"),
        Method("mlkem768x25519-sha256", "hybrid", "mlkem768+x25519", "sha256"),
        Method("mlkem768nistp256-sha256", "hybrid", "mlkem768+nistp256", "sha256"),
        Method("ecdh-sha2-nistp384", "ecdh", "nistp384", "sha384"),
        Method("mlkem1024nistp384-sha384", "hybrid", "mlkem1024+nistp384", "sha384"),
        Method("ecdh-sha2-nistp521", "ecdh", "nistp521", "sha512"),
        Method("curve448-sha512", "ecdh", "x448", "sha512"),
        Method("curve448-sha512@libssh.org", "ecdh", "x448", "sha512"),
        Method("diffie-hellman-group14-sha256", "dh", "group14", "sha256"),
        Method("diffie-hellman-group14-sha256@ssh.com", "dh", "group14", "sha256"),
        Method("diffie-hellman-group14-sha224@ssh.com", "dh", "group14", "sha224"),
        Method("diffie-hellman-group14-sha1", "dh", "group14", "sha1"),
        Method("diffie-hellman-group1-sha1", "dh", "group1", "sha1"),
        Method("diffie-hellman-group15-sha512", "dh", "group15", "sha512"),
        Method("diffie-hellman-group15-sha256@ssh.com", "dh", "group15", "sha256"),
        Method("diffie-hellman-group15-sha384@ssh.com", "dh", "group15", "sha384"),
        Method("diffie-hellman-group16-sha512", "dh", "group16", "sha512"),
        Method("diffie-hellman-group16-sha384@ssh.com", "dh", "group16", "sha384"),
        Method("diffie-hellman-group16-sha512@ssh.com", "dh", "group16", "sha512"),
        Method("diffie-hellman-group-exchange-sha256", "gex", "", "sha256"),
        Method("diffie-hellman-group-exchange-sha1", "gex", "", "sha1"),
        Method("diffie-hellman-group-exchange-sha224@ssh.com", "gex", "", "sha224"),
        Method("diffie-hellman-group-exchange-sha384@ssh.com", "gex", "", "sha384"),
        Method("diffie-hellman-group-exchange-sha512@ssh.com", "gex", "", "sha512"),
        Method("diffie-hellman-group17-sha512", "dh", "group17", "sha512"),
        Method("diffie-hellman-group18-sha512", "dh", "group18", "sha512"),
        Method("diffie-hellman-group18-sha512@ssh.com", "dh", "group18", "sha512"),
        Method("sntrup761x25519-sha512", "hybrid", "sntrup761+x25519", "sha512", verifiable=False),
        Method("sntrup761x25519-sha512@openssh.com", "hybrid", "sntrup761+x25519", "sha512", verifiable=False),
    ]
    return {method.name: method for method in table}


METHODS: dict[str, Method] = _methods()
"""The methods we speak, in our order of preference: what is cheap for both sides first, what we cannot verify last."""


KeyPairs = dict[str, "Curve"]
"""Curve to our key pair on it. Kept for all connections of a scan: what an ephemeral key protects is the secrecy of a
session, and ours has no secret. That an answer is fresh is proven by the cookies, which are new in each connection; who
passes our bytes on to another server can do that with a new key as well."""


def new_key_exchange(
    name: str, request: GroupExchangeRequest | None = None, key_pairs: KeyPairs | None = None
) -> KeyExchange:
    """Return a fresh run of the method `name`. `request` goes with group exchange only.

    A key pair on a curve is taken from `key_pairs`, and put there if it is new.
    """
    if name not in METHODS:
        raise LocalProtocolError(f"no key exchange {name!r} here")
    method = METHODS[name]
    # Imported here: --depth lists needs none of the cryptography behind these.
    if method.kind in ("ecdh", "hybrid"):
        from sshprobe.wire.elliptic import CurveExchange

        return CurveExchange(name, method.hash, method.detail, {} if key_pairs is None else key_pairs)
    from sshprobe.wire.finite_field import GroupExchange, GroupNExchange

    if method.kind == "gex":
        return GroupExchange(name, method.hash, request or GroupExchangeRequest())
    return GroupNExchange(name, method.hash, method.detail)
