"""Text as Markdown (CommonMark 0.31 and GitHub's tables): a server must not add a link, a picture, HTML or a row."""

from __future__ import annotations

import re

from sshprobe.model.escape import escape_unprintable

_ACTIVE = re.compile(r"[\\`*\[\]<>|&~@$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|://|(?<=www)\.")
"""Characters with a meaning inside a line, and the beginnings of automatic links of GitHub. An underscore between
letters has none."""


def sentence(text: str) -> str:
    """Return a sentence in which no character is markup. It must not begin a line."""
    return _ACTIVE.sub(lambda found: f"\\{found[0]}", escape_unprintable(text))


def code(text: str) -> str:
    """Return a code span, also for a cell of a table. An empty text stays empty."""
    text = escape_unprintable(text)
    if not text.strip():
        return ""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{text}{gap}{fence}".replace("|", "\\|")
