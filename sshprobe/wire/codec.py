"""The data types of RFC 4251 section 5, read and written.

Nothing is read past the end of the data: a length that is too large raises `RemoteProtocolError` and allocates nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.limits import NAME_LENGTH, NAME_LIST_NAMES

_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")


class Reader:
    """Reads the fields of `data` in order, from index `at` on.

    `what` names the data in error messages: "KEXINIT", "host key".
    """

    # Hot path: every field of every message is read here, so each method is one call plus one of `struct`.

    __slots__ = ("_data", "_size", "_what", "at")

    def __init__(self, data: bytes, what: str, at: int = 0) -> None:
        self._data = data
        self._size = len(data)
        self._what = what
        self.at = at
        """Index in `data` at which the next field begins."""

    @property
    def remaining(self) -> int:
        """The number of unread bytes."""
        return self._size - self.at

    def _ends_within(self, field: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self._what} ends within {field}")

    def take(self, count: int, field: str) -> bytes:
        """Read `count` bytes."""
        start = self.at
        end = start + count
        if end > self._size:
            raise self._ends_within(field)
        self.at = end
        return self._data[start:end]

    def byte(self, field: str) -> int:
        """Read a byte (0 to 255)."""
        at = self.at
        if at == self._size:
            raise self._ends_within(field)
        self.at = at + 1
        return self._data[at]

    def boolean(self, field: str) -> bool:
        """Read a boolean; any value but 0 is true."""
        return self.byte(field) != 0

    def uint32(self, field: str) -> int:
        """Read an unsigned 32-bit integer."""
        return int(_UINT32.unpack(self.take(4, field))[0])

    def uint64(self, field: str) -> int:
        """Read an unsigned 64-bit integer."""
        return int(_UINT64.unpack(self.take(8, field))[0])

    def string(self, field: str) -> bytes:
        """Read a string: a length and that many bytes."""
        start = self.at + 4
        if start > self._size:
            raise self._ends_within(field)
        end = start + _UINT32.unpack_from(self._data, self.at)[0]
        if end > self._size:
            raise self._ends_within(field)
        self.at = end
        return self._data[start:end]

    def mpint(self, field: str) -> int:
        """Read a multiple precision integer, also one in more bytes than necessary."""
        return int.from_bytes(self.string(field), "big", signed=True)

    def name_list(self, field: str) -> tuple[bytes, ...]:
        """Read a name-list as the server sent it, with duplicates and empty names."""
        return split_names(self.string(field), f"{field} of {self._what}")

    def rest(self) -> bytes:
        """Read all remaining bytes."""
        start, self.at = self.at, self._size
        return self._data[start:]

    def end(self) -> None:
        """Raise `RemoteProtocolError` if any bytes remain."""
        if self.at != self._size:
            raise RemoteProtocolError(f"{self._what} has {self.remaining} bytes too many")


def read_strings(data: bytes, what: str, fields: tuple[str, ...], at: int = 0) -> list[bytes]:
    """Read a string for each of `fields`, from index `at` to the end of `data`. See `Reader` for `what`.

    Raises `RemoteProtocolError` unless the data is exactly that.
    """
    size = len(data)
    found: list[bytes] = []
    for field in fields:
        start = at + 4
        at = start + _UINT32.unpack_from(data, at)[0] if start <= size else start
        if at > size:
            raise RemoteProtocolError(f"{what} ends within {field}")
        found.append(data[start:at])
    if at != size:
        raise RemoteProtocolError(f"{what} has {size - at} bytes too many")
    return found


def read_mpints(data: bytes, what: str, fields: tuple[str, ...], at: int = 0) -> list[int]:
    """Read multiple precision integers like `read_strings`."""
    return [int.from_bytes(raw, "big", signed=True) for raw in read_strings(data, what, fields, at)]


def split_names(raw: bytes, what: str) -> tuple[bytes, ...]:
    """Split the body of a name-list. Raises `LimitExceeded` past the limits on number and length."""
    if not raw:
        return ()
    if raw.count(b",") >= NAME_LIST_NAMES:
        raise LimitExceeded(f"{what} has more than {NAME_LIST_NAMES} names")
    names = tuple(raw.split(b","))
    if max(map(len, names)) > NAME_LENGTH:
        raise LimitExceeded(f"{what} has a name of more than {NAME_LENGTH} bytes")
    return names


def byte(value: int) -> bytes:
    """Encode a byte."""
    return bytes((value,))


def boolean(value: bool) -> bytes:
    """Encode a boolean."""
    return b"\x01" if value else b"\x00"


uint32: Callable[[int], bytes] = _UINT32.pack
"""Encode an unsigned 32-bit integer."""


def uint64(value: int) -> bytes:
    """Encode an unsigned 64-bit integer."""
    return _UINT64.pack(value)


def string(value: bytes) -> bytes:
    """Encode a string."""
    return _UINT32.pack(len(value)) + value


def strings(*values: bytes) -> bytes:
    """Encode strings, one after the other."""
    return b"".join([_UINT32.pack(len(value)) + value for value in values])


def mpint(value: int) -> bytes:
    """Encode a multiple precision integer in the fewest bytes (RFC 4251 section 5)."""
    if value == 0:
        return b"\x00\x00\x00\x00"
    magnitude = value if value > 0 else ~value  # -128 fits one byte, 128 does not
    size = magnitude.bit_length() // 8 + 1
    return _UINT32.pack(size) + value.to_bytes(size, "big", signed=True)


def name_list(names: tuple[bytes, ...] | list[bytes]) -> bytes:
    """Encode a name-list."""
    return string(b",".join(names))
