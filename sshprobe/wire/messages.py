"""The numbers of messages (RFC 4253, 4252, 8308), the payloads that we send, and KEXINIT as a value.

Other messages of the server are values of `sshprobe.wire.events`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Self

import msgspec

from sshprobe.wire.codec import Reader, boolean, byte, name_list, string, uint32
from sshprobe.wire.errors import RemoteProtocolError

DISCONNECT = 1
IGNORE = 2
UNIMPLEMENTED = 3
DEBUG = 4
SERVICE_REQUEST = 5
SERVICE_ACCEPT = 6
EXT_INFO = 7
KEXINIT = 20
NEWKEYS = 21
KEX_FIRST = 30
"""30 to 49 belong to the key exchange method in use (RFC 4250 section 4.1.2)."""
KEX_LAST = 49
KEXDH_INIT, KEXDH_REPLY = 30, 31
KEX_ECDH_INIT, KEX_ECDH_REPLY = 30, 31
KEX_DH_GEX_REQUEST_OLD, KEX_DH_GEX_GROUP, KEX_DH_GEX_INIT, KEX_DH_GEX_REPLY, KEX_DH_GEX_REQUEST = range(30, 35)
USERAUTH_REQUEST = 50
USERAUTH_FAILURE = 51
USERAUTH_SUCCESS = 52
USERAUTH_BANNER = 53

NAMES = {
    DISCONNECT: "DISCONNECT",
    IGNORE: "IGNORE",
    UNIMPLEMENTED: "UNIMPLEMENTED",
    DEBUG: "DEBUG",
    SERVICE_REQUEST: "SERVICE_REQUEST",
    SERVICE_ACCEPT: "SERVICE_ACCEPT",
    EXT_INFO: "EXT_INFO",
    KEXINIT: "KEXINIT",
    NEWKEYS: "NEWKEYS",
    USERAUTH_REQUEST: "USERAUTH_REQUEST",
    USERAUTH_FAILURE: "USERAUTH_FAILURE",
    USERAUTH_SUCCESS: "USERAUTH_SUCCESS",
    USERAUTH_BANNER: "USERAUTH_BANNER",
}
"""Message numbers to their names, without "SSH_MSG_" (RFC 4250 section 4.1.2, RFC 8308)."""

DISCONNECT_BY_APPLICATION = 11
"""The quietest measured way to end: two INFO lines in sshd's log, and no line that fail2ban counts in normal mode."""

EXT_INFO_CLIENT = b"ext-info-c"
STRICT_KEX_CLIENT = (b"kex-strict-c", b"kex-strict-c-v00@openssh.com")
"""Our marker of strict key exchange in both forms: of draft-ietf-sshm-strict-kex-02 section 3.1 and of OpenSSH PROTOCOL
1.9. Each pairs with the server's marker of the same form only, so we always send both."""

STRICT_KEX_SERVER = frozenset({b"kex-strict-s", b"kex-strict-s-v00@openssh.com"})
"""The server's marker in the same two forms."""

MAX_EXTENSIONS = 64
"""EXT_INFO entries that are read. OpenSSH sends four."""


def read_payload(payload: bytes, number: int, what: str) -> Reader:
    """Return a reader after the message number. Raises `RemoteProtocolError` unless that is `number`."""
    reader = Reader(payload, what)
    if reader.byte("message number") != number:
        raise RemoteProtocolError(f"not a {what}")
    return reader


class KexInit(msgspec.Struct, frozen=True):
    """SSH_MSG_KEXINIT (RFC 4253 section 7.1). Names are bytes as sent, in their order."""

    cookie: bytes
    """16 random bytes."""
    kex_algorithms: tuple[bytes, ...]
    server_host_key_algorithms: tuple[bytes, ...]
    encryption_algorithms_client_to_server: tuple[bytes, ...]
    encryption_algorithms_server_to_client: tuple[bytes, ...]
    mac_algorithms_client_to_server: tuple[bytes, ...]
    mac_algorithms_server_to_client: tuple[bytes, ...]
    compression_algorithms_client_to_server: tuple[bytes, ...]
    compression_algorithms_server_to_client: tuple[bytes, ...]
    languages_client_to_server: tuple[bytes, ...] = ()
    languages_server_to_client: tuple[bytes, ...] = ()
    first_kex_packet_follows: bool = False
    reserved: int = 0

    number: ClassVar[int] = KEXINIT

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Parse a payload. `reserved` may have any value: the RFC reserves it for extension.

        Raises `RemoteProtocolError` unless the payload is exactly one KEXINIT.
        """
        if len(payload) < 17 or payload[0] != KEXINIT:
            read_payload(payload, KEXINIT, "KEXINIT").take(16, "cookie")  # raises the error
        cookie = payload[1:17]
        lists, follows, reserved = _kexinit_after_cookie(payload[17:])
        kex, keys, enc_cs, enc_sc, mac_cs, mac_sc, comp_cs, comp_sc, lang_cs, lang_sc = lists
        return cls(
            cookie, kex, keys, enc_cs, enc_sc, mac_cs, mac_sc, comp_cs, comp_sc, lang_cs, lang_sc, follows, reserved
        )

    def encode(self) -> bytes:
        """Return the payload."""
        lists = b"".join(name_list(getattr(self, field)) for field in NAME_LISTS)
        tail = boolean(self.first_kex_packet_follows) + uint32(self.reserved)
        return byte(KEXINIT) + self.cookie + lists + tail


NAME_LISTS = KexInit.__struct_fields__[1:11]
"""The ten name-lists of KEXINIT, in their order."""


@lru_cache(maxsize=64)  # the servers of a fleet send few different ones; invented lists take a megabyte
def _kexinit_after_cookie(body: bytes) -> tuple[tuple[tuple[bytes, ...], ...], bool, int]:
    """Return the ten name-lists, first_kex_packet_follows and the reserved field."""
    reader = Reader(body, "KEXINIT")
    lists = tuple(reader.name_list(field) for field in NAME_LISTS)
    follows = reader.boolean("first_kex_packet_follows")
    reserved = reader.uint32("reserved")
    reader.end()
    return lists, follows, reserved


@lru_cache(maxsize=8)  # the same for a whole scan, like both requests below
def disconnect(description: bytes) -> bytes:
    """Return the payload of SSH_MSG_DISCONNECT with reason 11 (by application) and an empty language tag."""
    return byte(DISCONNECT) + uint32(DISCONNECT_BY_APPLICATION) + string(description) + string(b"")


@lru_cache(maxsize=8)
def service_request(name: bytes) -> bytes:
    """Return the payload of SSH_MSG_SERVICE_REQUEST (RFC 4253 section 10)."""
    return byte(SERVICE_REQUEST) + string(name)


@lru_cache(maxsize=8)
def userauth_none_request(user: bytes) -> bytes:
    """Return the payload of a USERAUTH_REQUEST with the method "none" (RFC 4252 section 5.2)."""
    return byte(USERAUTH_REQUEST) + string(user) + string(b"ssh-connection") + string(b"none")


def unimplemented(sequence_number: int) -> bytes:
    """Return the payload of SSH_MSG_UNIMPLEMENTED (RFC 4253 section 11.4)."""
    return byte(UNIMPLEMENTED) + uint32(sequence_number)
