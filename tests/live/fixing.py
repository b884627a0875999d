"""Weak servers on purpose, fixed as `--fix` prints it, and clients that log in afterwards."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sshprobe.algorithms import AlgorithmType, in_openssh, lookup, names
from sshprobe.lab.openssh import WEAK, OpenSSH
from sshprobe.lab.process import make_key
from sshprobe.lab.server import LabServer
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.profiles import Profile, available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.fix.pasted import drop_in, sshd_config
from sshprobe.views.fixes import Plan
from sshprobe.wire.kex.dh import group

WHOLE = os.environ.get("SSHPROBE_LIVE_MATRIX") == "1"
"""Whether to test every combination of configuration, profile and server, instead of each pair once."""

GROUP_1 = "0 2 6 100 1023 2 " + f"{group('group1'):X}"
"""A line of moduli with the group of 1024 bits of RFC 2409."""


@dataclass(frozen=True)
class Bad:
    """A bad configuration. `keys`: name of the file under /etc/ssh to the lab's key type."""

    lines: Sequence[str] = ()
    keys: Mapping[str, str] = field(default_factory=lambda: {"rsa": "rsa:3072", "ecdsa": "ecdsa", "ed25519": "ed25519"})
    moduli: str = ""
    """Lines before those of the system."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Keys in the folder without a HostKey line. "": an empty file."""
    since: tuple[int, int] = (0, 0)
    below: tuple[int, int] = (999, 0)


def _of(lines: Sequence[str], **keys: str) -> Bad:
    return Bad(lines, keys) if keys else Bad(lines)


BAD: dict[str, Bad] = {
    "default settings": Bad(keys={"rsa": "rsa:2048", "ecdsa": "ecdsa", "ed25519": "ed25519"}),
    "weak lists and a small key": _of(WEAK, rsa="rsa:1024", ecdsa="ecdsa", ed25519="ed25519"),
    "one weak name in each list": _of(
        ["Ciphers 3des-cbc", "MACs hmac-md5-96", "KexAlgorithms diffie-hellman-group1-sha1"]
    ),
    "passwords alone": _of(["PubkeyAuthentication no", "AuthenticationMethods password"]),
    "DSA beside RSA": Bad(["HostKeyAlgorithms +ssh-dss,ssh-rsa"], {"dsa": "dsa", "rsa": "rsa:2048"}, below=(10, 0)),
    "DSA alone": Bad(["HostKeyAlgorithms ssh-dss"], {"dsa": "dsa"}, below=(10, 0)),
    "a small RSA key alone": _of([], rsa="rsa:1024"),
    "RSA that signs with SHA-1": _of(["HostKeyAlgorithms ssh-rsa"], rsa="rsa:3072"),
    "ECDSA alone": _of(["KexAlgorithms ecdh-sha2-nistp256"], ecdsa="ecdsa"),
    "ChaCha20 and group exchange": _of(
        [
            "Ciphers chacha20-poly1305@openssh.com,aes128-cbc",
            "KexAlgorithms diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1",
        ]
    ),
    "a group of 1024 bits": Bad(["KexAlgorithms +diffie-hellman-group-exchange-sha256"], moduli=GROUP_1),
    "CBC with encrypt-then-MAC": _of(["Ciphers aes128-cbc,aes256-cbc,aes128-ctr", "MACs hmac-sha1-etm@openssh.com"]),
    "more ways to log in": _of(["HostbasedAuthentication yes", "GSSAPIAuthentication yes"]),
    "short tags": _of(["MACs umac-64@openssh.com,umac-64-etm@openssh.com,hmac-sha1-96", "Ciphers aes128-ctr"]),
    "one new exchange": Bad(
        ["KexAlgorithms sntrup761x25519-sha512@openssh.com,diffie-hellman-group14-sha1"], since=(8, 5)
    ),
    "one newer exchange": Bad(["KexAlgorithms mlkem768x25519-sha256,diffie-hellman-group14-sha1"], since=(9, 9)),
    "other keys lie beside Ed25519": Bad(keys={"ed25519": "ed25519"}, unused={"ecdsa": "ecdsa", "rsa": "rsa:1024"}),
    "an empty file lies beside DSA": Bad(
        ["HostKeyAlgorithms ssh-dss"], {"dsa": "dsa"}, unused={"ed25519": ""}, below=(10, 0)
    ),
    "compression and RSA over SHA-1": _of(["Compression yes", "HostKeyAlgorithms +ssh-rsa"]),
}


def bad_for(version: tuple[int, int]) -> list[str]:
    """Return the configurations that a release accepts."""
    return [name for name, bad in BAD.items() if bad.since <= version < bad.below]


def server_profiles() -> list[str]:
    """All built-in profiles for servers."""
    return [id for id in available_profiles() if getattr(load_profile(id), "kind", "server") == "server"]


def set_up(bad: Bad, etc: Path) -> None:
    """Make the files of such a server's /etc/ssh in the folder `etc`."""
    etc.mkdir()
    for name, spec in bad.keys.items():
        make_key(spec, etc / f"ssh_host_{name}_key")
    for name, spec in bad.unused.items():
        file = etc / f"ssh_host_{name}_key"
        if spec:
            make_key(spec, file)
        else:
            file.touch(0o600)
    system = Path("/etc/ssh/moduli").read_text("ascii")
    (etc / "moduli").write_text("\n".join(filter(None, (bad.moduli, system))))


def printed(observation: Observation, profile: Profile, *, as_file: bool) -> tuple[Remedy, str]:
    """Return the remedy of a server and the output of `--fix`: to be pasted, or a file for sshd_config.d."""
    found = remedy(observation, profile)
    record = HostRecord(**msgspec.structs.asdict(observation), verdicts=[grade(observation, profile)])
    plan = Plan()
    plan.add(record, found)
    return found, drop_in(plan) if as_file else sshd_config(plan)


def apply(text: str, etc: Path, *, as_file: bool) -> list[str]:
    """Apply the output to `etc` instead of /etc/ssh, and return the new first lines of sshd_config."""
    text = text.replace("/etc/ssh/", f"{etc}/")
    commands = re.compile(r"(?:# +)?((?:awk|ssh-keygen|mv|test|cp) .*)")
    lines: list[str] = []
    for line in text.splitlines():
        found = commands.fullmatch(line)
        if found is not None:
            done = subprocess.run(["sh", "-ec", found[1]], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), found[1]
        elif line and not line.startswith(("#", "sshd -t")):
            lines.append(line)
    if as_file:
        file = etc / "sshd_config.d" / "00-sshprobe.conf"
        file.parent.mkdir()
        file.write_text(text)
        return [f"Include {file.parent}/*.conf"]
    return lines


async def check(sshd: OpenSSH, config: Path) -> str:
    """Return the complaints of `sshd -t` about a configuration."""
    words = [str(sshd.path), "-t", "-f", str(config)]
    done = await asyncio.to_thread(subprocess.run, words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0 or done.stderr
    return done.stderr


def as_release(release: str, known_to: str) -> list[str]:
    """Return options that make a client of `known_to` offer the lists of an older `release`."""
    options: dict[str, AlgorithmType] = {
        "KexAlgorithms": "kex",
        "Ciphers": "cipher",
        "MACs": "mac",
        "HostKeyAlgorithms": "host_key",
    }
    words = []
    for option, category in options.items():
        entries = [entry for name in names(category) if (entry := lookup(category, name)) is not None]
        offered = [
            entry.name
            for entry in entries
            if in_openssh(entry.openssh_default, release)
            and in_openssh(entry.openssh_in_code, known_to)
            and entry.format in ("", "plain")
        ]
        words += ["-o", f"{option}={','.join(offered)}"]
    return words


async def log_in(client: Path, server: LabServer, key: Path, *options: str) -> str:
    """Return a client's output for `echo in`: "in", or its complaint."""
    words = ["-F", "none", "-i", str(key), "-p", str(server.port), "-l", getpass.getuser(), *options]
    for option in (
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "ConnectTimeout=20",
        "LogLevel=ERROR",
    ):
        words += ["-o", option]
    done = await asyncio.to_thread(
        subprocess.run,
        [str(client), *words, server.host, "echo in"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr.strip()


def clients(release: int, found: Mapping[int, OpenSSH]) -> list[tuple[str, Path, list[str]]]:
    """Return the clients of a Debian release and of the next older one: name, program, options.

    Debian 10 is not unpacked: the client of Debian 11 offers the lists of OpenSSH 7.9 instead.
    """
    programs = {number: sshd.client for number, sshd in found.items()}
    own = programs[release]
    assert own is not None
    older = programs.get(release - 1)
    if older is not None:
        return [(f"Debian {release}", own, []), (f"Debian {release - 1}", older, [])]
    return [(f"Debian {release}", own, []), ("OpenSSH 7.9's lists", own, as_release("7.9", "8.4"))]


def build_dropbear(source: Path, work: Path, options: str) -> Path:
    """Compile Dropbear with the lines of `options` as localoptions.h, and return the folder of the programs."""
    build = work / "build"
    if not build.exists():
        shutil.copytree(source, build, symlinks=True)
    (build / "localoptions.h").write_text(options)
    # Like `make clean`, except for the arithmetic: the options also change structures of the cryptographic library.
    for file in (*build.rglob("*.o"), *build.rglob("libtomcrypt.a")):
        if "libtommath" not in str(file.relative_to(build)):
            file.unlink()
    words = ["make", "-j2", "PROGRAMS=dropbear"]
    done = subprocess.run(words, cwd=build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    programs = work / f"programs-{len(list(work.glob('programs-*')))}"
    programs.mkdir()
    shutil.copy2(build / "dropbear", programs)
    shutil.copy2(source / "dropbearkey", programs)
    return programs
