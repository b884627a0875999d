"""asyncssh servers in this process, with any set of algorithms, including those that no packaged server offers today.

asyncssh is imported when a server starts.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshprobe.lab.server import HostKey, LabServer

if TYPE_CHECKING:
    import asyncssh


@dataclass(frozen=True, slots=True)
class Preset:
    """The offers of a server, in order; None means asyncssh's default. `host_keys`: "type[:bits]", SSH names."""

    description: str
    host_keys: Sequence[str]
    kex: Sequence[str] | None = None
    ciphers: Sequence[str] | None = None
    macs: Sequence[str] | None = None
    compression: Sequence[str] | None = None
    passwords: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


PRESETS = {
    "hardened": Preset(
        "asyncssh, post-quantum and elliptic curves only, public keys only",
        # asyncssh offers ssh-rsa, SHA-1, with any RSA key.
        host_keys=("ssh-ed25519", "ecdsa-sha2-nistp256"),
        kex=("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp521"),
        ciphers=("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"),
        macs=("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"),
        compression=("none",),
        passwords=False,
        options={"signature_algs": ["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"]},
    ),
    "default": Preset(
        "asyncssh with default settings and passwords",
        host_keys=("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa:2048"),
    ),
    "small-key": Preset(
        "asyncssh, modern algorithms and a 1024-bit RSA key",
        host_keys=("ssh-rsa:1024",),
        kex=("curve25519-sha256", "curve25519-sha256@libssh.org"),
        ciphers=("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"),
        macs=("hmac-sha2-512-etm@openssh.com",),
        compression=("none",),
        passwords=False,
    ),
    "dated": Preset(
        "asyncssh as a device of 2012: SHA-1 and CBC, RSA of 2048 bits",
        host_keys=("ssh-rsa:2048",),
        kex=("diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1"),
        ciphers=("aes128-ctr", "aes128-cbc", "aes256-cbc", "3des-cbc"),
        macs=("hmac-sha1", "hmac-sha1-96"),
        options={"signature_algs": ["ssh-rsa"]},
    ),
    "legacy": Preset(
        "asyncssh as a server of 2002: 1024-bit groups and keys, arcfour, MD5",
        host_keys=("ssh-rsa:1024", "ssh-dss"),
        kex=("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"),
        ciphers=("3des-cbc", "blowfish-cbc", "arcfour", "arcfour128", "arcfour256", "aes128-cbc", "aes256-cbc"),
        macs=("hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"),
        compression=("zlib", "none"),
        options={"signature_algs": ["ssh-rsa", "ssh-dss"]},
    ),
}


class AsyncSSHServer(LabServer):
    """An asyncssh server on this event loop, from a name in `PRESETS` or a custom Preset.

    It accepts no password and no key. With `accept_none`, everyone is logged in on the "none" request (RFC 4252 section
    5.2), but there is no shell. `banner` is sent before authentication.
    """

    def __init__(
        self,
        preset: str | Preset = "default",
        *,
        accept_none: bool = False,
        banner: str | None = None,
        host: str = "127.0.0.1",
        name: str | None = None,
    ) -> None:
        self.preset = PRESETS[preset] if isinstance(preset, str) else preset
        label = f"asyncssh-{preset}" if isinstance(preset, str) else "asyncssh"
        super().__init__(name or label, self.preset.description, host)
        self.accept_none = accept_none
        self.banner = banner
        self._open: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def _start(self, directory: Path) -> None:
        import asyncssh

        # cryptography 50 warns at each exchange in asyncssh that finite-field Diffie-Hellman will be removed. A legacy
        # server needs it. The filter is never removed, because connections may outlive this call.
        warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", module=r"asyncssh\.crypto\.dh")
        self._lines, self._accepted = [], 0
        preset = self.preset
        private = await asyncio.gather(*(asyncio.to_thread(_make_key, spec) for spec in preset.host_keys))
        self.host_keys = [
            HostKey.write(key.public_data, directory, f"host_key_{number}") for number, key in enumerate(private)
        ]
        self._acceptor = await asyncssh.listen(
            self.host,
            0,
            server_factory=self._make_owner,
            server_host_keys=private,
            config=None,
            kex_algs=preset.kex or (),
            encryption_algs=preset.ciphers or (),
            mac_algs=preset.macs or (),
            compression_algs=preset.compression or (),
            x11_forwarding=False,
            agent_forwarding=False,
            allow_pty=False,
            **preset.options,
        )
        self.port = self._acceptor.get_port()

    def _make_owner(self) -> asyncssh.SSHServer:
        import asyncssh

        lab = self

        class Owner(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                lab._accepted += 1
                lab._open.add(conn)
                peer = conn.get_extra_info("peername")
                lab._lines.append(f"Connection from {peer[0]} port {peer[1]}")

            def connection_lost(self, exc: Exception | None) -> None:
                lab._open.discard(self.connection)
                lab._lines.append(f"Connection closed: {exc or 'by the peer'}")

            def begin_auth(self, username: str) -> bool:
                lab._lines.append(f"Authentication begins for {username!r}")
                if lab.banner is not None:
                    self.connection.send_auth_banner(lab.banner)
                return not lab.accept_none

            def public_key_auth_supported(self) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return lab.preset.passwords

            def kbdint_auth_supported(self) -> bool:
                return False

            def validate_password(self, username: str, password: str) -> bool:
                lab._lines.append(f"Password refused for {username!r}")
                return False

        return Owner()

    async def _stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            for connection in list(self._open):
                connection.abort()
            await self._acceptor.wait_closed()
            self._acceptor = None


def _make_key(spec: str) -> asyncssh.SSHKey:
    import asyncssh

    kind, _, bits = spec.partition(":")
    if bits:
        return asyncssh.generate_private_key(kind, key_size=int(bits))
    return asyncssh.generate_private_key(kind)
