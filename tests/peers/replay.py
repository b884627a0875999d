"""A server that replays an observation: identification, lists, host keys by their type and size, groups.

For tools that do not verify: keys and groups have the right form and size and no meaning, and nothing is signed.
The server stops after the answer of a key exchange.
"""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Any, Self

from sshprobe.model.observation import HostKey, Observation
from sshprobe.wire.messages import NAME_LISTS, KexInit

KEXINIT, EXCHANGE, ANSWER, GEX_INIT, GEX_REPLY, GEX_REQUEST = 20, 30, 31, 32, 33, 34
_RSA = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")


class ReplayServer:
    """Listens on `host` and `port` inside `async with`."""

    def __init__(self, seen: Observation) -> None:
        self._seen = seen
        assert seen.identification is not None
        self._greeting = "".join(f"{line}\r\n" for line in seen.lines_before_identification).encode()
        self._greeting += f"{seen.identification.raw}\r\n".encode()
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self._greeting + packet(self._kexinit()))
            await reader.readline()
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key_algorithm = ""
        while True:
            payload = await read_packet(reader)
            if payload[0] == KEXINIT:
                key_algorithm = KexInit.parse(payload).server_host_key_algorithms[0].decode()
            elif payload[0] == GEX_REQUEST:
                bits = self._group_for(*struct.unpack(">III", payload[1:13]))
                if bits is None:
                    return
                writer.write(packet(bytes((ANSWER,)) + mpint((1 << bits) - 1) + mpint(2)))
            elif payload[0] in (EXCHANGE, GEX_INIT):
                answer = ANSWER if payload[0] == EXCHANGE else GEX_REPLY
                blob = self._blob(key_algorithm)
                if blob is None:
                    return
                writer.write(packet(bytes((answer,)) + string(blob) + string(b"\x01" * 32) + string(b"no signature")))
            else:
                return

    def _kexinit(self) -> bytes:
        lists: dict[str, Any] = {
            name: tuple(each.encode() for each in getattr(self._seen, name) or ()) for name in NAME_LISTS
        }
        return KexInit(os.urandom(16), **lists).encode()

    def _group_for(self, least: int, wanted: int, most: int) -> int | None:
        """Return the size that a moduli file without gaps would answer. None: hang up."""
        sizes = [each.modulus_bits for each in self._seen.group_exchange or () if each.modulus_bits]
        if not sizes:
            return None
        bits = max(wanted, *sizes)
        return bits if least <= bits <= most else None

    def _blob(self, algorithm: str) -> bytes | None:
        for key in self._seen.host_keys or ():
            if key.type == algorithm or (key.type == "ssh-rsa" and algorithm in _RSA):
                return blob_like(key)
        return None


def blob_like(key: HostKey) -> bytes:
    """Return a public key blob of a type and size (RFC 4253 section 6.6, RFC 5656, RFC 8709)."""
    number = mpint(1 << ((key.bits or 256) - 1) | 1)
    parts = {
        "ssh-rsa": lambda: mpint(65537) + number,
        "ssh-dss": lambda: number + mpint(1 << 159 | 1) + mpint(2) + mpint(3),
        "ssh-ed25519": lambda: string(bytes(32)),
    }
    if key.type.startswith("ecdsa-sha2-"):
        point = b"\x04" + bytes(2 * ((key.bits or 256) + 7 >> 3))
        return string(key.type.encode()) + string(key.type.removeprefix("ecdsa-sha2-").encode()) + string(point)
    return string(key.type.encode()) + parts[key.type]()


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


async def read_packet(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(4), "big")
    assert 2 < length < 35_000
    body = await reader.readexactly(length)
    return body[1 : length - body[0]]
