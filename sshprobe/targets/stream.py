"""Targets as a stream: everything is read and checked first, then expanded one by one, each host once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import IO

from sshprobe.errors import InputError
from sshprobe.targets.sources import read_words
from sshprobe.targets.specification import HostSpec, Spec, Target, parse_specification


def parse_targets(
    arguments: Iterable[str], *, files: Iterable[str] = (), port: int = 22, stdin: IO[bytes] | None = None
) -> TargetStream:
    """Read all targets that the user named and return them as a lazy stream, in the order given.

    `port` is for those that name none. `-` among `arguments` or `files` is `stdin`. A host and port that was named
    twice, be it inside a network, comes once. Nothing is resolved here.

    Raises:
        InputError: something is malformed, a file is unreadable or empty, or there is no target at all.
    """
    specs = [
        parse_specification(word.text, source=word.source, line=word.line)
        for word in read_words(arguments, files, stdin, what="target")
    ]
    if not specs:
        raise InputError("no target: name a host, a network or, with `-f`, a file of them")
    return TargetStream(specs, port)


class TargetStream(Iterator[Target]):
    """The targets of a sweep, expanded as they are asked for."""

    def __init__(self, specs: list[Spec], port: int) -> None:
        self._targets = _expand(specs, port)
        self.total = sum(1 if isinstance(spec, HostSpec) else spec.last - spec.first + 1 for spec in specs)
        """How many targets there are at most: those named twice are counted twice."""

    def __next__(self) -> Target:
        return next(self._targets)


def _expand(specs: list[Spec], default_port: int) -> Iterator[Target]:
    names: set[tuple[str, int]] = set()
    ranges: dict[tuple[int, int], _Intervals] = {}
    for spec in specs:
        port = spec.port or default_port
        if isinstance(spec, HostSpec):
            number = _number(spec.host)
            covered = number is not None and number[1] in ranges.get((number[0], port), ())
            if not covered and (spec.host, port) not in names:
                names.add((spec.host, port))
                yield Target(spec.text, spec.host, port)
        else:
            intervals = ranges.setdefault((spec.version, port), _Intervals())
            make = IPv4Address if spec.version == 4 else IPv6Address
            for first, last in intervals.add(spec.first, spec.last):
                for value in range(first, last + 1):
                    host = str(make(value))
                    if (host, port) not in names:
                        yield Target(spec.text, host, port)


def _number(host: str) -> tuple[int, int] | None:
    """Return the IP version and value of an address; None of a name, and of an address with a zone."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return None if "%" in host else (address.version, int(address))


class _Intervals:
    """Numbers that were seen, as disjoint intervals in order: small, however large the networks are."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, value: int) -> bool:
        index = bisect_right(self._firsts, value) - 1
        return index >= 0 and value <= self._lasts[index]

    def add(self, first: int, last: int) -> list[tuple[int, int]]:
        """Add the numbers from `first` to `last` and return, as intervals, those that were not there before."""
        new = []
        low = max(bisect_right(self._firsts, first) - 1, 0)
        while low < len(self._firsts) and self._lasts[low] < first:
            low += 1
        high, position = low, first
        while high < len(self._firsts) and self._firsts[high] <= last:
            if position < self._firsts[high]:
                new.append((position, self._firsts[high] - 1))
            position = max(position, self._lasts[high] + 1)
            high += 1
        if position <= last:
            new.append((position, last))
        merged_first = min([first, *self._firsts[low : low + 1]]) if high > low else first
        merged_last = max(last, self._lasts[high - 1]) if high > low else last
        self._firsts[low:high] = [merged_first]
        self._lasts[low:high] = [merged_last]
        return new
