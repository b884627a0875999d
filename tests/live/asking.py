"""Scans one lab server, and reads the server's own log."""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import Any, Protocol

from sshprobe.lab.server import LabServer
from sshprobe.model.observation import Observation
from sshprobe.net.resolve import resolve
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from tests.driving import observe

CLIENT_ID = b"SSH-2.0-sshprobe_test"


async def ask(server: LabServer, **options: Any) -> Observation:
    return await observe(probe(server, **options))


async def ask_address(host: str, port: int, **options: Any) -> Observation:
    return await observe(_probe(host, port, **options))


def probe(server: LabServer, **options: Any) -> HostProbe:
    return _probe(server.host, server.port, **options)


def _probe(host: str, port: int, **options: Any) -> HostProbe:
    from sshprobe.net.addresses import parse_ip

    address = parse_ip(host)
    assert address is not None
    return HostProbe("target", host, port, [address], ProbeOptions(client_id=CLIENT_ID, **options))


async def addresses(host: str) -> list[str]:
    return [address.ip for address in await resolve(host, family=None, timeout=5)]


def keygen_fingerprints(server: LabServer) -> set[tuple[int, str]]:
    """Return (bits, fingerprint) of each host key, as `ssh-keygen -lf` prints them."""
    found = set()
    for path in server.host_key_files:
        line = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True).stdout
        bits, fingerprint, *_ = line.split()
        found.add((int(bits), fingerprint))
    return found


def seen_fingerprints(observation: Observation) -> set[tuple[int | None, str]]:
    return {(key.bits, key.fingerprint) for key in observation.host_keys or ()}


async def connections_in_log(server: LabServer, expected: int) -> int:
    """Return the server's own count. Its log may lag behind our goodbye."""
    for _ in range(100):
        if server.connections() >= expected:
            break
        await asyncio.sleep(0.02)
    return server.connections()


_NMAP_FIELDS = {
    "kex_algorithms": ("kex_algorithms",),
    "server_host_key_algorithms": ("server_host_key_algorithms",),
    "encryption_algorithms": ("encryption_algorithms_client_to_server", "encryption_algorithms_server_to_client"),
    "mac_algorithms": ("mac_algorithms_client_to_server", "mac_algorithms_server_to_client"),
    "compression_algorithms": ("compression_algorithms_client_to_server", "compression_algorithms_server_to_client"),
}


class Listening(Protocol):
    """A server's address."""

    host: str
    port: int


async def nmap_lists(server: Listening) -> dict[str, list[str]]:
    """Return the eight lists of nmap's ssh2-enum-algos, by our names. It joins equal directions."""
    command = ["nmap", "-n", "-Pn", "-v", "-p", str(server.port), "--script", "+ssh2-enum-algos", server.host]
    # in a thread: asyncssh's server lives on this event loop
    output = (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout
    found: dict[str, list[str]] = {}
    current: list[list[str]] = []
    for line in output.splitlines():
        if heading := re.match(r"^\|_?  +(\w+): \(\d+\)", line):
            names = _NMAP_FIELDS.get(heading[1], (heading[1],))
            current = [found.setdefault(name, []) for name in names]
        elif entry := re.match(r"^\|_? {6,}(\S+)", line):
            for names_found in current:
                names_found.append(entry[1])
    return found
