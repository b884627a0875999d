"""Servers of other software: GNU lsh, ProFTPD, and libraries that come without a server.

Our programs in `programs/` serve with Erlang's ssh, Twisted Conch, libssh and Go's x/crypto/ssh, and refuse all logins.
`scripts/install-servers` compiles those in C and Go.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sshprobe.lab.process import find_program
from sshprobe.lab.program import ProgramServer
from sshprobe.lab.server import HostKey, LabError

_PROGRAMS = Path(__file__).parent / "programs"
_BUILT = Path(__file__).parents[2] / ".servers" / "programs"  # where `scripts/install-servers` compiles them to
_LSH_TOOLS = ("lsh-keygen", "lsh-writekey", "lsh-export-key")
_PROFTPD_MODULES = Path("/usr/lib/proftpd")

_PROFTPD_CONFIGURATION = """\
ServerName "lab"
ServerType standalone
DefaultAddress {host}
Port {port}
UseIPv6 off
UseReverseDNS off
User nobody
Group nogroup
WtmpLog none
TransferLog none
SystemLog none
DelayEngine off
PidFile {directory}/pid
ScoreboardFile {directory}/scoreboard
ModulePath {modules}
LoadModule mod_sftp.c
AuthOrder mod_auth_file.c
AuthUserFile {directory}/users
SFTPEngine on
"""


def find_lsh() -> Path | None:
    """Return the `lshd` program, None unless the programs that make its keys are installed too."""
    return find_program("lshd") if all(map(find_program, _LSH_TOOLS)) else None


class LshServer(ProgramServer):
    """`lshd` with an RSA host key, which it offers as ssh-rsa and as spki-sign-rsa.

    Nobody can log in: the program that checks passwords always fails.
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
        # Not `-p`: with `--interface` before it, lshd listens on port 22.
        words: list[str | Path] = ["env", f"LSH_YARROW_SEED_FILE={directory / 'seed'}", find_program("lshd") or "lshd"]
        words += ["--interface", f"{self.host}:{self.port}", "--host-key", keys[0], "--trace", "--no-tcpwrappers"]
        return [*words, "--no-syslog", "--no-pid-file", "--password-helper", find_program("false") or "false"]


def find_proftpd() -> Path | None:
    """Return the `proftpd` program, None unless its SSH module is installed too."""
    return find_program("proftpd") if (_PROFTPD_MODULES / "mod_sftp.so").exists() else None


class ProFTPDServer(ProgramServer):
    """`proftpd -n` with mod_sftp only. It offers passwords but has no users, so nobody can log in.

    Only root can start it, because it changes to the user nobody. `config_lines`: more lines of configuration.
    """

    READY = "standalone mode STARTUP"
    CONNECTION = "SSH2 session opened"

    def __init__(
        self,
        *,
        host_keys: Sequence[str] = ("rsa:2048", "ecdsa", "ed25519"),
        config_lines: Sequence[str] = (),
        host: str = "127.0.0.1",
        name: str = "proftpd",
        description: str = "ProFTPD's mod_sftp",
    ) -> None:
        super().__init__(name, description, host, host_keys)
        self.config_lines = tuple(config_lines)

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        program = find_proftpd()
        if program is None:
            raise LabError("ProFTPD is not installed (Debian: proftpd-core proftpd-mod-crypto)")
        users, configuration = directory / "users", directory / "configuration"
        users.touch(mode=0o600)
        words = {"host": self.host, "port": self.port, "directory": directory, "modules": _PROFTPD_MODULES}
        lines = [*(f"SFTPHostKey {key}" for key in keys), *self.config_lines]
        configuration.write_text(_PROFTPD_CONFIGURATION.format(**words) + "".join(f"{line}\n" for line in lines))
        return [program, "-n", "-c", configuration]


def find_erlang() -> Path | None:
    """Return the `escript` program, None unless OTP's ssh application is installed too."""
    escript = find_program("escript")
    if escript is None:
        return None
    libraries = escript.resolve().parents[1] / "lib"
    return escript if any(libraries.glob("ssh-*")) or any(libraries.glob("*/lib/ssh-*")) else None


@cache
def find_conch() -> Path | None:
    """Return Debian's Python if it has Twisted Conch, else None."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        return None
    words = [str(python), "-I", "-W", "ignore", "-c", "import twisted.conch.ssh.factory"]
    return python if subprocess.run(words, capture_output=True).returncode == 0 else None


def find_libssh() -> Path | None:
    """Return our libssh server if it was compiled, else None."""
    return _built("libssh_server")


def find_go() -> Path | None:
    """Return our Go server if it was compiled, else None."""
    return _built("go_server")


def _built(name: str) -> Path | None:
    return _BUILT / name if (_BUILT / name).exists() else None


class LibraryServer(ProgramServer):
    """A server that refuses every login. `packages`: Debian's, for people who lack the library."""

    name: str
    description: str
    packages: str

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(self.name, self.description, host, ("rsa:2048", "ecdsa", "ed25519"))

    def _found(self, program: Path | None) -> Path:
        if program is None:
            raise LabError(f"not installed (Debian: {self.packages}); run `scripts/install-servers`")
        return program


class ErlangServer(LibraryServer):
    """The daemon of Erlang/OTP's ssh application."""

    name, description, packages = "erlang", "Erlang/OTP's ssh", "erlang-base erlang-ssh"

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        script = _PROGRAMS / "erlang_server.escript"
        return [self._found(find_erlang()), script, self.host, str(self.port), directory]


class ConchServer(LibraryServer):
    """Twisted Conch."""

    name, description, packages = "conch", "Twisted Conch", "python3-twisted"

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        python, script = self._found(find_conch()), _PROGRAMS / "conch_server.py"
        return [python, "-I", "-W", "ignore", script, self.host, str(self.port), *keys]


class LibsshServer(LibraryServer):
    """libssh's server side."""

    name, description, packages = "libssh", "libssh", "libssh-dev gcc"

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        return [self._found(find_libssh()), self.host, str(self.port), *keys]


class GoServer(LibraryServer):
    """The server side of golang.org/x/crypto/ssh."""

    name, description, packages = "go", "Go's x/crypto/ssh", "golang-go golang-golang-x-crypto-dev"

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        return [self._found(find_go()), f"{self.host}:{self.port}", *keys]
