"""The kernel's path to an address, with missing routes, links and gateways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.network.namespaces import Network, long, two_namespaces

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


def give_ipv6(network: Network) -> None:
    network.scanner.ip("-6 address replace fd08::2/64 dev va nodad")
    network.router.ip("-6 address replace fd08::1/64 dev vb nodad")
    network.router.ip("-6 route replace local fd09::/64 dev lo")
    network.scanner.ip("-6 route replace default via fd08::1")


def test_routes(network: Network) -> None:
    network.scanner.ip("neigh flush dev va")
    assert paths(network) == [(*BY_GATEWAY[:2], "unknown"), ON_LINK, ON_LINK]
    network.scanner.python(CONNECT % 5)
    assert paths(network) == [BY_GATEWAY, ON_LINK, ON_LINK]
    network.scanner.ip("route del default")
    assert paths(network) == [NONE, ON_LINK, ON_LINK]
    network.scanner.ip("route add default via 10.8.0.1")


@pytest.mark.parametrize("kind", ["blackhole", "prohibit", "unreachable"])
def test_routes_without_an_end(network: Network, kind: str) -> None:
    network.scanner.ip(f"route add {kind} 10.9.0.0/24")
    assert paths(network)[0] == NONE
    network.scanner.ip(f"route del {kind} 10.9.0.0/24")
    assert paths(network)[0][1]


def test_a_link_without_a_carrier(network: Network) -> None:
    network.router.ip("link set vb down")
    assert [works for _, works, _ in paths(network)] == [False, False, False]
    network.router.ip("link set vb up")
    assert [works for _, works, _ in paths(network)] == [True, True, True]


@long
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
    give_ipv6(network)
    read = READ.replace("10.9.0.1", "fd09::1").replace("10.8.0.9", "fd08::9").replace("10.8.0.1", "fe80::9%va")
    network.scanner.python(
        CONNECT.replace("socket.socket()", "socket.socket(socket.AF_INET6)").replace("10.9.0.1", "fd09::1") % 5
    )
    found = eval(network.scanner.python(read))
    assert found == [("fd08::1", True, "reached"), ON_LINK, ON_LINK]
    network.scanner.ip("-6 route del default")
    assert eval(network.scanner.python(read)) == [NONE, ON_LINK, ON_LINK]


SNIFF = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sniffer:
    sniffer.bind(("INTERFACE", 0))
    sniffer.settimeout(0.3)
    print("ready", flush=True)
    sys.stdin.readline()
    found = []
    try:
        while True:
            frame = sniffer.recv(2048)
            if frame[12:14] == bytes([8, 0]) and frame[23] == socket.IPPROTO_UDP:
                found.append((frame[22], socket.inet_ntoa(frame[30:34]), len(frame[42:])))
    except TimeoutError:
        pass
    print(found)
"""
SEEK = """
from sshprobe.net import parse_ip
from sshprobe.net.routes import look_for_gateway
print([look_for_gateway(parse_ip(ip)) for ip in {ips}])
"""
UDP = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(5), ('10.10.0.7', 9))"

DIAL = """
import asyncio
from sshprobe.net import parse_ip
from sshprobe.net.asyncio_network import AsyncioNetwork
from sshprobe.net.epoll_network import EpollNetwork

class Handler:
    def broken(self, error):
        print((error.failure, str(error), network.rejected), flush=True)
        ended.set()
    def connected(self):
        raise AssertionError
    received = expired = closed = failed_internally = None

async def main():
    global network, ended
    network, ended = {class_name}(), asyncio.Event()
    network.open()
    network.connection(Handler(), parse_ip("10.9.0.1"), 1).dial(network.time() + 5, 5)
    await asyncio.wait_for(ended.wait(), 5)
    network.close()

asyncio.run(main())
"""


def test_the_datagram_ends_at_the_gateway(network: Network) -> None:
    """The test watches a cable behind the router, which would show a forwarded datagram."""
    network.router.ip("link add beyond type veth peer name end")
    network.router.ip("link set end up")
    network.router.ip("link set beyond up")
    network.router.ip("address add 10.10.0.1/24 dev beyond")
    network.router.ip("neigh add 10.10.0.7 lladdr 02:00:00:00:00:07 dev beyond")
    network.router.python("open('/proc/sys/net/ipv4/ip_forward', 'w').write('1')")
    assert watched(network, "beyond", UDP) == [(63, "10.10.0.7", 5)], "a common datagram arrives"
    assert watched(network, "beyond", SEEK.format(ips=["10.10.0.7"])) == []
    assert watched(network, "vb", SEEK.format(ips=["10.10.0.7"])) == [(1, "10.10.0.7", 0)]


def test_no_datagram_goes_to_an_address_without_a_gateway(network: Network) -> None:
    assert watched(network, "vb", SEEK.format(ips=["10.8.0.1", "10.8.0.9"])) == []


def watched(network: Network, interface: str, code: str) -> list[tuple[int, str, int]]:
    """Run `code` at the scanner. Return time to live, destination and length of the datagrams on the cable."""
    with network.router.start(SNIFF.replace("INTERFACE", interface)) as sniffer:
        assert sniffer.stdout is not None
        assert sniffer.stdout.readline()
        network.scanner.python(code)
        output, _ = sniffer.communicate(b"sent\n")
    found: list[tuple[int, str, int]] = eval(output)
    return found


@pytest.mark.parametrize("rule", ["reject", pytest.param("reject with icmpx admin-prohibited", marks=long)])
def test_rejections_by_our_firewall_and_by_the_router_differ(network: Network, rule: str) -> None:
    for namespace, direction, is_ours in ((network.scanner, "output", True), (network.router, "input", False)):
        namespace.nft(
            f"add table inet t; add chain inet t c {{ type filter hook {direction} priority 0; }};"
            f" add rule inet t c tcp dport 1 {rule}"
        )
        for class_name in ("EpollNetwork", "AsyncioNetwork"):
            expected = ("unreachable", "a firewall of this machine rejects it", 1)
            found = eval(network.scanner.python(DIAL.format(class_name=class_name)))
            assert (found == expected) is is_ours, found
            assert found[2] == is_ours
        namespace.nft("delete table inet t")
