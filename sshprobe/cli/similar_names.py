"""Names that come close to one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection

SHOWN = 5
"""Names that an error proposes, at most."""


def close_names(word: str, known: Collection[str]) -> list[str]:
    """Return what `word` may have meant: names that contain it from the beginning of a part on, else similar ones."""
    word = word.lower()
    if len(word) >= 3:
        inside = [name for name in sorted(known) if f".{word}" in f".{name.lower().replace('_', '.')}"]
        if inside:
            return inside[:SHOWN]
    return difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)
