"""A paramiko server: a thread that accepts, and a thread for each connection. Its start imports paramiko."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshprobe.lab.server import HostKey, LabError, LabServer

if TYPE_CHECKING:
    import paramiko


class _Log(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


class ParamikoServer(LabServer):
    """A paramiko server in this process. `host_keys`: "rsa[:bits]", "ecdsa[:bits]", "ed25519".

    `kex`, `ciphers` and `macs`: lists to offer instead of paramiko's own. It accepts no password and no key. With
    `accept_none`, everyone is logged in on the "none" request. `moduli`: the text of a moduli file; without one the
    server refuses group exchange.
    """

    def __init__(
        self,
        *,
        host_keys: Sequence[str] = ("rsa:2048", "ecdsa:256", "ed25519"),
        kex: Sequence[str] | None = None,
        ciphers: Sequence[str] | None = None,
        macs: Sequence[str] | None = None,
        methods: str = "publickey,password",
        accept_none: bool = False,
        moduli: str | None = None,
        host: str = "127.0.0.1",
        name: str = "paramiko",
        description: str = "paramiko with default settings",
    ) -> None:
        super().__init__(name, description, host)
        self.key_specs = tuple(host_keys)
        self.kex = kex
        self.ciphers = ciphers
        self.macs = macs
        self.methods = methods
        self.accept_none = accept_none
        self.moduli = moduli
        self._transports: list[paramiko.Transport] = []
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    async def _start(self, directory: Path) -> None:
        from paramiko.primes import ModulusPack

        private = [await asyncio.to_thread(_make_key, spec) for spec in self.key_specs]
        groups = ModulusPack() if self.moduli is not None else None
        if groups is not None:
            (directory / "moduli").write_text(self.moduli or "", "ascii")
            groups.read_file(directory / "moduli")
        self.host_keys = [
            HostKey.write(key.asbytes(), directory, f"host_key_{number}") for number, key in enumerate(private)
        ]
        self._lines, self._accepted = [], 0
        self._listener = socket.create_server((self.host, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        channel = f"sshprobe.lab.paramiko.{self.port}"
        logger = logging.getLogger(channel)
        logger.handlers = [_Log(self._lines)]
        logger.setLevel(logging.INFO)
        logger.propagate = False
        self._thread = threading.Thread(
            target=self._serve, args=(self._listener, private, channel, groups), name=f"{self.name}-accept", daemon=True
        )
        self._thread.start()

    def _serve(self, listener: socket.socket, keys: list[paramiko.PKey], channel: str, groups: object) -> None:
        import paramiko

        lab = self

        class Owner(paramiko.ServerInterface):  # type: ignore[misc] # paramiko has no types
            def get_allowed_auths(self, username: str) -> str:
                return lab.methods

            def check_auth_none(self, username: str) -> int:
                return int(paramiko.AUTH_SUCCESSFUL if lab.accept_none else paramiko.AUTH_FAILED)

        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return  # closed by _stop
            self._accepted += 1
            self._lines.append(f"Connection from {peer[0]} port {peer[1]}")
            transport = paramiko.Transport(connection)
            transport.daemon = True
            transport.set_log_channel(channel)
            if groups is not None:
                transport._modulus_pack = groups  # only of this server: load_server_moduli sets it for all
            options: Any = transport.get_security_options()
            options.kex = self.kex or options.kex
            options.ciphers = self.ciphers or options.ciphers
            options.digests = self.macs or options.digests
            for key in keys:
                transport.add_server_key(key)
            self._transports = [one for one in self._transports if one.is_alive()]
            self._transports.append(transport)
            # With an event, start_server returns at once; without one it waits for the end of the negotiation.
            transport.start_server(event=threading.Event(), server=Owner())

    async def _stop(self) -> None:
        if self._listener is not None:
            # On Linux only a shutdown wakes a thread in accept(); elsewhere it fails, and the close wakes the thread.
            try:
                self._listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._listener.close()
            self._listener = None
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5)
            self._thread = None
        for transport in self._transports:
            transport.close()
        for transport in self._transports:
            await asyncio.to_thread(transport.join, 5)
            transport.sock.close()
        self._transports = []


def _make_key(spec: str) -> paramiko.PKey:
    import paramiko

    kind, _, bits = spec.partition(":")
    if kind == "rsa":
        return paramiko.RSAKey.generate(int(bits or 2048))
    if kind == "ecdsa":
        return paramiko.ECDSAKey.generate(bits=int(bits or 256))
    if kind == "ed25519":
        # paramiko reads Ed25519 keys but cannot generate them.
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        text = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        return paramiko.Ed25519Key(file_obj=io.StringIO(text.decode("ascii")))
    raise LabError(f"paramiko has no host key type '{kind}'")
