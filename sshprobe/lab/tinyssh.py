"""TinySSH: one process for each connection, which is its standard input and output (inetd style).

We own the listening socket, so the server is ready as soon as the socket is bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from sshprobe.lab.process import ServerProcess, find_program, run_tool
from sshprobe.lab.server import HostKey, LabError, LabServer


def find_tinyssh() -> Path | None:
    """Return the `tinysshd` program, None unless `tinysshd-makekey` is installed too."""
    return find_program("tinysshd") if find_program("tinysshd-makekey") is not None else None


class TinySSHServer(LabServer):
    """`tinysshd` behind an accept loop, with one Ed25519 host key. It has no passwords, only users' authorized keys.

    `options`: further options of tinysshd, such as "-S" (no curve25519) or "-P" (no post-quantum). `pid` is None,
    because this process listens; `children` are the processes of tinysshd.
    """

    def __init__(
        self,
        *,
        options: tuple[str, ...] = (),
        host: str = "127.0.0.1",
        name: str = "tinyssh",
        description: str = "TinySSH",
    ) -> None:
        super().__init__(name, description, host)
        self.options = options
        self.children: list[ServerProcess] = []
        self._log_file: Path | None = None
        self._last_log = ""
        self._listener: socket.socket | None = None
        self._loop_task: asyncio.Task[None] | None = None

    async def _start(self, directory: Path) -> None:
        program = find_tinyssh()
        if program is None:
            raise LabError("TinySSH is not installed (Debian: tinysshd)")
        keys = directory / "keys"
        run_tool("tinysshd-makekey", keys)
        point = (keys / "ed25519.pk").read_bytes()
        name = b"ssh-ed25519"
        blob = len(name).to_bytes(4, "big") + name + len(point).to_bytes(4, "big") + point
        self.host_keys = [HostKey.write(blob, directory, "host_key")]
        self._log_file = directory / "log"
        self._log_file.touch()
        self._accepted = 0
        self._listener = socket.create_server((self.host, 0), backlog=128)
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        words: list[str | Path] = [program, "-v", *self.options, keys]
        self._loop_task = asyncio.get_running_loop().create_task(self._serve(self._listener, words))

    async def _serve(self, listener: socket.socket, words: list[str | Path]) -> None:
        assert self._log_file is not None
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            with connection:
                # tinysshd expects a blocking socket.
                connection.setblocking(True)
                self._accepted += 1
                self.children = [child for child in self.children if child.returncode is None]
                self.children.append(ServerProcess(words, self._log_file, stdio=connection))

    async def _stop(self) -> None:
        if self._loop_task is not None:
            self._loop_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop_task
            self._loop_task = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await asyncio.gather(*(child.stop() for child in self.children))
        self.children = []
        self._last_log = self.log()
        self._log_file = None

    def log(self) -> str:
        """Return the standard error of all tinysshd processes so far. It stays readable after the end."""
        if self._log_file is None:
            return self._last_log
        return self._log_file.read_text("utf-8", "backslashreplace")
