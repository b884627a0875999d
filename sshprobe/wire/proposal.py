"""Our KEXINIT: one method, one host key algorithm, one cipher and MAC a direction. Nothing is left to negotiate."""

from __future__ import annotations

import os

from sshprobe.wire.messages import EXT_INFO_CLIENT, STRICT_KEX_CLIENT, KexInit
from sshprobe.wire.suites import Suite


def client_kexinit(server: KexInit, kex: bytes, host_key: bytes, suite: Suite | None) -> KexInit:
    """Return the KEXINIT that answers the one of `server`.

    With `suite` None nothing encrypted can follow: the server's own first choices are named, and never used.
    """
    if suite is not None:
        names = (
            suite.encryption_client_to_server.encode(),
            suite.encryption_server_to_client.encode(),
            suite.mac_client_to_server.encode(),
            suite.mac_server_to_client.encode(),
        )
    else:
        names = (b"", b"", b"", b"")
    encryption_out, encryption_in, mac_out, mac_in = names
    compression = (b"none",) if suite is not None else ()
    return KexInit(
        cookie=os.urandom(16),
        kex_algorithms=(kex, EXT_INFO_CLIENT, STRICT_KEX_CLIENT),
        server_host_key_algorithms=(host_key,),
        encryption_algorithms_client_to_server=_one(encryption_out, server.encryption_algorithms_client_to_server),
        encryption_algorithms_server_to_client=_one(encryption_in, server.encryption_algorithms_server_to_client),
        mac_algorithms_client_to_server=_one(mac_out, server.mac_algorithms_client_to_server),
        mac_algorithms_server_to_client=_one(mac_in, server.mac_algorithms_server_to_client),
        compression_algorithms_client_to_server=compression or server.compression_algorithms_client_to_server[:1],
        compression_algorithms_server_to_client=compression or server.compression_algorithms_server_to_client[:1],
    )


def _one(ours: bytes, theirs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (ours,) if ours else theirs[:1]
