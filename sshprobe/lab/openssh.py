"""OpenSSH's sshd: the system's, and other releases that `scripts/install-servers` unpacks into `.servers/`."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sshprobe.lab.process import find_program, make_key, run_tool
from sshprobe.lab.program import ProgramServer
from sshprobe.lab.server import HostKey, LabError

_PRIVILEGE_SEPARATION = Path("/run/sshd")
_SYSTEM_MODULI = (Path("/etc/ssh/moduli"), Path("/etc/moduli"))

# https://infosec.mozilla.org/guidelines/openssh.html, "Modern (OpenSSH 6.7+)"; its moduli advice (3071 bits and more)
# is OpenSSHServer(minimum_modulus_bits=3072).
MOZILLA_MODERN = (
    "KexAlgorithms curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,"
    "diffie-hellman-group-exchange-sha256",
    "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,"
    "aes256-ctr,aes192-ctr,aes128-ctr",
    "MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,"
    "hmac-sha2-512,hmac-sha2-256,umac-128@openssh.com",
    "AuthenticationMethods publickey",
)
MOZILLA_MODERN_KEYS = ("ed25519", "rsa:3072", "ecdsa")

# Algorithms that OpenSSH still has but no longer offers by default.
WEAK = (
    "KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1",
    "Ciphers 3des-cbc,aes128-cbc,aes256-cbc,aes128-ctr",
    "MACs hmac-md5,hmac-sha1,hmac-sha1-96,umac-64@openssh.com",
    "HostKeyAlgorithms +ssh-rsa",
)


@dataclass(frozen=True, slots=True)
class OpenSSH:
    """An sshd on this machine: its `path` and `version` (9, 2). `root` is the folder of an unpacked one."""

    path: Path
    version: tuple[int, int]
    root: Path | None = None

    @property
    def client(self) -> Path | None:
        """The `ssh` of the same package, if it is there."""
        if self.root is None:
            return find_program("ssh")
        path = self.root / "usr/bin/ssh"
        return path if path.exists() else None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A host certificate to be made for the host key `key` (as in `host_keys`), signed by the lab's CA key.

    `validity` is in ssh-keygen's words (`-V`): "-1d:+52w", "always:forever".
    """

    key: str = "ed25519"
    principals: Sequence[str] = ("lab.example.org",)
    serial: int = 1
    identity: str = "sshprobe lab"
    validity: str = "-1d:+52w"


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2]


def _version(path: Path) -> tuple[int, int] | None:
    # Old versions do not know -V, but print their version in the usage line.
    done = subprocess.run([path, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", done.stderr + done.stdout)
    return None if found is None else (int(found[1]), int(found[2]))


def find_openssh(*, minimum: tuple[int, int] = (0, 0), below: tuple[int, int] = (999, 0)) -> list[OpenSSH]:
    """Return the sshds with `minimum` <= version < `below`: the system's first, then those in `.servers/`."""
    candidates: list[tuple[Path, Path | None]] = []
    system = find_program("sshd")
    if system is not None:
        candidates.append((system, None))
    for root in sorted((_checkout() / ".servers").glob("openssh*")):
        if (root / "usr/sbin/sshd").exists():
            candidates.append((root / "usr/sbin/sshd", root))
    found = []
    for path, folder in candidates:
        version = _version(path)
        if version is not None and minimum <= version < below:
            found.append(OpenSSH(path, version, folder))
    return found


def find_debian(release: int) -> OpenSSH | None:
    """The sshd of a Debian release as `scripts/install-servers` unpacks it, with its client beside it."""
    root = _checkout() / ".servers" / f"debian-{release}"
    path = root / "usr/sbin/sshd"
    version = _version(path) if path.exists() else None
    return None if version is None else OpenSSH(path, version, root)


class OpenSSHServer(ProgramServer):
    """`sshd -D -e` with its own folder, configuration and host keys. Runs as root or as an ordinary user.

    `binary`: which sshd (default: the first that `find_openssh` finds). `config_lines`: sshd_config lines. The lab's
    lines come first, and sshd uses the first of two, so nobody can log in despite them. `host_keys`: "type[:bits]" in
    ssh-keygen's words, or a Path of a private key to use. `certificates`: host certificates to make. `moduli`: a moduli
    file of yours; `minimum_modulus_bits`: the system's moduli from that size on (None for both: the system's as they
    are). `authorized_keys`: a file of public keys that may log in as the user of this process; without it nobody may.
    `log_level`: sshd's LogLevel; `connections` needs VERBOSE. It does not count connections that sshd refuses ("drop
    connection").
    """

    CONNECTION = "^Connection from "

    def __init__(
        self,
        binary: OpenSSH | Path | str | None = None,
        *,
        config_lines: Iterable[str] = (),
        host_keys: Sequence[str | Path] = ("rsa", "ecdsa", "ed25519"),
        certificates: Sequence[Certificate] = (),
        moduli: Path | None = None,
        minimum_modulus_bits: int | None = None,
        authorized_keys: Path | None = None,
        log_level: str = "VERBOSE",
        host: str = "127.0.0.1",
        name: str = "openssh",
        description: str = "OpenSSH",
    ) -> None:
        super().__init__(name, description, host, host_keys)
        if log_level in ("QUIET", "FATAL", "ERROR"):
            raise ValueError(f"at LogLevel {log_level} sshd does not say when it is ready")
        self.binary = binary
        self.config_lines = tuple(config_lines)
        self.certificate_specs = tuple(certificates)
        self.moduli = moduli
        self.minimum_modulus_bits = minimum_modulus_bits
        self.authorized_keys = authorized_keys
        self.log_level = log_level
        self._lines: list[str] = []

    def _choose(self) -> OpenSSH:
        if isinstance(self.binary, OpenSSH):
            return self.binary
        if self.binary is None:
            found = find_openssh()
            if not found:
                raise LabError("OpenSSH's sshd is not installed (Debian: openssh-server)")
            return found[0]
        path = Path(self.binary).resolve()  # sshd executes itself again and refuses a relative path
        version = _version(path)
        if version is None:
            raise LabError(f"`{path}` does not say that it is OpenSSH's sshd")
        return OpenSSH(path, version)

    def _make_keys(self, directory: Path) -> list[Path]:
        self._sshd = self._choose()
        keys: dict[str, Path] = {}
        for number, spec in enumerate(self.key_specs):
            keys[str(spec)] = spec if isinstance(spec, Path) else make_key(spec, directory / f"host_key_{number}")
        self.host_keys = [HostKey.from_file(key.with_name(f"{key.name}.pub")) for key in keys.values()]
        self.certificates = [self._certify(wanted, keys[wanted.key], directory) for wanted in self.certificate_specs]
        self._lines = self._config(self._sshd, directory, list(keys.values()))
        return list(keys.values())

    def _command(self, directory: Path, keys: Sequence[Path]) -> Sequence[str | Path]:
        self.READY = f"Server listening on {self.host} port {self.port}."
        config = directory / "sshd_config"
        config.write_text("\n".join([f"ListenAddress {self.host}:{self.port}", *self._lines]) + "\n")
        return [*self._with_moduli(self._sshd), self._sshd.path, "-D", "-e", "-f", config]

    def _with_moduli(self, sshd: OpenSSH) -> list[str | Path]:
        """Return the words that mount our moduli file for a release before 8.5, which has no ModuliFile."""
        if self.moduli is None or sshd.version >= (8, 5):
            return []
        if os.geteuid() != 0 or find_program("unshare") is None:
            raise LabError("a moduli file for OpenSSH before 8.5 needs root and `unshare`")
        script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        system = next(path for path in _SYSTEM_MODULI if path.exists())
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", self.moduli, system]

    def _config(self, sshd: OpenSSH, directory: Path, keys: Sequence[Path]) -> list[str]:
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        lines = [f"PidFile {directory}/pid", f"LogLevel {self.log_level}", *self._who()]
        if sshd.root is not None and sshd.version >= (9, 8):
            lines.append(f"SshdSessionPath {sshd.root}/usr/lib/openssh/sshd-session")
        if sshd.root is not None and sshd.version >= (10, 0):
            lines.append(f"SshdAuthPath {sshd.root}/usr/lib/openssh/sshd-auth")
        lines += [f"HostKey {key}" for key in keys]
        lines += [f"HostCertificate {certificate.path}" for certificate in self.certificates]
        moduli = self.moduli
        if moduli is None and self.minimum_modulus_bits is not None:
            moduli = directory / "moduli"
            moduli.write_text(long_moduli(self.minimum_modulus_bits))
        if moduli is not None and sshd.version >= (8, 5):
            lines.append(f"ModuliFile {moduli}")
        return [*lines, *self.config_lines]

    def _who(self) -> list[str]:
        """Return the lines that decide who may log in: this process's user by key, or nobody."""
        if self.authorized_keys is not None:
            keys, strict, root, users = (
                str(self.authorized_keys),
                ["StrictModes no"],
                "prohibit-password",
                getpass.getuser(),
            )
        else:
            # Of the two users, nobody has no password, and root's is not accepted. They are allowed as on a real
            # server: "none" for a user who is not allowed costs the client a larger penalty, and a line in the log.
            keys, strict, root, users = "none", [], "no", "root nobody"
        lines = ["UsePAM no", f"AuthorizedKeysFile {keys}", "PermitEmptyPasswords no", f"PermitRootLogin {root}"]
        return [*lines, f"AllowUsers {users}", *strict]

    def _certify(self, wanted: Certificate, private: Path, directory: Path) -> HostKey:
        authority = directory / "authority"
        if not authority.exists():
            make_key("ed25519", authority)
        public = private.with_name(private.name + ".pub")
        options = ["-h", "-I", wanted.identity, "-z", str(wanted.serial), "-V", wanted.validity]
        if wanted.principals:
            options += ["-n", ",".join(wanted.principals)]
        run_tool("ssh-keygen", "-q", "-s", authority, *options, public)
        return HostKey.from_file(private.with_name(private.name + "-cert.pub"))


def long_moduli(bits: int) -> str:
    """Return the lines of the system's moduli file with moduli of at least `bits` bits (moduli(5) writes one less)."""
    for path in _SYSTEM_MODULI:
        if path.exists():
            lines = (line.split() for line in path.read_text("ascii").splitlines() if not line.startswith("#"))
            return "".join(" ".join(line) + "\n" for line in lines if len(line) == 7 and int(line[4]) >= bits - 1)
    raise LabError("no moduli file on this machine (Debian: openssh-server)")
