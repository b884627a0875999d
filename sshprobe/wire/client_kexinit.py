"""Our KEXINIT: one method, one host key algorithm, one cipher and MAC a direction. Nothing is left to negotiate.

Some servers send their KEXINIT only after ours (RFC 4253 section 7: each side sends). To them goes one with all that we
speak, and `negotiate` says what both sides agree on.
"""

from __future__ import annotations

import os
from functools import cache, lru_cache
from operator import attrgetter

import msgspec

from sshprobe.wire.kex.methods import METHODS
from sshprobe.wire.messages import EXT_INFO_CLIENT, KEXINIT, NAME_LISTS, STRICT_KEX_CLIENT, KexInit
from sshprobe.wire.suites import CIPHERS, MACS, Suite

Firsts = tuple[bytes, ...]
"""A name-list with the first of a server's names, or none."""

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
"""What can be verified, and has no certificate around it: a server with certificates has these too."""

_NO_LINE_END = bytes.maketrans(b"\r\n", b"\0\1")

_negotiated = attrgetter(*NAME_LISTS[:8])  # all but the languages


def narrow_kexinit(server: KexInit, kex: str, host_key: str, suite: Suite | None) -> bytes:
    """Return the payload of the KEXINIT that answers the one of `server`.

    With `suite` None nothing encrypted can follow: the server's own first choices are named, and never used.
    """
    return (
        bytes((KEXINIT,))
        + os.urandom(16)
        + _after_cookie(
            kex,
            host_key,
            suite,
            server.encryption_algorithms_client_to_server[:1],
            server.encryption_algorithms_server_to_client[:1],
            server.mac_algorithms_client_to_server[:1],
            server.mac_algorithms_server_to_client[:1],
            server.compression_algorithms_client_to_server[:1],
            server.compression_algorithms_server_to_client[:1],
        )
    )


def offers(server: KexInit, ours: bytes, expected: KexInit) -> bool:
    """Return whether `server` offers all that `ours` names, a KEXINIT that answers the one of `expected`."""
    if _negotiated(server) == _negotiated(expected):
        return True
    named = _negotiated(KexInit.parse(ours))
    return all(set(names[:1]) <= set(offered) for names, offered in zip(named, _negotiated(server), strict=True))


class NegotiatedAlgorithms(msgspec.Struct, frozen=True):
    """What both sides agree on after `broad_kexinit`."""

    kex: str
    host_key_algorithm: str
    suite: Suite | None
    """None where the compression is not "none": then nothing encrypted can follow."""


def broad_kexinit() -> bytes:
    """Return the payload of a KEXINIT that names all we speak, for a server whose lists are not known.

    There is no line end in it: a server that has thrown our identification away still waits for a line, and would take
    what stands before one for it. Then it would answer, and nothing would come of that.
    """
    return bytes((KEXINIT,)) + os.urandom(16).translate(_NO_LINE_END) + _broad().encode()[17:]


def broad_guess() -> tuple[bytes, bytes]:
    """Return the method and the host key algorithm that `broad_kexinit` names first: our guess (RFC 4253 section 7)."""
    return _broad().kex_algorithms[0], _broad().server_host_key_algorithms[0]


def negotiate(server: KexInit) -> NegotiatedAlgorithms | None:
    """Return what `broad_kexinit` and the KEXINIT of `server` agree on (RFC 4253 section 7.1); None: not on everything.

    Each time it is the first of our names that the server has too. An AEAD needs no MAC.
    """
    ours = [_first_common(*lists) for lists in zip(_negotiated(_broad()), _negotiated(server), strict=True)]
    kex, host_key, cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in = ours
    if kex not in METHODS:  # nothing, or a marker: the client's have no business in a server's list
        return None
    if not (kex and host_key and cipher_out and cipher_in and compression_out and compression_in):
        return None
    if (mac_out is None and not CIPHERS[cipher_out].aead) or (mac_in is None and not CIPHERS[cipher_in].aead):
        return None
    plain = compression_out == compression_in == "none"
    suite = Suite(cipher_out, cipher_in, mac_out or "", mac_in or "") if plain else None
    return NegotiatedAlgorithms(kex, host_key, suite)


def _first_common(ours: tuple[bytes, ...], theirs: tuple[bytes, ...]) -> str | None:
    return next((name.decode() for name in ours if name in theirs), None)


@cache
def _broad() -> KexInit:
    ciphers, macs = (tuple(name.encode() for name in table) for table in (CIPHERS, MACS))
    compression = (b"none", b"zlib@openssh.com", b"zlib")
    return KexInit(
        cookie=bytes(16),
        kex_algorithms=(*(name.encode() for name in METHODS), EXT_INFO_CLIENT, *STRICT_KEX_CLIENT),
        server_host_key_algorithms=_HOST_KEYS,
        encryption_algorithms_client_to_server=ciphers,
        encryption_algorithms_server_to_client=ciphers,
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
        compression_algorithms_client_to_server=compression,
        compression_algorithms_server_to_client=compression,
    )


@lru_cache(maxsize=256)  # ours answer the same lists again and again
def _after_cookie(
    kex: str,
    host_key: str,
    suite: Suite | None,
    encryption_out: Firsts,
    encryption_in: Firsts,
    mac_out: Firsts,
    mac_in: Firsts,
    compression_out: Firsts,
    compression_in: Firsts,
) -> bytes:
    if suite is not None:
        encryption_out = (suite.encryption_client_to_server.encode(),)
        encryption_in = (suite.encryption_server_to_client.encode(),)
        # "" goes with an AEAD where the server offers no MAC of ours: what it offers first then.
        mac_out = (suite.mac_client_to_server.encode(),) if suite.mac_client_to_server else mac_out
        mac_in = (suite.mac_server_to_client.encode(),) if suite.mac_server_to_client else mac_in
        compression_out = compression_in = (b"none",)
    ours = KexInit(
        cookie=bytes(16),
        kex_algorithms=(kex.encode(), EXT_INFO_CLIENT, *STRICT_KEX_CLIENT),
        server_host_key_algorithms=(host_key.encode(),),
        encryption_algorithms_client_to_server=encryption_out,
        encryption_algorithms_server_to_client=encryption_in,
        mac_algorithms_client_to_server=mac_out,
        mac_algorithms_server_to_client=mac_in,
        compression_algorithms_client_to_server=compression_out,
        compression_algorithms_server_to_client=compression_in,
    )
    return ours.encode()[17:]
