"""Makes bytes and text from servers safe to print.

A banner can contain terminal escapes, bidirectional overrides and worse. All data of a server is escaped here before it
reaches a record, a terminal or a log. The result has printable ASCII, and printable characters that cannot move the
cursor or reorder text. All others become visible escapes such as \\x1b or \\u202e. A backslash is doubled, so that the
original can be restored.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "..."
"""Ends a text that was cut short."""

_ESCAPES = re.compile(r"\\\\|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U00(?:0[0-9a-f]|10)[0-9a-f]{4}")

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories never printed: controls, format characters (bidi), surrogates, unassigned, separators."""


def escape_bytes(data: bytes, limit: int | None = None) -> str:
    """Return `data` as printable text: valid UTF-8 as characters, any other byte as \\xNN.

    `limit`: the most bytes to show, with an ellipsis for the rest.
    """
    cut = limit is not None and len(data) > limit
    text = (data[:limit] if cut else data).decode("utf-8", "surrogateescape")
    return escape_text(text) + (ELLIPSIS if cut else "")


def escape_text(text: str) -> str:
    """Return `text` with a visible escape for every character that is unsafe to print."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join("\\\\" if character == "\\" else _escape_character(character) for character in text)


def unescape_text(text: str) -> str:
    """Return the original of an escaped text. A byte that was not UTF-8 becomes that character."""
    return _ESCAPES.sub(lambda found: "\\" if found[0] == "\\\\" else chr(int(found[0][2:], 16)), text)


def escape_unprintable(text: str) -> str:
    """Return `text` with unsafe characters escaped and backslashes unchanged, for the step before a terminal.

    Escaped text of a record stays the same. But a records file is not trusted.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return character
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100 and unicodedata.category(character) in _UNSAFE:
        return f"\\x{code:02x}"
    if unicodedata.category(character) in _UNSAFE or unicodedata.category(character).startswith("M"):
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character
