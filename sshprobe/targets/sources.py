"""The words that a user gave: arguments, files with one target a line, standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from sshprobe.errors import InputError

STANDARD_INPUT = "-"


class Word(msgspec.Struct, frozen=True):
    """One target or exclusion as text, and where it stood: None for an argument."""

    text: str
    source: str | None = None
    line: int | None = None


def read_words(arguments: Iterable[str], files: Iterable[str], stdin: IO[bytes] | None, *, what: str) -> Iterator[Word]:
    """Yield the words of `arguments`, then those of `files`. `-` in either is standard input, read once.

    `what` is what a file is expected to hold ("target"), for the message.

    Raises:
        InputError: a file cannot be read, is not UTF-8, or holds no word.
    """
    stdin_was_read = False
    for name, is_file in [*((argument, False) for argument in arguments), *((file, True) for file in files)]:
        if name == STANDARD_INPUT:
            if not stdin_was_read:
                stdin_was_read = True
                yield from _read_stdin(stdin, what)
        elif is_file:
            yield from _read_file(name, what)
        else:
            yield Word(name)


def _read_stdin(stdin: IO[bytes] | None, what: str) -> Iterator[Word]:
    if stdin is None:
        raise InputError("standard input is closed")
    try:
        yield from _read_lines(stdin, "standard input", what)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source="standard input") from None


def _read_file(name: str, what: str) -> Iterator[Word]:
    try:
        with Path(name).open("rb") as stream:
            yield from _read_lines(stream, name, what)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=name) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("is no file name", source=name) from None


def _read_lines(stream: IO[bytes], source: str, what: str) -> Iterator[Word]:
    empty = True
    for number, data in enumerate(stream, start=1):
        try:
            text = data.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise InputError("is not UTF-8 text", source=source, line=number) from None
        text = text.partition("#")[0].strip()
        if text:
            empty = False
            yield Word(text, source, number)
    if empty:
        raise InputError(f"holds no {what}", source=source)
