"""Hosts that must never be contacted, also when they are targets."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import IO

from sshprobe.model.errors import InputError
from sshprobe.targets.host_names import ipv4_value
from sshprobe.targets.intervals import Intervals, holds, merge
from sshprobe.targets.sources import read_words
from sshprobe.targets.specification import HostSpec, RangeSpec, Spec, parse_specification, quote


class Exclusions:
    """Addresses, networks, ranges and host names that are never contacted.

    A network is excluded whole, its first and last address included. A name excludes that name and not the
    addresses it may resolve to; so ask `covers` twice: with the name, and with each address before connecting.
    """

    def __init__(self, specs: Iterable[Spec] = ()) -> None:
        self._names: set[str] = set()
        intervals: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for spec in specs:
            if not isinstance(spec, HostSpec):
                for version, first, last in spec.intervals():
                    intervals[version].append((first, last))
            elif (number := _number(spec.host)) is not None:
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
            InputError: something is malformed or names a port, or a file is unreadable or empty.
        """
        return cls(
            _parse(word.text, word.source, word.line) for word in read_words(words, files, stdin, what="exclusion")
        )

    def covers(self, host: str) -> bool:
        """Return whether `host`, a name or an address, is excluded."""
        number = _number(host)
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
        """Return what `encode` encoded."""
        exclusions = cls()
        exclusions._names.update(data[0])
        for version, ends in zip((4, 6), data[1:], strict=True):
            numbers = [int.from_bytes(ends[start : start + 16]) for start in range(0, len(ends), 16)]
            exclusions._intervals[version] = numbers[::2], numbers[1::2]
        return exclusions

    def intervals(self, version: int) -> Intervals:
        """Return the excluded addresses of one IP version (4 or 6), those that are mapped among version 4."""
        return self._intervals[version]


def _parse(text: str, source: str | None, line: int | None) -> Spec:
    spec = parse_specification(text, source=source, line=line)
    if spec.port is not None:
        raise InputError(f"{quote(text)} excludes one port: exclude the host", source=source, line=line)
    if isinstance(spec, RangeSpec) and "/" in text and spec.version == 4:
        prefix = int(text.partition("/")[2])
        if prefix <= 30:  # the two addresses that a sweep leaves out are not to be contacted either
            return RangeSpec(text, 4, spec.first - 1, spec.last + 1, None)
    return spec


def _number(host: str) -> tuple[int, int] | None:
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
