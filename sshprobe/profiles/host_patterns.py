"""Patterns for the hosts of a waiver: "10.1.*", "10.2.0.0/16", "2001:db8::7", "*.lab.example", "*".

They are compared with the host and the address of a record: the user's name and its resolution. Nothing that a server
sends counts, nor another name in an inventory.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

EVERY_HOST = "*"


class HostPattern:
    """One pattern. Raises `ValueError` for another text: "is neither ..."."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._network = _network(text)
        self._parts: list[str] = []
        """The parts of a pattern for names, between the `*`."""
        if self._network is None and text != EVERY_HOST:
            name = text.lower().removesuffix(".")
            # Without a letter it is meant as an address.
            if not re.fullmatch(r"[a-z0-9_*.-]+", name) or not re.search(r"[a-z]", name):
                raise ValueError("is neither an address, a network, 10.1.*, a name with or without `*`, nor `*`")
            self._parts = name.split("*")

    @property
    def is_everything(self) -> bool:
        """Whether every host of an IP version matches."""
        return self.text == EVERY_HOST or (self._network is not None and self._network.prefixlen == 0)

    def matches(self, host: str, address: str | None) -> bool:
        """Return whether the pattern covers a host named `host` and reached at `address`.

        A pattern for names never matches an address, and a pattern for addresses never matches a name.
        """
        if self.text == EVERY_HOST:
            return True
        if self._network is not None:
            # The address of the connection counts, even if the user named another one.
            reached = _address(host if address is None else address)
            return reached is not None and reached.version == self._network.version and reached in self._network
        name = host.lower().removesuffix(".")
        return _address(name) is None and _fits(name, self._parts)


def _fits(name: str, parts: list[str]) -> bool:
    """Return whether a name has the parts in order, the first at its start and the last at its end.

    The first occurrence of each part is enough, so nothing is tried twice.
    """
    if len(parts) == 1:
        return name == parts[0]
    first, *between, last = parts
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    place, end = len(first), len(name) - len(last)
    for part in between:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


@lru_cache(maxsize=4096)
def host_pattern(text: str) -> HostPattern:
    """Return the pattern of a text, from a cache. Raises `ValueError`."""
    return HostPattern(text)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    octets = re.fullmatch(r"((?:\d{1,3}\.){1,3})\*", text, re.ASCII)
    if octets is not None:
        known = octets[1].count(".")
        text = f"{octets[1]}{'.'.join('0' * (4 - known))}/{8 * known}"
    elif not re.fullmatch(r"[0-9a-fA-F:.]+(/\d{1,3})?", text, re.ASCII):
        return None
    try:
        network = ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(
                f"is not a network: it has bits after its prefix: {ip_network(text, strict=False)}"
            ) from None
        if ":" in text or "/" in text or re.fullmatch(r"[\d.]+", text):
            raise ValueError("is not an address or a network") from None
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if mapped is None or network.prefixlen < 96 else ip_network(f"{mapped}/{network.prefixlen - 96}")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
