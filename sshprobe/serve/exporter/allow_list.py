"""The hosts that a server may probe. Every address is checked before a connection, also those of allowed names."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from sshprobe.model.errors import InputError
from sshprobe.targets.specification import host_specification

Network = IPv4Network | IPv6Network

SPECIAL: tuple[Network, ...] = (
    IPv4Network("169.254.0.0/16"),  # link-local (RFC 3927), with 169.254.169.254, the metadata of most clouds
    IPv6Network("fe80::/10"),  # link-local (RFC 4291 section 2.5.6)
    IPv6Network("64:ff9b:1::/48"),  # translators of local use (RFC 8215): the place of the IPv4 address is not known
    IPv6Network("fd00:ec2::/32"),  # metadata of AWS
    IPv6Network("fd20:ce::/32"),  # metadata of Google Cloud
    IPv4Network("100.100.100.200"),  # metadata of Alibaba Cloud
    IPv4Network("168.63.129.16"),  # platform services of Azure
    IPv4Network("192.0.0.192"),  # metadata of Oracle Cloud
)
"""Addresses that only an entry within one of these networks allows."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses behind a translator, in the last 32 bits (RFC 6052 section 2.1)."""


class AllowList:
    """Networks, addresses and names that may be probed.

    A name allows all addresses that it resolves to, except those of `SPECIAL`. Raises `InputError` for an entry that is
    not a network, an address or a name.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in entries:
            try:
                self._networks.append(_plain(ip_network(entry, strict=False)))
            except ValueError:
                if "/" in entry:
                    raise InputError(f'"{entry}" is not a network', source="--allow") from None
                self._names.add(_name(host_specification(entry, source="--allow").host))
        self._listed = [each for each in self._networks if any(_is_within(each, special) for special in SPECIAL)]

    def __bool__(self) -> bool:
        return bool(self._names or self._networks)

    def permits_name(self, name: str) -> bool:
        """Return whether `name` is an entry."""
        return _name(name) in self._names

    def permits_address(self, address: str, *, by_name: bool = False) -> bool:
        """Return whether `address` may be dialled. `by_name`: it is an address of a name that is an entry.

        An IPv6 address that a router turns into an IPv4 address (NAT64, 6to4) needs permission for both.
        """
        parsed = ip_address(address.partition("%")[0])
        if isinstance(parsed, IPv6Address):
            if parsed.ipv4_mapped is not None:
                parsed = parsed.ipv4_mapped
            elif (inner := _translated(parsed)) is not None and not self._permits(inner, by_name):
                return False
        return self._permits(parsed, by_name)

    def _permits(self, address: IPv4Address | IPv6Address, by_name: bool) -> bool:
        if any(address in network for network in SPECIAL):
            return any(address in network for network in self._listed)
        return by_name or any(address in network for network in self._networks)


def _plain(network: Network) -> Network:
    """Return a network of mapped addresses, ::ffff:192.0.2.0/120, as the IPv4 network that it reaches."""
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _is_within(network: Network, outer: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(outer, IPv4Network) and network.subnet_of(outer)
    return isinstance(outer, IPv6Network) and network.subnet_of(outer)


def _translated(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 address of a translator or tunnel (RFC 6052, RFC 3056)."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.sixtofour


def _name(name: str) -> str:
    return name.lower().removesuffix(".")
