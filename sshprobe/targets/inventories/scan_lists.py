"""The line formats of scanners: `masscan -oL`, `rustscan --greppable`, and plain lists, which many others write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories import json_values
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.sources import refuse_header, refuse_nothing
from sshprobe.targets.specification import parse_specification
from sshprobe.targets.specs import Spec, labels_of_comment

_MASSCAN_LINE = re.compile(r"(open|closed|banner) (tcp|udp|sctp|icmp|oproto) \S+ \S+")
_MASSCAN_SCREEN = re.compile(r"Discovered open port (\d+)/(tcp|udp|sctp) on (\S+)")
_RUSTSCAN_LINE = re.compile(r"(\S+) -> \[\s*(\d+(?:\s*,\s*\d+)*)?\s*\]")


def read_list(source: Source) -> Iterator[Spec]:
    """Yield the targets of a list, one a line, such as those of zmap, subfinder and naabu."""
    is_first = True
    for number, line in source.lines():
        text, _, comment = line.partition("#")
        text = text.strip()
        if is_first:
            is_first = False
            refuse_header(text, source.name, number)
        refuse_nothing(text, source.name, number)
        yield parse_specification(text, source=source.name, line=number, labels=labels_of_comment(comment))


def is_masscan(lines: Sequence[str]) -> bool:
    """Return whether these are the first lines of `masscan -oL`."""
    first = next(filter(None, lines), "")
    return first == "#masscan" or _MASSCAN_LINE.match(first) is not None


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of `masscan -oL`."""
    for number, line in source.lines():
        yield from _masscan_line(source, number, line)


def _masscan_line(source: Source, number: int, line: str) -> Iterator[Spec]:
    if not _MASSCAN_LINE.match(line):
        raise source.error("is not a line of masscan, such as `open tcp 22 192.0.2.1 1700000000`", number)
    state, protocol, port, host, *_ = line.split()
    if (state, protocol) == ("open", "tcp"):
        yield source.host(host, port, line=number)
    elif state != "banner":  # the port of a banner has another line
        source.left_out[NOT_OPEN] += 1


def is_rustscan(lines: Sequence[str]) -> bool:
    """Return whether these are lines of `rustscan --greppable`."""
    return _RUSTSCAN_LINE.fullmatch(next(filter(None, lines), "")) is not None


def read_rustscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of rustscan: every open TCP port."""
    for number, line in source.lines():
        yield from _rustscan_line(source, number, line)


def _rustscan_line(source: Source, number: int, line: str) -> Iterator[Spec]:
    found = _RUSTSCAN_LINE.fullmatch(line)
    if found is None:
        raise source.error("is not a line of `rustscan --greppable`, such as `192.0.2.1 -> [22,2222]`", number)
    for port in (found[2] or "").split(","):
        if port:
            yield source.host(found[1], port.strip(), line=number)


def read_line(source: Source, number: int, line: str) -> Iterator[Spec]:
    """Yield the targets of one line of a scanner's output: JSON, `masscan` with or without `-oL`, or rustscan."""
    found = _MASSCAN_SCREEN.match(line)
    if found is not None:
        return _masscan_line(source, number, f"open {found[2]} {found[1]} {found[3]} 0")
    if line[0] not in "{[,":
        return (_rustscan_line if "->" in line else _masscan_line)(source, number, line)
    try:
        value = json.loads(line.strip("[], \t"))  # an array has its objects one a line
    except (ValueError, RecursionError):
        raise source.error("is not JSON: a line of a stream is one object", number) from None
    if not isinstance(value, dict):
        raise source.error("is not a JSON object", number)
    return json_values.read_object(source, number, value, in_array=False)
