"""The words that a user gave: arguments, files with one target a line, standard input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.small_files import open_named, reading
from sshprobe.targets.specs import labels_of_comment

STANDARD_INPUT = "-"

GZIP = b"\x1f\x8b"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""First bytes of compressed files (RFC 1952 section 2.3.1), and of text as Windows writes it."""

_HEADERS = frozenset(
    (
        *("ip", "ips", "ip_address", "ip_addresses", "ipaddress", "ip_str", "ipv4", "ipv6", "address", "addresses"),
        *("host", "hosts", "hostname", "hostnames", "host_name", "fqdn", "saddr", "targets"),
    )
)

_NOTHING = frozenset(("null", "none", "undefined", "nan"))
"""Words that jq, Python, JavaScript and pandas print for a missing value. A resolver would look for such a host."""

NOT_TEXT = "is not text: it contains NUL bytes"

_MOST_UTF_16 = 2**26
"""Bytes of a file in UTF-16, which is converted in one piece."""
_MOST = 2**28
"""Bytes of a list of targets: 16 million addresses, which take 256 MB when they are read."""
_MOST_LINES = 20_000_000
_LONGEST_WORD = 2**16
_CHUNK = 2**16


class Word(msgspec.Struct, frozen=True):
    """One target or exclusion as text, and its place: None for an argument."""

    text: str
    source: str | None = None
    line: int | None = None
    labels: tuple[str, ...] = ()


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
                if stdin is None:
                    raise InputError("standard input is closed")
                with reading("standard input"):
                    yield from _read_lines(stdin, "standard input", what)
        elif is_file:
            yield from _read_file(name, what)
        else:
            yield Word(name)


def _read_file(name: str, what: str) -> Iterator[Word]:
    with reading(name), open_named(name) as stream:
        yield from _read_lines(stream, name, what)


def _read_lines(stream: IO[bytes], source: str, what: str) -> Iterator[Word]:
    empty = True
    for number, data in read_lines(stream, source, longest=_LONGEST_WORD, most=_MOST):
        text, sharp, comment = decode_line(data, source, number).partition("#")
        text = text.strip()
        if text:
            empty = False
            yield Word(text, source, number, labels_of_comment(comment) if sharp else ())
    if empty:
        raise InputError(f"has no {what}", source=source)


def read_lines(stream: IO[bytes], source: str, *, longest: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) of a text file as UTF-8 bytes without the line's end. UTF-16 with a mark is converted.

    `longest` is how many bytes a line can have, `most` how many the file can have.

    Raises:
        InputError: it is not text, a line or the file is too long, or it is compressed.
    """
    rest, number, size = b"", 0, 0
    while data := stream.read(_CHUNK):
        if not size:
            data = _as_utf8(data, stream, source)
        size += len(data)
        if size > most:
            raise too_large(source, most)
        if b"\0" in data:
            raise InputError(NOT_TEXT, source=source, line=number + 1 + data.count(b"\n", 0, data.index(b"\0")))
        *lines, rest = (rest + data).split(b"\n")
        if number + len(lines) > _MOST_LINES:
            raise InputError(f"has more than {_MOST_LINES:,} lines: split it and scan the parts", source=source)
        for line in lines:
            number += 1
            if len(line) > longest:
                break
            yield number, line
        else:
            if len(rest) <= longest:
                continue
            number += 1
        raise InputError(f"is longer than {longest:,} bytes: a line has one entry", source=source, line=number)
    if rest:
        yield number + 1, rest


def decode_line(data: bytes, source: str, number: int) -> str:
    """Return the text of a line, without the byte order mark at the beginning of a file. Raises `InputError` if it is
    not UTF-8."""
    try:
        return data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", source=source, line=number) from None


def too_large(source: str, most: int) -> InputError:
    """Return the error that a file has more than `most` bytes."""
    return InputError(f"has more than {most // 2**20:,} MiB: split it and scan the parts", source=source)


def refuse_header(text: str, source: str | None, line: int | None) -> None:
    """Raise `InputError` if the first line of a list is the heading of its column."""
    if text.lower() in _HEADERS:
        words = f'"{text}" is the name of a column and not a host: leave it out, or write "{text}." if it is one'
        raise InputError(words, source=source, line=line)


def refuse_nothing(text: str, source: str | None, line: int | None) -> None:
    """Raise `InputError` for a word that programs print for a missing value."""
    if text[:1] in "nNuU" and text.partition(":")[0].lower() in _NOTHING:
        words = f'"{text}" is not a host: programs print it for a missing value. Remove it'
        raise InputError(words, source=source, line=line)


def read_utf16(stream: IO[bytes], source: str, *, head: bytes = b"") -> bytes:
    """Return a file of UTF-16 text that begins with a byte order mark as UTF-8. Raises `InputError` if it is not.

    `head`: the bytes already read.
    """
    data = head + stream.read(_MOST_UTF_16 + 1)
    if len(data) > _MOST_UTF_16:
        raise too_large(source, _MOST_UTF_16)
    try:
        return data.decode("utf-16").encode()
    except UnicodeError:
        raise InputError("is not UTF-16 text, as its first bytes say", source=source) from None


def _as_utf8(head: bytes, stream: IO[bytes], source: str) -> bytes:
    if head.startswith(GZIP):
        raise InputError("is compressed: decompress it, as in `zcat FILE | sshprobe scan -`", source=source)
    return read_utf16(stream, source, head=head) if head.startswith(UTF_16_MARKS) else head
