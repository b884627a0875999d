"""Exceptions for users, and the one line that they see of an internal error.

Faults of a *server* are data in its record, never exceptions of the public API.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback

DEBUG_VARIABLE = "SSHPROBE_DEBUG"
"""The environment variable that `--debug` sets for worker processes."""


class InputError(ValueError):
    """An input of the user is unusable: an argument, a file, a line of a file.

    `str()` is one line for standard error. `source` names the argument or file, `line` (1-based) its line, if any.
    """

    def __init__(self, message: str, *, source: str | None = None, line: int | None = None) -> None:
        self.message = message
        self.source = source
        self.line = line
        named = source or '""'  # mostly an empty shell variable
        place = "" if source is None else f"{named}: " if line is None else f"{named}:{line}: "
        super().__init__(f"{place}{message}")


class MachineError(InputError):
    """This machine lacks processes, threads, memory or descriptors. `str()` is one line."""


def missing_extra(package: str, extra: str, *, source: str) -> InputError:
    """Return the error for a `package` that is not installed, and that `extra` of sshprobe installs.

    pip of the environment of sshprobe finds sshprobe installed, so the command works without an index that has it.
    """
    python = shlex.quote(sys.executable)
    return InputError(f"needs {package}: {python} -m pip install 'sshprobe[{extra}]'", source=source)


def is_debugging() -> bool:
    """Return whether to show tracebacks."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def bug_line(error: BaseException) -> str:
    """Return one line about an internal error: its text, its place, and the advice to report it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "sshprobe" in frame.filename] or frames
    place = ""
    if ours:
        folder, _, file = ours[-1].filename.replace("\\", "/").rpartition("/")
        place = f" in {folder.rpartition('/')[2]}/{file}:{ours[-1].lineno}"
    said = " ".join(str(error).split())[:200]
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    hint = "" if is_debugging() else ", with what `--debug` shows"
    return f"internal error{place}: {what} (a bug of sshprobe: please report it to its maintainers{hint})"


def log_in_one_line() -> None:
    """Log our own bugs and those of asyncio in one line on standard error; in full with `--debug`."""
    import logging  # commands without a network do not need it

    class OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            words = record.getMessage().splitlines()[0]
            error = record.exc_info[1] if record.exc_info else None
            return f"error: {words}" if error is None else f"error: {words}: {bug_line(error)}"

    handler = logging.lastResort
    if handler is not None and not is_debugging():
        handler.setFormatter(OneLine())
