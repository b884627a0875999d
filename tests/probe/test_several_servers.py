"""Servers with equal lists at one address are recognized within one scan, at no cost."""

from __future__ import annotations

import pytest

from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.wire.events import HostKeyReceived
from sshprobe.wire.host_keys import parse_host_key
from sshprobe.wire.identification import parse_identification
from tests.wire.playbook import text

SIGNATURES = (b"server-sig-algs", b"ssh-ed25519,rsa-sha2-512")
OTHERS = (b"server-sig-algs", b"ssh-ed25519")


def identified(*lines: bytes) -> ObservationBuilder:
    facts = ObservationBuilder()
    for line in lines:
        facts.add_identification(parse_identification(line))
    return facts


@pytest.mark.parametrize(
    "later",
    [b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", b"SSH-2.0-OpenSSH_9.3p1 Debian-2+deb12u2", b"SSH-1.99-OpenSSH_9.2p1"],
)
def test_another_identification(later: bytes) -> None:
    facts = identified(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2", later)
    assert facts.several_servers is True
    assert facts.warnings == ["the identification differs between connections to this address"]


def test_random_comments_do_not_distinguish_servers() -> None:
    assert identified(b"SSH-2.0-tinyssh_20230101 qT6dLg", b"SSH-2.0-tinyssh_20230101 R7xp1Q").several_servers is False
    assert identified(b"SSH-2.0-OpenSSH_9.2p1", b"SSH-2.0-OpenSSH_9.2p1").several_servers is False


def test_other_extensions_where_both_came_whole() -> None:
    facts = ObservationBuilder()
    facts.add_extensions((SIGNATURES,), whole=True)
    facts.add_extensions((SIGNATURES,), whole=True)
    assert facts.several_servers is False
    facts.add_extensions((OTHERS,))  # the connection ended behind it, and there may have been more
    assert facts.several_servers is False
    facts.add_extensions((OTHERS,), whole=True)
    assert facts.several_servers is True
    assert facts.warnings == ["the extensions differ between connections to this address"]


def test_two_keys_of_one_type() -> None:
    facts = ObservationBuilder()
    for seed in (b"a" * 32, b"b" * 32):
        key = parse_host_key(text(b"ssh-ed25519") + text(seed))
        facts.add_host_key(HostKeyReceived(key, True, "ssh-ed25519", "curve25519-sha256"))
    assert facts.several_servers is True
