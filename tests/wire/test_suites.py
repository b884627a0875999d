"""The choice of ciphers and MACs: one that both sides support, in each direction."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.wire.events import Event, KexInitReceived
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import CIPHERS, MACS, Suite, choose_suite
from sshprobe.wire.transport import ClientTransport
from tests.wire.playbook import kexinit

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.bin"))


def offered(**lists: bytes) -> KexInit:
    short = {
        "cs": "encryption_algorithms_client_to_server",
        "sc": "encryption_algorithms_server_to_client",
        "mac_cs": "mac_algorithms_client_to_server",
        "mac_sc": "mac_algorithms_server_to_client",
        "zip_cs": "compression_algorithms_client_to_server",
        "zip_sc": "compression_algorithms_server_to_client",
    }
    named: dict[str, Any] = {short[name]: value for name, value in lists.items()}
    return KexInit.parse(kexinit(**named))


def test_each_direction_alone() -> None:
    server = offered(cs=b"3des-cbc", sc=b"aes256-ctr,aes128-ctr", mac_cs=b"hmac-md5", mac_sc=b"hmac-sha1,hmac-sha2-256")
    assert choose_suite(server) == Suite("3des-cbc", "aes128-ctr", "hmac-md5", "hmac-sha2-256")


def test_an_aead_needs_no_mac_of_ours() -> None:
    aead = b"chacha20-poly1305@openssh.com"
    server = offered(cs=aead, sc=aead, mac_cs=b"umac-64@openssh.com", mac_sc=b"")
    assert choose_suite(server) == Suite(aead.decode(), aead.decode(), "", "")


def test_a_cipher_needs_a_mac() -> None:
    mac = b"umac-64@openssh.com"
    assert choose_suite(offered(mac_cs=mac)) is None
    assert choose_suite(offered(mac_sc=mac)) is None
    mixed = b"aes128-ctr,aes256-gcm@openssh.com"
    chosen = choose_suite(offered(cs=mixed, sc=mixed, mac_cs=mac, mac_sc=mac))
    assert chosen is not None
    assert chosen.encryption_client_to_server == "aes256-gcm@openssh.com"


@pytest.mark.parametrize("lists", [{"cs": b""}, {"sc": b""}, {"cs": b"arcfour"}, {"sc": b"blowfish-cbc,none"}])
def test_no_cipher_of_ours(lists: dict[str, bytes]) -> None:
    assert choose_suite(offered(**lists)) is None


@pytest.mark.parametrize(
    "lists", [{"zip_cs": b"zlib"}, {"zip_sc": b"zlib@openssh.com"}, {"zip_cs": b"", "zip_sc": b""}]
)
def test_compression_forced_on_us(lists: dict[str, bytes]) -> None:
    assert choose_suite(offered(**lists)) is None


def test_compression_that_may_be_left_out() -> None:
    assert choose_suite(offered(zip_cs=b"zlib,none", zip_sc=b"zlib@openssh.com,none")) is not None


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_every_captured_server(capture: Path) -> None:
    """We share algorithms with every captured server."""
    truth = json.loads(capture.with_suffix(".json").read_text("utf-8"))
    client = ClientTransport(b"SSH-2.0-test")
    client.receive_data(capture.read_bytes())
    while isinstance(event := client.next_event(), Event):
        if isinstance(event, KexInitReceived):
            suite = choose_suite(event.kexinit)
    assert suite is not None
    for direction in ("client_to_server", "server_to_client"):
        assert getattr(suite, f"encryption_{direction}") in truth[f"encryption_algorithms_{direction}"]
        assert getattr(suite, f"mac_{direction}") in ("", *truth[f"mac_algorithms_{direction}"])


@pytest.mark.parametrize("name", MACS)
def test_mac_sizes(name: str) -> None:
    spec = MACS[name]
    assert spec.encrypt_then_mac is name.endswith("-etm@openssh.com")
    assert spec.key == hashlib.new(spec.hash).digest_size  # RFC 2104's and RFC 6668's key lengths
    assert spec.tag == (12 if "-96" in name else spec.key)


@pytest.mark.parametrize("name", CIPHERS)
def test_cipher_sizes(name: str) -> None:
    spec = CIPHERS[name]
    assert spec.aead is ("gcm" in name or "poly1305" in name)
    for bits in (128, 192, 256):
        if f"aes{bits}" in name:
            assert spec.key * 8 == bits
    assert spec.iv == {"gcm": 12, "chacha20-poly1305": 0}.get(spec.mode, spec.block)


NAMES = st.lists(st.sampled_from([*CIPHERS, "arcfour", "none", "ext-info-s", ""]), max_size=4)
MAC_NAMES = st.lists(st.sampled_from([*MACS, "umac-64@openssh.com", "none"]), max_size=4)


@given(NAMES, NAMES, MAC_NAMES, MAC_NAMES)
def test_only_offered_algorithms_are_chosen(cs: list[str], sc: list[str], mac_cs: list[str], mac_sc: list[str]) -> None:
    lists = [",".join(names).encode() for names in (cs, sc, mac_cs, mac_sc)]
    suite = choose_suite(offered(cs=lists[0], sc=lists[1], mac_cs=lists[2], mac_sc=lists[3]))
    speakable = [
        any(name in CIPHERS and (CIPHERS[name].aead or set(macs) & set(MACS)) for name in names)
        for names, macs in ((cs, mac_cs), (sc, mac_sc))
    ]
    assert (suite is not None) == all(speakable)
    if suite is not None:
        assert suite.encryption_client_to_server in cs
        assert suite.encryption_server_to_client in sc
        assert suite.mac_client_to_server in ("", *mac_cs)
        assert suite.mac_server_to_client in ("", *mac_sc)
