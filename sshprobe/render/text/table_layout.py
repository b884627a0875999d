"""Rows as aligned lines of text, and how they give way to a narrow screen: cut first, then left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sshprobe.render.text.terminal import Terminal

_LEAST = (("worst", 24), ("software", 16), ("name", 16), ("worst", 18), ("software", 12), ("name", 10))
"""What a narrow screen cuts, one after the other, and what it leaves: the second round is where hosts have names."""

_LEFT_OUT = ("software", "worst")
"""Columns that give way, one after the other, where cutting is not enough for names of hosts or further profiles."""

_ALWAYS = frozenset({"grade", "score", "host", "name", *_LEFT_OUT})
"""Headers of our own. All others are ids of profiles."""


class Layout(NamedTuple):
    """The lines of a table, those of its headers first, and the columns that had no room."""

    lines: list[str]
    left_out: tuple[str, ...]


def lay_out(headers: Sequence[str], cells: Sequence[Sequence[str]], terminal: Terminal) -> Layout:
    """Return the table of `cells`, as many in each row as there are `headers`, fitted to `terminal` where it cuts."""
    lines = _lines(headers, cells)
    if not terminal.cuts or _excess(lines, terminal) <= 0:
        return Layout(lines, ())
    shown = [header if header in _ALWAYS else header.replace("-", "\n") for header in headers]
    gives_way = _LEFT_OUT if "name" in headers or set(headers) - _ALWAYS else ()
    for number in range(len(gives_way) + 1):
        left_out = gives_way[:number]
        kept = [column for column, header in enumerate(headers) if header not in left_out]
        some = [shown[column] for column in kept]
        rows = [[row[column] for column in kept] for row in cells]
        lines = _lines(some, rows)
        if _narrow(some, rows, _excess(lines, terminal)):
            lines = _lines(some, rows)
        if _excess(lines, terminal) <= 0:
            break
    return Layout(lines, left_out)


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, with dots for what is left out."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _lines(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    # Not `tabulate`: it adds two columns to every header, which a narrow screen does not have.
    heads = [header.split("\n") for header in headers]
    deep = max(map(len, heads))
    rows = [*([head[line] if line < len(head) else "" for head in heads] for line in range(deep)), *cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_aligned, headers, row, widths)).rstrip() for row in rows]


def _aligned(header: str, cell: str, width: int) -> str:
    return cell.rjust(width) if header == "score" else cell.ljust(width)


def _excess(lines: Sequence[str], terminal: Terminal) -> int:
    return max(map(len, lines)) - terminal.width


def _narrow(headers: list[str], cells: list[list[str]], excess: int) -> bool:
    """Shorten the columns of `_LEAST` by `excess` characters as far as they go. Returns whether anything was done."""
    done = False
    for header, least in _LEAST if "name" in headers else _LEAST[:2]:
        if header not in headers:
            continue
        column = headers.index(header)
        widest = max((len(row[column]) for row in cells), default=0)
        shorter = max(widest - excess, least)
        if excess <= 0 or shorter >= widest:
            continue
        for row in cells:
            row[column] = cut(row[column], shorter)
        excess -= widest - shorter
        done = True
    return done


def stack(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    terminal: Terminal,
    *,
    right: Sequence[str],
    below: int,
    shortened: Sequence[tuple[str, int]],
) -> list[str]:
    """Return the table of `rows`, those of its headers first, fitted to `terminal` where it cuts.

    Where it does not fit, the last column goes below its row, wrapped; then the one before it too, `below` columns at
    most; then those in `shortened` are cut, one after the other, to the width beside each. `right`: headers of the
    columns that are aligned to the right.
    """
    lines, kept = _plain(headers, rows, right, wider=_WIDER), len(headers)
    if not terminal.cuts or _excess(lines, terminal) <= 0:
        return lines
    for kept in range(len(headers), len(headers) - below - 1, -1):
        lines = _plain(headers[:kept], [row[:kept] for row in rows], right)
        if _excess(lines, terminal) <= 0:
            break
    else:
        cells = [list(row[:kept]) for row in rows]
        for header, least in shortened:
            if header in headers[:kept]:
                column, excess = headers.index(header), max(_excess(lines, terminal), 0)
                limit = max(max(len(row[column]) for row in cells) - excess, least)
                for row in cells:
                    row[column] = cut(row[column], limit)
                lines = _plain(headers[:kept], cells, right)
    under = [": ".join(filter(None, row[kept:])) for row in (headers, *rows)]
    return [
        line
        for above, text in zip(lines, under, strict=True)
        for line in (above, *(terminal.wrap(text, indent="      ", first="    ") if text else ()))
    ]


_WIDER = 2
"""Columns that a header has to itself where there is room: words over narrow columns stand apart."""


def _plain(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], *, wider: int = 0) -> list[str]:
    columns = [[header, *(row[column] for row in rows)] for column, header in enumerate(headers)]
    widths = [max(len(header) + wider, *map(len, column)) for header, column in zip(headers, columns, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if header in right else cell.ljust(width)
            for header, cell, width in zip(headers, row, widths, strict=True)
        ).rstrip()
        for row in (headers, *rows)
    ]
