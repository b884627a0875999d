"""Files that hold a whole report or none: written beside their place and moved there when they are done."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sshprobe.errors import InputError


@contextlib.contextmanager
def replacing(name: str) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of `name` when the block ends well; else nothing is left.

    What is no regular file (a FIFO, /dev/null) is written to directly: it cannot be replaced.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(name)
    try:
        path = path.resolve()  # a symbolic link stays one
        direct = path.exists() and not stat.S_ISREG(path.stat().st_mode)
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(0, "Permission denied")
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None
    if direct:
        with appending_lines(name) as stream:
            yield stream
        return
    try:
        number, temporary_name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(name, error) from None
    temporary = Path(temporary_name)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
        temporary.chmod(_mode(path))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def appending_lines(name: str, keep: int = 0) -> Iterator[IO[bytes]]:
    """Open a file that is written line by line as results come, after its first `keep` bytes; the rest is cut off.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        # Not SIM115: it is closed below, and an error of the block is not ours to map.
        stream = Path(name).open("r+b" if keep else "wb")  # noqa: SIM115
        if keep:
            stream.truncate(keep)
            stream.seek(keep)
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None
    with stream:
        yield stream


def _unwritable(name: str, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else "it is no file name"
    return InputError(f"cannot be written: {reason}", source=name)


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those that a new file would get."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
