"""Files that hold a whole report or none: written beside their place and moved there when they are done.

What stood there before is kept beside it, under its name and a `~`, where the caller asks for that: one back-up, as
editors make them.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from sshprobe.errors import InputError

Say = Callable[[str], None]

_HEADER = b'{"type":"sweep",'
_HOST = b'{"type":"host",'


@contextlib.contextmanager
def replacing(name: str, *, keeping: Say | None = None) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of `name` when the block ends well; else nothing is left.

    What is no regular file (a FIFO, /dev/null) is written to directly: it cannot be replaced.
    `keeping`: what the file held before is kept as `name~`, and this is told so in words.

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
    import tempfile  # which lines that are appended have no use for

    try:
        number, temporary_name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(name, error) from None
    temporary = Path(temporary_name)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
        temporary.chmod(_mode(path))
        if keeping is not None:
            _keep(path, name, keeping)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def appending_lines(name: str, keep: int = 0, *, keeping: Say | None = None) -> Iterator[IO[bytes]]:
    """Open a file that is written line by line as results come, after its first `keep` bytes; the rest is cut off.

    `keeping`: where nothing stays, what the file held is kept as `name~`, and this is told so in words.

    Raises:
        InputError: the file cannot be written.
    """
    mode = None
    try:
        if keeping is not None and not keep:
            path = Path(name).resolve()  # a symbolic link stays one
            if path.is_file():
                if not os.access(path, os.W_OK):
                    raise PermissionError(0, "Permission denied")
                mode = _mode(path)
                _keep(path, name, keeping)
        # Not SIM115: it is closed below, and an error of the block is not ours to map.
        stream = Path(name).open("r+b" if keep else "wb")  # noqa: SIM115
        if keep:
            stream.truncate(keep)
            stream.seek(keep)
        elif mode is not None:
            Path(name).chmod(mode)
    except (OSError, ValueError) as error:
        raise _unwritable(name, error) from None
    with stream:
        yield stream


def kept_name(name: str) -> str:
    """Return under which name `keeping` keeps what a file held."""
    path = Path(name)
    return f"{path.resolve() if path.is_symlink() else name}~"


def _keep(path: Path, name: str, say: Say) -> None:
    """Move a file to its back-up and say so. A sweep without a host is not worth the back-up before it."""
    if not path.is_file() or not path.stat().st_size:
        return
    hosts = _hosts_in(path)
    if hosts == 0:
        return
    kept = kept_name(name)
    held = "what it held" if hosts is None else "its 1 record" if hosts == 1 else f"its {hosts:,} records"
    was = "are" if hosts is not None and hosts > 1 else "is"
    try:
        path.replace(kept)
    except OSError as error:  # a scheduled sweep goes on all the same
        say(f"{name} is replaced, and {held} could not be kept as {kept}: {error.strerror}")
    else:
        say(f"{name} is replaced: {held} {was} in {kept}")


def _hosts_in(path: Path) -> int | None:
    """Return how many hosts a file of lines has; None for any other file."""
    with path.open("rb") as stream:
        if not stream.readline().startswith(_HEADER):
            return None
        return sum(line.startswith(_HOST) for line in stream)


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
