"""Lists of a page as data, which become HTML, CSV or JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from sshprobe.render.formats.csv import neutral


class Cell(NamedTuple):
    """One cell."""

    text: str | int | float | bool | None
    """Its value, also in CSV and JSON."""
    link: str = ""
    """Where it leads; a path of ours."""
    kind: str = ""
    """Its look: `grade`, `severity`, `code`, `time`, or `foreign` for texts of servers."""
    below: str = ""
    """A second line, for people only."""


class Column(NamedTuple):
    """One column."""

    key: str
    """Its name in CSV and JSON."""
    title: str
    is_number: bool = False
    sort: str = ""
    """The value of `sort` for this column. Empty: it does not sort."""
    hides: bool = False
    """Whether a narrow screen leaves it out."""
    heads: bool = False
    """Whether its cells name their rows."""


class Listing(NamedTuple):
    """A list of a page."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    empty: str = "Nothing to show."
    """In place of a table without rows."""
    sorted_by: str = ""
    """The value of `sort` in use."""


def exported(listing: Listing, form: str, name: str) -> Response | None:
    """Return a list as `csv` or `json`, for download under a name; None for any other form."""
    keys = [column.key for column in listing.columns]
    if form == "json":
        rows = [{key: cell.text for key, cell in zip(keys, row, strict=True)} for row in listing.rows]
        return Response(msgspec.json.encode(rows), media_type="application/json", headers=_file(f"{name}.json"))
    if form != "csv":
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(keys)
    for row in listing.rows:
        writer.writerow([neutral(cell.text) for cell in row])
    return Response(
        text.getvalue().encode("utf-8", "backslashreplace"),
        media_type="text/csv; charset=utf-8",
        headers=_file(f"{name}.csv"),
    )


def _file(name: str) -> dict[str, str]:
    name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)  # names of scans and findings come from a history
    return {"Content-Disposition": f'attachment; filename="sshprobe-{name}"'}
