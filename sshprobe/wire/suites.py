"""Our ciphers and MACs, and the choice among them. Data only, no cryptography."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from sshprobe.wire.messages import KexInit


class CipherSpec(msgspec.Struct, frozen=True):
    """A cipher: sizes in bytes."""

    primitive: Literal["aes", "3des", "chacha20"]
    mode: Literal["ctr", "cbc", "gcm", "chacha20-poly1305"]
    key: int
    iv: int
    block: int
    aead: bool = False
    """Whether the cipher authenticates packets itself, so that the negotiated MAC is not used."""


class MacSpec(msgspec.Struct, frozen=True):
    """An HMAC: `hash` as hashlib names it, sizes in bytes."""

    hash: str
    key: int
    tag: int
    encrypt_then_mac: bool


CIPHERS: dict[str, CipherSpec] = {
    "aes128-gcm@openssh.com": CipherSpec("aes", "gcm", 16, 12, 16, aead=True),
    "aes256-gcm@openssh.com": CipherSpec("aes", "gcm", 32, 12, 16, aead=True),
    "chacha20-poly1305@openssh.com": CipherSpec("chacha20", "chacha20-poly1305", 64, 0, 8, aead=True),
    "aes128-ctr": CipherSpec("aes", "ctr", 16, 16, 16),
    "aes192-ctr": CipherSpec("aes", "ctr", 24, 16, 16),
    "aes256-ctr": CipherSpec("aes", "ctr", 32, 16, 16),
    "aes128-cbc": CipherSpec("aes", "cbc", 16, 16, 16),
    "aes192-cbc": CipherSpec("aes", "cbc", 24, 16, 16),
    "aes256-cbc": CipherSpec("aes", "cbc", 32, 16, 16),
    "rijndael-cbc@lysator.liu.se": CipherSpec("aes", "cbc", 32, 16, 16),
    "3des-cbc": CipherSpec("3des", "cbc", 24, 8, 8),
}
"""In our order of preference: cheap and sound ones first. The session carries no secret."""


def _macs() -> dict[str, MacSpec]:
    macs = {}
    for etm in (True, False):
        for name, hash_name, key, tag in (
            ("hmac-sha2-256", "sha256", 32, 32),
            ("hmac-sha2-512", "sha512", 64, 64),
            ("hmac-sha1", "sha1", 20, 20),
            ("hmac-sha1-96", "sha1", 20, 12),
            ("hmac-md5", "md5", 16, 16),
            ("hmac-md5-96", "md5", 16, 12),
        ):
            macs[f"{name}-etm@openssh.com" if etm else name] = MacSpec(hash_name, key, tag, etm)
    return macs


MACS: dict[str, MacSpec] = _macs()
"""In our order of preference."""


class DirectionKeys(msgspec.Struct, frozen=True):
    """The keys of one direction, each as long as its algorithm needs."""

    iv: bytes
    key: bytes
    mac_key: bytes


class Suite(msgspec.Struct, frozen=True):
    """A cipher and a MAC for each direction. `mac_*` is "" for an AEAD, if the server has none of our MACs."""

    encryption_client_to_server: str
    encryption_server_to_client: str
    mac_client_to_server: str
    mac_server_to_client: str


def choose_suite(server: KexInit, other_than: Suite | None = None) -> Suite | None:
    """Return the suite to use with `server`, None if it has none of our ciphers or MACs or requires compression.

    `other_than`: a suite that failed. Its ciphers and MACs are avoided if the server has others of ours.
    """
    if not (
        b"none" in server.compression_algorithms_client_to_server
        and b"none" in server.compression_algorithms_server_to_client
    ):
        return None
    failed = other_than or Suite("", "", "", "")
    to_server = _choose_direction(
        server.encryption_algorithms_client_to_server,
        server.mac_algorithms_client_to_server,
        (failed.encryption_client_to_server, failed.mac_client_to_server),
    )
    to_client = _choose_direction(
        server.encryption_algorithms_server_to_client,
        server.mac_algorithms_server_to_client,
        (failed.encryption_server_to_client, failed.mac_server_to_client),
    )
    if to_server is None or to_client is None:
        return None
    return Suite(to_server[0], to_client[0], to_server[1], to_client[1])


@lru_cache(maxsize=64)  # the servers of a fleet offer few different lists
def _choose_direction(
    ciphers: tuple[bytes, ...], macs: tuple[bytes, ...], failed: tuple[str, str]
) -> tuple[str, str] | None:
    """Return a cipher and a MAC, if possible both others than in `failed`, else one of them, else any."""
    cipher, mac = (name.encode() for name in failed)
    others = tuple(name for name in ciphers if name != cipher), tuple(name for name in macs if name != mac)
    choices = (others, (others[0], macs), (ciphers, others[1]), (ciphers, macs))
    return next(filter(None, (_first_of_ours(*choice) for choice in choices)), None)


def _first_of_ours(ciphers: tuple[bytes, ...], macs: tuple[bytes, ...]) -> tuple[str, str] | None:
    mac = next((name for name in MACS if name.encode() in macs), None)
    for name, spec in CIPHERS.items():
        if name.encode() in ciphers:
            if spec.aead:
                return name, mac or ""
            if mac is not None:
                return name, mac
    return None
