"""The targets that a user can name, as data: a host, a network or range of addresses, a pattern of addresses; labels.

`::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2) is the IPv4 address in it, because its packets go there. Otherwise
exclusions, and the rule of one connection per address, would see two addresses.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import NamedTuple

import msgspec

from sshprobe.model.errors import InputError

_MAPPED = 0xFFFF << 32
"""The first of the IPv6 addresses that hold IPv4 ones, ::ffff:0:0/96."""
_MAPPED_LAST = _MAPPED + 2**32 - 1

_UNSPECIFIED = ("0.0.0.0", "::")
"""Addresses of no host (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2). Linux connects them to itself."""

MAX_LABELS = 8
"""Labels of one target."""

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}=[^\s=,][^\s,]{0,127}")
"""A key and a value, which can be written after `--label` and in a comment without quotes."""


class Target(NamedTuple):
    """One host and port to scan."""

    text: str
    """The user's word for it: the network, for a host in a network."""
    host: str
    """An address, or a host name in ASCII (other letters by IDNA)."""
    port: int
    labels: tuple[str, ...] = ()
    """The labels of the user, such as "env=prod"."""

    @property
    def target(self) -> str:
        """`text`, under the name that records use."""
        return self.text


class HostSpec(msgspec.Struct, frozen=True):
    """A host name or one address."""

    text: str
    host: str
    port: int | None
    labels: tuple[str, ...] = ()


class RangeSpec(msgspec.Struct, frozen=True):
    """All addresses from `first` to `last`, both included, of one IP version (4 or 6)."""

    text: str
    version: int
    first: int
    last: int
    port: int | None
    labels: tuple[str, ...] = ()

    def intervals(self) -> Iterator[tuple[int, int, int]]:
        """Yield (version, first, last) of each interval. The mapped part of an IPv6 network is one of IPv4."""
        if self.version == 4 or self.last < _MAPPED or self.first > _MAPPED_LAST:
            yield self.version, self.first, self.last
            return
        if self.first < _MAPPED:
            yield 6, self.first, _MAPPED - 1
        yield 4, max(self.first - _MAPPED, 0), min(self.last, _MAPPED_LAST) - _MAPPED
        if self.last > _MAPPED_LAST:
            yield 6, _MAPPED_LAST + 1, self.last


class PatternSpec(msgspec.Struct, frozen=True):
    """IPv4 addresses with a range in any of their four numbers: "10.0.1-5.*"."""

    text: str
    numbers: tuple[tuple[int, int], ...]
    """The lowest and the highest value of each of the four numbers."""
    port: int | None
    labels: tuple[str, ...] = ()

    @property
    def pieces(self) -> int:
        """The number of its intervals."""
        return prod(high - low + 1 for low, high in self.numbers[: self._last_free()])

    def intervals(self) -> Iterator[tuple[int, int, int]]:
        """Yield (4, first, last) of each interval, in ascending order."""
        free = self._last_free()
        low, high = self.numbers[free]
        below = 256 ** (3 - free)
        for front in itertools.product(*(range(first, last + 1) for first, last in self.numbers[:free])):
            start = 0
            for number in front:
                start = start * 256 + number
            start *= 256
            yield 4, (start + low) * below, (start + high + 1) * below - 1

    def _last_free(self) -> int:
        """Return the place after which every number is 0 to 255, so that its addresses are consecutive."""
        free = 3
        while free and self.numbers[free] == (0, 255):
            free -= 1
        return free


Spec = HostSpec | RangeSpec | PatternSpec


def is_unspecified(spec: Spec) -> bool:
    """Return whether `spec` means 0.0.0.0 or :: and no other address."""
    if isinstance(spec, HostSpec):
        return spec.host.partition("%")[0] in _UNSPECIFIED
    return all(last == 0 for _, _, last in spec.intervals())


def is_label(text: str) -> bool:
    """Return whether a text is a label."""
    return _LABEL.fullmatch(text) is not None and text.isprintable()


def labels_of_comment(comment: str) -> tuple[str, ...]:
    """Return the labels of a comment that has nothing else; no labels for any other comment."""
    words = comment.split()
    return tuple(dict.fromkeys(words)) if all(map(is_label, words)) else ()


def joined(
    common: Sequence[str], own: Iterable[str], *, source: str | None = None, line: int | None = None
) -> tuple[str, ...]:
    """Return the labels of one target: those of all targets and its own. Raises `InputError` if there are too many."""
    labels = tuple(dict.fromkeys((*common, *own)))
    if len(labels) > MAX_LABELS:
        raise InputError(f"has {len(labels)} labels: a target has at most {MAX_LABELS}", source=source, line=line)
    return labels
