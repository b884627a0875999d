"""Reads files that users name and that must fit into memory: profiles, saved options, lists of keys."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sshprobe.model.errors import InputError

MEBIBYTE = 1 << 20


def read_small_file(path: str | Path, *, most: int, advice: str = "") -> bytes:
    """Return the contents of a file of at most `most` bytes. Endless devices and pipes are refused too.

    `advice`: what to do about a larger file, for example "name a profile".

    Raises:
        InputError: the file is larger, or `path` is not a file name.
        OSError: it cannot be read.
    """
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except ValueError:
        raise InputError("is not a file name", source=str(path)) from None
    with stream:
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
