"""The base class of all lab servers."""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


class LabError(RuntimeError):
    """A lab server did not start. The message has the reason, and the end of the server's log if there is one."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public host key or host certificate of a lab server.

    `blob`: the public key as in RFC 4253 section 6.6. `type`: the name it starts with. `path`: the `.pub` file with it
    in OpenSSH's format, which exists while the server runs.
    """

    type: str
    blob: bytes
    path: Path

    @property
    def fingerprint(self) -> str:
        """The SHA256:... of `blob`, as `ssh-keygen -lf` prints it for a plain key (not for a certificate)."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @classmethod
    def from_file(cls, path: Path) -> HostKey:
        """Read a `.pub` file: type, base64, and a comment that is ignored."""
        name, encoded = path.read_text("ascii").split()[:2]
        return cls(name, base64.b64decode(encoded), path)

    @classmethod
    def write(cls, blob: bytes, directory: Path, stem: str) -> HostKey:
        """Write the public key `blob` to `directory/stem.pub`."""
        length = int.from_bytes(blob[:4], "big")
        name = blob[4 : 4 + length].decode("ascii")
        path = directory / f"{stem}.pub"
        path.write_text(f"{name} {base64.b64encode(blob).decode('ascii')} lab\n", "ascii")
        return cls(name, blob, path)


class LabServer(ABC):
    """A real SSH server on loopback. Start and stop it with `async with`; it can be started again.

    `port` is 0 until it runs. `pid`: the server's process, None if it runs in this one. `host_keys` and `certificates`
    are those of the last start. `directory`: its own folder, removed at the end.
    """

    def __init__(self, name: str, description: str, host: str) -> None:
        if not host.startswith("127."):
            raise ValueError(f"a lab server listens on 127.x.y.z only, not on {host}")
        self.name = name
        self.description = description
        self.host = host
        self.port = 0
        self.pid: int | None = None
        self.host_keys: Sequence[HostKey] = ()
        self.certificates: Sequence[HostKey] = ()
        self._directory: Path | None = None
        self._lines: list[str] = []  # the log
        self._accepted = 0

    @property
    def directory(self) -> Path:
        """The server's own folder. Raises LabError if the server does not run."""
        if self._directory is None:
            raise LabError(f"{self.name} is not running")
        return self._directory

    @property
    def fingerprints(self) -> dict[str, str]:
        """The plain host keys' types and fingerprints: `{"ssh-ed25519": "SHA256:...", ...}`."""
        return {key.type: key.fingerprint for key in self.host_keys}

    @property
    def host_key_files(self) -> list[Path]:
        """The `.pub` files of the plain host keys, for `ssh-keygen -lf`."""
        return [key.path for key in self.host_keys]

    def log(self) -> str:
        """Return the server's own log so far, also after the end."""
        return "".join(line + "\n" for line in list(self._lines))

    def connections(self) -> int:
        """Return how many connections the server has accepted, by its own count."""
        return self._accepted

    @abstractmethod
    async def _start(self, directory: Path) -> None:
        """Start to listen, and return once a client can connect. Raises LabError."""

    @abstractmethod
    async def _stop(self) -> None:
        """Stop everything that `_start` started, also if `_start` failed halfway."""

    async def __aenter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="sshprobe-lab-"))
        try:
            await self._start(self._directory)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            await self._stop()
        finally:
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
            self.pid = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.host}:{self.port}>"
