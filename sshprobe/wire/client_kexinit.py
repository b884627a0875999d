"""A KEXINIT with all our algorithms, and the resulting negotiation.

It is for servers that send their KEXINIT only after ours (RFC 4253 section 7: each side sends). Others get a KEXINIT
that leaves nothing to negotiate (`sshprobe.wire.handshake`).
"""

from __future__ import annotations

import os
from functools import cache
from operator import attrgetter

import msgspec

from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import EXT_INFO_CLIENT, KEXINIT, NAME_LISTS, STRICT_KEX_CLIENT, KexInit
from sshprobe.wire.suites import CIPHERS, MACS, Suite

Names = tuple[bytes, ...]
"""A name-list."""

_HOST_KEYS = (
    b"rsa-sha2-512",
    b"rsa-sha2-256",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"ssh-ed25519",
    b"ssh-ed448",
    b"ssh-rsa",
    b"ssh-dss",
)
"""Host key algorithms that we can verify. Not certificates: a server with a certificate also has the plain key."""

_NO_LINE_END = bytes.maketrans(b"\r\n", b"\0\1")

_negotiated = attrgetter(*NAME_LISTS[:8])  # all but the languages


class NegotiatedAlgorithms(msgspec.Struct, frozen=True):
    """The algorithms that both sides agree on after `broad_kexinit`."""

    kex: str
    host_key_algorithm: str
    suite: Suite | None
    """None if the compression is not "none": then nothing encrypted can follow."""


def broad_kexinit() -> bytes:
    """Return the payload of a KEXINIT with all our algorithms, for a server whose lists are not known.

    It contains no line end. A server that has dropped our identification still waits for a line, and would read the
    KEXINIT up to a line end as our identification.
    """
    return bytes((KEXINIT,)) + os.urandom(16).translate(_NO_LINE_END) + _broad().encode()[17:]


def broad_guess() -> tuple[bytes, bytes]:
    """Return the method and the host key algorithm that `broad_kexinit` names first: our guess (RFC 4253 section 7)."""
    return _broad().kex_algorithms[0], _broad().server_host_key_algorithms[0]


def negotiate(server: KexInit) -> NegotiatedAlgorithms | None:
    """Return the algorithms that `broad_kexinit` and the KEXINIT of `server` agree on (RFC 4253 section 7.1).

    Each algorithm is the first of our names that the server offers too. None if one is missing; an AEAD needs no MAC.
    """
    ours = [_first_common(*lists) for lists in zip(_negotiated(_broad()), _negotiated(server), strict=True)]
    kex, host_key, cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in = ours
    if kex not in METHODS:  # none in common, or a marker of the client that the server sent
        return None
    if not (kex and host_key and cipher_out and cipher_in and compression_out and compression_in):
        return None
    if (mac_out is None and not CIPHERS[cipher_out].aead) or (mac_in is None and not CIPHERS[cipher_in].aead):
        return None
    plain = compression_out == compression_in == "none"
    suite = Suite(cipher_out, cipher_in, mac_out or "", mac_in or "") if plain else None
    return NegotiatedAlgorithms(kex, host_key, suite)


def _first_common(ours: Names, theirs: Names) -> str | None:
    return next((name.decode() for name in ours if name in theirs), None)


@cache
def _broad() -> KexInit:
    ciphers, macs = (tuple(name.encode() for name in table) for table in (CIPHERS, MACS))
    compression = (b"none", b"zlib@openssh.com", b"zlib")
    methods = (*(name.encode() for name in METHODS), EXT_INFO_CLIENT, *STRICT_KEX_CLIENT)
    return KexInit(bytes(16), methods, _HOST_KEYS, ciphers, ciphers, macs, macs, compression, compression)
