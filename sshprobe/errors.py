"""The one exception that users meet: their input was wrong, and where.

Everything that a *server* does wrong is data in its record, never an exception out of the public API.
"""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave cannot be used: an argument, a file, a line of a file.

    `str()` is one line, ready for standard error. `source` names the argument or file, `line` (1-based)
    the line of it, where there is one.
    """

    def __init__(self, message: str, *, source: str | None = None, line: int | None = None) -> None:
        self.message = message
        self.source = source
        self.line = line
        place = "" if source is None else f"{source}: " if line is None else f"{source}:{line}: "
        super().__init__(f"{place}{message}")
