"""A handler that records events and runs the test's reactions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sshprobe.net import Address, CloseGracefully, Connection, Exchange, Network, NetworkError

LOOPBACK = Address("127.0.0.1", socket.AF_INET)


Do = Callable[["Recorder"], object]


class Recorder:
    """Records events as words, and then calls the reaction in `on`, if any."""

    def __init__(
        self, network: Network, port: int, address: Address = LOOPBACK, on: Mapping[str, Do] | None = None
    ) -> None:
        self.network = network
        self.connection: Connection = network.connection(self, address, port)
        self.heard: list[str] = []
        self.error: NetworkError | None = None
        self.on = on or {}
        self._changed = asyncio.Event()

    def dial(self, timeout: float) -> None:
        self.connection.dial(self.network.time() + timeout, timeout)

    def wait_until(self, deadline: float) -> None:
        self.connection.perform(Exchange(b"", deadline))

    def send(self, data: bytes) -> None:
        self.connection.perform(Exchange(data, self.network.time() + 60))

    def send_last(self, data: bytes, linger: float = 60) -> None:
        self.connection.perform(CloseGracefully(data, linger))

    def connected(self) -> None:
        self._happened("connected")

    def received(self, data: bytes) -> None:
        # Pieces of data count as one.
        if data and self.heard and self.heard[-1].startswith("received "):
            self.heard[-1] += data.decode()
            self._happened("received", None)
        else:
            self._happened("received" if data else "end", f"received {data.decode()}" if data else "end")

    def broken(self, error: NetworkError) -> None:
        self.error = error
        self._happened("broken", f"broken {error.failure}")

    def closed(self, *, still_open: bool) -> None:
        self._happened("closed", "closed first" if still_open else "closed")

    def expired(self) -> None:
        self._happened("expired")

    def failed_internally(self, error: Exception) -> None:
        self._happened("failed", f"failed {error}")

    def _happened(self, event: str, words: str | None = "") -> None:
        if words is not None:
            self.heard.append(words or event)
        self._changed.set()
        if event in self.on:
            self.on[event](self)

    async def until(self, beginning: str) -> None:
        """Wait for an event."""
        async with asyncio.timeout(20):
            while not any(words.startswith(beginning) for words in self.heard):
                self._changed.clear()
                await self._changed.wait()


@contextmanager
def listening(backlog: int = 100, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_server((host, 0), backlog=backlog) as server:
        yield server


@contextmanager
def silent_port() -> Iterator[int]:
    """A port with a full queue, which accepts no further connection."""
    with listening(backlog=0) as server, socket.socket() as filling, socket.socket() as more:
        for each in (filling, more):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        yield server.getsockname()[1]
