"""TOML files of users, profiles and saved options: bounded in bytes and depth, and one line says what is wrong."""

from __future__ import annotations

import codecs
import re
import tomllib
from typing import Any

from sshprobe.model.errors import InputError
from sshprobe.small_files import MEBIBYTE

LARGEST_FILE = MEBIBYTE
"""Bytes that are read of a profile, or of saved options. Our longest profile has 11,000."""

LONGEST_LINE = 1 << 14
"""Characters of a line of TOML."""

MOST_LEVELS = 16
"""Tables and arrays within each other. A profile needs four."""

_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*+\"|'[^']*+'""")
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++\s*+\.\s*+){{{MOST_LEVELS},}}")

_TOO_DEEP = f"is nested too deeply: at most {MOST_LEVELS} tables and arrays within each other"


def toml_text(data: bytes, *, source: str) -> str:
    """The text of a TOML file, which editors of Windows may have begun with a mark and ended each line in CR LF.

    Raises `InputError` naming the line that is not UTF-8.
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
    """The document in `text`. Raises `InputError` naming the line where it is not TOML, or more than we read."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            words = f"the line is longer than {LONGEST_LINE:,} characters: write an array on several lines"
            raise InputError(words, source=source, line=number)
        # tomllib takes time by the square of the parts of a dotted key.
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
    """Raise `InputError` if a document is nested more deeply than a profile can be. Works without recursion."""
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
    """The first line with a number that Python refuses to read for its length, or with a date that is none."""
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
