"""Standard output and standard error that cannot cost a run its file, nor keep it from ending.

The writes of this process to descriptors 1 and 2 go through `StandardStream`: an error there is remembered and not
raised where a file holds the records, and a write that nobody reads is given up when the user insists on the end.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO, TYPE_CHECKING, Any, TextIO

from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.render.text.terminal import Terminal


class Abandoned(BaseException):
    """Raised by a handler of signals inside a blocked write. It never leaves `StandardStream.write`."""


class StandardStream(io.FileIO):
    """Descriptor 1 or 2."""

    def __init__(self, number: int, *, forgiving: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.number = number
        self.forgiving = forgiving
        """Whether an error ends what is written here, and nothing else."""
        self.error: OSError | None = None
        """The error that was forgiven."""
        self.is_gone = False
        """Whether what is written goes nowhere from now on."""
        self.in_write = False
        """Whether this process waits for the system to take bytes."""

    def write(self, data: Any) -> int:
        """Write, and return how many bytes are taken care of."""
        if self.is_gone:
            return memoryview(data).nbytes
        self.in_write = True
        try:
            written = super().write(data)
        except OSError as error:
            self.in_write = False
            if not self.forgiving:
                error.filename = "standard output" if self.number == 1 else "standard error"
                error.strerror = f"cannot be written: {error.strerror}"
                raise
            self.error = error
            self.is_gone = True
            return memoryview(data).nbytes
        except BaseException as error:  # Ctrl-C; nobody reads, perhaps, so that the next write would block again
            self.in_write = False
            self.is_gone = True
            if isinstance(error, Abandoned):
                return memoryview(data).nbytes
            raise
        self.in_write = False
        return written


def guard_standard_streams() -> None:
    """Put a `StandardStream` under `sys.stdout` and `sys.stderr`, where they are the descriptors 1 and 2."""
    choose_quiet(False)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if type(stream) is not io.TextIOWrapper:  # that of a test, or of a program that calls `main`
            continue
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if isinstance(raw, StandardStream):
            raw.__init__(number, forgiving=raw.forgiving)  # type: ignore[misc] # a second run in this process
            continue
        if type(raw) is not io.FileIO or raw.fileno() != number:
            continue
        stream.flush()
        guarded = io.TextIOWrapper(
            io.BufferedWriter(StandardStream(number, forgiving=number == 2)),
            encoding=stream.encoding,
            errors="backslashreplace",  # a terminal that cannot show a letter gets its escape, not a traceback
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, guarded)


def forgive_standard_output() -> None:
    """Do not end this run for an error of standard output: a file has the records."""
    stream = _guarded(sys.stdout)
    if stream is not None:
        stream.forgiving = True


def standard_output_error() -> InputError | None:
    """Return the error that was forgiven, or None. A reader that stopped reading is not an error."""
    stream = _guarded(sys.stdout)
    if stream is None or stream.error is None or isinstance(stream.error, BrokenPipeError):
        return None
    return InputError(f"cannot be written: {stream.error.strerror}", source="standard output")


def give_up_standard_output() -> None:
    """Send what is left in the buffer nowhere: the interpreter flushes it once more when it ends."""
    stream = _guarded(sys.stdout)
    if stream is not None:
        stream.is_gone = True


def is_blocked() -> bool:
    """Whether a write to standard output or error waits for a reader, for a handler of signals."""
    waiting = [stream.number for stream in _all() if stream.in_write]
    try:
        return bool(waiting) and len(select.select([], waiting, [], 0)[1]) < len(waiting)
    except (OSError, ValueError):  # Windows asks this of sockets only
        return False


def abandon_writes() -> None:
    """Let standard output and error go, and end the write that is under way. Only for a handler of signals."""
    streams = _all()
    for stream in streams:
        stream.is_gone = True
    if any(stream.in_write for stream in streams):
        raise Abandoned


def _all() -> list[StandardStream]:
    return [stream for each in (sys.stdout, sys.stderr) if (stream := _guarded(each)) is not None]


def _guarded(stream: Any) -> StandardStream | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw if isinstance(raw, StandardStream) else None


def standard_input() -> IO[bytes] | None:
    """Return standard input as bytes; None where the process was started without one."""
    stream: TextIO | None = sys.stdin
    return None if stream is None else stream.buffer


_colour = "auto"
"""The value of `--color`."""

_is_quiet = False
"""Whether `-q` was given."""


def choose_colour(value: str) -> None:
    """Set when colours are used: "auto", "always" or "never"."""
    global _colour
    _colour = value


def choose_quiet(value: bool) -> None:
    """Set whether notes and progress are left out."""
    global _is_quiet
    _is_quiet = value


def is_quiet() -> bool:
    """Return whether standard error gets errors alone."""
    return _is_quiet


def has_colour(stream: TextIO) -> bool:
    """Return whether to use colours: `--color`, then NO_COLOR, FORCE_COLOR, TERM=dumb, then whether it is a terminal.

    The order of the variables is that of Python's own `_colorize.can_colorize`.
    """
    if _colour != "auto":
        return _colour == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def terminal() -> Terminal:
    """Return what standard output can show."""
    from sshprobe.render.text.terminal import Terminal

    is_terminal = sys.stdout.isatty()
    width = 100
    has_width = is_terminal or "COLUMNS" in os.environ
    if has_width:
        import shutil  # archives and what compresses them come with it

        width = shutil.get_terminal_size((width, 24)).columns
    return Terminal(max(width, 40), has_colour(sys.stdout), has_width)
