"""Packets after NEWKEYS: keys, ciphers and MACs, enough to read one answer from any server in use.

Four framings (RFC 4253 section 6, RFC 5647, OpenSSH PROTOCOL 1.5 and PROTOCOL.chacha20poly1305):

    cipher then MAC over the plain text ("E&M"): the length is encrypted with the first block
    encrypt-then-MAC (-etm@openssh.com): the length is in clear, the MAC is checked first
    AES-GCM: the length is in clear and authenticated
    ChaCha20-Poly1305: the length has its own cipher key

A server that shares no algorithm with us is probed through asyncssh (`sshprobe.probe.asyncssh_fallback`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.poly1305 import Poly1305

from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.framing import UINT32, PacketCipher, bad_length, packet_lengths
from sshprobe.wire.kex.exchange import HASHES, Secrets
from sshprobe.wire.suites import CIPHERS, MACS, DirectionKeys, MacSpec, Suite

BAD_MAC = "a packet with a wrong MAC"


def opener_and_sealer(suite: Suite, secrets: Secrets) -> tuple[PacketCipher, PacketCipher]:
    """Return the ciphers for the server's packets after its NEWKEYS, and for ours after our NEWKEYS."""
    cipher, mac = suite.encryption_server_to_client, suite.mac_server_to_client
    opener = packet_cipher(cipher, mac, _direction_keys(cipher, mac, secrets, b"BDF"), encrypting=False)
    cipher, mac = suite.encryption_client_to_server, suite.mac_client_to_server
    return opener, packet_cipher(cipher, mac, _direction_keys(cipher, mac, secrets, b"ACE"), encrypting=True)


def _direction_keys(cipher: str, mac: str, secrets: Secrets, letters: bytes) -> DirectionKeys:
    """Derive the IV, key and MAC key that `cipher` and `mac` need, by their `letters` (RFC 4253 section 7.2)."""
    spec = CIPHERS[cipher]
    return DirectionKeys(
        _derive(secrets, letters[:1], spec.iv),
        _derive(secrets, letters[1:2], spec.key),
        b"" if spec.aead else _derive(secrets, letters[2:], MACS[mac].key),
    )


def _derive(secrets: Secrets, letter: bytes, size: int) -> bytes:
    """Return `size` bytes of key for a letter of that section, b"A" to b"F"."""
    if not size:
        return b""
    # We never re-key, so the hash of the only exchange is the session identifier too.
    digest = HASHES[secrets.hash_name]
    prefix = secrets.secret + secrets.exchange_hash
    key = digest(prefix + letter + secrets.exchange_hash).digest()
    while len(key) < size:
        key += digest(prefix + key).digest()
    return key[:size]


def packet_cipher(cipher: str, mac: str, keys: DirectionKeys, *, encrypting: bool) -> PacketCipher:
    """Return the object that opens, or with `encrypting` seals, packets with `cipher` and, unless that is an AEAD,
    `mac`."""
    spec = CIPHERS[cipher]
    if spec.mode == "chacha20-poly1305":
        return _ChaCha(keys.key)
    if spec.mode == "gcm":
        return _Gcm(keys.key, keys.iv)
    algorithm: Any = TripleDES(keys.key) if spec.primitive == "3des" else AES(keys.key)
    mode = CTR(keys.iv) if spec.mode == "ctr" else CBC(keys.iv)
    context = Cipher(algorithm, mode).encryptor() if encrypting else Cipher(algorithm, mode).decryptor()
    tag = _Tag(MACS[mac], keys.mac_key)
    return (_EncryptThenMac if tag.spec.encrypt_then_mac else _EncryptAndMac)(context, spec.block, tag)


class _Tag:
    """The HMAC over the sequence number and a packet."""

    __slots__ = ("_key", "spec")

    def __init__(self, spec: MacSpec, key: bytes) -> None:
        self.spec = spec
        self._key = key

    def over(self, sequence: int, data: bytes) -> bytes:
        digest = hmac.digest(self._key, sequence.to_bytes(4, "big") + data, self.spec.hash)
        return digest[: self.spec.tag]


class _EncryptAndMac:
    """RFC 4253 section 6.4: the MAC covers the packet before encryption."""

    __slots__ = ("_context", "_head", "_lengths", "_tag", "block")

    counted = 4

    def __init__(self, context: CipherContext, block: int, tag: _Tag) -> None:
        self._context = context
        self.block = block
        self._lengths = packet_lengths(block, counted=self.counted)
        self._tag = tag
        self._head = b""  # the first block of the packet being read, decrypted once

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        block = self.block
        if not self._head:
            if len(buffer) < block:
                return None
            self._head = self._context.update(bytes(buffer[:block]))
        (length,) = UINT32.unpack_from(self._head)
        if length not in self._lengths:
            raise bad_length(length)
        end = 4 + length
        if len(buffer) < end + self._tag.spec.tag:
            return None
        opened = self._head + self._context.update(bytes(buffer[block:end]))
        tag = bytes(buffer[end : end + self._tag.spec.tag])
        del buffer[: end + self._tag.spec.tag]
        self._head = b""
        if not hmac.compare_digest(tag, self._tag.over(sequence, opened)):
            raise RemoteProtocolError(BAD_MAC)
        return opened[4:]

    def seal(self, packet: bytes, sequence: int) -> bytes:
        return self._context.update(packet) + self._tag.over(sequence, packet)


class _EncryptThenMac:
    """OpenSSH PROTOCOL 1.5: the length is in clear, the MAC covers it and the encrypted rest."""

    __slots__ = ("_context", "_lengths", "_tag", "block")

    counted = 0

    def __init__(self, context: CipherContext, block: int, tag: _Tag) -> None:
        self._context = context
        self.block = block
        self._lengths = packet_lengths(block, counted=self.counted)
        self._tag = tag

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        if len(buffer) < 4:
            return None
        (length,) = UINT32.unpack_from(buffer)
        if length not in self._lengths:
            raise bad_length(length)
        end = 4 + length
        if len(buffer) < end + self._tag.spec.tag:
            return None
        sealed = bytes(buffer[:end])
        tag = bytes(buffer[end : end + self._tag.spec.tag])
        del buffer[: end + self._tag.spec.tag]
        if not hmac.compare_digest(tag, self._tag.over(sequence, sealed)):
            raise RemoteProtocolError(BAD_MAC)
        return self._context.update(sealed[4:])

    def seal(self, packet: bytes, sequence: int) -> bytes:
        sealed = packet[:4] + self._context.update(packet[4:])
        return sealed + self._tag.over(sequence, sealed)


class _Gcm:
    """RFC 5647 section 7 under OpenSSH's names: the nonce is 4 fixed bytes and an 8-byte counter."""

    __slots__ = ("_aead", "_counter", "_fixed")

    TAG = 16
    block, counted = 16, 0
    LENGTHS = packet_lengths(block, counted=counted)

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aead = AESGCM(key)
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:12], "big")

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        have = len(buffer)
        if have < 4:
            return None
        (length,) = UINT32.unpack_from(buffer)
        if length not in self.LENGTHS:
            raise bad_length(length)
        end = 4 + length + self.TAG
        if have < end:
            return None
        clear, sealed = bytes(buffer[:4]), bytes(buffer[4:end])
        del buffer[:end]
        try:
            body = self._aead.decrypt(self._fixed + self._counter.to_bytes(8, "big"), sealed, clear)
        except InvalidTag:
            raise RemoteProtocolError(BAD_MAC) from None
        self._counter = (self._counter + 1) % 2**64
        return body

    def seal(self, packet: bytes, sequence: int) -> bytes:
        length = packet[:4]
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) % 2**64
        return length + self._aead.encrypt(nonce, packet[4:], length)


class _ChaCha:
    """OpenSSH PROTOCOL.chacha20poly1305: two keys, the sequence number is the nonce."""

    __slots__ = ("_length", "_main")

    TAG = 16
    block, counted = 8, 0
    LENGTHS = packet_lengths(block, counted=counted)

    def __init__(self, key: bytes) -> None:
        self._main: Callable[[int, int], CipherContext] = _chacha20(key[:32])
        self._length: Callable[[int, int], CipherContext] = _chacha20(key[32:])

    def _tag_key(self, sequence: int) -> bytes:
        return self._main(0, sequence).update(bytes(32))

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        if len(buffer) < 4:
            return None
        (length,) = UINT32.unpack(self._length(0, sequence).update(bytes(buffer[:4])))
        if length not in self.LENGTHS:
            raise bad_length(length)
        end = 4 + length
        if len(buffer) < end + self.TAG:
            return None
        sealed, tag = bytes(buffer[:end]), bytes(buffer[end : end + self.TAG])
        del buffer[: end + self.TAG]
        try:
            Poly1305.verify_tag(self._tag_key(sequence), sealed, tag)
        except InvalidSignature:
            raise RemoteProtocolError(BAD_MAC) from None
        return self._main(1, sequence).update(sealed[4:])

    def seal(self, packet: bytes, sequence: int) -> bytes:
        sealed = self._length(0, sequence).update(packet[:4]) + self._main(1, sequence).update(packet[4:])
        return sealed + Poly1305.generate_tag(self._tag_key(sequence), sealed)


def _chacha20(key: bytes) -> Callable[[int, int], CipherContext]:
    """Return a function that makes streams of the original ChaCha20: 64-bit little-endian counter, 64-bit nonce."""

    def stream(counter: int, sequence: int) -> CipherContext:
        nonce = counter.to_bytes(8, "little") + sequence.to_bytes(8, "big")
        return Cipher(ChaCha20(key, nonce), mode=None).encryptor()

    return stream
