"""Hosts that must never be contacted, even as targets, and sets of addresses as intervals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address
from typing import IO

from sshprobe.model.errors import InputError
from sshprobe.targets.host_names import ipv4_value
from sshprobe.targets.sources import read_words
from sshprobe.targets.specification import parse_specification, quote
from sshprobe.targets.specs import HostSpec, RangeSpec, Spec

Intervals = tuple[Sequence[int], Sequence[int]]
"""A set of numbers: the first and the last of each interval, both included. They are disjoint and ascend."""


class Exclusions:
    """Addresses, networks, ranges and host names that are never contacted.

    A network is excluded with its first and last address. A name excludes only that name, not its addresses: call
    `covers` with the name, and again with each address before connecting.
    """

    def __init__(self, specs: Iterable[Spec] = ()) -> None:
        self._names: set[str] = set()
        intervals: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for spec in specs:
            if not isinstance(spec, HostSpec):
                for version, first, last in spec.intervals():
                    intervals[version].append((first, last))
            elif (number := address_value(spec.host)) is not None:
                intervals[number[0]].append((number[1], number[1]))
            else:
                self._names.add(spec.host)
        self._intervals: dict[int, Intervals] = {version: merge(found) for version, found in intervals.items()}

    def __bool__(self) -> bool:
        return bool(self._names) or any(firsts for firsts, _ in self._intervals.values())

    @classmethod
    def parse(
        cls, words: Iterable[str] = (), *, files: Iterable[str] = (), stdin: IO[bytes] | None = None
    ) -> Exclusions:
        """Read exclusions.

        Raises:
            InputError: if an exclusion is malformed or names a port, or a file is unreadable or empty.
        """
        return cls(
            _parse(word.text, word.source, word.line) for word in read_words(words, files, stdin, what="exclusion")
        )

    def covers(self, host: str) -> bool:
        """Return whether `host`, a name or an address, is excluded."""
        number = address_value(host)
        if number is None:
            return host.lower().removesuffix(".") in self._names
        return holds(self._intervals[number[0]], number[1])

    def encode(self) -> tuple[list[str], bytes, bytes]:
        """Return the names, and first and last address of each IPv4 and IPv6 interval, with 16 bytes for each."""
        ends = (sorted((*firsts, *lasts)) for firsts, lasts in self._intervals.values())
        ipv4, ipv6 = (b"".join(number.to_bytes(16) for number in numbers) for numbers in ends)
        return sorted(self._names), ipv4, ipv6

    @classmethod
    def decode(cls, data: tuple[list[str], bytes, bytes]) -> Exclusions:
        """Return the exclusions that `encode` encoded."""
        exclusions = cls()
        exclusions._names.update(data[0])
        for version, ends in zip((4, 6), data[1:], strict=True):
            numbers = [int.from_bytes(ends[start : start + 16]) for start in range(0, len(ends), 16)]
            exclusions._intervals[version] = numbers[::2], numbers[1::2]
        return exclusions

    def intervals(self, version: int) -> Intervals:
        """Return the excluded addresses of one IP version (4 or 6). Mapped ones are of version 4."""
        return self._intervals[version]


def _parse(text: str, source: str | None, line: int | None) -> Spec:
    spec = parse_specification(text, source=source, line=line)
    if spec.port is not None:
        raise InputError(f"{quote(text)} excludes one port: exclude the host", source=source, line=line)
    if isinstance(spec, RangeSpec) and "/" in text and spec.version == 4:
        prefix = int(text.partition("/")[2])
        if prefix <= 30:  # its first and last address too
            return RangeSpec(text, 4, spec.first - 1, spec.last + 1, None)
    return spec


def merge(intervals: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Return the union of `intervals`, given as pairs (first, last) in any order."""
    firsts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted(intervals):
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts


def holds(intervals: Intervals, value: int) -> bool:
    """Return whether `value` is in the set."""
    firsts, lasts = intervals
    index = bisect_right(firsts, value) - 1
    return index >= 0 and value <= lasts[index]


def outside(intervals: Intervals, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield, in order, the parts of `first` to `last` that are not in the set."""
    firsts, lasts = intervals
    for index in range(bisect_left(lasts, first), len(firsts)):
        if firsts[index] > last:
            break
        if first < firsts[index]:
            yield first, firsts[index] - 1
        first = lasts[index] + 1
    if first <= last:
        yield first, last


def address_value(host: str) -> tuple[int, int] | None:
    """Return the IP version and value of an address without its zone; None for a name. Mapped addresses are IPv4."""
    value = ipv4_value(host)
    if value is not None:
        return 4, value
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:  # ::ffff:192.0.2.1 reaches 192.0.2.1
        return 4, int(address.ipv4_mapped)
    return address.version, int(address)
