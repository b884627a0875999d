"""Authentication methods through asyncssh, for a server that shares none of our ciphers or key exchanges.

asyncssh still speaks all legacy algorithms (arcfour, blowfish, cast128, rsa1024-sha1); only compression is not offered.
It opens its own connection and sends only one "none" request: no key, no password, and no file of the user is read.
`_Bounded` limits its data, because asyncssh reads as long as a server sends.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, cast

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import LONGEST_BANNER
from sshprobe.net import Address
from sshprobe.net.clock import running_clock
from sshprobe.net.errors import LOCAL
from sshprobe.probe.connections import Connections
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.probe_progress import ProbeProgress
from sshprobe.wire.limits import CONNECTION_BYTES
from sshprobe.wire.messages import KexInit


class FallbackError(Exception):
    """asyncssh got no answer either. `str()` is one line for people, without text from the server."""

    def __init__(self, message: str, *, connected: bool = True) -> None:
        self.connected = connected
        """Whether a connection was tried."""
        super().__init__(message)


async def ask_asyncssh(
    connections: Connections,
    kexinit: KexInit,
    options: ProbeOptions,
    timeout: float,
    facts: ObservationBuilder,
    progress: ProbeProgress,
) -> None:
    """Request the authentication methods of the first user, and store the answer in `facts` and `progress`.

    `timeout`: seconds.
    """
    user = options.auth_users[0]
    banners: list[str] = []
    try:
        methods = await authentication_methods(
            connections.candidates[0],
            connections.port,
            kexinit,
            user=user,
            client_id=options.client_id,
            timeout=timeout,
            on_banner=banners.append,
        )
    except FallbackError as error:
        progress.authentication = "failed"
        facts.warn(f"authentication methods: {error}")
        connections.made += error.connected
        return
    connections.made += 1
    progress.authentication = "answered"
    if banners:
        facts.banner = escape_bytes("".join(banners).encode("utf-8", "surrogateescape"), LONGEST_BANNER)
    facts.add_methods(user, None if methods is None else tuple(map(str.encode, methods)))


async def authentication_methods(
    address: Address,
    port: int,
    server: KexInit,
    *,
    user: str,
    client_id: bytes,
    timeout: float,
    on_banner: Callable[[str], None],
) -> list[str] | None:
    """Return the methods that `user` may use; None means that "none" logged us in.

    Raises `FallbackError`, and `OSError` if this machine ran out of resources.
    `on_banner` is called with the text that the server sends before login, if it sends one.
    """
    connector = _Connector(address)
    with warnings.catch_warnings():
        # asyncssh's finite-field exchanges and old ciphers cause deprecation warnings of cryptography.
        warnings.simplefilter("ignore")
        import asyncssh

        class Client(asyncssh.SSHClient):
            def auth_banner_received(self, msg: str, lang: str) -> None:
                on_banner(msg)

        try:
            kex = _both(server.kex_algorithms, asyncssh.kex.get_kex_algs())
            host_keys = _both(server.server_host_key_algorithms, asyncssh.public_key.get_public_key_algs())
            options = asyncssh.SSHClientConnectionOptions(
                config=None,
                known_hosts=None,
                agent_path=None,
                encryption_algs=_both(
                    server.encryption_algorithms_client_to_server, asyncssh.encryption.get_encryption_algs()
                ),
                mac_algs=_both(server.mac_algorithms_client_to_server, asyncssh.mac.get_mac_algs()),
                # Compressed, a server could send a thousand times what `_Bounded` lets through.
                compression_algs=_both(server.compression_algorithms_client_to_server, [b"none"]),
                username=user,
                client_factory=Client,
            )
        except ValueError as error:
            raise FallbackError(f"asyncssh cannot ask: {error}", connected=False) from None
        try:
            async with running_clock().timeout(timeout):
                # This function does not read its own parameters from `options`.
                methods = await asyncssh.get_server_auth_methods(
                    address.ip,
                    port,
                    username=user,
                    tunnel=cast(Any, connector),  # its type is private, and only this method is called
                    client_version=client_id.removeprefix(b"SSH-2.0-").decode("ascii"),
                    kex_algs=kex,
                    server_host_key_algs=host_keys,
                    config=None,
                    options=options,
                )
        except Exception as error:  # a server's data may raise any exception there
            if isinstance(error, OSError) and error.errno in LOCAL:
                raise
            words = f"more than {CONNECTION_BYTES} bytes" if connector.exceeded else type(error).__name__
            raise FallbackError(f"asyncssh could not ask: {words}") from None
    return None if list(methods) == ["none"] else list(methods)


class _Bounded(asyncio.Protocol):
    """Passes data to asyncssh, up to `CONNECTION_BYTES`; then aborts the connection."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self._transport: asyncio.BaseTransport | None = None
        self._bytes = 0
        self.exceeded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes <= CONNECTION_BYTES:
            self._inner.data_received(data)
        elif not self.exceeded:
            self.exceeded = True
            cast(asyncio.Transport, self._transport).abort()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class _Connector:
    """A "tunnel" of asyncssh: makes the connection instead of asyncssh."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._bounded: _Bounded | None = None

    @property
    def exceeded(self) -> bool:
        """Whether the server sent more data than the limit."""
        return self._bounded is not None and self._bounded.exceeded

    async def create_connection(
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.Protocol]:
        """Connect `factory()` to `host`, with the bound between them. Raises `OSError`."""
        inner = factory()
        self._bounded = bounded = _Bounded(inner)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: bounded, host, port, family=self._address.family)
        return transport, inner


def _both(server: tuple[bytes, ...], ours: list[bytes]) -> list[str]:
    """Return the names that both sides speak, in the server's order. Raises `ValueError` if there are none."""
    names = [name.decode("ascii") for name in server if name in ours]
    if not names:
        raise ValueError("it shares no method, cipher or MAC with the server either")
    return names
