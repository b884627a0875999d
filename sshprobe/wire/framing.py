"""The binary packet protocol (RFC 4253 section 6): payloads from and to bytes.

    uint32 packet_length | byte padding_length | payload | random padding | mac

A `PacketReader` removes packets from the front of a buffer, a `PacketWriter` makes packets. Those of this module work
before NEWKEYS, those of `sshprobe.wire.ciphers` after it. A reader checks every rule of the section: the total length
is a multiple of the block size, packet_length is at most 35000, padding has 4 to 255 bytes, and a payload at least one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Protocol

from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.limits import MINIMUM_PADDING, PACKET_LENGTH

PLAIN_BLOCK = 8
"""The block size before any cipher is in use."""

UINT32 = struct.Struct(">I")
"""packet_length."""

_HEAD = struct.Struct(">IB")  # packet_length, padding_length


class PacketReader(Protocol):
    """Reads packets off a buffer."""

    def read(self, buffer: bytearray, sequence: int) -> bytes | None:
        """Remove one packet from the front of `buffer` and return its payload, None if it is not complete.

        `sequence`: the packet's number, modulo 2**32. Raises `RemoteProtocolError` for a bad packet or MAC.
        """


class PacketWriter(Protocol):
    """Makes packets."""

    def write(self, payload: bytes, sequence: int) -> bytes:
        """Return the packet that carries `payload`. `sequence`: its number, modulo 2**32."""


def packet_lengths(block: int, *, counted: int) -> range:
    """Return the allowed values of packet_length. All numbers are bytes.

    `block`: the block size. `counted`: 4 if packet_length itself is part of the first block, else 0.
    """
    minimum = 1 + 1 + MINIMUM_PADDING
    return range(minimum + -(counted + minimum) % block, PACKET_LENGTH + 1, block)


def bad_length(length: int) -> RemoteProtocolError:
    """Return the error for a packet_length that is not one of `packet_lengths`."""
    if length > PACKET_LENGTH:
        return LimitExceeded(f"a packet of {length} bytes; at most {PACKET_LENGTH} are read")
    if length < 1 + 1 + MINIMUM_PADDING:
        return RemoteProtocolError(f"packet_length {length} is too small for a packet")
    return RemoteProtocolError(f"packet_length {length} is not a multiple of the block size")


def strip_padding(body: bytes) -> bytes:
    """Return the payload of `body`: padding_length, payload and padding. Raises `RemoteProtocolError`."""
    padding = body[0]
    if padding < MINIMUM_PADDING:
        raise RemoteProtocolError(f"padding_length {padding} is below {MINIMUM_PADDING}")
    payload = body[1:-padding]
    if not payload:
        raise RemoteProtocolError(f"padding_length {padding} leaves no payload")
    return payload


def packet(payload: bytes, block: int, *, counted: int, fill: Callable[[int], bytes] = os.urandom) -> bytes:
    """Return the packet that carries `payload`, without MAC, in the fewest whole blocks.

    `block` and `counted`: see `packet_lengths`. `fill`: returns a number of bytes of padding.
    """
    length = 1 + len(payload) + MINIMUM_PADDING
    more = -(counted + length) % block
    padding = MINIMUM_PADDING + more
    return _HEAD.pack(length + more, padding) + payload + fill(padding)


class PlainPacketReader:
    """Packets without encryption."""

    __slots__ = ()

    _LENGTHS = packet_lengths(PLAIN_BLOCK, counted=4)

    def read(self, buffer: bytearray, sequence: int) -> bytes | None:
        """See `PacketReader`. `sequence` is not part of a plain packet."""
        have = len(buffer)
        if have < 4:
            return None
        (length,) = UINT32.unpack_from(buffer)
        if length not in self._LENGTHS:
            raise bad_length(length)
        end = 4 + length
        if have < end:
            return None
        body = bytes(buffer[4:end])
        del buffer[:end]
        return strip_padding(body)


class PlainPacketWriter:
    """Packets without encryption.

    Padding should be random (section 6), so that a cipher does not encrypt known text. Without a cipher we send zeros,
    as OpenSSH does before NEWKEYS.
    """

    __slots__ = ()

    def write(self, payload: bytes, sequence: int) -> bytes:
        """See `PacketWriter`."""
        return packet(payload, PLAIN_BLOCK, counted=4, fill=bytes)
