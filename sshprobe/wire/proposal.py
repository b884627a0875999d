"""Our KEXINIT: one method, one host key algorithm, one cipher and MAC a direction. Nothing is left to negotiate."""

from __future__ import annotations

import os
from functools import lru_cache
from operator import attrgetter

from sshprobe.wire.messages import EXT_INFO_CLIENT, KEXINIT, NAME_LISTS, STRICT_KEX_CLIENT, KexInit
from sshprobe.wire.suites import Suite

Firsts = tuple[bytes, ...]
"""A name-list with the first of a server's names, or none."""

_negotiated = attrgetter(*NAME_LISTS[:8])  # all but the languages


def client_kexinit(server: KexInit, kex: str, host_key: str, suite: Suite | None) -> bytes:
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
