"""Lines of a TOML text found again, which `tomllib` does not keep, for errors that name them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import NoReturn

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text

Place = tuple[str | int, ...]
"""Where in a document: ("kex", "allowed", 2)."""


class TomlText:
    """Finds lines of a TOML text again, which `tomllib` does not keep."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.lines = text.split("\n")  # as tomllib counts them: U+2028 ends no line

    @cached_property
    def places(self) -> dict[Place, int]:
        """The line of each key and table: read where something is wrong."""
        places: dict[Place, int] = {}
        table: Place = ()
        entries: dict[Place, int] = {}
        key = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
        dotted = rf"{key}(?:\s*\.\s*{key})*"
        for number, line in enumerate(self.lines, 1):
            if header := re.match(rf"\s*(\[\[?)\s*({dotted})\s*\]", line):
                table = _parts(header[2])
                if header[1] == "[[":
                    entries[table] = entries.get(table, -1) + 1
                    table = (*table, entries[table])
                places.setdefault(table, number)
            elif assignment := re.match(rf"\s*({dotted})\s*=", line):
                places.setdefault(table + _parts(assignment[1]), number)
        return places

    def line(self, place: Place, value: str | None = None) -> int:
        """The line of a key or table; of `value` where it stands in an array of more than one line."""
        for length in range(len(place), 0, -1):
            start = self.places.get(place[:length])
            if start is not None:
                if value is not None:
                    for number in range(start, len(self.lines) + 1):
                        if f'"{value}"' in self.lines[number - 1] or f"'{value}'" in self.lines[number - 1]:
                            return number
                return start
        return 1

    def fail(self, place: Place, message: str, value: str | None = None) -> NoReturn:
        """Raise the `InputError` of a place."""
        field = ".".join(str(part) for part in place if isinstance(part, str))
        raise InputError(escape_text(f"{field}: {message}"), source=self.source, line=self.line(place, value)) from None

    def fail_as(self, error: str) -> NoReturn:
        """Turn an error of msgspec, "Expected `str`, got `int` - at `$.kex.where`", into ours."""
        message, _, path = error.partition(" - at ")
        parts = re.findall(r"\.([\w-]+)|\[(\d+)\]", path)
        place: Place = tuple(int(index) if index else name for name, index in parts)
        if unknown := re.search(r"unknown field `(.*)`", message):
            self.fail((*place, unknown[1]), "unknown field")
        if missing := re.search(r"missing required field `(.*)`", message):
            self.fail((*place, missing[1]), "is missing")
        self.fail(place, f"{message[0].lower()}{message[1:]}")


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(r"""\s*("[^"]*"|'[^']*'|[\w-]+)\s*""", dotted))
