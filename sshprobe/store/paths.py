"""Paths of output files: targets of links, hidden files next to them, and errors with the user's name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from sshprobe.model.errors import InputError

MAX_LINKS = 40
"""The most symbolic links that are followed from one name, as in Linux (path_resolution(7))."""

_DESCRIPTOR = re.compile(r"/proc/[^/]+(/task/\d+)?/fd/\d+|/dev/fd/\d+")
"""Paths of open files on Linux and macOS. /dev/stdout and the like are links to them."""

PART = ".part"
"""The ending of files that are not finished."""


def unwritable(name: str, error: Exception) -> InputError:
    """Return the error of a file that cannot be written."""
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not a file name"
    return InputError(f"cannot be written: {reason}", source=name)


@contextlib.contextmanager
def errors_named(name: str) -> Iterator[None]:
    """Turn an `OSError` into an `InputError` that names the file. A `BrokenPipeError` stays as it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(name, error) from None


def hidden(path: Path, ending: str) -> Path:
    """Return the path of a hidden file next to another: ".FILE" and `ending`."""
    name = path.name
    if len(os.fsencode(name)) > 200:  # names have at most 255 bytes
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return path.with_name(f".{name}{ending}")


def writable_path(name: str) -> Path | None:
    """Return the path of a file behind symbolic links, or None if it can only be written directly."""
    try:
        try:
            there: os.stat_result | None = Path(name).stat()
        except FileNotFoundError:
            there = None
        if there is not None and (not stat.S_ISREG(there.st_mode) or descriptor_path(name) is not None):
            return None
        path = Path(name).resolve()  # a symbolic link stays one
        if there is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except RuntimeError:
        raise unwritable(name, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from None
    except (OSError, ValueError) as error:
        raise unwritable(name, error) from None
    return path


def descriptor_path(name: str) -> Path | None:
    """Return the path of an open file (/dev/fd/1) if the name leads to one, as /dev/stdout does. None: it does not."""
    place = os.path.abspath(name)  # noqa: PTH100 - links are followed one by one
    for _ in range(MAX_LINKS):
        folder, last = os.path.split(place)
        place = os.path.join(os.path.realpath(folder), last)  # noqa: PTH118 - links are followed one by one
        if _DESCRIPTOR.fullmatch(place):
            return Path(place)
        try:
            place = os.path.join(os.path.dirname(place), os.readlink(place))  # noqa: PTH115, PTH118, PTH120 - links are followed one by one
        except OSError:
            return None
    return None
