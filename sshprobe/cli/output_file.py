"""The file of `-o`: it never takes the place of what is read, and what it held is not gone without a word."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from sshprobe.errors import InputError
from sshprobe.escape import escape_unprintable


def note(words: str) -> None:
    """Say something on standard error that is no error."""
    print(f"note: {escape_unprintable(words)}", file=sys.stderr, flush=True)


def refuse_inputs(output: str | None, inputs: Iterable[str]) -> None:
    """Raise `InputError` if a file to be written, or what is kept of it, is one of those that are read."""
    from sshprobe.report.files import kept_name

    if output is None:
        return
    named = list(dict.fromkeys(inputs))
    try:
        written = [(output, Path(output).stat())]
        if not stat.S_ISREG(written[0][1].st_mode):
            return  # a FIFO or device holds nothing
        with contextlib.suppress(OSError):
            written.append((kept_name(output), Path(kept_name(output)).stat()))
    except (OSError, ValueError):
        return  # there is none, or it cannot be written: that is said elsewhere
    for name in named:
        try:
            read = os.fstat(sys.stdin.fileno()) if name == "-" else Path(name).stat()
        except (OSError, ValueError, AttributeError):
            continue
        for place, there in written:
            if os.path.samestat(there, read):
                words = "is read too" if place == output else "is read, and would be where what it held before is kept"
                raise InputError(f"{words}: name another file with `-o`", source=output)
