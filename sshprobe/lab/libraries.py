"""Servers of libraries that come without one: Erlang's ssh, Twisted Conch, libssh and Go's x/crypto/ssh.

The programs are ours, in `programs/`, and let nobody in. Those in C and Go are compiled by `scripts/install-servers`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sshprobe.lab.process import find_program
from sshprobe.lab.program import BUILT, PROGRAMS, ProgramServer
from sshprobe.lab.server import LabError

_KEYS = ("rsa:2048", "ecdsa", "ed25519")


def find_erlang() -> Path | None:
    """The `escript` program, if OTP's ssh application is there too."""
    escript = find_program("escript")
    if escript is None:
        return None
    libraries = escript.resolve().parents[1] / "lib"
    return escript if any(libraries.glob("ssh-*")) or any(libraries.glob("*/lib/ssh-*")) else None


@cache
def find_conch() -> Path | None:
    """A Python that has Twisted Conch: Debian's."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        return None
    words = [str(python), "-I", "-W", "ignore", "-c", "import twisted.conch.ssh.factory"]
    return python if subprocess.run(words, capture_output=True).returncode == 0 else None


def find_libssh() -> Path | None:
    """Our server of libssh, if it was compiled."""
    return _built("libssh_server")


def find_go() -> Path | None:
    """Our server of Go's x/crypto/ssh, if it was compiled."""
    return _built("go_server")


def _built(name: str) -> Path | None:
    return BUILT / name if (BUILT / name).exists() else None


class ErlangServer(ProgramServer):
    """The daemon of Erlang/OTP's ssh application. No password is right."""

    def __init__(self, *, host: str = "127.0.0.1", name: str = "erlang", description: str = "Erlang/OTP's ssh") -> None:
        super().__init__(name, description, host, _KEYS)

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        program = _need(find_erlang(), "erlang-base erlang-ssh")
        return [program, PROGRAMS / "erlang_server.escript", self.host, str(self.port), directory]


class ConchServer(ProgramServer):
    """Twisted Conch. Every login is refused."""

    def __init__(self, *, host: str = "127.0.0.1", name: str = "conch", description: str = "Twisted Conch") -> None:
        super().__init__(name, description, host, _KEYS)

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        python = _need(find_conch(), "python3-twisted")
        script = PROGRAMS / "conch_server.py"
        return [python, "-I", "-W", "ignore", script, self.host, str(self.port), *keys]


class LibsshServer(ProgramServer):
    """libssh's server side. Every login is refused."""

    def __init__(self, *, host: str = "127.0.0.1", name: str = "libssh", description: str = "libssh") -> None:
        super().__init__(name, description, host, _KEYS)

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        return [_need(find_libssh(), "libssh-dev, gcc"), self.host, str(self.port), *keys]


class GoServer(ProgramServer):
    """The server side of golang.org/x/crypto/ssh. Every login is refused."""

    def __init__(self, *, host: str = "127.0.0.1", name: str = "go", description: str = "Go's x/crypto/ssh") -> None:
        super().__init__(name, description, host, _KEYS)

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        return [_need(find_go(), "golang-go golang-golang-x-crypto-dev"), f"{self.host}:{self.port}", *keys]


def _need(program: Path | None, packages: str) -> Path:
    if program is None:
        raise LabError(f"not installed (Debian: {packages}); `scripts/install-servers` does it")
    return program
