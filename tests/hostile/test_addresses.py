"""A name with ten addresses; nine or all of them are dead: refused, silent, or both."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from sshprobe.model.records import HostRecord
from sshprobe.scan.scanner import Scanner
from tests.hostile.server import Peer, Script, ScriptedServer


async def two_keys(peer: Peer) -> None:
    """Need a second connection for the RSA key, and be silent in it."""
    peer.lists.keys = ["ssh-ed25519", "rsa-sha2-512"]
    if peer.turn == 1:
        await peer.serve()
    await peer.hang()


@asynccontextmanager
async def silent_addresses(hosts: list[str], port: int) -> AsyncIterator[None]:
    """Run listeners with a full queue, which do not answer a SYN."""
    async with AsyncExitStack() as opened:
        for host in hosts:
            listener = opened.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(0)
            for _ in range(2):
                filling = opened.enter_context(socket.socket())
                filling.setblocking(False)
                filling.connect_ex((host, port))
        yield


async def scan(monkeypatch: pytest.MonkeyPatch, hosts: list[str], port: int, **options: float) -> list[HostRecord]:
    def getaddrinfo(*args: object, **kwargs: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with asyncio.timeout(60):
        scanner = Scanner(**options)  # type: ignore[arg-type] # options of several types
        return [record async for record in scanner.scan([f"ten.example.test:{port}"])]


@pytest.mark.parametrize(("script", "silent"), [(Peer.serve, 0), (Peer.serve, 9), (two_keys, 3)])
async def test_nine_dead_addresses_do_not_hide_the_tenth(
    monkeypatch: pytest.MonkeyPatch, script: Script, silent: int
) -> None:
    hosts = [f"127.0.3.{number}" for number in range(1, 11)]
    async with ScriptedServer(hosts[9], script) as server, silent_addresses(hosts[:silent], server.port):
        [record] = await scan(monkeypatch, hosts, server.port, connect_timeout=2, timeout=1, host_timeout=6)
    assert not server.faults
    assert record.address == hosts[9]
    assert record.status == ("ok" if server.connections == 1 else "partial")
    assert record.error in (None, "timed out waiting for an identification")
    assert record.connections == server.connections


async def test_ten_dead_addresses_are_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = [f"127.0.3.{number}" for number in range(1, 11)]
    async with ScriptedServer("127.0.3.11", Peer.serve) as elsewhere:
        [record] = await scan(monkeypatch, hosts, elsewhere.port)
    assert (record.status, record.error) == ("refused", "connection refused (and 9 more addresses)")
    assert record.connections == 0
    assert record.verdicts == []


async def test_a_reset_during_connect_counts_as_a_connection() -> None:
    """The server accepted it: neither the count nor the stage may depend on timing."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.3.12", 0)) as listener:
        listener.setblocking(False)
        # The accepted socket inherits the option: closing it sends an RST.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        accepted = 0

        def accept() -> None:
            """Runs between the client's connect and the loop's next poll."""
            nonlocal accepted
            try:
                listener.accept()[0].close()
                accepted += 1
            except BlockingIOError:
                pass
            if accepted < 2:  # the second try
                loop.call_soon(accept)

        loop.call_soon(accept)
        async with asyncio.timeout(60):
            scanned = Scanner(throttle_wait=0.1).scan([f"127.0.3.12:{listener.getsockname()[1]}"])
            [record] = [record async for record in scanned]
    assert (record.status, record.stage, record.connections) == ("reset", "identification", 2)
