"""What a `ClientTransport` reports. All bytes are as sent by the server: nothing here is safe to print."""

from __future__ import annotations

import msgspec

from sshprobe.wire.identification import Identification
from sshprobe.wire.messages import KexInit
from sshprobe.wire.public_keys import HostKey


class Event(msgspec.Struct, frozen=True):
    """Base of all events."""


class LineReceived(Event, frozen=True):
    """A line before the identification, without its line end."""

    line: bytes


class IdentificationReceived(Event, frozen=True):
    """The server's identification. Nothing more comes of a server whose `speaks_2` is false."""

    identification: Identification


class KexInitReceived(Event, frozen=True):
    """The server's KEXINIT. The transport now waits for `start_key_exchange` or `disconnect`, unless it has started."""

    kexinit: KexInit


class GroupReceived(Event, frozen=True):
    """The group of a group exchange. `fault` says why it is not used, where it is not: the connection is over then."""

    modulus: int
    generator: int
    fault: str | None

    def __repr__(self) -> str:
        return f"GroupReceived({self.modulus.bit_length()} bits, fault={self.fault!r})"  # Python prints no huge numbers


class HostKeyReceived(Event, frozen=True):
    """The server's host key, and whether its signature over the exchange hash proves that it holds it.

    `signature_verified` is None where that cannot be told: a key exchange or a key type that we cannot compute.
    """

    host_key: HostKey
    signature_verified: bool | None
    signature_algorithm: str
    kex_algorithm: str
    hashed_otherwise: str | None = None
    """Where the signature is right over an exchange hash that is not quite that of the RFC: what it has in it."""


class NewKeysReceived(Event, frozen=True):
    """The server's side is encrypted from here on."""


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
    """The server ended the conversation and said so."""

    code: int
    description: bytes


class ConnectionClosed(Event, frozen=True):
    """No more bytes come. `leftover` is what did not make a whole line or packet."""

    leftover: bytes
