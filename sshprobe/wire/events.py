"""What a `ClientTransport` reports. All bytes are as sent by the server: nothing here is safe to print."""

from __future__ import annotations

from dataclasses import dataclass, field

from sshprobe.wire.host_keys import HostKey
from sshprobe.wire.identification import Identification
from sshprobe.wire.messages import KexInit


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class LineReceived(Event):
    """A line before the identification, without its line end."""

    line: bytes


@dataclass(frozen=True, slots=True)
class IdentificationReceived(Event):
    """The server's identification. Nothing more comes of a server whose `speaks_2` is false."""

    identification: Identification


@dataclass(frozen=True, slots=True)
class KexInitReceived(Event):
    """The server's KEXINIT. The transport now waits for `start_key_exchange` or `disconnect`."""

    kexinit: KexInit


@dataclass(frozen=True, slots=True)
class GroupReceived(Event):
    """The group of a group exchange. `fault` says why it is not used, where it is not: the connection is over then."""

    modulus: int = field(repr=False)  # Python refuses to print the largest numbers
    generator: int = field(repr=False)
    fault: str | None


@dataclass(frozen=True, slots=True)
class HostKeyReceived(Event):
    """The server's host key, and whether its signature over the exchange hash proves that it holds it.

    `signature_verified` is None where that cannot be told: a key exchange or a key type that we cannot compute.
    """

    host_key: HostKey
    signature_verified: bool | None
    signature_algorithm: str
    kex_algorithm: str


@dataclass(frozen=True, slots=True)
class NewKeysReceived(Event):
    """The server's side is encrypted from here on."""


@dataclass(frozen=True, slots=True)
class ExtensionsReceived(Event):
    """EXT_INFO (RFC 8308): names and values in their order."""

    extensions: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class AuthenticationBanner(Event):
    """USERAUTH_BANNER: text that a client shows before login."""

    message: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationFailed(Event):
    """The "none" request failed, as it should: these methods can continue."""

    methods: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AuthenticationSucceeded(Event):
    """The "none" request logged us in. Disconnect at once."""


@dataclass(frozen=True, slots=True)
class DisconnectReceived(Event):
    """The server ended the conversation and said so."""

    code: int
    description: bytes


@dataclass(frozen=True, slots=True)
class ConnectionClosed(Event):
    """No more bytes come. `leftover` is what did not make a whole line or packet."""

    leftover: bytes
