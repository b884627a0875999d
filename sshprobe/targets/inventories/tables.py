"""Tables with a header: the CSV of naabu and zmap. Others are refused, because their ports can be any service."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from sshprobe.targets.inventories.json_values import is_open
from sshprobe.targets.inventories.source import NOT_OPEN, Source
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import Spec

_ADDRESS_WORDS = ("ip_str", "ip", "ip address", "ip_address", "ipaddress", "ipv4", "address", "addr", "saddr")
_NAME_WORDS = ("host", "hostname", "host name", "host_name", "fqdn", "dns", "name", "node", "server", "target")
_PORT_WORDS = ("port", "sport", "ssh port", "ssh_port")
_HEADER_CELL = re.compile(r"[A-Za-z][A-Za-z0-9 _-]*|")
_SEPARATORS = ("\t", ",", ";")


def cells_of(line: str, separator: str) -> list[str]:
    """Return the cells of one line, without quotes."""
    try:
        row = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a cell of more than 128 KiB
        return line.split(separator)
    return [cell.strip() for cell in row]


def header_of(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the separator and the cells in lower case if the first line has the name of a host column; else None."""
    first = next((line for line in lines if line and not line.startswith("#")), "")
    for separator in _SEPARATORS:
        cells = [cell.lower() for cell in cells_of(first, separator)]
        known = [cell for cell in cells if cell in (*_ADDRESS_WORDS, *_NAME_WORDS)]
        if len(cells) > 1 and known and all(map(_HEADER_CELL.fullmatch, cells)):
            return separator, cells
    return None


def is_naabu(lines: Sequence[str]) -> bool:
    """Return whether these are the first lines of naabu's CSV."""
    found = header_of(lines)
    return found is not None and found[0] == "," and {"ip", "port", "protocol", "tls"} <= set(found[1])


def is_zmap(lines: Sequence[str]) -> bool:
    """Return whether these are the first lines of zmap's CSV with a header."""
    return "saddr" in next(filter(None, lines), "").split(",")


def read_naabu(source: Source) -> Iterator[Spec]:
    """Yield the targets of `naabu -csv`, as for its JSON. Rows of naabu can have more cells than the header."""
    columns: list[str] = []
    for number, line in source.lines():
        cells = cells_of(line, ",")
        if not columns:
            columns = [cell.lower() for cell in cells]
            continue
        row = dict(zip(columns, cells, strict=False))
        if [cell.lower() for cell in cells[: len(columns)]] == columns:  # one file for several runs
            continue
        if len(cells) < len(columns):
            raise source.error(f"has {len(cells)} columns where the header has {len(columns)}", number)
        if row["protocol"] != "tcp" or row["port"] == "0":
            source.left_out[NOT_OPEN] += 1
        else:
            name = row.get("host") or None
            yield source.host(row["ip"] or name, row["port"], text=name, line=number)


def read_zmap(source: Source) -> Iterator[Spec]:
    """Yield the targets of zmap's CSV with a header. Column "sport" is the port; rows without success are left out."""
    columns: list[str] = []
    for number, line in source.lines():
        cells = cells_of(line, ",") if '"' in line else [cell.strip() for cell in line.split(",")]
        if not columns:
            columns = cells
            continue
        if len(cells) != len(columns):
            raise source.error(f"has {len(cells)} columns where the header has {len(columns)}", number)
        row = dict(zip(columns, cells, strict=True))
        if is_open(row):
            yield source.host(row["saddr"], row.get("sport"), line=number)
        else:
            source.left_out[NOT_OPEN] += 1


def refuse_table(source: Source) -> Iterator[Spec]:
    """Raise the error for a table, with a command that prints its addresses as a list."""
    number, line = next(source.lines(), (1, ""))
    separator, cells = header_of([line]) or (",", [line])
    column = next((word for word in (*_ADDRESS_WORDS, *_NAME_WORDS) if word in cells), "")
    of_the_web = any(word in cells for word in ("url", "scheme", "tls_version"))
    port = None if of_the_web else next((word for word in _PORT_WORDS if word in cells), None)
    fields = f"${cells.index(column) + 1}" if column else "$1"
    if port is not None:
        fields += f'":"${cells.index(port) + 1}'
    flag = {"\t": r" -F'\t'", ",": " -F,", ";": " -F';'"}[separator]
    words = f"is a table with the columns {quote(', '.join(cells))}: `awk{flag} 'NR>1 {{print {fields}}}' FILE`"
    raise source.error(f"{words} makes it a list, for `sshprobe scan -`", number)
    yield  # a reader is a generator
