"""All targets of a scan as one numbered space. It holds each host and port once, and does not expand networks.

Addresses become intervals. Those without a port are one class, scanned on every port of the scan; those with a port
are a class for each port; names are separate. Each class is sorted once, and overlaps are removed, also those between
the first class and the classes of the scan's ports. So the intervals are disjoint: the scan remembers no target, and
the number of targets is exact before it starts.

Memory depends on the words of the user: 16 bytes for an IPv4 interval, whether one address or a /8, somewhat more for
an IPv6 interval, and a string for a name.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from ipaddress import IPv6Address
from itertools import pairwise

import msgspec

from sshprobe.model.observation import endpoint
from sshprobe.targets.exclusions import Exclusions, address_value, outside
from sshprobe.targets.specs import HostSpec, Spec, Target

_TEXT_IS_HOST = 0
_TEXT_IS_ENDPOINT = 1
_FIRST_TEXT = 2
"""Numbers of texts. Usually the user wrote the address itself; from 2 on, they are indexes of a table of texts and
labels."""

_Entry = tuple[str, tuple[str, ...]]
"""A text of the user, and labels."""


class TargetSpace:
    """The targets, numbered from 0 to `total` - 1: addresses of each class in ascending order, then names."""

    def __init__(self, specs: Iterable[Spec], ports: Sequence[int]) -> None:
        """Use `specs`; those without a port are scanned on each of `ports`."""
        collected = _Collected()
        for spec in specs:
            collected.add(spec)
        self._texts = list(collected.texts)
        self._blocks = list(collected.blocks(tuple(dict.fromkeys(ports))))
        self._starts = [0]
        for block in self._blocks:
            self._starts.append(self._starts[-1] + block.size)
        self.total = self._starts.pop()
        """The number of targets, that is, pairs of a host and a port."""

    @property
    def has_names(self) -> bool:
        """Whether a target is a name, which has to be resolved."""
        return any(isinstance(block, _Names) for block in self._blocks)

    def __getitem__(self, index: int) -> Target:
        """Return one target. Raises IndexError where there is none."""
        if not 0 <= index < self.total:
            raise IndexError(index)
        number = bisect_right(self._starts, index) - 1
        return self._blocks[number].target(index - self._starts[number], self._texts)

    def count(self, exclusions: Exclusions) -> int:
        """Return the number of targets that are not excluded. A name counts once, whatever it resolves to."""
        return sum(block.count(exclusions) for block in self._blocks) if exclusions else self.total


class _Addresses(msgspec.Struct):
    """Disjoint intervals of addresses, each on all of `ports`."""

    version: int
    ports: tuple[int, ...]
    firsts: MutableSequence[int]
    starts: MutableSequence[int]
    """The number of addresses before each interval."""
    texts: array[int]
    addresses: int

    @property
    def size(self) -> int:
        return self.addresses * len(self.ports)

    def target(self, index: int, texts: Sequence[_Entry]) -> Target:
        offset, which = divmod(index, len(self.ports))
        interval = bisect_right(self.starts, offset) - 1
        value = self.firsts[interval] + offset - self.starts[interval]
        if self.version == 4:  # str(IPv4Address(value)), three times as fast
            host = f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
        else:
            host = str(IPv6Address(value))
        port, text = self.ports[which], self.texts[interval]
        if text >= _FIRST_TEXT:
            words, labels = texts[text - _FIRST_TEXT]
            return Target(words, host, port, labels)
        return Target(host if text == _TEXT_IS_HOST else endpoint(host, port), host, port)

    def intervals(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first, last, text) of each."""
        for number, first in enumerate(self.firsts):
            end = self.starts[number + 1] if number + 1 < len(self.starts) else self.addresses
            yield first, first + end - self.starts[number] - 1, self.texts[number]

    def count(self, exclusions: Exclusions) -> int:
        excluded = exclusions.intervals(self.version)
        left = sum(
            high - low + 1 for first, last, _ in self.intervals() for low, high in outside(excluded, first, last)
        )
        return left * len(self.ports)


class _Names(msgspec.Struct):
    """Host names, each on all of `ports`."""

    ports: tuple[int, ...]
    hosts: list[str]
    texts: dict[str, int]
    """For hosts that the user wrote differently: the number of that text."""

    @property
    def size(self) -> int:
        return len(self.hosts) * len(self.ports)

    def target(self, index: int, texts: Sequence[_Entry]) -> Target:
        number, which = divmod(index, len(self.ports))
        host = self.hosts[number]
        text = self.texts.get(host, _TEXT_IS_HOST)
        words, labels = (host, ()) if text == _TEXT_IS_HOST else texts[text - _FIRST_TEXT]
        return Target(words, host, self.ports[which], labels)

    def count(self, exclusions: Exclusions) -> int:
        return sum(not exclusions.covers(host) for host in self.hosts) * len(self.ports)


class _Pile(msgspec.Struct):
    """Intervals of one class as the user gave them: unsorted, and some overlap."""

    firsts: MutableSequence[int]
    lasts: MutableSequence[int]
    texts: array[int] = msgspec.field(default_factory=lambda: array("I"))

    @classmethod
    def of(cls, version: int) -> _Pile:
        return cls(array("I"), array("I")) if version == 4 else cls([], [])  # an array cannot hold 128 bits

    def add(self, first: int, last: int, text: int) -> None:
        self.firsts.append(first)
        self.lasts.append(last)
        self.texts.append(text)

    def disjoint(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first, last, text), in order and without overlaps: the interval that begins first keeps its text."""
        firsts, lasts, texts = self.firsts, self.lasts, self.texts
        order: Iterable[int] = range(len(firsts))
        if any(left > right for left, right in pairwise(firsts)):
            order = sorted(order, key=firsts.__getitem__)
        covered = -1
        for number in order:
            first, last = max(firsts[number], covered + 1), lasts[number]
            if first <= last:
                covered = last
                yield first, last, texts[number]


class _Collected:
    """The targets of the user, by class. The port None stands for all ports of the scan."""

    def __init__(self) -> None:
        self.texts: dict[_Entry, int] = {}
        self._piles: dict[tuple[int, int | None], _Pile] = {}
        self._names: dict[int | None, dict[str, int]] = {}

    def add(self, spec: Spec) -> None:
        if isinstance(spec, HostSpec):
            number = _number(spec.host)
            if number is None:
                text = _TEXT_IS_HOST if spec.text == spec.host and not spec.labels else self._text(spec)
                self._names.setdefault(spec.port, {}).setdefault(spec.host, text)
                return
            version, value = number
            if spec.labels:
                text = self._text(spec)
            elif spec.text == spec.host:
                text = _TEXT_IS_HOST
            elif spec.port is not None and spec.text == endpoint(spec.host, spec.port):
                text = _TEXT_IS_ENDPOINT
            else:
                text = self._text(spec)
            self._pile(version, spec.port).add(value, value, text)
        else:
            text = self._text(spec)
            for version, first, last in spec.intervals():
                if last > 0:  # 0.0.0.0 and :: are not hosts: this machine would answer
                    self._pile(version, spec.port).add(max(first, 1), last, text)

    def blocks(self, ports: tuple[int, ...]) -> Iterator[_Addresses | _Names]:
        # The ports of the scan come first: their addresses are removed from the classes of explicit ports.
        covered: dict[int, tuple[Sequence[int], Sequence[int]]] = {}
        for (version, port), pile in sorted(self._piles.items(), key=lambda item: (item[0][1] or 0, item[0][0])):
            if port is None:
                block = _block(version, ports, pile.disjoint())
                covered[version] = (block.firsts, [last for _, last, _ in block.intervals()])
            else:
                parts = pile.disjoint()
                if port in ports and version in covered:
                    parts = _without(parts, covered[version])
                block = _block(version, (port,), parts)
            if block.size:
                yield block
        everywhere = self._names.pop(None, {})
        yield from _name_blocks(everywhere, ports)
        for port, names in sorted(self._names.items(), key=lambda item: item[0] or 0):
            if port is not None:
                left = {host: text for host, text in names.items() if port not in ports or host not in everywhere}
                yield from _name_blocks(left, (port,))

    def _pile(self, version: int, port: int | None) -> _Pile:
        pile = self._piles.get((version, port))
        if pile is None:
            pile = self._piles[version, port] = _Pile.of(version)
        return pile

    def _text(self, spec: Spec) -> int:
        return self.texts.setdefault((spec.text, spec.labels), len(self.texts) + _FIRST_TEXT)


def _without(
    parts: Iterable[tuple[int, int, int]], covered: tuple[Sequence[int], Sequence[int]]
) -> Iterator[tuple[int, int, int]]:
    for first, last, text in parts:
        for low, high in outside(covered, first, last):
            yield low, high, text


def _block(version: int, ports: tuple[int, ...], parts: Iterable[tuple[int, int, int]]) -> _Addresses:
    """Make a block of disjoint intervals in order; neighbours with the same text become one."""
    firsts: MutableSequence[int] = array("I") if version == 4 else []
    starts: MutableSequence[int] = array("Q") if version == 4 else []
    texts = array("I")
    count, end = 0, -2
    for first, last, text in parts:
        if first != end + 1 or text != texts[-1]:
            firsts.append(first)
            starts.append(count)
            texts.append(text)
        count += last - first + 1
        end = last
    return _Addresses(version, ports, firsts, starts, texts, count)


def _name_blocks(names: dict[str, int], ports: tuple[int, ...]) -> Iterator[_Names]:
    if names:
        yield _Names(ports, list(names), {host: text for host, text in names.items() if text != _TEXT_IS_HOST})


def _number(host: str) -> tuple[int, int] | None:
    """Return the IP version and value of an address; None for a name or an address with a zone."""
    is_name = host[-1:].isalpha() and ":" not in host  # quick, for long lists of names
    return None if is_name or "%" in host else address_value(host)
