"""The lists of many hosts by a bare asyncio.Protocol on uvloop, with a cached parse and nothing else.

Usage: uvloop_protocol.py PORT FIRST HOSTS CONCURRENCY

This is the floor of asyncio. bench/floor.c has the same conversation.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys

import uvloop

IDENTIFICATION = b"SSH-2.0-bench_0.1.0\r\n"
GOODBYE = bytes.fromhex("0000002408010000000b0000000e") + b"bench: is done" + bytes(12)  # SSH_MSG_DISCONNECT

parsed: dict[bytes, list[list[bytes]]] = {}


def name_lists(kexinit: bytes) -> list[list[bytes]]:
    """Return the ten name-lists of a KEXINIT, given the part after its cookie (RFC 4253 section 7.1)."""
    lists = parsed.get(kexinit)
    if lists is None:
        lists, at = [], 0
        for _ in range(10):
            end = at + 4 + int.from_bytes(kexinit[at : at + 4], "big")
            lists.append(kexinit[at + 4 : end].split(b","))
            at = end
        parsed[kexinit] = lists
    return lists


class Client(asyncio.Protocol):
    """One host."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.buffer = b""
        self.lists: list[list[bytes]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(IDENTIFICATION)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        line = self.buffer.find(b"\n") + 1
        if not line or len(self.buffer) < line + 5:
            return
        length = int.from_bytes(self.buffer[line : line + 4], "big")
        if len(self.buffer) < line + 4 + length:
            return
        padding = self.buffer[line + 4]
        self.lists = name_lists(self.buffer[line + 22 : line + 4 + length - padding])
        self.transport.write(GOODBYE)
        self.transport.write_eof()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.sweep.finished(self.lists is not None)


class Sweep:
    """All hosts, `concurrency` at a time: a finished host starts the next."""

    def __init__(self, port: int, first: int, hosts: int, concurrency: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.port, self.left = port, iter(range(first, first + hosts))
        self.open = self.answered = 0
        self.done = asyncio.Event()
        for _ in range(concurrency):
            self.next()

    def next(self) -> None:
        address = next(self.left, None)
        if address is not None:
            self.open += 1
            self.loop.create_task(self.connect(str(ipaddress.IPv4Address(address))))
        elif not self.open:
            self.done.set()

    async def connect(self, address: str) -> None:
        try:
            await self.loop.create_connection(lambda: Client(self), address, self.port, family=socket.AF_INET)
        except OSError:
            self.finished(False)

    def finished(self, fine: bool) -> None:
        self.open -= 1
        self.answered += fine
        self.next()


async def main(port: int, first: str, hosts: int, concurrency: int) -> int:
    sweep = Sweep(port, int(ipaddress.IPv4Address(first)), hosts, concurrency)
    await sweep.done.wait()
    print(sweep.answered)
    return 0 if sweep.answered == hosts else 1


if __name__ == "__main__":
    uvloop.install()
    sys.exit(asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
