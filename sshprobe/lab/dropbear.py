"""Dropbear.

Ready means: the log says "Not backgrounding", which it writes after it listens (svr-main.c, `main_noinetd`).
No connection is made to find out.
"""

from __future__ import annotations

import asyncio
import base64
import grp
import pwd
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.process import ServerProcess, find_program, free_port, run_tool
from sshprobe.lab.server import HostKey, LabError, LabServer


def find_dropbear() -> Path | None:
    """The `dropbear` program, if `dropbearkey` is there too."""
    return find_program("dropbear") if find_program("dropbearkey") is not None else None


class DropbearServer(LabServer):
    """`dropbear -F -E` with host keys of its own: "type[:bits]" in dropbearkey's words (rsa, ecdsa, ed25519, dss), or
    a Path of one of its private keys.

    `options` are further command line words, such as "-s" (offer no password). Nobody can log in, although passwords
    and keys are offered: root is refused (`-w`), and so is everyone outside a group that has no members (`-G`). With
    `authorized_keys`, a folder that holds a file of this name, its keys log in (`-D`, 2025.87 and later) and no
    password does. `build`: a folder with `dropbear` and `dropbearkey`, in place of the system's.
    """

    def __init__(
        self,
        *,
        host_keys: Sequence[str | Path] = ("rsa:2048", "ecdsa", "ed25519"),
        options: Sequence[str] = (),
        build: Path | None = None,
        authorized_keys: Path | None = None,
        host: str = "127.0.0.1",
        name: str = "dropbear",
        description: str = "Dropbear",
    ) -> None:
        super().__init__(name, description, host)
        self.key_specs = tuple(host_keys)
        self.options = tuple(options)
        self.build = build
        self.authorized_keys = authorized_keys
        self._process: ServerProcess | None = None
        self._last_log = ""

    async def _start(self, directory: Path) -> None:
        program = find_dropbear() if self.build is None else self.build / "dropbear"
        if program is None:
            raise LabError("Dropbear is not installed (Debian: dropbear-bin)")
        words: list[str | Path] = [program, "-F", "-E", "-m", "-j", "-k"]
        if self.authorized_keys is None:
            words += ["-w", "-G", _empty_group()]
        else:
            # Every folder of the path has to be closed to others, which /tmp is not: a relative path has none above.
            # Of root, whom keys let in, no password is taken either way (`-g`).
            words = ["env", "-C", self.authorized_keys, *words, "-g", "-D", "."]
        words += ["-P", directory / "pid", *self.options]
        self.host_keys: list[HostKey] = []
        for number, spec in enumerate(self.key_specs):
            private = directory / f"host_key_{number}"
            tool = "dropbearkey" if self.build is None else self.build / "dropbearkey"
            self.host_keys.append(await asyncio.to_thread(_make_key, tool, spec, private, directory))
            words += ["-r", private]
        for attempt in range(3):
            self.port = free_port(self.host)
            self._process = ServerProcess([*words, "-p", f"{self.host}:{self.port}"], directory / f"log{attempt}")
            self.pid = self._process.pid
            try:
                await self._process.wait_for_line("Not backgrounding")
                if "Failed listening" not in self._process.log():
                    return
                raise LabError(self._process.log())
            except LabError:
                if "Address already in use" not in self._process.log() or attempt == 2:
                    raise
                await self._process.stop()

    async def _stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._last_log = self._process.log()
            self._process = None

    def log(self) -> str:
        """Standard error of Dropbear so far; it stays readable after the end."""
        return self._last_log if self._process is None else self._process.log()

    def connections(self) -> int:
        """Connections that Dropbear forked a child for."""
        return self.log().count("Child connection from ")


def _make_key(tool: str | Path, spec: str | Path, private: Path, directory: Path) -> HostKey:
    if isinstance(spec, Path):
        private.write_bytes(spec.read_bytes())
        private.chmod(0o600)
    else:
        kind, _, bits = spec.partition(":")
        run_tool(tool, "-t", kind, *(["-s", bits] if bits else []), "-f", private)
    shown = run_tool(tool, "-y", "-f", private)
    for line in shown.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0].startswith(("ssh-", "ecdsa-")):
            return HostKey.write(base64.b64decode(words[1]), directory, private.name)
    raise LabError(f"`dropbearkey -y` shows no public key for {spec}")


def _empty_group() -> str:
    primary = {user.pw_gid for user in pwd.getpwall()}
    for group in grp.getgrall():
        if not group.gr_mem and group.gr_gid not in primary:
            return group.gr_name
    raise LabError("every group of this machine has members: Dropbear could not be kept from letting them in")
