"""One word of a user, read: a host, a network or a range of addresses, and the port.

Forms: `host`, `host:port`, `192.0.2.1`, `192.0.2.1:port`, `2001:db8::1`, `[2001:db8::1]:port`, `192.0.2.0/24`,
`2001:db8::/120`, `192.0.2.10-20`, `192.0.2.10-192.0.2.20`, `10.0.1-5.*`; networks and ranges take a port the same way.

`::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2) is the IPv4 address in it, as the packets to it are: what goes by address
(each once, one connection at a time, exclusions) would otherwise take it for another. So is `fe80::1%2` by the name of
that interface, `fe80::1%eth0`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text, escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.platform import ipv6_text
from sshprobe.targets.host_names import Malformed, ipv4_value, no_ipv4_address, parse_host_name
from sshprobe.targets.urls import host_of_url

_MAPPED = 0xFFFF << 32
"""The first of the IPv6 addresses that hold the IPv4 ones, ::ffff:0:0/96."""
_MAPPED_LAST = _MAPPED + 2**32 - 1

_UNSPECIFIED = ("0.0.0.0", "::")
"""Of no host (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2). Linux connects who dials them to itself."""

_RANGE = re.compile(r"(\d+(?:\.\d+){3})-(\d+(?:\.\d+){0,3})")
_NUMBERS = re.compile(r"[\d.]+")
_ADDRESS_BEGIN = re.compile(r"\d+\.|[0-9A-Fa-f]*:")
_A_PORT = re.compile(r"[0-9]{1,5}")
_PATTERN = re.compile(r"(?:(?:\d+(?:-\d+)?|\*)\.){3}(?:\d+(?:-\d+)?|\*)")

MAX_PIECES = 65_536
"""The most intervals that one pattern may fall into: "10.*.*.1" does, and "*.*.*.1" would be 16 million."""


class Target(NamedTuple):
    """One host and port to scan."""

    text: str
    """What the user named: for a host out of a network, the network."""
    host: str
    """A host name in ASCII (IDNA where it was not) or an address."""
    port: int

    @property
    def target(self) -> str:
        """`text`, as records call it."""
        return self.text


class HostSpec(msgspec.Struct, frozen=True):
    """A host name or one address."""

    text: str
    host: str
    port: int | None


class RangeSpec(msgspec.Struct, frozen=True):
    """All addresses from `first` to `last`, both included, of one IP version (4 or 6)."""

    text: str
    version: int
    first: int
    last: int
    port: int | None

    def intervals(self) -> Iterator[tuple[int, int, int]]:
        """Yield (version, first, last) of each interval: what is mapped of an IPv6 network is one of IPv4 addresses."""
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

    @property
    def pieces(self) -> int:
        """Return how many intervals it falls into."""
        count = 1
        for low, high in self.numbers[: self._last_free()]:
            count *= high - low + 1
        return count

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
        """Return the place after which every number is 0 to 255, so that addresses follow one another."""
        free = 3
        while free and self.numbers[free] == (0, 255):
            free -= 1
        return free


Spec = HostSpec | RangeSpec | PatternSpec


def parse_specification(text: str, *, source: str | None = None, line: int | None = None) -> Spec:
    """Read one target. `source` and `line` say where it stood, for the error.

    Raises:
        InputError: `text` is none of the forms above; the message quotes it and says why.
    """
    try:
        return _parse(text)
    except Malformed as error:
        raise InputError(f"{quote(text)} {error}", source=source, line=line) from None


def host_specification(
    host: str, port: int | None = None, *, text: str | None = None, source: str | None = None, line: int | None = None
) -> HostSpec:
    """Return one host that another program named: a name or an address alone, its port apart.

    `text` is what the user knows it by, where that is something else; it is escaped.

    Raises:
        InputError: `host` is neither a name nor an address.
    """
    try:
        name = _parse_host(host) if host else ""
        if not name:
            raise Malformed("is not a host: it is empty")
    except Malformed as error:
        raise InputError(f"{quote(host)} {error}", source=source, line=line) from None
    if not text:
        text = name if port is None else endpoint(name, port)
    return HostSpec(escape_unprintable(text), name, port)


def is_unspecified(spec: Spec) -> bool:
    """Whether `spec` means 0.0.0.0 or :: and no other address."""
    if isinstance(spec, HostSpec):
        return spec.host.partition("%")[0] in _UNSPECIFIED
    return all(last == 0 for _, _, last in spec.intervals())


def refuse_unspecified(spec: Spec, *, source: str | None = None, line: int | None = None) -> None:
    """Raise `InputError` where `spec` as a target would be the machine that scans, past all exclusions of it."""
    if is_unspecified(spec):
        here = "::1" if spec.text.count(":") > 1 else "127.0.0.1"
        words = f"is not a host: it is the unspecified address; this machine is {here}"
        raise InputError(f"{quote(spec.text)} {words}", source=source, line=line)


def quote(text: str) -> str:
    """Return `text` in double quotes for a message: escaped, and cut where it is long."""
    return f'"{escape_text(text if len(text) <= 80 else text[:77] + "...")}"'


def _parse(text: str) -> Spec:
    if not text:
        raise Malformed("is not a host: it is empty")
    if _NUMBERS.fullmatch(text):  # most lines of a long list
        return HostSpec(text, _parse_host(text), None)
    if text[0] in "{<":
        raise Malformed("is not a host: `--inventory` reads JSON and XML, `--from-records` what was scanned")
    if "://" in text:
        raise Malformed(f"is not a host: leave out the scheme{_as_in(host_of_url(text))}")
    if text.split() != [text]:
        raise Malformed(f"is not a host: it holds white space{_meant_by_words(text.split())}")
    if "@" in text:
        raise Malformed(f"is not a host: leave out the user name{_as_in(text.rpartition('@')[2])}")
    if "," in text:
        first, _, second = text.partition(",")
        spec = _spec_of(first) if _A_PORT.fullmatch(second) else None
        meant = f"; for a port write {endpoint(spec.host, int(second))}" if isinstance(spec, HostSpec) else ""
        raise Malformed(f"is not a host: write one host a line, or one an argument{meant}")
    host, port = _split_port(text)
    if "/" in host:
        return _parse_network(text, host, port)
    if "-" in host or "*" in host:
        if _RANGE.fullmatch(host):
            return _parse_range(text, host, port)
        if _PATTERN.fullmatch(host):
            return _parse_pattern(text, host, port)
    if "*" in host:
        raise Malformed('is not a range: "*" stands for one of the four numbers of an IPv4 address')
    return HostSpec(text, _parse_host(host), port)


def _as_in(text: str) -> str:
    """Return how to write it, if that is a target."""
    return f", as in {escape_unprintable(text)}" if _spec_of(text) is not None else ""


def _meant_by_words(words: list[str]) -> str:
    """Return what a line of several words was meant to be, where that shows."""
    spec = _spec_of(words[0].rpartition("@")[2]) if len(words) > 1 else None
    if not isinstance(spec, HostSpec) or "->" in words:
        return "; `--inventory` reads what other programs wrote" if len(words) > 1 else ""
    if len(words) == 2 and spec.port is None and spec.host != "port" and _A_PORT.fullmatch(words[1]):
        return f"; for a port write {endpoint(spec.host, int(words[1]))}"
    if ("@" in words[0] or "." in spec.host or ":" in spec.host) and not _ADDRESS_BEGIN.match(words[1]):
        return "; if the first word of each line is the host, `awk '{print $1}' FILE` leaves that"
    return "; write one host a line"


def _spec_of(text: str) -> Spec | None:
    try:
        return _parse(text)
    except Malformed:
        return None


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise Malformed('is not a host: "]" is missing')
        if ":" not in host:
            raise Malformed("is not a host: brackets are for an IPv6 address")
        if not rest:
            return host, None
        if not rest.startswith(":"):
            raise Malformed('is not a host: only ":port" can follow "]"')
        return host, _parse_port(rest[1:])
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        if not host:
            raise Malformed("names no host before its port")
        return host, _parse_port(port)
    return text, None


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Malformed(f"has no port: {quote(text)} is not a number" if text else 'has no port after its ":"')
    # A number of a million digits is refused by its length, before int() works on it.
    if len(text) > 5 or not 1 <= int(text) <= 65535:
        raise Malformed("has no such port: ports are 1 to 65535")
    return int(text)


def _parse_network(text: str, host: str, port: int | None) -> RangeSpec:
    address, _, prefix = host.partition("/")
    try:
        version = ip_address(address).version
    except ValueError:
        raise Malformed(f"is not a network: {quote(address)} is not an address") from None
    if "%" in address:
        raise Malformed("is not a network: a network has no zone")
    longest = 32 if version == 4 else 128
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 3 and int(prefix) <= longest):
        raise Malformed(f"is not a network: the prefix of an IPv{version} network is 0 to {longest}")
    network = ip_network(f"{address}/{int(prefix)}", strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    if version == 4 and network.prefixlen <= 30:  # RFC 3021: a /31 has neither a network nor a broadcast address
        first, last = first + 1, last - 1
    return RangeSpec(text, version, first, last, port)


def _parse_range(text: str, host: str, port: int | None) -> RangeSpec:
    left, _, right = host.partition("-")
    if "." not in right:
        right = f"{left.rpartition('.')[0]}.{right}"
    ends = []
    for end in (left, right):
        try:
            ends.append(int(IPv4Address(end)))
        except ValueError:
            raise Malformed(f"is not a range: {quote(end)} is not an IPv4 address") from None
    first, last = ends
    if last < first:
        raise Malformed("is not a range: it ends before it begins")
    return RangeSpec(text, 4, first, last, port)


def _parse_pattern(text: str, host: str, port: int | None) -> PatternSpec:
    numbers = []
    for part in host.split("."):
        low, dash, high = ("0", "-", "255") if part == "*" else part.partition("-")
        if not dash:
            high = low
        for number in (low, high):
            if not number.isascii() or len(number) > 3 or int(number) > 255 or (number[0] == "0" and number != "0"):
                raise Malformed(f"is not a range: {quote(number)} is not a number from 0 to 255")
        if int(high) < int(low):
            raise Malformed(f"is not a range: {quote(part)} ends before it begins")
        numbers.append((int(low), int(high)))
    spec = PatternSpec(text, tuple(numbers), port)
    if spec.pieces > MAX_PIECES:
        raise Malformed(f"falls into {spec.pieces:,} pieces: at most {MAX_PIECES:,} can be held")
    return spec


def _parse_host(host: str) -> str:
    if ":" in host:
        if not host.isprintable():  # it goes into records, and a zone may be any text to Python
            raise Malformed("is not an IPv6 address: it holds characters that cannot be printed")
        try:
            address = IPv6Address(host)
            return ipv6_text(address) if address.ipv4_mapped is None else str(address.ipv4_mapped)
        except ValueError:
            meant = with_port(host)
            hint = "" if meant is None else f": for a port write {meant}"
            raise Malformed(f"is not an IPv6 address{hint}") from None
    if _NUMBERS.fullmatch(host):
        if ipv4_value(host) is not None:
            return host
        if host.isascii():
            raise no_ipv4_address(host)
    return parse_host_name(host)


def with_port(text: str) -> str | None:
    """Return "[::1]:2222" for "::1:2222", which may have been meant so; None where that cannot be."""
    host, _, port = text.rpartition(":")
    try:
        address = IPv6Address(host)
        _parse_port(port)
    except ValueError:
        return None
    return f"[{address}]:{port}"
