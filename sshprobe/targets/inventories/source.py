"""An opened inventory: its bytes, where it came from, and what was left out of it."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from sshprobe.errors import InputError
from sshprobe.targets.specification import HostSpec, host_specification, quote

_HEAD = 65_536
"""Bytes that are looked at to tell the format."""


@dataclass(slots=True)
class Source:
    """One file. `ports` are those of the sweep, for targets that name none."""

    name: str
    stream: IO[bytes]
    ports: Sequence[int]
    left_out: Counter[str] = field(default_factory=Counter)
    """How many entries were left out, by reason."""

    @classmethod
    def open(cls, name: str, stdin: IO[bytes] | None, ports: Sequence[int]) -> Self:
        """Open a file; `-` is `stdin`.

        Raises:
            InputError: it cannot be read.
        """
        shown = "standard input" if name == "-" else name
        try:
            if name == "-":
                if stdin is None:
                    raise InputError("standard input is closed")
                return cls(shown, _spool(stdin), ports)
            stream: IO[bytes] = Path(name).open("rb")  # noqa: SIM115 - closed by close()
            if not stream.seekable():
                with stream as pipe:
                    stream = _spool(pipe)
            return cls(shown, stream, ports)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=shown) from None
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError("is no file name", source=shown) from None

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def head(self) -> bytes:
        """Return the first bytes and leave the file at its beginning."""
        try:
            head = self.stream.read(_HEAD)
            self.stream.seek(0)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=self.name) from None
        return head

    def text(self) -> io.TextIOWrapper:
        """Return the file as text, line ends made one. It goes with the file and must not be closed."""
        return io.TextIOWrapper(io.BufferedReader(_Borrowed(self.stream)), encoding="utf-8-sig")

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (number, text) of the lines that are neither empty nor a comment."""
        for number, data in enumerate(self.stream, start=1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise self.error("is not UTF-8 text", number) from None
            if line and not line.startswith("#"):
                yield number, line

    def error(self, message: str, line: int | None = None) -> InputError:
        """Return the error that this file is malformed."""
        return InputError(message, source=self.name, line=line)

    def host(
        self, host: object, port: object = None, *, text: object = None, line: int | None = None, path: str = ""
    ) -> HostSpec:
        """Return a target out of what the file says, of whatever type that is. None as `port` is "not named".

        `path` names the entry, for the error, where a line alone would not.
        """
        where = f"{path}: " if path else ""
        if not isinstance(host, str):
            raise self.error(f"{where}the host is no text", line)
        if port is not None:
            if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
                port = int(port)
            if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
                raise self.error(f"{where}{quote(str(port))} is no port: ports are 1 to 65535", line)
        try:
            return host_specification(host, port, text=text if isinstance(text, str) else None)
        except InputError as error:
            raise self.error(f"{where}{error}", line) from None


class _Borrowed(io.RawIOBase):
    """Reads from a stream without owning it: closing this leaves that open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _spool(stream: IO[bytes]) -> IO[bytes]:
    """Copy what can be read only once to where its head can be looked at first."""
    spool = tempfile.SpooledTemporaryFile(max_size=2**24)  # noqa: SIM115 - closed by Source.close()
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool
