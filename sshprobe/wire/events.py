"""The events of a `ClientTransport`. All bytes are as the server sent them, so they are not safe to print.

`parse` reads a whole payload with its message number, and raises `RemoteProtocolError` unless it is exactly one such
message.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Self

import msgspec

from sshprobe.wire import messages as msg
from sshprobe.wire.errors import LimitExceeded
from sshprobe.wire.identification import Identification
from sshprobe.wire.messages import KexInit
from sshprobe.wire.public_keys import HostKey


class Event(msgspec.Struct, frozen=True):
    """The base class of all events."""


class LineReceived(Event, frozen=True):
    """A line before the identification, without its line end."""

    line: bytes


class IdentificationReceived(Event, frozen=True):
    """The server's identification. If its `speaks_2` is false, no event follows."""

    identification: Identification


class KexInitReceived(Event, frozen=True):
    """The server's KEXINIT. The transport waits for `start_key_exchange` or `disconnect`, unless it has started."""

    kexinit: KexInit


class GroupReceived(Event, frozen=True):
    """The group of a group exchange. `fault`: the reason why it is not used, else None. No event follows a fault."""

    modulus: int
    generator: int
    fault: str | None

    def __repr__(self) -> str:
        return f"GroupReceived({self.modulus.bit_length()} bits, fault={self.fault!r})"  # Python prints no huge numbers


class HostKeyReceived(Event, frozen=True):
    """The server's host key, and whether its signature over the exchange hash proves that it has the private key.

    `signature_verified` is None if we cannot verify it: a key exchange or a key type that we do not compute.
    """

    host_key: HostKey
    signature_verified: bool | None
    signature_algorithm: str
    kex_algorithm: str
    hash_deviation: str | None = None
    """The deviation, for people, if the signature is right only over an exchange hash that deviates from the RFC."""
    can_encrypt: bool = False
    """Whether the key exchange gave keys to encrypt with."""


class ExtensionsReceived(Event, frozen=True):
    """EXT_INFO (RFC 8308 section 2.3): names and values in their order."""

    extensions: tuple[tuple[bytes, bytes], ...]

    @classmethod
    @lru_cache(maxsize=64)  # the servers of a fleet send few different ones
    def parse(cls, payload: bytes) -> Self:
        """Parse a payload."""
        reader = msg.read_payload(payload, msg.EXT_INFO, "EXT_INFO")
        count = reader.uint32("nr-extensions")
        if count > msg.MAX_EXTENSIONS:
            raise LimitExceeded(f"EXT_INFO announces more than {msg.MAX_EXTENSIONS} extensions")
        pairs = tuple((reader.string("extension-name"), reader.string("extension-value")) for _ in range(count))
        reader.end()
        return cls(pairs)


class AuthenticationBanner(Event, frozen=True):
    """USERAUTH_BANNER (RFC 4252 section 5.4): text that a client shows before login."""

    message: bytes

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Parse a payload. The language tag is not read."""
        return cls(msg.read_payload(payload, msg.USERAUTH_BANNER, "USERAUTH_BANNER").string("message"))


class AuthenticationFailed(Event, frozen=True):
    """USERAUTH_FAILURE (RFC 4252 section 5.1): the "none" request failed, and these methods can continue."""

    methods: tuple[bytes, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, payload: bytes) -> Self:
        """Parse a payload."""
        reader = msg.read_payload(payload, msg.USERAUTH_FAILURE, "USERAUTH_FAILURE")
        failure = cls(reader.name_list("authentications that can continue"))
        reader.boolean("partial success")
        reader.end()
        return failure


class AuthenticationSucceeded(Event, frozen=True):
    """The "none" request logged us in. Disconnect at once."""


class DisconnectReceived(Event, frozen=True):
    """DISCONNECT (RFC 4253 section 11.1). `code`: the reason."""

    code: int
    description: bytes

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Parse a payload. Old servers omit the language tag, so it is not read."""
        reader = msg.read_payload(payload, msg.DISCONNECT, "DISCONNECT")
        return cls(reader.uint32("reason code"), reader.string("description"))


class ConnectionClosed(Event, frozen=True):
    """The server closed its side."""
