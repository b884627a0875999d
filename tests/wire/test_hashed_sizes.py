"""Servers that hash other sizes than the requested ones in a group exchange."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sshprobe.wire.events import GroupReceived, HostKeyReceived
from sshprobe.wire.kex.dh import group
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.transport import ClientTransport
from tests.wire.playbook import CLIENT, kexinit, number, packet, take_outgoing, take_packet, text, u32

LINE = b"SSH-2.0-paramiko_5.1.0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BLOB = text(b"ssh-ed25519") + text(KEY.public_key().public_bytes_raw())
REQUEST = GroupExchangeRequest(1024, 1024, 8192)


def host_key_of(kex: str, sizes: bytes, *, cookie: bytes = b"", bits: str = "group14") -> HostKeyReceived:
    """Run a group exchange whose hash has `sizes`, and `cookie` as the start of our KEXINIT's cookie."""
    digest = hashlib.sha256 if kex.endswith("sha256") else hashlib.sha1
    server = kexinit(kex_algorithms=kex.encode())
    client = ClientTransport(CLIENT)
    take_outgoing(client)
    client.receive_data(LINE + b"\r\n" + packet(server))
    client.next_event(), client.next_event()
    client.start_key_exchange(kex, "ssh-ed25519", suite=None, request=REQUEST)
    sent = bytearray(take_outgoing(client))
    ours, asked = take_packet(sent), take_packet(sent)
    assert asked == b"\x22" + u32(1024) + u32(1024) + u32(8192)
    p, g, y = group(bits), 2, 1 << 300
    client.receive_data(packet(b"\x1f" + number(p) + number(g)))
    assert isinstance(client.next_event(), GroupReceived)
    e = int.from_bytes(take_packet(bytearray(take_outgoing(client)))[5:], "big")
    f, k = pow(g, y, p), pow(e, y, p)
    ours = ours[:1] + cookie + ours[1 + len(cookie) :]
    numbers = b"".join(map(number, (p, g, e, f, k)))
    hashed = digest(b"".join(map(text, (CLIENT, LINE, ours, server, BLOB))) + sizes + numbers).digest()
    signature = text(b"ssh-ed25519") + text(KEY.sign(hashed))
    client.receive_data(packet(b"\x21" + text(BLOB) + number(f) + text(signature)))
    event = client.next_event()
    assert isinstance(event, HostKeyReceived)
    return event


def sizes(*bits: int) -> bytes:
    return b"".join(map(u32, bits))


@pytest.mark.parametrize("kex", ["diffie-hellman-group-exchange-sha1", "diffie-hellman-group-exchange-sha256"])
@pytest.mark.parametrize("hashed", [(1024, 2048, 8192), (2048, 2048, 8192), (1024, 2048, 2048)])
def test_a_signature_over_raised_sizes_proves_the_key(kex: str, hashed: tuple[int, int, int]) -> None:
    event = host_key_of(kex, sizes(*hashed))
    assert event.signature_verified is True
    assert event.hash_deviation == "min {}, n {}, max {}".format(*hashed)


def test_the_right_sizes_need_no_remark() -> None:
    event = host_key_of("diffie-hellman-group-exchange-sha256", sizes(1024, 1024, 8192))
    assert (event.signature_verified, event.hash_deviation) == (True, None)


@pytest.mark.parametrize("hashed", [(1024, 1025, 8192), (0, 0, 0), (2048, 1024, 8192), ()])
def test_any_other_sizes_prove_nothing(hashed: tuple[int, ...]) -> None:
    event = host_key_of("diffie-hellman-group-exchange-sha256", sizes(*hashed))
    assert (event.signature_verified, event.hash_deviation) == (False, None)


@pytest.mark.parametrize("hashed", [(1024, 1024, 8192), (1024, 2048, 8192)])
def test_a_signature_over_another_cookie_proves_nothing(hashed: tuple[int, int, int]) -> None:
    """The signature is from another connection."""
    event = host_key_of("diffie-hellman-group-exchange-sha256", sizes(*hashed), cookie=bytes(16))
    assert (event.signature_verified, event.hash_deviation) == (False, None)
