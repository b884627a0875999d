"""GNU lsh: old algorithms alone, and a key type of its own."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.process import find_program
from sshprobe.lab.program import ProgramServer
from sshprobe.lab.server import HostKey, LabError

_TOOLS = ("lsh-keygen", "lsh-writekey", "lsh-export-key")


def find_lsh() -> Path | None:
    """The `lshd` program, if the programs that make its keys are there too."""
    return find_program("lshd") if all(map(find_program, _TOOLS)) else None


class LshServer(ProgramServer):
    """`lshd` with an RSA host key, which it shows as ssh-rsa and as spki-sign-rsa.

    Nobody's password is right: the program that would check it does nothing but fail.
    """

    READY = "bound socket"
    CONNECTION = "io.c: accept on fd"

    def __init__(
        self, *, bits: int = 2048, host: str = "127.0.0.1", name: str = "lsh", description: str = "GNU lsh"
    ) -> None:
        super().__init__(name, description, host, (f"rsa:{bits}",))
        self.bits = bits

    def _make_keys(self, directory: Path) -> list[Path]:
        if find_lsh() is None:
            raise LabError("lsh is not installed (Debian: lsh-server lsh-utils)")
        (directory / "seed").write_bytes(os.urandom(32))
        (directory / "seed").chmod(0o600)
        key = directory / "host_key"
        pair = self._run(directory, "lsh-keygen", "--server", "-a", "rsa", "-l", str(self.bits))
        self._run(directory, "lsh-writekey", "--server", "-c", "none", "-o", str(key), text=pair)
        shown = self._run(directory, "lsh-export-key", "--openssh", text=(directory / "host_key.pub").read_bytes())
        self.host_keys = [HostKey.write(base64.b64decode(shown.split()[1]), directory, "ssh_host_rsa_key")]
        return [key]

    def _run(self, directory: Path, *words: str, text: bytes = b"") -> bytes:
        environment = {**os.environ, "LSH_YARROW_SEED_FILE": str(directory / "seed")}
        program = str(find_program(words[0]))
        done = subprocess.run([program, *words[1:]], input=text, capture_output=True, env=environment)
        if done.returncode:
            raise LabError(f"`{words[0]}` ended with {done.returncode}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        # Not `-p`: lshd listens on port 22 where `--interface` stands before it.
        words: list[str | Path] = ["env", f"LSH_YARROW_SEED_FILE={directory / 'seed'}", find_program("lshd") or "lshd"]
        words += ["--interface", f"{self.host}:{self.port}", "--host-key", keys[0], "--trace", "--no-tcpwrappers"]
        return [*words, "--no-syslog", "--no-pid-file", "--password-helper", find_program("false") or "false"]
