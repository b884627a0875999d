from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.lab import LabError, fleet
from sshprobe.lab.asyncssh_server import AsyncSSHServer, Preset
from sshprobe.lab.fleet import demo_fleet, loopback_addresses, missing_servers, running
from sshprobe.lab.paramiko_server import ParamikoServer

pytestmark = pytest.mark.live


async def _identification(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    line = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    await writer.wait_closed()
    return line


async def test_the_demo_fleet_starts_and_ends() -> None:
    servers = demo_fleet()
    assert len(servers) >= 6
    async with running(servers):
        places = [(server.host, server.port) for server in servers]
        assert len(set(places)) == len(servers)
        lines = await asyncio.gather(*(_identification(*place) for place in places))
        assert all(line.startswith(b"SSH-2.0-") for line in lines)
    for place in places:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*place)
    assert len({server.name for server in servers}) == len(servers)
    assert all(server.description for server in servers)


async def test_six_servers_need_no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    # A real machine cannot be asked to lack its servers.
    monkeypatch.setattr(fleet, "find_openssh", lambda **_: [])
    monkeypatch.setattr(fleet, "find_dropbear", lambda: None)
    monkeypatch.setattr(fleet, "find_tinyssh", lambda: None)
    assert [missing.name for missing in missing_servers()] == ["OpenSSH", "OpenSSH 10", "Dropbear", "TinySSH"]
    assert "dropbear-bin" in str(missing_servers()[2])
    servers = demo_fleet()
    assert len(servers) == 6
    async with running(servers):
        for server in servers:
            assert (await _identification(server.host, server.port)).startswith(b"SSH-2.0-")


async def test_a_server_that_fails_to_start_stops_the_others() -> None:
    good = AsyncSSHServer("hardened")
    bad = AsyncSSHServer(Preset("no such key", host_keys=("ssh-ed25519",), kex=("no-such-kex",)), name="bad")

    async def body() -> None:
        async with running([good, bad]):
            pytest.fail("the context was entered")

    with pytest.raises((LabError, ValueError), match="no-such-kex"):
        await body()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(good.host, good.port)


class _NeverReady(ParamikoServer):
    async def _start(self, directory: Path) -> None:
        await super()._start(directory)
        await asyncio.Event().wait()


async def test_a_cancellation_during_the_start_stops_all() -> None:
    ready, never = AsyncSSHServer("hardened"), _NeverReady()

    async def body() -> None:
        async with running([ready, never]):
            pytest.fail("the context was entered")

    task = asyncio.create_task(body())
    async with asyncio.timeout(20):
        while not (ready.port and never.port):  # noqa: ASYNC110  the servers announce nothing else
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for server in (ready, never):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(server.host, server.port)


def test_loopback_addresses() -> None:
    addresses = loopback_addresses(5)
    assert len(addresses) == 5
    assert all(address.startswith("127.0.0.") for address in addresses)


def test_making_the_fleet_loads_neither_asyncssh_nor_paramiko() -> None:
    program = (
        "import sys; from sshprobe.lab.fleet import demo_fleet; demo_fleet();"
        "print([name for name in ('asyncssh', 'paramiko', 'cryptography') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
