"""Dropbear: the system's, or a custom build."""

from __future__ import annotations

import base64
import grp
import pwd
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.process import find_program, run_tool
from sshprobe.lab.program import ProgramServer
from sshprobe.lab.server import HostKey, LabError


def find_dropbear() -> Path | None:
    """Return the `dropbear` program, None unless `dropbearkey` is installed too."""
    return find_program("dropbear") if find_program("dropbearkey") is not None else None


class DropbearServer(ProgramServer):
    """`dropbear -F -E` with host keys of its own: "type[:bits]" in dropbearkey's words (rsa, ecdsa, ed25519, dss), or
    a Path of one of its private keys.

    `options`: further command line options, such as "-s" (offer no password). Nobody can log in, although the server
    offers passwords and keys: it refuses root (`-w`) and everyone outside a group without members (`-G`).
    `authorized_keys`: a folder with a file of this name, whose keys log in (`-D`, 2025.87 and later). `build`: a folder
    with `dropbear` and `dropbearkey`, instead of the system's.
    """

    READY = "Not backgrounding"  # written once it listens (svr-main.c, main_noinetd)
    CONNECTION = "Child connection from "

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
        super().__init__(name, description, host, host_keys)
        self.options = tuple(options)
        self.build = build
        self.authorized_keys = authorized_keys

    def _make_keys(self, directory: Path) -> list[Path]:
        if self.build is None and find_dropbear() is None:
            raise LabError("Dropbear is not installed (Debian: dropbear-bin)")
        tool = "dropbearkey" if self.build is None else self.build / "dropbearkey"
        keys = [directory / f"host_key_{number}" for number in range(len(self.key_specs))]
        self.host_keys = [_make_key(tool, spec, key, directory) for spec, key in zip(self.key_specs, keys, strict=True)]
        return keys

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        program = (find_dropbear() or "dropbear") if self.build is None else self.build / "dropbear"
        words: list[str | Path] = [program, "-F", "-E", "-m", "-j", "-k"]
        if self.authorized_keys is None:
            words += ["-w", "-G", _empty_group()]
        else:
            # Every folder of the path must be closed to others, unlike /tmp. A relative path has no folders above.
            # Root can log in with keys, but never with a password (`-g`).
            words = ["env", "-C", self.authorized_keys, *words, "-g", "-D", "."]
        words += ["-P", directory / "pid", *self.options]
        for key in keys:
            words += ["-r", key]
        return [*words, "-p", f"{self.host}:{self.port}"]


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
