"""The path from this machine to an address, according to its kernel. Nothing is sent.

On Linux from rtnetlink(7): the route, the state of its interface, and whether the gateway answers ARP or neighbour
discovery. Elsewhere a UDP socket is connected, which finds out whether there is a route.
"""

from __future__ import annotations

import errno
import pathlib
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Literal, NamedTuple

from sshprobe.net.addresses import Address
from sshprobe.platform.sockets import has_netlink

# linux/netlink.h, linux/rtnetlink.h, linux/neighbour.h, linux/if.h
_REQUEST, _ERROR = 1, 2
_GET_LINK, _GET_ROUTE, _GET_NEIGHBOUR = 18, 26, 30
_ROUTE_DESTINATION, _ROUTE_INTERFACE, _ROUTE_GATEWAY, _ROUTE_VIA, _NEIGHBOUR_ADDRESS = 1, 4, 5, 18, 1
_UP, _RUNNING = 0x1, 0x40
_INCOMPLETE, _FAILED = 0x01, 0x20
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENETDOWN})

_COUNTERS = "/proc/net/netstat"
_COUNTER = b"TCPRetransFail"

DISCARD_PORT = 9


GatewayState = Literal["unknown", "reached", "sought", "failed"]
"""Whether a gateway answers ARP or neighbour discovery. "unknown": not tried recently, or no gateway."""


class Path(NamedTuple):
    """The first step from this machine to an address."""

    interface: int
    """Its number. 0: not known."""
    gateway: str
    """Its address; "" if the link reaches the address directly, or if it is not known."""
    works: bool
    """Whether there is a route, and its interface is up and has a link."""
    gateway_state: GatewayState = "unknown"


NO_PATH = Path(0, "", works=False)


def path_to(address: Address) -> Path:
    """Return the path to `address`. An unknown path counts as working."""
    if has_netlink():
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
                kernel.settimeout(1.0)
                return _linux_path(kernel, address)
        except (OSError, struct.error) as error:
            if isinstance(error, OSError) and error.errno in _NO_ROUTE:
                return NO_PATH
    return _path_by_udp(address)


def look_for_gateway(address: Address) -> bool:
    """Make the kernel look for the gateway towards `address`, and return whether a firewall of this machine objects.

    It sends an empty datagram that the gateway drops (TTL 1). Without a known gateway it sends nothing, because the
    datagram would reach the address.
    """
    if not path_to(address).gateway:
        return False
    is_6 = address.family == socket.AF_INET6
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            if is_6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
            else:
                probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
            probe.connect(address.socket_address(DISCARD_PORT))
            probe.send(b"")
    except OSError as error:
        return error.errno == errno.EPERM  # netfilter dropped or rejected it; EACCES is a route that prohibits
    return False


def _path_by_udp(address: Address) -> Path:
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect(address.socket_address(DISCARD_PORT))
    except OSError as error:
        if error.errno in _NO_ROUTE:
            return NO_PATH
    return Path(0, "", works=True)


def _linux_path(kernel: socket.socket, address: Address) -> Path:
    """Return the path. Raises `OSError` with the kernel's errno if there is no route."""
    text, _, zone = address.ip.partition("%")
    packed = socket.inet_pton(address.family, text)
    wanted = _attribute(_ROUTE_DESTINATION, packed)
    if zone:
        wanted += _attribute(_ROUTE_INTERFACE, struct.pack("=I", address.socket_address(0)[-1]))
    # struct rtmsg: family, length of destination, 0 ...
    body = _ask(kernel, _GET_ROUTE, struct.pack("=8BI", address.family, 8 * len(packed), *[0] * 6, 0) + wanted)
    route = dict(_attributes(body[12:]))
    interface = int.from_bytes(route.get(_ROUTE_INTERFACE, b""), sys.byteorder)
    family, gateway = address.family, route.get(_ROUTE_GATEWAY, b"")
    if not gateway and _ROUTE_VIA in route:  # of the other family: struct rtvia
        family, gateway = int.from_bytes(route[_ROUTE_VIA][:2], sys.byteorder), route[_ROUTE_VIA][2:]
    # struct ifinfomsg: family, type, index, flags, change
    link = _ask(kernel, _GET_LINK, struct.pack("=BxHiII", 0, 0, interface, 0, 0))
    flags = struct.unpack_from("=I", link, 8)[0]
    works = bool(flags & _UP and flags & _RUNNING)
    if not gateway:
        return Path(interface, "", works)
    return Path(interface, socket.inet_ntop(family, gateway), works, _gateway_state(kernel, interface, family, gateway))


def _gateway_state(kernel: socket.socket, interface: int, family: int, packed: bytes) -> GatewayState:
    # struct ndmsg: family, index, state, flags, type
    wanted = struct.pack("=BxxxiHBB", family, interface, 0, 0, 0) + _attribute(_NEIGHBOUR_ADDRESS, packed)
    try:
        body = _ask(kernel, _GET_NEIGHBOUR, wanted)
    except OSError:  # ENOENT; before Linux 5.0 EOPNOTSUPP
        return "unknown"
    state = struct.unpack_from("=H", body, 8)[0]
    return "failed" if state & _FAILED else "sought" if state & _INCOMPLETE else "reached"


def _ask(kernel: socket.socket, kind: int, body: bytes) -> bytes:
    """Return the body of the kernel's answer. Raises `OSError` with its errno."""
    kernel.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST, 0, 0) + body)
    answer = kernel.recv(65_536)
    length, kind = struct.unpack_from("=IH", answer)
    if kind == _ERROR:
        code = -struct.unpack_from("=i", answer, 16)[0]
        raise OSError(code, "rtnetlink")
    return answer[16:length]


def _attribute(kind: int, value: bytes) -> bytes:
    """Struct rtattr, with its value padded to four bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        yield kind, data[at + 4 : at + length]
        at += length + -length % 4


def unsent_retransmissions() -> int:
    """Return the number of TCP retransmissions that failed on this machine. 0: not known.

    A connect that a firewall of this machine drops times out; only this counter shows the reason.
    """
    try:
        with pathlib.Path(_COUNTERS).open("rb") as file:
            names, values = file.readline().split(), file.readline().split()
        return int(values[names.index(_COUNTER)])
    except (OSError, ValueError, IndexError):
        return 0
