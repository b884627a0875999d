"""A server whose group exchange sends an invalid group, byte by byte on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from sshprobe.net import Address
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.wire.messages import NAME_LISTS
from tests.driving import observe

LISTS = {
    "kex_algorithms": b"diffie-hellman-group-exchange-sha256",
    "server_host_key_algorithms": b"rsa-sha2-512",
    **{name: b"aes128-ctr" for name in NAME_LISTS if "encryption" in name},
    **{name: b"hmac-sha2-256" for name in NAME_LISTS if "mac" in name},
    **{name: b"none" for name in NAME_LISTS if "compression" in name},
}


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


@pytest.mark.parametrize(("modulus", "bits"), [(1 << 3071, None), (1 << 1023, 1024)])
async def test_an_invalid_group_has_no_passing_size(modulus: int, bits: int | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lists = b"".join(string(LISTS.get(name, b"")) for name in NAME_LISTS)
        writer.write(b"SSH-2.0-odd\r\n" + packet(b"\x14" + bytes(16) + lists + bytes(5)))
        p = modulus.to_bytes(modulus.bit_length() // 8 + 1, "big")
        writer.write(packet(b"\x1f" + string(p) + string(b"\x02")))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        options = ProbeOptions(client_id=b"SSH-2.0-sshprobe_test", timeout=5)
        found = await observe(HostProbe("t", "127.0.0.1", port, [Address("127.0.0.1", socket.AF_INET)], options))
    assert found.group_exchange
    assert {exchange.modulus_bits for exchange in found.group_exchange} == {bits}
    assert any("no group" in warning for warning in found.warnings)
