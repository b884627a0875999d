"""From the shared secret to the keys of both directions (RFC 4253 section 7.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from sshprobe.wire.framing import Opener, Sealer
from sshprobe.wire.suites import CIPHERS, MACS, Suite

if TYPE_CHECKING:
    from sshprobe.wire.ciphers import DirectionKeys


class Secrets(msgspec.Struct, frozen=True):
    """What an exchange gives: K as it was hashed, H, and the name of the hash."""

    hash_name: str
    secret: bytes
    exchange_hash: bytes

    def __repr__(self) -> str:
        return f"Secrets({self.hash_name!r})"

    def derive(self, letter: bytes, size: int) -> bytes:
        """Return `size` bytes for a letter of the section's table, b"A" to b"F"."""
        if not size:
            return b""
        # Ours is always the first exchange of the connection, so its hash is the session identifier too.
        prefix = self.secret + self.exchange_hash
        key = hashlib.new(self.hash_name, prefix + letter + self.exchange_hash).digest()
        while len(key) < size:
            key += hashlib.new(self.hash_name, prefix + key).digest()
        return key[:size]


def opener(suite: Suite, secrets: Secrets) -> Opener:
    """Return what reads the server's packets from its NEWKEYS on."""
    from sshprobe.wire.ciphers import make_opener  # brings cryptography in

    cipher, mac = suite.encryption_server_to_client, suite.mac_server_to_client
    return make_opener(cipher, mac, _direction_keys(cipher, mac, secrets, b"BDF"))


def sealer(suite: Suite, secrets: Secrets) -> Sealer:
    """Return what writes our packets from our NEWKEYS on."""
    from sshprobe.wire.ciphers import make_sealer

    cipher, mac = suite.encryption_client_to_server, suite.mac_client_to_server
    return make_sealer(cipher, mac, _direction_keys(cipher, mac, secrets, b"ACE"))


def _direction_keys(cipher: str, mac: str, secrets: Secrets, letters: bytes) -> DirectionKeys:
    from sshprobe.wire.ciphers import DirectionKeys

    spec = CIPHERS[cipher]
    sizes = (spec.iv, spec.key, 0 if spec.aead else MACS[mac].key)
    iv, key, mac_key = (secrets.derive(letters[at : at + 1], size) for at, size in enumerate(sizes))
    return DirectionKeys(iv, key, mac_key)
