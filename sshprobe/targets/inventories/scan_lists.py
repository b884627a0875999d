"""The line formats of scanners: `masscan -oL`, and the CSV of zmap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories import json_values, lists
from sshprobe.targets.inventories.source import Source
from sshprobe.targets.specification import Spec

_MASSCAN_LINE = re.compile(r"(open|closed|banner) (tcp|udp|sctp|icmp|oproto) \S+ \S+")


def is_masscan(lines: Sequence[str]) -> bool:
    """Say whether these are the first lines of `masscan -oL`."""
    first = next(filter(None, lines), "")
    return first == "#masscan" or _MASSCAN_LINE.match(first) is not None


def read_masscan(source: Source) -> Iterator[Spec]:
    """Yield the targets of masscan, be it its list or its JSON."""
    if source.head().lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        yield from json_values.read_masscan(source)
        return
    for number, line in source.lines():
        if not _MASSCAN_LINE.match(line):
            raise source.error("is no line of masscan, such as `open tcp 22 192.0.2.1 1700000000`", number)
        state, protocol, port, host, *_ = line.split()
        if state == "banner":  # what was said on a port that has a line of its own
            continue
        if (state, protocol) == ("open", "tcp"):
            yield source.host(host, port, line=number)
        else:
            source.left_out[json_values.NOT_OPEN] += 1


def is_zmap(lines: Sequence[str]) -> bool:
    """Say whether these are the first lines of zmap's CSV with a header."""
    return "saddr" in next(filter(None, lines), "").split(",")


def read_zmap(source: Source) -> Iterator[Spec]:
    """Yield the targets of zmap: addresses one a line, or CSV with a header. Where it names "sport", that is the port.

    Rows that are no success (closed ports are in the output when it is not filtered) are left out.
    """
    if not is_zmap(source.head().decode("utf-8", "replace").splitlines()):
        yield from lists.read(source)
        return
    columns: list[str] = []
    for number, line in source.lines():
        cells = [cell.strip() for cell in line.split(",")]
        if not columns:
            columns = cells
            continue
        if len(cells) != len(columns):
            raise source.error(f"has {len(cells)} columns where the header has {len(columns)}", number)
        row = dict(zip(columns, cells, strict=True))
        if row.get("success", "1") not in ("1", "true"):
            source.left_out[json_values.NOT_OPEN] += 1
        else:
            yield source.host(row["saddr"], row.get("sport"), line=number)
