"""The places where an incomplete compressed file of records can be ended, so that its scan can be resumed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from sshprobe.compression import BLOCK, Decompressed, new_decompressor
from sshprobe.model.errors import InputError

_ZSTD_END = b"\x01\x00\x00"
"""A last block without content (RFC 8878 section 3.1.1.2)."""
_GZIP_END = b"\x03\x00"
"""The same (RFC 1951 section 3.2.6). CRC and length of the content follow (RFC 1952 section 2.3.1)."""
_GZIP_FLUSHED = b"\x00\x00\xff\xff"
"""The end of a block that was flushed: an empty stored block (RFC 1951 section 3.2.4)."""


class Cut(NamedTuple):
    """A place to cut a compressed file, so that the rest is complete."""

    content: int
    """Bytes of content before it."""
    size: int
    """Bytes of the file that are kept."""
    ending: bytes
    """The bytes that end the frame there."""


def find_cut(content: Decompressed, most: int) -> Cut:
    """Return the last cut after a line that keeps at most `most` bytes of content. All content must have been read.

    Raises:
        InputError: if the file is from another program, whose blocks end inside lines, or is cut off inside its first
    block.
    """
    start, offset = max(each for each in content.starts if each[0] <= most)
    cut = Cut(start, offset, b"")
    if start < most:
        stream = content.file
        stream.seek(offset)
        cuts = _cuts_of_zstd(stream) if content.codec == "zstd" else _cuts_of_gzip(stream)
        found = [Cut(start + each.content, offset + each.size, each.ending) for each in cuts]
        wanted = (each for each in reversed(found) if each.content <= most and _is_whole(content, offset, each))
        cut = next(wanted, cut)
    if not cut.content and content.is_cut_off and most <= BLOCK:
        raise InputError("is cut off inside its first block: decompress it, and resume that file")
    if most - cut.content > BLOCK or not cut.content:
        raise InputError("was compressed by another program: decompress it, and resume that file")
    return cut


def _is_whole(content: Decompressed, offset: int, cut: Cut) -> bool:
    """Return whether the frame at `offset` is whole with this cut: bytes that look like a flush may be content."""
    content.file.seek(offset)
    frame = new_decompressor(content.codec)
    try:
        frame.decompress(content.file.read(cut.size - offset) + cut.ending)
    except Exception:  # as in `sshprobe.compression`
        return False
    return frame.eof and not frame.unused_data


def _cuts_of_zstd(stream: IO[bytes]) -> Iterator[Cut]:
    """Yield the cuts in the frame that begins here: after each block that ends with a line (RFC 8878)."""
    head = stream.read(5)
    if len(head) < 5 or head[4] & 4:  # a checksum of the content
        return
    flags, is_single = head[4], head[4] >> 5 & 1
    head += stream.read(1 - is_single + (0, 1, 2, 4)[flags & 3] + (is_single, 2, 4, 8)[flags >> 6])
    frame = new_decompressor("zstd")
    frame.decompress(head)
    size, made = len(head), 0
    while len(header := stream.read(3)) == 3:
        number = int.from_bytes(header, "little")
        is_last, kind, length = number & 1, number >> 1 & 3, number >> 3
        data = header + stream.read(1 if kind == 1 else length)
        if is_last:
            return
        text = frame.decompress(data)
        size, made = size + len(data), made + len(text)
        if text.endswith(b"\n"):
            yield Cut(made, size, _ZSTD_END)


def _cuts_of_gzip(stream: IO[bytes]) -> Iterator[Cut]:
    """Yield the cuts in the member that begins here: after each flush that ends with a line."""
    frame = new_decompressor("gzip")
    size = made = crc = 0
    data = b""
    while not frame.eof and (more := stream.read(1 << 16)):
        data += more
        while data:
            end = data.find(_GZIP_FLUSHED) + len(_GZIP_FLUSHED)
            is_flushed = end >= len(_GZIP_FLUSHED)
            piece = data[:end] if is_flushed else data[: 1 - len(_GZIP_FLUSHED)]  # the rest may begin a flush
            data = data[len(piece) :]
            if not piece:
                break
            text = frame.decompress(piece)
            size, made, crc = size + len(piece), made + len(text), zlib.crc32(text, crc)
            if is_flushed and text.endswith(b"\n"):
                yield Cut(made, size, _GZIP_END + struct.pack("<II", crc, made & 0xFFFFFFFF))
