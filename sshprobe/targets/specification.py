"""Parse one word of a user: a host, a network or a range of addresses, and its port.

Forms: `host`, `host:port`, `192.0.2.1`, `192.0.2.1:port`, `2001:db8::1`, `[2001:db8::1]:port`, `192.0.2.0/24`,
`2001:db8::/120`, `192.0.2.10-20`, `192.0.2.10-192.0.2.20`, `10.0.1-5.*`; networks and ranges take a port the same way.

`::ffff:192.0.2.1` becomes the IPv4 address in it (`sshprobe.targets.specs`), and `fe80::1%2` gets the name of that
interface, `fe80::1%eth0`: one address has one spelling.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text, escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.platform.sockets import ipv6_text
from sshprobe.targets.host_names import Malformed, host_of_url, ipv4_value, no_ipv4_address, parse_host_name
from sshprobe.targets.specs import HostSpec, PatternSpec, RangeSpec, Spec, is_unspecified

_RANGE = re.compile(r"(\d+(?:\.\d+){3})-(\d+(?:\.\d+){0,3})")
_NUMBERS = re.compile(r"[\d.]+")
_ADDRESS_BEGIN = re.compile(r"\d+\.|[0-9A-Fa-f]*:")
_A_PORT = re.compile(r"[0-9]{1,5}")
_PATTERN = re.compile(r"(?:(?:\d+(?:-\d+)?|\*)\.){3}(?:\d+(?:-\d+)?|\*)")

MAX_PIECES = 65_536
"""The most intervals of one pattern: the number for "10.*.*.1". "*.*.*.1" would have 16 million."""


def parse_specification(
    text: str, *, source: str | None = None, line: int | None = None, labels: tuple[str, ...] = ()
) -> Spec:
    """Parse one target. An error names `source` and `line`.

    Raises:
        InputError: if `text` does not have one of these forms; the message quotes it and gives the reason.
    """
    try:
        spec = _parse(text)
    except Malformed as error:
        raise InputError(f"{quote(text)} {error}", source=source, line=line) from None
    return msgspec.structs.replace(spec, labels=labels) if labels else spec


def host_specification(
    host: str, port: int | None = None, *, text: str | None = None, source: str | None = None, line: int | None = None
) -> HostSpec:
    """Return a target from a name or address and a port that another program wrote.

    `text` is the user's word for it if that differs; it is escaped.

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


def refuse_unspecified(spec: Spec, *, source: str | None = None, line: int | None = None) -> None:
    """Raise `InputError` if the target `spec` is unspecified: it would reach this machine, past all exclusions."""
    if is_unspecified(spec):
        here = "::1" if spec.text.count(":") > 1 else "127.0.0.1"
        words = f"is not a host: it is the unspecified address; this machine is {here}"
        raise InputError(f"{quote(spec.text)} {words}", source=source, line=line)


def quote(text: str) -> str:
    """Return `text` in double quotes for a message: escaped, and cut after 80 characters."""
    return f'"{escape_text(text if len(text) <= 80 else text[:77] + "...")}"'


def _parse(text: str) -> Spec:
    if not text:
        raise Malformed("is not a host: it is empty")
    if _NUMBERS.fullmatch(text):  # most lines of a long list
        return HostSpec(text, _parse_host(text), None)
    if text[0] in "{<":
        raise Malformed("is not a host: `--inventory` reads JSON and XML, `--from-records` reads records")
    if "://" in text:
        raise Malformed(f"is not a host: leave out the scheme{_as_in(host_of_url(text))}")
    if text.split() != [text]:
        raise Malformed(f"is not a host: it contains white space{_meant_by_words(text.split())}")
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
    """Return a hint to write `text`, if it is a target."""
    return f", as in {escape_unprintable(text)}" if _spec_of(text) is not None else ""


def _meant_by_words(words: list[str]) -> str:
    """Return a hint for a line of several words."""
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
    # The length is checked first: int() is slow for a million digits.
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
        if not host.isprintable():  # Python accepts any text as a zone, and records would contain it
            raise Malformed("is not an IPv6 address: it contains characters that cannot be printed")
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
    """Return "[::1]:2222" for "::1:2222", which is perhaps a port; None if it cannot be one."""
    host, _, port = text.rpartition(":")
    try:
        address = IPv6Address(host)
        _parse_port(port)
    except ValueError:
        return None
    return f"[{address}]:{port}"
