"""Lines of records within limits, and copies of pipes, which can be read only once."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec

from sshprobe.compression import codec_of
from sshprobe.model.errors import InputError
from sshprobe.model.records import Record
from sshprobe.small_files import MEBIBYTE

LONGEST_RECORD = 32 * MEBIBYTE
"""The most bytes of a line. A host that sends as much as we read causes a tenth of that."""

LARGEST_DOCUMENT = 512 * MEBIBYTE
"""The most bytes of a document, which is read as a whole."""

MOST_OF_A_PIPE = 1 << 34
"""The most bytes that are copied from a pipe."""

MOST_BLANK_LINES = 10_000
"""After this many blank lines in a row, a pipe is not read further."""

_DOCUMENT = re.compile(rb'\s*\{\s*("(sweep|hosts|summary)"\s*:|$)')


def numbered_lines(stream: IO[bytes], source: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) of a file of records. Raises `InputError` for a line that is too long for a record."""
    number = 0
    while line := stream.readline(LONGEST_RECORD + 1):
        number += 1
        if len(line) > LONGEST_RECORD:
            words = f"the line is longer than {LONGEST_RECORD // MEBIBYTE} MiB, the most of a record"
            raise InputError(words, source=source, line=number)
        yield number, line


def spool(stream: IO[bytes], name: str) -> IO[bytes]:
    """Copy a pipe to a file that can be read twice. The copy ends early if an error is certain."""
    spool = tempfile.SpooledTemporaryFile(max_size=2**24)  # noqa: SIM115 - closed by the caller
    try:
        size = blank = 0
        known = False
        while line := stream.readline(LONGEST_RECORD + 1):
            spool.write(line)
            if not size and codec_of(line) is not None:
                size = _copy(stream, spool, MOST_OF_A_PIPE + 1)
                break
            if not size and is_document(line):
                _copy(stream, spool, LARGEST_DOCUMENT + 1)
                break
            size += len(line)
            blank = 0 if line.strip() else blank + 1
            known = known or (blank == 0 and _is_record(line))
            # An error is now certain, and the rest may be endless.
            if blank > MOST_BLANK_LINES or (blank == 0 and not known) or len(line) > LONGEST_RECORD:
                break
            if size > MOST_OF_A_PIPE:
                break
        if size > MOST_OF_A_PIPE:
            raise InputError(f"is longer than {MOST_OF_A_PIPE >> 30} GiB: write it into a file first", source=name)
    except BaseException:  # such as Ctrl-C while waiting for the pipe
        spool.close()
        raise
    spool.seek(0)
    return spool


def _copy(stream: IO[bytes], to: IO[bytes], most: int) -> int:
    size = 0
    while size < most and (data := stream.read(min(most - size, MEBIBYTE))):
        size += to.write(data)
    return size


def _is_record(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True


def is_document(first_line: bytes) -> bool:
    """Return whether a file with this first line is one document, and not lines."""
    try:
        value = msgspec.json.decode(first_line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _DOCUMENT.match(first_line) is not None
    return isinstance(value, dict) and "type" not in value and not value.keys().isdisjoint({"sweep", "hosts"})
