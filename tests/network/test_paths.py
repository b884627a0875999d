"""How the kernel knows the path to an address: with routes, links and gateways that are not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.network.namespaces import Network, two_namespaces

READ = """
from sshprobe.net import parse_ip
from sshprobe.net.routes import path_to
print([path_to(parse_ip(ip))[1:] for ip in ("10.9.0.1", "10.8.0.9", "10.8.0.1")])
"""
CONNECT = """
import socket
with socket.socket() as probe:
    probe.settimeout(%s)
    print(probe.connect_ex(("10.9.0.1", 1)))
"""
BY_GATEWAY, ON_LINK, NONE = ("10.8.0.1", True, "reached"), ("", True, "unknown"), ("", False, "unknown")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with two_namespaces() as network:
        yield network


def paths(network: Network) -> list[tuple[str, bool, str]]:
    found: list[tuple[str, bool, str]] = eval(network.scanner.python(READ))
    return found


def test_routes(network: Network) -> None:
    network.scanner.ip("neigh flush dev va")
    assert paths(network) == [(*BY_GATEWAY[:2], "unknown"), ON_LINK, ON_LINK]
    network.scanner.python(CONNECT % 5)
    assert paths(network) == [BY_GATEWAY, ON_LINK, ON_LINK]
    network.scanner.ip("route del default")
    assert paths(network) == [NONE, ON_LINK, ON_LINK]
    network.scanner.ip("route add default via 10.8.0.1")


@pytest.mark.parametrize("kind", ["blackhole", "prohibit", "unreachable"])
def test_routes_that_lead_nowhere(network: Network, kind: str) -> None:
    network.scanner.ip(f"route add {kind} 10.9.0.0/24")
    assert paths(network)[0] == NONE
    network.scanner.ip(f"route del {kind} 10.9.0.0/24")
    assert paths(network)[0][1]


def test_a_link_without_a_carrier(network: Network) -> None:
    network.router.ip("link set vb down")
    assert [works for _, works, _ in paths(network)] == [False, False, False]
    network.router.ip("link set vb up")
    assert [works for _, works, _ in paths(network)] == [True, True, True]


def test_a_gateway_that_is_silent(network: Network) -> None:
    network.router.ip("link set vb arp off")
    network.scanner.ip("neigh flush dev va")
    network.scanner.python(CONNECT % 0.1)
    assert paths(network)[0] == ("10.8.0.1", True, "sought")
    assert network.scanner.python(CONNECT % 10).strip() == "113", "EHOSTUNREACH"
    assert paths(network)[0] == ("10.8.0.1", True, "failed")
    network.router.ip("link set vb arp on")
    network.scanner.python(
        "from sshprobe.net import parse_ip; from sshprobe.net import routes as r;"
        "r.look_for_gateway(parse_ip('10.9.0.1')); import time; time.sleep(0.2)"
    )
    assert paths(network)[0] == BY_GATEWAY


def test_ipv6(network: Network) -> None:
    network.scanner.ip("-6 address add fd08::2/64 dev va nodad")
    network.router.ip("-6 address add fd08::1/64 dev vb nodad")
    network.router.ip("-6 route add local fd09::/64 dev lo")
    network.scanner.ip("-6 route add default via fd08::1")
    read = READ.replace("10.9.0.1", "fd09::1").replace("10.8.0.9", "fd08::9").replace("10.8.0.1", "fe80::9%va")
    network.scanner.python(
        CONNECT.replace("socket.socket()", "socket.socket(socket.AF_INET6)").replace("10.9.0.1", "fd09::1") % 5
    )
    found = eval(network.scanner.python(read))
    assert found == [("fd08::1", True, "reached"), ON_LINK, ON_LINK]
    network.scanner.ip("-6 route del default")
    assert eval(network.scanner.python(read)) == [NONE, ON_LINK, ON_LINK]
