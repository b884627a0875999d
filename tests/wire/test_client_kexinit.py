"""Our KEXINIT before the server's lists are known, and the negotiation (RFC 4253 section 7.1)."""

from __future__ import annotations

from typing import Any

import pytest

from sshprobe.wire.client_kexinit import NegotiatedAlgorithms, broad_kexinit, negotiate
from sshprobe.wire.errors import LocalProtocolError
from sshprobe.wire.events import HostKeyReceived, IdentificationReceived, KexInitReceived
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.wire.playbook import (
    CLIENT,
    SUITE,
    ScriptedServer,
    kexinit,
    packet,
    relaxed,
    take_outgoing,
    take_packet,
    text,
)


def agreed(**lists: Any) -> NegotiatedAlgorithms | None:
    return negotiate(KexInit.parse(kexinit(**lists)))


def test_our_first_common_name_is_chosen() -> None:
    assert agreed(
        kex_algorithms=b"diffie-hellman-group1-sha1,diffie-hellman-group14-sha256",
        server_host_key_algorithms=b"ssh-dss,ssh-rsa",
        encryption_algorithms_client_to_server=b"3des-cbc,aes256-ctr",
        mac_algorithms_server_to_client=b"hmac-md5,hmac-sha1",
    ) == NegotiatedAlgorithms(
        "diffie-hellman-group14-sha256", "ssh-rsa", Suite("aes256-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha1")
    )


@pytest.mark.parametrize(
    "lists",
    [
        {"kex_algorithms": b"sm2kep-sha2-nistp256,ext-info-c,kex-strict-c"},
        {"server_host_key_algorithms": b"sm2"},
        {"encryption_algorithms_client_to_server": b"sm4-ctr"},
        {"mac_algorithms_server_to_client": b"hmac-sm3"},
        {"compression_algorithms_server_to_client": b"lz4"},
    ],
)
def test_no_common_name_means_no_agreement(lists: dict[str, bytes]) -> None:
    assert agreed(**lists) is None


def test_an_aead_needs_no_mac_and_compression_leaves_nothing_to_encrypt() -> None:
    aead = {f"encryption_algorithms_{way}": b"aes256-gcm@openssh.com" for way in WAYS}
    found = agreed(**aead, **{f"mac_algorithms_{way}": b"" for way in WAYS})
    assert found is not None
    assert found.suite == Suite("aes256-gcm@openssh.com", "aes256-gcm@openssh.com", "", "")
    compressed = agreed(compression_algorithms_client_to_server=b"zlib")
    assert compressed is not None
    assert compressed.suite is None


WAYS = ("client_to_server", "server_to_client")


def proposing(server: ScriptedServer) -> ClientTransport:
    client = ClientTransport(CLIENT)
    client.receive_data(server.line + b"\r\n")
    assert isinstance(client.next_event(), IdentificationReceived)
    client.propose()
    assert client.next_event() is NEED_DATA
    return client


@pytest.mark.parametrize("strict", [True, False])
def test_the_exchange_goes_on_behind_both_kexinits(strict: bool) -> None:
    server = ScriptedServer(strict=strict)
    client = proposing(server)
    sent = bytearray(take_outgoing(client)).removeprefix(CLIENT + b"\r\n")
    server.client_kexinit = take_packet(sent)
    assert b"kex-strict-s" not in server.client_kexinit
    assert not sent  # the first message waits for the server's lists
    client.receive_data(packet(server.kexinit))
    assert isinstance(client.next_event(), KexInitReceived)
    assert negotiate(KexInit.parse(server.kexinit)) == NegotiatedAlgorithms("curve25519-sha256", "ssh-ed25519", SUITE)
    client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=SUITE)
    server.client_share = take_packet(bytearray(take_outgoing(client)))[5:]
    client.receive_data(packet(server.reply()))
    event = client.next_event()
    assert isinstance(event, HostKeyReceived)
    assert event.signature_verified


def test_a_guess_is_right_if_it_matches_our_first_names() -> None:
    """RFC 4253 section 7 compares the first names of both sides, not the negotiated ones."""
    server = ScriptedServer(strict=False)
    server.kexinit = relaxed(follows=True)
    client = proposing(server)
    client.receive_data(packet(server.kexinit) + packet(b"\x1e" + text(b"a guess")))
    assert isinstance(client.next_event(), KexInitReceived)
    sent = bytearray(take_outgoing(client)).removeprefix(CLIENT + b"\r\n")
    server.client_kexinit = take_packet(sent)
    client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=None)
    server.client_share = take_packet(bytearray(take_outgoing(client)))[5:]
    client.receive_data(packet(server.reply()))
    assert isinstance(client.next_event(), HostKeyReceived)  # ed25519 is not our first host key: the guess was wrong


def test_misuse() -> None:
    client = ClientTransport(CLIENT)
    with pytest.raises(LocalProtocolError):
        client.propose()
    server = ScriptedServer()
    client = proposing(server)
    with pytest.raises(LocalProtocolError):
        client.propose()
    client.receive_data(packet(server.kexinit))
    client.next_event()
    with pytest.raises(LocalProtocolError):
        client.start_key_exchange("ecdh-sha2-nistp256", "ssh-ed25519", suite=None)


def test_our_kexinit_alone() -> None:
    server = ScriptedServer()
    client = ClientTransport(CLIENT)
    client.receive_data(server.line + b"\r\n" + packet(server.kexinit))
    client.next_event(), client.next_event()
    client.start_key_exchange("curve25519-sha256", "ssh-ed25519", suite=None, alone=True)
    sent = bytearray(take_outgoing(client)).removeprefix(CLIENT + b"\r\n")
    take_packet(sent)
    assert not sent
    for expected in (1, 0):
        client.send_held()
        assert bool(take_outgoing(client)) == expected


def test_each_kexinit_has_a_cookie_of_its_own() -> None:
    first, second = broad_kexinit(), broad_kexinit()
    assert first[:17] != second[:17]
    assert first[17:] == second[17:]


def test_the_first_message_has_no_line_end() -> None:
    # One of 17 cookies has a line end, which a server that waits for a line could misread.
    for _ in range(500):
        assert not {0x0A, 0x0D} & set(broad_kexinit())
