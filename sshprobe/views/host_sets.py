"""Sets of hosts by property: bits of an `int`, or a few numbers. A host is its number in a `FleetIndex`."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Kind = Literal[
    "status", "label", "grade", "compliant", "profile", "finding", "finding_algorithm", "algorithm", "product"
]
"""A kind of property. `finding_algorithm`: the id of a finding, a space and its algorithm."""


class Property(NamedTuple):
    """A property that many hosts share."""

    kind: Kind
    scope: str
    """Of grades, compliance, profiles and findings: the id of the profile. Of algorithms: the type. Else ""."""
    name: str
    """The status, "k=v", letter without "?", "true"/"false"/"null", finding, algorithm, or product."""


MAX_PROPERTIES = 50_000
"""Properties of a fleet. Servers that make names up cannot fill the memory: further ones are not found."""

_FEW = 64
"""A set of up to one host in this many is stored as numbers: that takes less memory than its bits."""


def bits_of(numbers: Iterable[int], hosts: int) -> int:
    """Return the set of some hosts. `hosts`: the number of all."""
    bits = bytearray(hosts // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def numbers_of(bits: int) -> Iterator[int]:
    """Yield the hosts of a set, in order."""
    for index, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if byte:
            for bit in range(8):
                if byte >> bit & 1:
                    yield index * 8 + bit


class HostSets:
    """The sets of hosts of all properties of a fleet. `hosts`: the number of hosts."""

    def __init__(self, hosts: int) -> None:
        self._hosts = hosts
        self._growing: dict[Property, array[int]] = {}
        self._bits: dict[Property, int] = {}
        self._few: dict[Property, array[int]] = {}

    def add(self, properties: Iterable[Property], numbers: array[int]) -> None:
        """Add hosts to the sets of their properties."""
        for each in properties:
            found = self._growing.get(each)
            if found is not None:
                found.extend(numbers)
            elif len(self._growing) < MAX_PROPERTIES:
                self._growing[each] = array("I", numbers)

    def finish(self) -> None:
        """Store the sets as they are looked up."""
        for each, numbers in self._growing.items():
            if len(numbers) * _FEW > self._hosts:
                self._bits[each] = bits_of(numbers, self._hosts)
            else:
                self._few[each] = numbers
        self._growing = {}

    def hosts_with(self, each: Property) -> int:
        """Return the set of hosts with a property."""
        bits = self._bits.get(each)
        return bits if bits is not None else bits_of(self._few.get(each, ()), self._hosts)

    def hosts_with_any(self, properties: Iterable[Property]) -> int:
        """Return the set of hosts with one or more of the properties."""
        found = 0
        for each in properties:
            found |= self.hosts_with(each)
        return found

    def properties(self, kind: Kind, scope: str | None = None) -> list[Property]:
        """Return the properties of a kind, sorted. `scope`: only those of this profile or type."""
        known = (*self._bits, *self._few)
        return sorted(each for each in known if each.kind == kind and scope in (None, each.scope))

    def count(self, properties: Iterable[Property], among: int) -> dict[Property, int]:
        """Return how many hosts of the set `among` have each property, without those that none has."""
        data = among.to_bytes(self._hosts // 8 + 1, "little")
        counted = {}
        for each in properties:
            bits = self._bits.get(each)
            if bits is not None:
                hosts = (bits & among).bit_count()
            else:
                hosts = sum(data[number >> 3] >> (number & 7) & 1 for number in self._few.get(each, ()))
            if hosts:
                counted[each] = hosts
        return counted
