"""From the shared secret to the keys of both directions (RFC 4253 section 7.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from sshprobe.wire.framing import PacketReader, PacketWriter
from sshprobe.wire.suites import CIPHERS, MACS, DirectionKeys, Suite

HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "sha1": hashlib.sha1,
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
"""Constructors of the hashes of key exchange methods. They take half as long as `hashlib.new`."""


class Secrets(msgspec.Struct, frozen=True):
    """The result of a key exchange: K in the encoding that is hashed, H, and the name of the hash."""

    hash_name: str
    secret: bytes
    exchange_hash: bytes

    def __repr__(self) -> str:
        return f"Secrets({self.hash_name!r})"

    def derive(self, letter: bytes, size: int) -> bytes:
        """Return `size` bytes of key for a letter of the section's list, b"A" to b"F"."""
        if not size:
            return b""
        # We never re-key, so the hash of the only exchange is the session identifier too.
        digest = HASHES[self.hash_name]
        prefix = self.secret + self.exchange_hash
        key = digest(prefix + letter + self.exchange_hash).digest()
        while len(key) < size:
            key += digest(prefix + key).digest()
        return key[:size]


def packet_reader(suite: Suite, secrets: Secrets) -> PacketReader:
    """Return the reader of the server's packets after its NEWKEYS."""
    from sshprobe.wire.ciphers import make_packet_reader  # imports cryptography

    cipher, mac = suite.encryption_server_to_client, suite.mac_server_to_client
    return make_packet_reader(cipher, mac, _direction_keys(cipher, mac, secrets, b"B", b"D", b"F"))


def packet_writer(suite: Suite, secrets: Secrets) -> PacketWriter:
    """Return the writer of our packets after our NEWKEYS."""
    from sshprobe.wire.ciphers import make_packet_writer

    cipher, mac = suite.encryption_client_to_server, suite.mac_client_to_server
    return make_packet_writer(cipher, mac, _direction_keys(cipher, mac, secrets, b"A", b"C", b"E"))


def _direction_keys(cipher: str, mac: str, secrets: Secrets, iv: bytes, key: bytes, mac_key: bytes) -> DirectionKeys:
    """Derive the keys that `cipher` and `mac` need, each with its letter."""
    spec = CIPHERS[cipher]
    return DirectionKeys(
        secrets.derive(iv, spec.iv),
        secrets.derive(key, spec.key),
        b"" if spec.aead else secrets.derive(mac_key, MACS[mac].key),
    )
