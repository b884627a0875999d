"""The bytes of one connection: what has been received and not yet read, what is to be sent, and both sequence numbers.

A `PacketStream` knows lines and packets (RFC 4253 sections 4.2 and 6), and no message. It holds at most `byte_limit`
bytes, so what a server sends decides neither our memory nor our time.
"""

from __future__ import annotations

from sshprobe.wire.framing import PacketReader, PacketWriter, PlainPacketReader, PlainPacketWriter
from sshprobe.wire.identification import IdentificationReader


class PacketStream:
    """Bytes in and out. `line` is our identification, the first thing to send; `byte_limit` counts received bytes."""

    def __init__(self, line: bytes, byte_limit: int) -> None:
        self._out = line + b"\r\n"
        self._in = bytearray()
        self._eof = False
        self._byte_limit = byte_limit
        self._room = byte_limit  # bytes that may still be received
        self._overflow = False
        self._lines = IdentificationReader()
        self._reader: PacketReader = PlainPacketReader()
        self._writer: PacketWriter = PlainPacketWriter()
        self._received = 0  # sequence number of the next packet to read, modulo 2**32
        self._sent = 0  # sequence number of the next packet to send, modulo 2**32

    def receive_data(self, data: bytes) -> None:
        """Add bytes from the network. Past the byte limit they are dropped, and `is_full` is true."""
        size = len(data)
        if size > self._room:
            self._overflow = True
            data, size = data[: self._room], self._room
        self._room -= size
        self._in += data

    def receive_eof(self) -> None:
        """Note that the server has closed its side."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """Return the bytes to send now, and forget them."""
        data, self._out = self._out, b""
        return data

    @property
    def is_full(self) -> bool:
        """Whether the server has sent more than the byte limit."""
        return self._overflow

    @property
    def unread(self) -> bytes:
        """Received bytes that have not been read as a line or packet."""
        return bytes(self._in)

    @property
    def taken(self) -> int:
        """Number of bytes that have been read as lines and packets."""
        return self._byte_limit - self._room - len(self._in)

    def _send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self._out += self._writer.write(payload, self._sent)
            self._sent = (self._sent + 1) % 2**32
