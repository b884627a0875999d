"""TOML files of users, profiles and saved options: limits of size and depth, and errors with file and line."""

from __future__ import annotations

import codecs
import re
import tomllib
from functools import cached_property
from typing import Any, NoReturn

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_text
from sshprobe.small_files import MEBIBYTE

LARGEST_FILE = MEBIBYTE
"""Limit in bytes for a profile or saved options. The longest built-in profile has 11,000."""

LONGEST_LINE = 1 << 14
"""Limit in characters for a line."""

MOST_LEVELS = 16
"""Limit for tables and arrays within each other. A profile needs four."""

Place = tuple[str | int, ...]
"""A position in a document: ("kex", "allowed", 2)."""

_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*+\"|'[^']*+'""")
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++\s*+\.\s*+){{{MOST_LEVELS},}}")

_TOO_DEEP = f"is nested too deeply: at most {MOST_LEVELS} tables and arrays within each other"


def toml_text(data: bytes, *, source: str) -> str:
    """Return the text of a TOML file, without the byte order mark and the CR LF that editors on Windows write.

    Raises `InputError` with the line that is not UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError("is UTF-16 text: save it as UTF-8", source=source, line=1)
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8 text", source=source, line=line) from None
    return text.replace("\r\n", "\n")


def toml_document(text: str, *, source: str) -> dict[str, Any]:
    """Return the document in `text`. Raises `InputError` with the line that is not TOML or exceeds a limit."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            words = f"the line is longer than {LONGEST_LINE:,} characters: write an array on several lines"
            raise InputError(words, source=source, line=number)
        # tomllib takes quadratic time for the parts of a dotted key.
        if line.count(".") >= MOST_LEVELS and _LONG_KEY.search(_QUOTED.sub("q", line)):
            raise InputError(_TOO_DEEP, source=source, line=number)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise InputError(_TOO_DEEP, source=source) from None
    except ValueError as error:
        if not isinstance(error, tomllib.TOMLDecodeError):  # such as int() of too many digits
            words = f"not TOML: {_one_line(error)}"
            raise InputError(words, source=source, line=_line_of_a_value(text)) from None
        message, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        where = int(found[1]) if found else text.count("\n") + 1
        raise InputError(f"not TOML: {message[0].lower()}{message[1:]}", source=source, line=where) from None
    _check_depth(document, source)
    return document


def _check_depth(document: dict[str, Any], source: str) -> None:
    """Raise `InputError` for a document that is nested too deeply, without recursion."""
    level: list[Any] = [document]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise InputError(_TOO_DEEP, source=source)


def _line_of_a_value(text: str) -> int | None:
    """Return the first line with a number that is too long for Python, or with an impossible date."""
    for number, line in enumerate(text.split("\n"), start=1):
        if '"' not in line and "'" not in line and "=" in line:
            try:
                tomllib.loads(line)
            except tomllib.TOMLDecodeError:
                continue
            except ValueError:
                return number
    return None


def _one_line(error: Exception) -> str:
    if "integer string conversion" in str(error):
        return "a number of too many digits"
    return str(error).partition("\n")[0][:200]


class TomlText:
    """Finds the lines of keys in a TOML text, which `tomllib` does not keep, for error messages."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.lines = text.split("\n")  # as tomllib counts: U+2028 does not end a line

    @cached_property
    def places(self) -> dict[Place, int]:
        """The line of each key and table."""
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
        """Return the line of a key or table, or of `value` in an array of several lines."""
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
        """Raise an `InputError` for a place."""
        field = ".".join(str(part) for part in place if isinstance(part, str))
        raise InputError(escape_text(f"{field}: {message}"), source=self.source, line=self.line(place, value)) from None

    def fail_as(self, error: str) -> NoReturn:
        """Raise an `InputError` for an error of msgspec: "Expected `str`, got `int` - at `$.kex.where`"."""
        message, _, path = error.partition(" - at ")
        parts = re.findall(r"\.([\w-]+)|\[(\d+)\]", path)
        place: Place = tuple(int(index) if index else name for name, index in parts)
        if unknown := re.search(r"unknown field `(.*)`", message):
            self.fail((*place, unknown[1]), "unknown field")
        if missing := re.search(r"missing required field `(.*)`", message):
            self.fail((*place, missing[1]), "is missing")
        self.fail(place, f"{message[0].lower()}{message[1:]}".replace(" | null", ""))


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(r"""\s*("[^"]*"|'[^']*'|[\w-]+)\s*""", dotted))
