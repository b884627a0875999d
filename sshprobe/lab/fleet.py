"""The mixed fleet of `sshprobe demo`: real servers of different quality on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.lab.dropbear import DropbearServer, find_dropbear
from sshprobe.lab.openssh import MOZILLA_MODERN, MOZILLA_MODERN_KEYS, WEAK, OpenSSHServer, find_openssh
from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.lab.process import find_program
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer, find_tinyssh


@dataclass(frozen=True, slots=True)
class MissingServer:
    """A server that is not installed. `package`: Debian's. `left_out`: the missing parts of the fleet and the tests."""

    name: str
    package: str
    left_out: str

    def __str__(self) -> str:
        return f"{self.name} is not installed (Debian: {self.package}): without {self.left_out}"


def missing_servers() -> list[MissingServer]:
    """Return the servers of the lab that are not installed on this machine."""
    missing = []
    if not _openssh():
        missing.append(MissingServer("OpenSSH", "openssh-server", "OpenSSH, default, as Mozilla Modern, and weak"))
    if not find_openssh(minimum=(9, 8)):
        missing.append(
            MissingServer("OpenSSH 10", "openssh-server of bookworm-backports", "a server with PerSourcePenalties")
        )
    if find_dropbear() is None:
        missing.append(MissingServer("Dropbear", "dropbear-bin", "Dropbear with default settings"))
    if find_tinyssh() is None:
        missing.append(MissingServer("TinySSH", "tinysshd", "TinySSH with default settings"))
    return missing


def _openssh() -> bool:
    return bool(find_openssh()) and find_program("ssh-keygen") is not None


def loopback_addresses(count: int) -> list[str]:
    """Return `count` loopback addresses from 127.0.0.11 on, or `count` times 127.0.0.1 without others (macOS)."""
    addresses = [f"127.0.0.{11 + number}" for number in range(count)]
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((addresses[-1], 0))
    except OSError:
        return ["127.0.0.1"] * count
    return addresses


def demo_fleet() -> list[LabServer]:
    """Return the demo's servers, not started: six of asyncssh and paramiko, and the installed ones."""
    fleet: list[LabServer] = [
        AsyncSSHServer("hardened"),
        AsyncSSHServer("default"),
        AsyncSSHServer("small-key"),
        AsyncSSHServer("dated"),
        AsyncSSHServer("legacy"),
        ParamikoServer(),
    ]
    if _openssh():
        sshds = find_openssh()
        fleet.append(OpenSSHServer(sshds[0], name="openssh-default", description="OpenSSH with default settings"))
        modern = OpenSSHServer(
            sshds[0],
            config_lines=MOZILLA_MODERN,
            host_keys=MOZILLA_MODERN_KEYS,
            minimum_modulus_bits=3072,
            name="openssh-mozilla-modern",
            description="OpenSSH configured as Mozilla Modern",
        )
        weak = OpenSSHServer(
            sshds[0],
            config_lines=WEAK,
            host_keys=("rsa:1024", "ecdsa"),
            name="openssh-weak",
            description="OpenSSH with SHA-1, CBC and a 1024-bit RSA key",
        )
        fleet += [modern, weak]
        fleet += [
            OpenSSHServer(sshd, name=f"openssh-{sshd.version[0]}.{sshd.version[1]}", description="a newer OpenSSH")
            for sshd in sshds[1:]
        ]
    if find_dropbear() is not None:
        fleet.append(DropbearServer(description="Dropbear with default settings"))
    if find_tinyssh() is not None:
        fleet.append(TinySSHServer(description="TinySSH with default settings"))
    for server, address in zip(fleet, loopback_addresses(len(fleet)), strict=True):
        server.host = address
    return fleet


@asynccontextmanager
async def running(servers: Sequence[LabServer]) -> AsyncIterator[Sequence[LabServer]]:
    """Start all `servers` at once, and stop them at the end. If one does not start, stop the others.

    Raises the LabError of the first server that did not start.
    """
    async with AsyncExitStack() as started:
        try:
            async with asyncio.TaskGroup() as starting:
                for server in servers:
                    starting.create_task(started.enter_async_context(server))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        yield servers
