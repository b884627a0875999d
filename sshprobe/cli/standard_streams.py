"""Standard output and error. Their failure neither loses records nor keeps the process from ending.

`StandardStream` writes to descriptors 1 and 2. If a file has the records, it stores an error instead of raising it. A
second Ctrl-C ends a write that waits for a reader.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO, TYPE_CHECKING, Any, TextIO

from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.render.text.terminal import Terminal


class Abandoned(BaseException):
    """Raised by a signal handler inside a blocked write. `StandardStream.write` catches it."""


class StandardStream(io.FileIO):
    """Descriptor 1 or 2."""

    def __init__(self, number: int, *, forgiving: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.number = number
        self.forgiving = forgiving
        """Whether an error only ends this stream, not the process."""
        self.error: OSError | None = None
        """The error that was not raised."""
        self.is_gone = False
        """Whether all further data is discarded."""
        self.in_write = False
        """Whether a write(2) is pending."""

    def write(self, data: Any) -> int:
        """Write, and return the number of bytes written or discarded."""
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
        except BaseException as error:  # Ctrl-C: there may be no reader, so the next write would block too
            self.in_write = False
            self.is_gone = True
            if isinstance(error, Abandoned):
                return memoryview(data).nbytes
            raise
        self.in_write = False
        return written


def guard_standard_streams() -> None:
    """Put a `StandardStream` under `sys.stdout` and `sys.stderr` if they are the descriptors 1 and 2."""
    choose_quiet(False)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if type(stream) is not io.TextIOWrapper:  # a test, or a program that calls `main`, has its own streams
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
            errors="backslashreplace",  # for a terminal that cannot show a character: an escape, not a traceback
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, guarded)


def forgive_standard_output() -> None:
    """Continue after an error of standard output: a file has the records."""
    stream = _guarded(sys.stdout)
    if stream is not None:
        stream.forgiving = True


def standard_output_error() -> InputError | None:
    """Return the error that was not raised, or None. A closed pipe is not an error."""
    stream = _guarded(sys.stdout)
    if stream is None or stream.error is None or isinstance(stream.error, BrokenPipeError):
        return None
    return InputError(f"cannot be written: {stream.error.strerror}", source="standard output")


def give_up_standard_output() -> None:
    """Discard the buffer of standard output, which the interpreter would flush at exit."""
    stream = _guarded(sys.stdout)
    if stream is not None:
        stream.is_gone = True


def is_blocked() -> bool:
    """Whether a write to standard output or error waits for a reader. For signal handlers."""
    waiting = [stream.number for stream in _all() if stream.in_write]
    try:
        return bool(waiting) and len(select.select([], waiting, [], 0)[1]) < len(waiting)
    except (OSError, ValueError):  # Windows has select for sockets only
        return False


def abandon_writes() -> None:
    """Discard all further output, and end a pending write. Only for signal handlers."""
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
    """Return standard input as bytes, or None if the process has none."""
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
    """Return whether standard error gets only errors."""
    return _is_quiet


def has_colour(stream: TextIO) -> bool:
    """Return whether to use colours: `--color`, then NO_COLOR, FORCE_COLOR, TERM=dumb, then whether it is a terminal.

    Python's own `_colorize.can_colorize` checks the variables in this order.
    """
    if _colour != "auto":
        return _colour == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def print_message(kind: str, words: str) -> None:
    """Print "error: ..." or "note: ..." on standard error: one line, but wrapped in a terminal."""
    if sys.stderr is None:
        return
    lead, line = f"{kind}: ", escape_unprintable(" ".join(words.split("\n")))
    if len(lead) + len(line) > _MOST_UNWRAPPED and sys.stderr.isatty():
        from sshprobe.render.text.terminal import Terminal

        line = "\n".join(Terminal(_width_of(sys.stderr)).wrap(line, indent="  ", first=lead)).removeprefix(lead)
    if kind == "error" and has_colour(sys.stderr):
        lead = f"\x1b[1;31m{lead.rstrip()}\x1b[0m "
    print(lead + line, file=sys.stderr, flush=True)


_MOST_UNWRAPPED = 40
"""The assumed minimal width of a terminal."""


def _width_of(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    try:
        width = int(columns) if columns.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except OSError:
        width = 80
    return max(width, _MOST_UNWRAPPED)


def terminal() -> Terminal:
    """Return the width and colours of standard output."""
    from sshprobe.render.text.terminal import Terminal

    is_terminal = sys.stdout.isatty()
    width = 100
    has_width = is_terminal or "COLUMNS" in os.environ
    if has_width:
        import shutil  # it imports archives and compressors

        width = shutil.get_terminal_size((width, 24)).columns
    return Terminal(max(width, _MOST_UNWRAPPED), has_colour(sys.stdout), has_width)
