"""Records of fixed servers equal the stored ones; see `fence`. Hostile servers are in `tests/hostile`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.scan.scanner import Scanner
from tests.golden.fence import PROFILES, differences, masked
from tests.reports.conftest import DEVICES, HOST, StartDevice

CAPTURES = {path.stem: path.read_bytes() for path in (Path(__file__).parents[1] / "captures").glob("*.bin")}
NUMBERS = sorted({path.name[:2] for path in DEVICES.glob("[0-9]*.py")} - {"05"})
"""All but one, which searches for a signature with leading zeros and takes a random time."""


async def scanned(port: int, depth: Depth) -> HostRecord:
    profiles = [load_profile(each) for each in PROFILES]
    async with Scanner(profiles=profiles, depth=depth, timeout=3, throttle_wait=0.1) as scanner:
        (record,) = [record async for record in scanner.scan([f"{HOST}:{port}"])]
    return record


@asynccontextmanager
async def replay(greeting: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while await reader.read(4096):
            pass
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("name", CAPTURES)
async def test_lists_of_a_capture(name: str) -> None:
    async with replay(CAPTURES[name]) as port:
        record = await scanned(port, "lists")
    assert differences([(f"capture/{name}/lists", masked(record, fixed_keys=True))]) == []


@pytest.mark.parametrize("depth", ["keys", "full"])
@pytest.mark.parametrize("number", NUMBERS)
async def test_keys_and_more_of_a_device(number: str, depth: Depth, device: StartDevice) -> None:
    running = await device(number)
    record = await scanned(running.port, depth)
    assert differences([(f"device/{number}/{depth}", masked(record, fixed_keys=False))]) == []
