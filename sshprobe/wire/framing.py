"""The packet_length of the binary packet protocol (RFC 4253 section 6), and the interface of ciphers.

    uint32 packet_length | byte padding_length | payload | random padding | mac

`sshprobe.wire.transport` makes and reads packets, `sshprobe.wire.ciphers` encrypts and opens them. Every rule of the
section is checked: the total length is a multiple of the block size, packet_length is at most 35000, padding has 4 to
255 bytes, and a payload at least one.
"""

from __future__ import annotations

import struct
from typing import Protocol

from sshprobe.wire.errors import LimitExceeded, RemoteProtocolError
from sshprobe.wire.limits import MINIMUM_PADDING, PACKET_LENGTH

PLAIN_BLOCK = 8
"""The block size before any cipher is in use."""

UINT32 = struct.Struct(">I")
"""packet_length."""


class PacketCipher(Protocol):
    """A cipher and MAC, or an AEAD, for the packets of one direction."""

    @property
    def block(self) -> int:
        """The block size in bytes."""

    @property
    def counted(self) -> int:
        """See `packet_lengths`."""

    def open(self, buffer: bytearray, sequence: int) -> bytes | None:
        """Remove one packet from the front of `buffer`, and return it from padding_length on, without MAC.

        `sequence`: the packet's number, modulo 2**32. None: it is not complete. Raises `RemoteProtocolError` for a bad
        length or MAC.
        """

    def seal(self, packet: bytes, sequence: int) -> bytes:
        """Return `packet`, which has whole blocks, encrypted and with its MAC."""


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
