"""Authentication methods through asyncssh, for a server that shares none of our ciphers or key exchanges.

asyncssh still speaks the whole legacy range (arcfour, blowfish, cast128, rsa1024-sha1, zlib). It opens a connection
of its own, sends one "none" request and nothing else: no key, no password, no file of the user is read.
"""

from __future__ import annotations

import asyncio
import warnings

from sshprobe.net import Address
from sshprobe.wire.messages import KexInit


class FallbackError(Exception):
    """asyncssh got no answer either. `str()` is one line for people, with nothing from the server in it."""


async def authentication_methods(
    address: Address, port: int, server: KexInit, *, user: str, client_id: bytes, timeout: float
) -> list[str] | None:
    """Return the methods that `user` may use; None means that "none" logged us in. Raises `FallbackError`."""
    with warnings.catch_warnings():
        # asyncssh's finite-field exchanges, and its old ciphers, warn of cryptography's plans for them.
        warnings.simplefilter("ignore")
        import asyncssh

        try:
            options = asyncssh.SSHClientConnectionOptions(
                config=None,
                known_hosts=None,
                agent_path=None,
                client_version=client_id.removeprefix(b"SSH-2.0-").decode("ascii"),
                kex_algs=_both(server.kex_algorithms, asyncssh.kex.get_kex_algs()),
                encryption_algs=_both(
                    server.encryption_algorithms_client_to_server, asyncssh.encryption.get_encryption_algs()
                ),
                mac_algs=_both(server.mac_algorithms_client_to_server, asyncssh.mac.get_mac_algs()),
                compression_algs=_both(
                    server.compression_algorithms_client_to_server, asyncssh.compression.get_compression_algs()
                ),
                server_host_key_algs=_both(
                    server.server_host_key_algorithms, asyncssh.public_key.get_public_key_algs()
                ),
                username=user,
            )
            async with asyncio.timeout(timeout):
                methods = await asyncssh.get_server_auth_methods(
                    address.ip, port, username=user, config=None, options=options
                )
        except (asyncssh.Error, OSError, ValueError) as error:
            # TimeoutError is an OSError.
            raise FallbackError(f"asyncssh could not ask: {type(error).__name__}") from None
    return None if list(methods) == ["none"] else list(methods)


def _both(server: tuple[bytes, ...], ours: list[bytes]) -> list[str]:
    """Return what both sides speak, in the server's order. Raises `ValueError` if that is nothing."""
    names = [name.decode("ascii") for name in server if name in ours]
    if not names:
        raise ValueError("nothing in common")
    return names
