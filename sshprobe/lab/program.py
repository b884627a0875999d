"""The base of servers that are one program: host keys, a start on a free port, and a log that counts connections."""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.process import ServerProcess, free_port, make_key
from sshprobe.lab.server import HostKey, LabError, LabServer


class ProgramServer(LabServer):
    """One process that serves until it is stopped. Its log is its standard output and error.

    `key_specs`: host keys to make, "type[:bits]" as the program's key generator names them, or the Path of a private
    key to use. The start makes no test connection: OpenSSH 9.8 and later impose a penalty for each, and tests count the
    connections in the log.
    """

    READY = "lab: listening"
    """Text that the log contains once the server accepts connections."""

    CONNECTION = "lab: connection"
    """A pattern that matches once in the log for each connection."""

    def __init__(self, name: str, description: str, host: str, key_specs: Sequence[str | Path]) -> None:
        super().__init__(name, description, host)
        self.key_specs = tuple(key_specs)
        self._process: ServerProcess | None = None
        self._last_log = ""

    @abstractmethod
    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        """Return the words that start it on `host` and `port` with the private keys `keys`. Raises LabError."""

    def _make_keys(self, directory: Path) -> list[Path]:
        """Make the host keys with ssh-keygen, set `host_keys`, and return the files of the private ones."""
        keys = []
        for spec in map(str, self.key_specs):
            keys.append(make_key(spec, directory / f"ssh_host_{spec.partition(':')[0]}_key"))
        self.host_keys: Sequence[HostKey] = [HostKey.from_file(key.with_name(f"{key.name}.pub")) for key in keys]
        return keys

    async def _start(self, directory: Path) -> None:
        keys = await asyncio.to_thread(self._make_keys, directory)
        for attempt in range(3):
            self.port = free_port(self.host)
            self._process = ServerProcess(self._command(directory, keys), directory / f"log{attempt}")
            self.pid = self._process.pid
            try:
                await self._process.wait_for_line(self.READY)
                return
            except LabError:
                log = self._process.log().lower()
                if not ("in use" in log or "eaddrinuse" in log) or attempt == 2:
                    raise
                await self._process.stop()

    async def _stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._last_log = self._process.log()
            self._process = None

    def log(self) -> str:
        """Return what the process has written so far. The log stays readable after the end."""
        return self._last_log if self._process is None else self._process.log()

    def connections(self) -> int:
        """Return how many connections the log reports."""
        return len(re.findall(self.CONNECTION, self.log(), re.MULTILINE))
