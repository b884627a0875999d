"""The identification string (RFC 4253 section 4.2) and the lines that may come before it.

The RFC's grammar:

    SSH-protoversion-softwareversion SP comments CR LF

Servers in use deviate from it. We accept a bare LF (OpenSSH 7.4 and every "1.99"), no comments, an empty
softwareversion, and control bytes and NUL anywhere. A line before the identification may not begin with "SSH-".
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from sshprobe.wire.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from sshprobe.wire.limits import BYTES_BEFORE_IDENTIFICATION, IDENTIFICATION_LINE, LINES_BEFORE_IDENTIFICATION

_GRAMMAR = re.compile(rb"SSH-(?P<protocol>[0-9]+\.[0-9]+)-(?P<software>[^ ]*)(?: (?P<comments>.*))?", re.DOTALL)

MALFORMED = "malformed identification"
"""The error for a line that begins with "SSH-" and does not match the grammar."""

_OURS = re.compile(rb"SSH-2\.0-[!-,.-~]+(?: [ -~]*)?")
"""Identifications that we may send: printable US-ASCII, without "-" in softwareversion."""

_DROPPED_BY_SSHD = (re.compile(rb"SSH-2\.0-Probe-"), re.compile(rb".*SSH_Version_Mapper"))
"""sshd closes the connection at these before its KEXINIT ("probed from", "scanned from": compat.c,
SSH_BUG_PROBE/SCANNER)."""


class Identification(msgspec.Struct, frozen=True):
    """An identification string. All fields are bytes as sent; `raw` is without the line end."""

    raw: bytes
    protocol: bytes
    """b"2.0", b"1.99", b"1.5"."""
    software: bytes
    comments: bytes | None
    speaks_2: bool
    """Whether `protocol` is 2.x, or 1.99, which means 2.0 with support for SSH-1 (section 5.1)."""


@lru_cache(maxsize=256)  # the servers of a fleet send few different ones
def parse_identification(line: bytes) -> Identification:
    """Parse one line without its line end. Raises `RemoteProtocolError` if it is not an identification."""
    match = _GRAMMAR.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(MALFORMED)
    protocol = match["protocol"].lstrip(b"0")  # OpenSSH reads "02.0" as 2.0 (kex.c, kex_exchange_identification)
    speaks_2 = protocol == b"1.99" or protocol[:2] == b"2."
    return Identification(line, match["protocol"], match["software"], match["comments"], speaks_2)


@lru_cache(maxsize=8)  # the same for a whole scan
def check_client_identification(line: bytes) -> None:
    """Raise `LocalProtocolError` unless servers accept `line` (without line end) as our identification.

    255 bytes with CR LF (RFC 4253 section 4.2), printable US-ASCII, and none of the names that OpenSSH's sshd
    takes for a port scanner and drops before its KEXINIT.
    """
    if len(line) > 253:
        raise LocalProtocolError("an identification is at most 253 characters long")
    if _OURS.fullmatch(line) is None:
        raise LocalProtocolError(
            'write "SSH-2.0-NAME" or "SSH-2.0-NAME COMMENT": printable ASCII, without "-" or space in NAME'
        )
    if any(pattern.match(line) for pattern in _DROPPED_BY_SSHD):
        raise LocalProtocolError("sshd closes the connection on this identification: it takes it for a port scanner")


class IdentificationReader:
    """Splits the bytes before the first packet into lines, in linear time however they are segmented."""

    _searched = 0  # bytes of the buffer without a line end
    _lines = 0
    _bytes = 0

    def next_line(self, buffer: bytearray) -> bytes | None:
        """Remove one line from the front of `buffer` and return it without CR LF, None if it is not complete.

        Raises `LimitExceeded` for a line that is too long and for too many lines.
        """
        end = buffer.find(b"\n", self._searched)
        if (end if end >= 0 else len(buffer)) > IDENTIFICATION_LINE:
            raise LimitExceeded(f"a line of more than {IDENTIFICATION_LINE} bytes before the identification")
        if end < 0:
            self._searched = len(buffer)
            return None
        line = bytes(buffer[:end]).removesuffix(b"\r")
        del buffer[: end + 1]
        self._searched = 0
        if line[:4] != b"SSH-":
            self._lines += 1
            self._bytes += end + 1
            if self._lines > LINES_BEFORE_IDENTIFICATION or self._bytes > BYTES_BEFORE_IDENTIFICATION:
                raise LimitExceeded("endless lines before the identification")
        return line
