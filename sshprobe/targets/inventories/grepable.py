"""The lines that `nmap -oG` and `masscan -oG` write: "Host: 192.0.2.1 (name)", a tab, "Ports: 22/open/tcp//ssh///"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories.nmap import OTHER_PORTS, SSH_SERVICES
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specs import Spec

_HOST = re.compile(r"(?:Timestamp: \d+\t)?Host: (\S+) \(([^)\t]*)\)")
_PORT = re.compile(r"(?:^|, )(\d+)/([a-z|]+)/([a-z0-9]+)/[^/]*/([^/]*)/")
"""Port, state, protocol, owner, service. nmap writes "|" for "/" in a text (output.cc), so no banner matches."""

_ASKED_PORTS = re.compile(rb"# Nmap [^\n]* as: (?![^\n]* -s[nP]\b)")


def is_grepable(lines: Sequence[str]) -> bool:
    """Return whether these are lines of `-oG`."""
    return any(_HOST.match(line) for line in lines)


def is_masscan_grepable(lines: Sequence[str]) -> bool:
    """Return whether masscan wrote them."""
    first = next(filter(None, lines), "")
    return is_grepable(lines) and (
        first.startswith("# Masscan ") or any(line.startswith("Timestamp: ") for line in lines)
    )


def read_nmap(source: Source) -> Iterator[Spec]:
    """Yield the targets of nmap: the ports that it calls ssh, and those of the sweep."""
    return _read(source, every_port=False)


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of masscan: every open TCP port."""
    return _read(source, every_port=True)


def _read(source: Source, *, every_port: bool) -> Iterator[Spec]:
    up: dict[str, int] = {}
    # If nmap scanned ports, a host without a line of ports shows that the file is cut off.
    scanned = every_port or _ASKED_PORTS.match(source.head()) is not None
    for number, line in source.lines():
        host = _HOST.match(line)
        if host is None:
            raise source.error("is not a line of `-oG`, such as `Host: 192.0.2.1 ()`, a tab, `Status: Up`", number)
        address, fields = host[1], line[host.end() :].split("\t")
        if "Status: Up" in fields:
            up.setdefault(address, number)
        for field in fields:
            word, _, rest = field.partition(": ")
            if word == "Ports":
                scanned = True
                yield from _ports(source, number, address, rest, every_port=every_port)
            elif word == "Ignored State":
                scanned = True
    if not scanned:  # `-sn`: they are up, and their ports are unknown
        for address, number in up.items():
            yield source.host(address, line=number)


def _ports(source: Source, number: int, address: str, text: str, *, every_port: bool) -> Iterator[Spec]:
    entries = _PORT.findall(text)
    if not entries and text.strip():
        raise source.error("has ports that cannot be read: they look like `22/open/tcp//ssh///`", number)
    for port, state, protocol, service in entries:
        if (state, protocol) != ("open", "tcp"):
            if every_port:
                source.left_out[NOT_OPEN] += 1
            continue
        spec = source.host(address, port, line=number)
        if every_port or service in SSH_SERVICES or spec.port in source.ports:
            yield spec
        else:
            source.left_out[OTHER_PORTS] += 1
