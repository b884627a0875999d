"""Reads small files of users into memory (profiles, lists of keys), with the name of the file in errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sshprobe.model.errors import InputError

MEBIBYTE = 1 << 20


@contextlib.contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn an `OSError` of the block into an `InputError` that names the source."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=source) from None


def open_named(path: str | Path) -> IO[bytes]:
    """Open a file to read bytes. Raises `InputError` for an impossible file name, and `OSError`."""
    try:
        return Path(path).open("rb")
    except ValueError:
        raise InputError("is not a file name", source=str(path)) from None


def read_small_file(path: str | Path, *, most: int, advice: str = "") -> bytes:
    """Return the contents of a file of at most `most` bytes. Endless devices and pipes are refused too.

    `advice`: what to do about a larger file, for example "name a profile".

    Raises:
        InputError: the file is larger, or `path` is not a file name.
        OSError: it cannot be read.
    """
    with open_named(path) as stream:
        return read_at_most(stream, most, source=str(path), advice=advice)


def read_at_most(stream: IO[bytes], most: int, *, source: str, advice: str = "") -> bytes:
    """Return the rest of a stream. Raises `InputError` if that is more than `most` bytes."""
    data = stream.read(most + 1)
    if len(data) > most:
        words = f"is larger than {_size(most)}"
        raise InputError(f"{words}: {advice}" if advice else words, source=source)
    return data


def _size(number: int) -> str:
    return f"{number // MEBIBYTE:,} MiB" if number >= MEBIBYTE else f"{number:,} bytes"
