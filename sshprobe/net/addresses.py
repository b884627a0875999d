"""IP addresses to connect to."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address
from typing import NamedTuple

from sshprobe.platform.sockets import interface_number, ipv6_text


class Address(NamedTuple):
    """An IP address as text, with its family (`socket.AF_INET` or `socket.AF_INET6`)."""

    ip: str
    family: int

    @property
    def unspecified(self) -> bool:
        """Whether it is 0.0.0.0 or ::, not a host's address: Linux connects it to this machine (RFC 1122 3.2.1.3)."""
        return self.ip.partition("%")[0] in ("0.0.0.0", "::")

    @property
    def link_local(self) -> bool:
        """Whether its zone must name an interface, because each has a different host (RFC 4007 section 6)."""
        return self.family == socket.AF_INET6 and IPv6Address(self.ip.partition("%")[0]).is_link_local

    def socket_address(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """Return the address for `socket.connect`. Raises `OSError` (ENODEV) if this machine lacks its interface."""
        text, _, zone = self.ip.partition("%")
        return (text, port, 0, interface_number(zone)) if zone else (text, port)


_MAPPED = bytes(10) + b"\xff\xff"
"""The prefix of an IPv4 address in IPv6 form, ::ffff:192.0.2.1 (RFC 4291 section 2.5.5.2)."""


def parse_ip(host: str) -> Address | None:
    """Return `host` as an address in its canonical form, or None if it is a name.

    A mapped IPv4 address is that IPv4 address.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, host.partition("%")[0])
        except (OSError, ValueError):
            continue
        if packed.startswith(_MAPPED):
            return Address(socket.inet_ntop(socket.AF_INET, packed[12:]), socket.AF_INET)
        return Address(_ipv6_text(host) if family == socket.AF_INET6 else host, family)
    return None


def _ipv6_text(host: str) -> str:
    try:
        return ipv6_text(IPv6Address(host))
    except ValueError:  # "%" and nothing after it: the resolver reports it
        return host
