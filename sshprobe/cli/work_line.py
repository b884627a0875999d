"""One line on a terminal's standard error that says how far a command with saved records is."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from sshprobe.cli.standard_streams import is_quiet

_INTERVAL = 0.2
"""Seconds between two drawings."""

_SILENCE = 0.5
"""Seconds before the first."""

_CLEAR = "\r\x1b[K"


class WorkLine:
    """Draws when its methods are called, without a thread. `end` erases it."""

    def __init__(self) -> None:
        self._wanted = sys.stderr is not None and sys.stderr.isatty() and not is_quiet()
        self._next = time.monotonic() + _SILENCE
        self._is_drawn = False
        self._counted = 0

    def count(self, words: str) -> None:
        """Show "1,234 WORDS", one more each time."""
        self._counted += 1
        if self._wanted and time.monotonic() >= self._next:
            self.show(f"{self._counted:,} {words}", now=True)

    def keys(self, done: int, total: int) -> None:
        """Show how many RSA keys were tested."""
        self.show(f"{done:,} of {total:,} RSA keys tested")

    def show(self, words: str, *, now: bool = False) -> None:
        """Show how far it is. `now`: without a limit on how often."""
        moment = time.monotonic()
        if self._wanted and (now or moment >= self._next):
            self._next = moment + _INTERVAL
            self._is_drawn = True
            sys.stderr.write(f"{_CLEAR}{words}")
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away, and begin to count anew."""
        self._counted = 0
        if self._is_drawn:
            self._is_drawn = False
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Take the line away while something else is printed."""
        counted = self._counted
        self.end()
        self._counted = counted
        yield
