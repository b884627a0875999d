"""Rows as aligned lines of text, and their layout on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence

from sshprobe.render.text.terminal import Terminal

_COLOURED = ("grade", "severity", "weakness")
"""Headers of the columns whose cells are letters or severities."""


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, with dots for a missing end."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def column_width(header: str, cells: Sequence[str]) -> int:
    """Return the width of a column. A header can have several lines."""
    return max(map(len, (*header.split("\n"), *cells)))


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], terminal: Terminal, *, right: Sequence[str] = ()
) -> list[str]:
    """Return a table as wide as its content, headers first. `right`: headers of right-aligned columns."""
    from tabulate import tabulate  # slow to import, and one host has no table

    coloured = [header in _COLOURED for header in headers]
    cells = [[terminal.word(cell) if mark else cell for cell, mark in zip(row, coloured, strict=True)] for row in rows]
    text = tabulate(
        [headers, *cells],  # not as tabulate's headers, which would be two columns wider
        tablefmt="plain",
        colalign=["right" if header in right else "left" for header in headers],
        disable_numparse=True,
        preserve_whitespace=True,
    )
    return [line.rstrip() for line in text.split("\n")]


def stack(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    terminal: Terminal,
    *,
    right: Sequence[str] = (),
    below: int,
    shortened: Sequence[tuple[str, int]] = (),
) -> list[str]:
    """Return a table that fits `terminal` where it cuts.

    If it does not fit, the last column moves below its row, wrapped; then the one before it too, up to `below` columns;
    then those in `shortened` are cut, one by one, to their widths.
    """
    widths = [column_width(header, [row[column] for row in rows]) for column, header in enumerate(headers)]

    def excess(kept: int) -> int:
        return sum(widths[:kept]) + 2 * (kept - 1) - terminal.width if terminal.cuts else 0

    kept = next((each for each in range(len(headers), len(headers) - below, -1) if excess(each) <= 0), None)
    cells = [list(row) for row in rows]
    if kept is None:
        kept = len(headers) - below
        for header, least in shortened:
            column = headers.index(header) if header in headers[:kept] else kept
            if column < kept and excess(kept) > 0 and widths[column] > least:
                widths[column] = max(widths[column] - excess(kept), least)
                for row in cells:
                    row[column] = cut(row[column], widths[column])
    above = table(headers[:kept], [row[:kept] for row in cells], terminal, right=right)
    under = [": ".join(filter(None, row[kept:])) for row in (headers, *rows)]
    return [
        line
        for row, text in zip(above, under, strict=True)
        for line in (row, *(terminal.wrap(text, indent="      ", first="    ") if text else ()))
    ]
