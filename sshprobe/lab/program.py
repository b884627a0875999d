"""What servers of one program have in common: keys by ssh-keygen, a start on a free port, a log that counts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.openssh import make_key
from sshprobe.lab.process import ServerProcess, free_port
from sshprobe.lab.server import HostKey, LabError, LabServer

PROGRAMS = Path(__file__).parent / "programs"
"""Programs of our own, for libraries that come without a server."""

BUILT = Path(__file__).parents[2] / ".servers" / "programs"
"""Where `scripts/install-servers` puts those that have to be compiled."""


class ProgramServer(LabServer):
    """One process that serves until it is ended. Its log is its standard output and error.

    `key_specs`: host keys to make, "type[:bits]" in ssh-keygen's words.
    """

    READY = "lab: listening"
    """In the log once a connect would be answered."""

    CONNECTION = "lab: connection"
    """In the log once for each connection."""

    def __init__(self, name: str, description: str, host: str, key_specs: Sequence[str]) -> None:
        super().__init__(name, description, host)
        self.key_specs = tuple(key_specs)
        self._process: ServerProcess | None = None
        self._last_log = ""

    @abstractmethod
    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        """Return the words that start it on `host` and `port` with the private keys `keys`. Raises LabError."""

    def _make_keys(self, directory: Path) -> list[Path]:
        """Make the host keys, set `host_keys`, and return the files of the private ones."""
        keys = []
        for spec in self.key_specs:
            keys.append(directory / f"ssh_host_{spec.partition(':')[0]}_key")
            make_key(spec, keys[-1])
        self.host_keys: Sequence[HostKey] = [HostKey.from_file(key.with_name(f"{key.name}.pub")) for key in keys]
        return keys

    async def _start(self, directory: Path) -> None:
        keys = self._make_keys(directory)
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
        """What it has written so far; it stays readable after the end."""
        return self._last_log if self._process is None else self._process.log()

    def connections(self) -> int:
        """Connections that it says it accepted."""
        return self.log().count(self.CONNECTION)
