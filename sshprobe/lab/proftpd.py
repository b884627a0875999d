"""ProFTPD's mod_sftp: an FTP server that speaks SSH, with its own implementation of the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sshprobe.lab.process import find_program
from sshprobe.lab.program import ProgramServer
from sshprobe.lab.server import LabError

_MODULES = Path("/usr/lib/proftpd")

_CONFIGURATION = """\
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


def find_proftpd() -> Path | None:
    """The `proftpd` program, if its SSH module is there too."""
    return find_program("proftpd") if (_MODULES / "mod_sftp.so").exists() else None


class ProFTPDServer(ProgramServer):
    """`proftpd -n` with mod_sftp alone. There are no users: nobody logs in, although passwords are offered.

    Root starts it only: it gives its privileges up for those of nobody. `config_lines` are added to the configuration.
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
        words = {"host": self.host, "port": self.port, "directory": directory, "modules": _MODULES}
        lines = [*(f"SFTPHostKey {key}" for key in keys), *self.config_lines]
        configuration.write_text(_CONFIGURATION.format(**words) + "".join(f"{line}\n" for line in lines))
        return [program, "-n", "-c", configuration]
