"""An opened inventory: its name, its bytes, and the entries that were left out."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Self

from sshprobe.compression import Decompressed, codec_of, plain
from sshprobe.model.errors import InputError
from sshprobe.small_files import open_named, reading
from sshprobe.targets.sources import NOT_TEXT, UTF_16_MARKS, decode_line, read_lines, read_utf16, too_large
from sshprobe.targets.specification import host_specification, quote
from sshprobe.targets.specs import HostSpec

NOT_OPEN = "ports that are not open TCP ports"
BEHIND_JUMP = "hosts that are reached through another host (ProxyJump or ProxyCommand)"
"""Reasons to leave out an entry that several formats share."""

_HEAD = 65_536
"""Bytes that show the format."""

MOST = 2**30
"""Bytes of one file, decompressed: ten million results of masscan."""
_LONGEST_LINE = 2**20
_CHUNK = 2**16

_COMPRESSED = {b"BZh": "bzcat", b"\xfd7zXZ": "xzcat"}
_OTHERS = {
    b"PK\x03\x04": "is an archive or a spreadsheet: save the addresses as text, one a line",
    b"masscan/": "is masscan's binary format: `masscan --readscan FILE -oJ -` writes it as JSON",
    b"%PDF": "is a PDF: save the addresses as text, one a line",
    b"SQLite format 3": "is a database: save the addresses as text, one a line",
}


@dataclass(slots=True)
class Source:
    """One file. `ports` are those of the scan, for targets without one."""

    name: str
    stream: IO[bytes]
    is_converted: bool
    """Whether the file was converted to UTF-8. The declaration of an XML file then names another encoding."""
    ports: Sequence[int]
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason to number of entries that were left out."""
    remarks: list[str] = field(default_factory=list)
    """Other messages for people."""
    _reasons: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, name: str, stdin: IO[bytes] | None, ports: Sequence[int]) -> Self:
        """Open a file; `-` is `stdin`.

        Raises:
            InputError: it cannot be read.
        """
        shown = "standard input" if name == "-" else name
        if name == "-" and stdin is None:
            raise InputError("standard input is closed")
        with reading(shown):
            stream = stdin if name == "-" and stdin is not None else open_named(name)
            if name == "-":
                stream = _spool(stream, shown)
            elif not stream.seekable():
                with stream as pipe:
                    stream = _spool(pipe, shown)
            return cls(shown, *_plain(stream, shown), ports)

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def head(self) -> bytes:
        """Return the first bytes and leave the file at its beginning."""
        with reading(self.name):
            head = self.stream.read(_HEAD)
            self.stream.seek(0)
        return head

    def text(self) -> io.TextIOWrapper:
        """Return the file as text with "\\n" as line ends. It belongs to the file: do not close it."""
        return io.TextIOWrapper(io.BufferedReader(_Borrowed(self.stream)), encoding="utf-8-sig")

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (number, text) of the lines that are neither empty nor a comment."""
        for number, data in read_lines(self.stream, self.name, longest=_LONGEST_LINE, most=MOST):
            line = decode_line(data, self.name, number).strip()
            if line and not line.startswith("#"):
                yield number, line

    def leave_out(self, reason: str, example: str) -> None:
        """Count an entry that is left out. The message for people has the first `example` of each reason."""
        self.left_out[self._reasons.setdefault(reason, f"{reason} {example}")] += 1

    def error(self, message: str, line: int | None = None) -> InputError:
        """Return the error that this file is malformed."""
        return InputError(message, source=self.name, line=line)

    def host(
        self, host: object, port: object = None, *, text: object = None, line: int | None = None, path: str = ""
    ) -> HostSpec:
        """Return a target from a host and port of any type. None as `port`: the file does not name one.

        `path` names the entry, for an error where the line is not enough.
        """
        where = f"{path}: " if path else ""
        if not isinstance(host, str):
            raise self.error(f"{where}the host is not a string", line)
        if port is not None:
            if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
                port = int(port)
            if isinstance(port, float) and port.is_integer():  # 22.0 of YAML and of spreadsheets
                port = int(port)
            if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
                raise self.error(f"{where}{quote(str(port))} is not a port: ports are 1 to 65535", line)
        try:
            return host_specification(host, port, text=text if isinstance(text, str) else None)
        except InputError as error:
            raise self.error(f"{where}{error}", line) from None


def can_be_host(host: str) -> bool:
    """Return whether a text is a host name or an address. An alias of ssh can be any word."""
    try:
        host_specification(host)
    except InputError:
        return False
    return True


class _Borrowed(io.RawIOBase):
    """Reads from a stream that stays open when this is closed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _spool(stream: IO[bytes], name: str) -> IO[bytes]:
    """Copy a pipe to a temporary file: the start of the data is read twice, which a pipe does not allow."""
    spool = tempfile.SpooledTemporaryFile(max_size=2**24)  # noqa: SIM115 - closed by Source.close()
    try:
        size = 0
        while data := stream.read(_CHUNK):
            size += len(data)
            if size > MOST:
                raise too_large(name, MOST)
            if size <= _CHUNK and _is_binary(data):  # it may be endless, like /dev/zero
                raise InputError(NOT_TEXT, source=name)
            spool.write(data)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return spool


def _is_binary(head: bytes) -> bool:
    return b"\0" in head and codec_of(head) is None and not head.startswith((*UTF_16_MARKS, *_COMPRESSED, *_OTHERS))


def _plain(stream: IO[bytes], name: str, *, is_unpacked: bool = False) -> tuple[IO[bytes], bool]:
    """Return a file decompressed and as UTF-8, and whether it was converted to that. `stream` is closed on failure.

    Raises:
        InputError: it is not text, or too large.
        OSError: it cannot be read.
    """
    try:
        return _converted(stream, name, is_unpacked=is_unpacked)
    except BaseException:
        stream.close()
        raise


def _converted(stream: IO[bytes], name: str, *, is_unpacked: bool) -> tuple[IO[bytes], bool]:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > MOST:
        raise too_large(name, MOST)
    head = stream.read(_CHUNK)
    stream.seek(0)
    content = stream if is_unpacked else plain(stream)
    if isinstance(content, Decompressed):
        with content:
            unpacked = _spool(content, name)
            if content.is_cut_off:
                unpacked.close()
                raise InputError("is a compressed file that is cut off", source=name)
        return _plain(unpacked, name, is_unpacked=True)
    for signature, program in _COMPRESSED.items():
        if head.startswith(signature):
            raise InputError(f"is compressed: `{program} FILE | sshprobe scan --inventory -`", source=name)
    for signature, words in _OTHERS.items():
        if head.startswith(signature):
            raise InputError(words, source=name)
    if head.startswith(UTF_16_MARKS):
        with stream:
            return io.BytesIO(read_utf16(stream, name)), True
    if _is_binary(head):
        raise InputError(NOT_TEXT, source=name)
    return stream, False
