"""A probe waits for possible penalties of OpenSSH 10.3 for user names, so that a scan can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sshprobe.algorithms.openssh import may_charge_for_users
from sshprobe.probe.connections import CAREFUL, CHARGE, USER_CHARGE, Connections, Conversation
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.wire.identification import parse_identification
from sshprobe.wire.transport import ClientTransport
from tests.probe.test_effects import OURS

SCAN = (True, False, True)
"""Return whether each connection names a user, for a default server."""


def starts(software: bytes, scans: int, gap: float) -> Iterator[tuple[float, bool]]:
    """Return the start of each connection of several scans, and whether it names a user."""
    now = 0.0

    for _ in range(scans):
        connections = Connections(ProbeOptions(client_id=OURS), [], 22, key_pairs=None, trace=None)
        connections.begin(lambda: 0.0)
        for names_a_user in SCAN:
            now += connections.delay(now, names_a_user=names_a_user)
            conversation = Conversation(ClientTransport(OURS), now, now, None)
            conversation.identified_after, conversation.user = 0.0, "root" if names_a_user else ""
            connections.answered(parse_identification(b"SSH-2.0-" + software))
            connections.ended(conversation, in_order=True, failed=False)
            yield now, names_a_user
        now += gap


def most_charged(software: bytes, scans: int, gap: float) -> float:
    """Return the largest penalty in seconds of a server that refuses every user."""
    until, most = 0.0, 0.0
    for now, names_a_user in starts(software, scans, gap):
        until = max(until, now) + (USER_CHARGE if names_a_user else CHARGE)
        most = max(most, until - now)
    return most


def test_a_server_that_bars_both_users_can_be_scanned_again() -> None:
    assert most_charged(b"OpenSSH_10.6p1", 2, 0) <= 15  # refused above 15
    assert most_charged(b"OpenSSH_10.6p1", 50, 8) <= 15


def test_nothing_waits_if_names_cost_nothing() -> None:
    for software in (b"OpenSSH_10.2", b"OpenSSH_9.2p1 Debian-2+deb12u2", b"dropbear_2025.89"):
        assert list(starts(software, 1, 0)) == [(0.0, True), (0.0, False), (0.0, True)]


@pytest.mark.parametrize(
    ("software", "charges"),
    [
        (b"OpenSSH_10.3", True),
        (b"OpenSSH_10.3p1", True),
        (b"OpenSSH_for_Windows_11.0p1", True),
        (b"OpenSSH", True),
        (b"OpenSSH_10.2p1", False),
        (b"OpenSSH_9.9p2", False),
        (b"OpenSSH_7.3p1.RL", False),
        (b"libssh_0.12.0", False),
    ],
)
def test_releases_that_may_charge_for_a_name(software: bytes, charges: bool) -> None:
    assert may_charge_for_users(software) is charges


def test_a_host_that_refused_us_is_given_a_moment_between_connections() -> None:
    connections = Connections(ProbeOptions(client_id=OURS), [], 22, key_pairs=None, trace=None)
    connections.begin(lambda: 0.0)
    assert connections.delay(0.0) == 0
    connections.made = 2
    assert connections.delay(0.0) == 0
    connections.begin(lambda: 0.0)
    assert connections.delay(60.0) == 0
    connections.made = 3
    assert connections.delay(60.0) == CAREFUL
