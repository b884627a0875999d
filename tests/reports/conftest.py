"""Runs devices of public bug reports, each a script on a free port of loopback."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from sshprobe.lab.process import ServerProcess, free_port
from sshprobe.model.observation import Observation
from tests.live.asking import ask_address

DEVICES = Path(__file__).parent / "devices"
HOST = "127.0.0.1"


class Device:
    """One running device."""

    def __init__(self, number: str, folder: Path, arguments: tuple[str, ...] = ()) -> None:
        (script,) = DEVICES.glob(f"{number}_*.py")
        self.port = free_port(HOST)
        self.process = ServerProcess(
            [sys.executable, script, str(self.port), *arguments], folder / f"{script.stem}.log"
        )

    def log(self) -> list[str]:
        """Return the log: a line per connection, followed by the device's actions in it."""
        return self.process.log().splitlines()

    def connections(self) -> int:
        return sum(line.startswith("connection ") for line in self.log())

    async def probe(self, **options: Any) -> Observation:
        """Probe it once. `options` are fields of `ProbeOptions`."""
        return await ask_address(HOST, self.port, **options)


StartDevice = Callable[..., Awaitable[Device]]


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[StartDevice]:
    """Start a device by the number in its file name, such as "32", with its arguments. It ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(number: str, *arguments: str) -> Device:
            started = Device(number, tmp_path, arguments)
            stack.push_async_callback(started.process.stop)
            await started.process.wait_for_line("ready")
            return started

        yield start
