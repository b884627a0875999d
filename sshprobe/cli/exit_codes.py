"""The exit codes and which of them comes first."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit code of the process."""

    OK = 0
    FAIL_ON = 1
    """`--fail-on` was reached."""
    USAGE = 2
    """Wrong usage, unreadable input or unwritable output."""
    NOTHING_SCANNED = 3
    """No host could be graded."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""
    READER_GONE = 141
    """Standard output was closed by its reader, as in `| head` (128 + SIGPIPE)."""


def exit_code(*, interrupted: bool, graded: int, failed: bool, bad_lines: int = 0) -> ExitCode:
    """Return the code of a scan that ran: interrupted, then bad lines of a stream, nothing graded, `--fail-on`."""
    if interrupted:
        return ExitCode.INTERRUPTED
    if bad_lines:
        return ExitCode.USAGE
    if not graded:
        return ExitCode.NOTHING_SCANNED
    return ExitCode.FAIL_ON if failed else ExitCode.OK
