"""The binary packet protocol (RFC 4253 section 6): payloads from and to bytes.

    uint32 packet_length | byte padding_length | payload | random padding | mac

An `Opener` takes packets off the front of a buffer, a `Sealer` makes them. The ones here are for the time before
NEWKEYS; `sshprobe.wire.ciphers` has those for the time after. Every rule of the section is checked on what comes in:
total length a multiple of the block size, packet_length at most 35000, 4 to 255 bytes of padding, a payload of at
least one byte.
"""

from __future__ import annotations

import os
from typing import Protocol

from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.limits import MINIMUM_PADDING, PACKET_LENGTH

PLAIN_BLOCK = 8
"""The block size before any cipher is in use."""


class Opener(Protocol):
    """Reads packets."""

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        """Take one packet off the front of `buffer` and return its payload; None if it is not whole yet."""


class Sealer(Protocol):
    """Writes packets."""

    def seal(self, payload: bytes, sequence: int) -> bytes:
        """Return the packet that carries `payload`."""


def check_packet_length(length: int, block: int, *, counted: int) -> None:
    """Raise unless `length` may stand in packet_length. `counted`: bytes before it that the block size counts."""
    if length > PACKET_LENGTH:
        raise LimitExceeded(f"a packet of {length} bytes; at most {PACKET_LENGTH} are read")
    if length < 1 + 1 + MINIMUM_PADDING:
        raise RemoteProtocolError(f"packet_length {length} is too small for a packet")
    if (length + counted) % block:
        raise RemoteProtocolError(f"packet_length {length} is not a multiple of the block size")


def strip_padding(body: bytes) -> bytes:
    """Return the payload of `body`, which is padding_length, payload and padding."""
    padding = body[0]
    if padding < MINIMUM_PADDING:
        raise RemoteProtocolError(f"padding_length {padding} is below {MINIMUM_PADDING}")
    end = len(body) - padding
    if end <= 1:
        raise RemoteProtocolError(f"padding_length {padding} leaves no payload")
    return body[1:end]


def padded(payload: bytes, block: int, *, counted: int) -> bytes:
    """Return padding_length, `payload` and padding so that they and `counted` bytes fill whole blocks."""
    padding = block - (counted + 1 + len(payload)) % block
    if padding < MINIMUM_PADDING:
        padding += block
    return bytes((padding,)) + payload + os.urandom(padding)


class PlainOpener:
    """Packets without encryption."""

    __slots__ = ()

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        """See `Opener`. `sequence` is not part of a plain packet."""
        if len(buffer) < 4:
            return None
        length = int.from_bytes(buffer[:4], "big")
        check_packet_length(length, PLAIN_BLOCK, counted=4)
        if len(buffer) < 4 + length:
            return None
        body = bytes(buffer[4 : 4 + length])
        del buffer[: 4 + length]
        return strip_padding(body)


class PlainSealer:
    """Packets without encryption."""

    __slots__ = ()

    def seal(self, payload: bytes, sequence: int) -> bytes:
        """See `Sealer`."""
        body = padded(payload, PLAIN_BLOCK, counted=4)
        return len(body).to_bytes(4, "big") + body
