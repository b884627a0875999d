"""The width and colours of the output, and the escaping of all text of records."""

from __future__ import annotations

import re
import textwrap
from typing import Any, TypeVar

import msgspec

from sshprobe.model.escape import escape_unprintable

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}

_WORD_COLOURS = {
    **dict.fromkeys(("A+", "A", "B", "good"), "green"),
    **dict.fromkeys(("C", "D", "medium"), "yellow"),
    **dict.fromkeys(("F", "high"), "red"),
    **dict.fromkeys(("note", "marker"), "dim"),
    "critical": "magenta",
    "low": "cyan",
}
"""Letters, severities and strengths."""


_NO_BREAK = "\0"
"""A space that is not a place to wrap. Text to wrap is printable, so it does not contain this character."""


class Terminal(msgspec.Struct, frozen=True):
    """The abilities of the output. Meaning never depends only on colour."""

    width: int = 100
    """Columns. Long lists are wrapped to it; lines to paste never are."""
    colour: bool = False
    cuts: bool = False
    """Whether wider lines must be cut, as on a screen. For a file or a pipe they are not."""

    def paint(self, text: str, style: str) -> str:
        """Return `text` in `style` ("bold", "red", ...), or unchanged without colour."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def word(self, text: str, meaning: str | None = None) -> str:
        """Return `text` in the colour of `meaning`, a severity, strength or letter. Default: `text` itself."""
        style = _WORD_COLOURS.get((meaning or text).rstrip("?"))
        return text if style is None else self.paint(text, style)

    def wrap(self, text: str, *, indent: str, first: str | None = None) -> list[str]:
        """Return `text` as lines that fit the width, the first led by `first` and the others by `indent`.

        A command in backticks stays on one line if it fits there.
        """
        lead = indent if first is None else first
        room = max(self.width, len(indent) + 20)
        if len(lead) + len(text) <= room and text.isprintable():
            return [(lead + text).rstrip()]  # most lines fit, and textwrap takes ten times as long
        longest = room - len(indent) - 2
        text = re.sub(f"`[^`]{{1,{longest}}}`", lambda found: found[0].replace(" ", _NO_BREAK), text)
        lines = textwrap.wrap(
            text, room, initial_indent=lead, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        return [line.replace(_NO_BREAK, " ") for line in lines] or [lead.rstrip()]


Struct = TypeVar("Struct", bound=msgspec.Struct)

_PRINTABLE = bytes(range(0x20, 0x7F))
_ESCAPED = re.compile(rb"\\[bfnrtu]")
"""JSON of printable text has only these bytes, and no match. One expression for both takes ten times as long."""


def printable(struct: Struct) -> Struct:
    """Return a record or a view without characters that could control a terminal.

    Records of our own scans are already escaped and stay unchanged. Other records are not trusted, so a format for
    people calls this once for the whole record, and no field is forgotten.
    """
    encoded = msgspec.json.encode(struct)
    if not encoded.translate(None, _PRINTABLE) and _ESCAPED.search(encoded) is None:
        return struct
    return msgspec.convert(_printable(msgspec.to_builtins(struct)), type(struct))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return escape_unprintable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return value
