"""The lists of many hosts by asyncio's streams on its own event loop: a program of ten minutes.

Usage: asyncio_streams.py PORT FIRST HOSTS CONCURRENCY
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Iterator

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


async def ask(address: str, port: int) -> list[list[bytes]]:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(IDENTIFICATION)
        await reader.readline()
        header = await reader.readexactly(5)
        packet = await reader.readexactly(int.from_bytes(header[:4], "big") - 1)
        lists = name_lists(packet[17 : len(packet) - header[4]])
        writer.write(GOODBYE)
        writer.write_eof()
        await reader.read()
        return lists
    finally:
        writer.close()


async def worker(addresses: Iterator[int], port: int) -> int:
    answered = 0
    for address in addresses:
        async with asyncio.timeout(10):
            answered += len(await ask(str(ipaddress.IPv4Address(address)), port)) == 10
    return answered


async def main(port: int, first: str, hosts: int, concurrency: int) -> int:
    start = int(ipaddress.IPv4Address(first))
    addresses = iter(range(start, start + hosts))
    answered = sum(await asyncio.gather(*(worker(addresses, port) for _ in range(concurrency))))
    print(answered)
    return 0 if answered == hosts else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
