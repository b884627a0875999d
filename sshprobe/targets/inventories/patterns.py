"""Patterns of OpenSSH (ssh_config(5), section PATTERNS): "*" stands for any characters, "?" for one.

A pattern is compared only with names that have its beginning or end: an inventory of thousands of blocks is read in
seconds. A comparison takes time in proportion to the name.
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache

_LONGEST = 1024
"""Characters of a pattern. Longer ones match nothing, as in OpenSSH's lists of patterns."""


class TooManyComparisons(Exception):
    """Comparing all names and patterns would take too long."""


class Names:
    """Names of hosts with their numbers, searched by pattern. One name can have several numbers."""

    def __init__(self, names: Sequence[str], *, most: int) -> None:
        """After `most` comparisons, `TooManyComparisons` is raised."""
        self._numbers: dict[str, list[int]] = {}
        for number, name in enumerate(names):
            self._numbers.setdefault(name, []).append(number)
        self._forward = sorted(self._numbers)
        self._backward = sorted(name[::-1] for name in self._numbers)
        self._left = most
        self._all = range(len(names))

    def matching(self, pattern: str) -> Iterable[int]:
        """Return the numbers of the names that match `pattern`. Raises `TooManyComparisons`."""
        if not is_pattern(pattern):
            return self._numbers.get(pattern, ())
        if pattern == "*":
            self._spend(len(self._all))
            return self._all
        begin = _literal_begin(pattern)
        end = _literal_begin(pattern[::-1])
        candidates: Iterable[str] = self._forward
        if begin:
            candidates = _beginning_with(self._forward, begin)
        elif end:
            candidates = [name[::-1] for name in _beginning_with(self._backward, end)]
        fits = _compiled(pattern)
        found = []
        for name in candidates:
            self._spend(1)
            if fits is not None and fits.fullmatch(name):
                found += self._numbers[name]
        return found

    def _spend(self, comparisons: int) -> None:
        self._left -= comparisons
        if self._left < 0:
            raise TooManyComparisons


def is_pattern(text: str) -> bool:
    """Return whether `text` can match more than itself."""
    return "*" in text or "?" in text


def matches(name: str, pattern: str) -> bool:
    """Return whether one name matches a pattern."""
    if not is_pattern(pattern):
        return name == pattern
    fits = _compiled(pattern)
    return fits is not None and fits.fullmatch(name) is not None


def in_pattern_list(name: str, patterns: str) -> bool:
    """Return whether a name matches a comma-separated list: at least one pattern, and no pattern after "!"."""
    found = False
    for pattern in patterns.split(","):
        if matches(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    # Of fnmatch's patterns, OpenSSH has no "[...]". The expression takes linear time: each piece is searched once.
    return None if len(pattern) > _LONGEST else re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _literal_begin(pattern: str) -> str:
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _beginning_with(names: list[str], begin: str) -> list[str]:
    first = bisect_left(names, begin)
    last = bisect_left(names, begin + "\U0010ffff", lo=first)
    return names[first:last]
