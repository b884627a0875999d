"""The line formats of scanners: `masscan -oL`, `rustscan --greppable`, and plain lists, which many others write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.sources import refuse_header, refuse_nothing
from sshprobe.targets.specification import parse_specification
from sshprobe.targets.specs import Spec

_MASSCAN_LINE = re.compile(r"(open|closed|banner) (tcp|udp|sctp|icmp|oproto) \S+ \S+")
_RUSTSCAN_LINE = re.compile(r"(\S+) -> \[\s*(\d+(?:\s*,\s*\d+)*)?\s*\]")


def read_list(source: Source) -> Iterator[Spec]:
    """Yield the targets of a list, one a line, as of zmap, subfinder, naabu and others."""
    is_first = True
    for number, line in source.lines():
        text = line.partition("#")[0].strip()
        if is_first:
            is_first = False
            refuse_header(text, source.name, number)
        refuse_nothing(text, source.name, number)
        yield parse_specification(text, source=source.name, line=number)


def is_masscan(lines: Sequence[str]) -> bool:
    """Return whether these are the first lines of `masscan -oL`."""
    first = next(filter(None, lines), "")
    return first == "#masscan" or _MASSCAN_LINE.match(first) is not None


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of `masscan -oL`."""
    for number, line in source.lines():
        if not _MASSCAN_LINE.match(line):
            raise source.error("is not a line of masscan, such as `open tcp 22 192.0.2.1 1700000000`", number)
        state, protocol, port, host, *_ = line.split()
        if state == "banner":  # its port has another line
            continue
        if (state, protocol) == ("open", "tcp"):
            yield source.host(host, port, line=number)
        else:
            source.left_out[NOT_OPEN] += 1


def is_rustscan(lines: Sequence[str]) -> bool:
    """Return whether these are lines of `rustscan --greppable`."""
    return _RUSTSCAN_LINE.fullmatch(next(filter(None, lines), "")) is not None


def read_rustscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of rustscan: every open TCP port."""
    for number, line in source.lines():
        found = _RUSTSCAN_LINE.fullmatch(line)
        if found is None:
            raise source.error("is not a line of `rustscan --greppable`, such as `192.0.2.1 -> [22,2222]`", number)
        for port in (found[2] or "").split(","):
            if port:
                yield source.host(found[1], port.strip(), line=number)
