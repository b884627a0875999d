"""The events of a `ClientTransport`. All bytes are as the server sent them, so none of them is safe to print."""

from __future__ import annotations

import msgspec

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
    """If the signature is right only over an exchange hash that deviates from the RFC: the deviation, for people."""


class NewKeysReceived(Event, frozen=True):
    """The server encrypts from here on."""


class ExtensionsReceived(Event, frozen=True):
    """EXT_INFO (RFC 8308): names and values in their order."""

    extensions: tuple[tuple[bytes, bytes], ...]


class AuthenticationBanner(Event, frozen=True):
    """USERAUTH_BANNER: text that a client shows before login."""

    message: bytes


class AuthenticationFailed(Event, frozen=True):
    """The "none" request failed, as it should: these methods can continue."""

    methods: tuple[bytes, ...]


class AuthenticationSucceeded(Event, frozen=True):
    """The "none" request logged us in. Disconnect at once."""


class DisconnectReceived(Event, frozen=True):
    """The server sent DISCONNECT. `code`: the reason (RFC 4253 section 11.1)."""

    code: int
    description: bytes


class ConnectionClosed(Event, frozen=True):
    """The server closed its side. `leftover`: received bytes that are not a whole line or packet."""

    leftover: bytes
