"""A finished host leaves no object that only the garbage collector frees."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections import Counter

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.model.observation import Depth
from sshprobe.scan.scanner import Scanner

PER_HOST = {"Driver", "ListsProbe", "TargetRun", "HostProbe", "EpollConnection", "Connections"}


def alive() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each).__name__ in PER_HOST)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-There_1.0\r\n")
    await reader.readline()
    writer.close()


@pytest.mark.parametrize("depth", ["lists", "full"])
async def test_hosts_are_freed_as_they_end(depth: Depth) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        rude = await asyncio.start_server(hang_up, "0.0.0.0", 0)
        async with AsyncSSHServer("hardened") as server, rude, Scanner(depth=depth, throttle_wait=0.01) as scanner:
            port = rude.sockets[0].getsockname()[1]
            gc.collect()
            gc.disable()
            try:
                before = alive()
                targets = [f"127.0.0.1:{server.port}", *(f"127.0.0.{at}:{closed}" for at in range(1, 20))]
                targets += [f"127.0.0.{at}:{port}" for at in range(1, 20)]
                found = Counter([record.status async for record in scanner.scan(targets)])
                left = alive() - before
            finally:
                gc.enable()
    assert found == {"ok": 1, "refused": 19, "partial": 19}
    assert left.total() <= len(PER_HOST), left  # of the last one, which locals may still reference
