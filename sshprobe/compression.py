"""Compressed files of lines: zstd and gzip, written line by line and read like plain files.

A file is a sequence of frames of `LINES_PER_FRAME` lines (RFC 8878 section 3.1; "members" in RFC 1952). A block of a
frame holds whole lines, and a block is finished every `FLUSH_SECONDS`. So a process that is killed loses one second at
most, and its last frame can be ended after any block (`sshprobe.store.cutting`).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from typing import IO, Any, Literal, Protocol

Codec = Literal["zstd", "gzip"]

CODECS: dict[str, Codec] = {".zst": "zstd", ".gz": "gzip"}
"""The suffixes of compressed files."""

_MAGIC: dict[Codec, bytes] = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b"}
"""RFC 8878 section 3.1.1, RFC 1952 section 2.3.1."""

LINES_PER_FRAME = 1000
FLUSH_SECONDS = 1.0

BLOCK = 100_000
"""Bytes of lines in a block, unless one line has more. In zstd, 128 KiB is the most (RFC 8878 section 3.1.1.2)."""

_READ = 4096
"""The most compressed bytes per step. Hostile ones become 128 MiB: a block of four bytes can be 128 KiB."""

_LEVEL: dict[Codec, int] = {"zstd": 3, "gzip": 6}


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes:
        """Compress data and return the finished bytes."""

    def flush(self, mode: int, /) -> bytes:
        """End a block or the frame."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool:
        """Whether the frame has ended."""

    @property
    def unused_data(self) -> bytes:
        """The data after its end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Decompress data and return the finished bytes."""


def _new_compressor(codec: Codec) -> tuple[_Compressor, int, int]:
    """Return a compressor of one frame, and its modes that end a block and the frame."""
    level = _LEVEL[codec]
    if codec == "gzip":
        return zlib.compressobj(level, wbits=31), zlib.Z_SYNC_FLUSH, zlib.Z_FINISH
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdCompressor

        compressor = ZstdCompressor(level)
        return compressor, compressor.FLUSH_BLOCK, compressor.FLUSH_FRAME
    import zstandard

    # A frame that is cut (`sshprobe.store.cutting`) must not have the size of its content or a checksum.
    made = zstandard.ZstdCompressor(level, write_content_size=False, write_checksum=False).compressobj()
    return made, zstandard.COMPRESSOBJ_FLUSH_BLOCK, zstandard.COMPRESSOBJ_FLUSH_FINISH


def new_decompressor(codec: Codec) -> _Decompressor:
    """Return a decompressor of one frame. It raises errors without a common base."""
    if codec == "gzip":
        return zlib.decompressobj(wbits=31)
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor

        return ZstdDecompressor()
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def codec_of_name(name: str) -> Codec | None:
    """Return the compression that the suffix of a file means, or None."""
    return CODECS.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - a name may not be a path


def codec_of(head: bytes) -> Codec | None:
    """Return the compression that the first bytes of a file show, or None."""
    return next((codec for codec, magic in _MAGIC.items() if head.startswith(magic)), None)


# -- writing -----------------------------------------------------------------------------------------------------------


class CompressedLines(io.RawIOBase):
    """Compresses lines into a stream. A thread finishes a block if none was finished for a second.

    Errors of the stream, in either thread, are raised by the next call.
    """

    def __init__(self, stream: IO[bytes], codec: Codec) -> None:
        self._stream = stream
        self._codec = codec
        self._lock = threading.RLock()
        self._frame: _Compressor | None = None
        self._block_mode = self._end_mode = 0
        self._lines = 0  # in the frame
        self._pending = 0  # bytes in the block
        self._flushed_at = 0.0
        self._error: Exception | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()

    def write(self, line: Any) -> int:
        """Compress one or more complete lines. A summary gets its own frame, which `--resume` can cut off."""
        with self._lock:
            self._raise_error()
            if line.startswith(b'{"type":"summary"') or self._lines >= LINES_PER_FRAME:
                self._end_frame()
            if self._pending and self._pending + len(line) > BLOCK:
                self._end_block()
            if self._frame is None:
                self._frame, self._block_mode, self._end_mode = _new_compressor(self._codec)
            self._stream.write(self._frame.compress(line))
            self._lines += 1
            self._pending += len(line)
        return len(line)

    def flush(self) -> None:
        """Finish a block, unless one was finished in the last second."""
        with self._lock:
            self._raise_error()
            if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                self._flush_block()
            elif self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._flush_each_second, daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """End the last frame, and flush the stream."""
        self.stop()
        with self._lock:
            self._raise_error()
            self._end_frame()
            self._stream.flush()

    def stop(self) -> None:
        """End the thread. Nothing is written."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _flush_each_second(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            with self._lock:
                try:
                    if self._error is None:
                        self._flush_block()
                except Exception as error:
                    self._error = error

    def _flush_block(self) -> None:
        if self._pending:
            self._end_block()
        self._flushed_at = time.monotonic()
        self._stream.flush()

    def _end_block(self) -> None:
        assert self._frame is not None
        self._stream.write(self._frame.flush(self._block_mode))
        self._pending = 0

    def _end_frame(self) -> None:
        if self._frame is not None:
            self._stream.write(self._frame.flush(self._end_mode))
        self._frame, self._lines, self._pending = None, 0, 0

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


@contextlib.contextmanager
def compressing(stream: IO[bytes], codec: Codec | None) -> Iterator[IO[bytes]]:
    """Compress data written during the block; without a codec, write it unchanged."""
    if codec is None:
        yield stream
        return
    lines = CompressedLines(stream, codec)
    try:
        yield lines  # type: ignore[misc] # it has all methods that sinks call
        lines.finish()
    finally:
        lines.stop()


# -- reading -----------------------------------------------------------------------------------------------------------


class Decompressed(io.BufferedReader):
    """The content of a compressed file. It ends with the file, also inside a frame; `seek(0)` begins again."""

    def __init__(self, stream: IO[bytes], codec: Codec) -> None:
        self.codec = codec
        self.file = stream
        self._frames = _Frames(stream, codec)
        super().__init__(self._frames, buffer_size=1 << 17)

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ends inside a frame; known after reading it."""
        return self._frames.is_cut_off

    @property
    def starts(self) -> list[tuple[int, int]]:
        """The places of frames that were read, and of the end of the last whole one: in the content and in the file."""
        return self._frames.starts


def plain(stream: IO[bytes]) -> IO[bytes]:
    """Return a seekable stream at its beginning, decompressed if its first bytes show that it is compressed."""
    codec = codec_of(stream.read(4))
    stream.seek(0)
    return stream if codec is None else Decompressed(stream, codec)


class _Frames(io.RawIOBase):
    """Decompresses frames one by one, up to the current size of the file, which may grow meanwhile."""

    def __init__(self, stream: IO[bytes], codec: Codec) -> None:
        self.starts: list[tuple[int, int]] = []
        self.is_cut_off = False
        self._given = 0
        self._stream = stream
        self._codec: Codec = codec
        self._end = stream.seek(0, io.SEEK_END)
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
        super().close()

    def tell(self) -> int:
        return self._given

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence) == (0, io.SEEK_CUR):
            return self._given
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("seek")
        self._stream.seek(0)
        self.starts, self.is_cut_off = [], False
        self._frame: _Decompressor | None = None
        self._fed = self._made = 0  # bytes read, and bytes of content
        self._given = 0
        self._rest = self._ready = b""
        return 0

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._read_some():
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        self._given += size
        return size

    def _read_some(self) -> bool:
        """Decompress one step. Return False at the end of the file."""
        data = self._rest or self._stream.read(min(_READ, self._end - self._fed))
        if not self._rest:
            self._fed += len(data)
        self._rest = b""
        if not data:
            self.is_cut_off = self._frame is not None
            return False
        if self._frame is None:
            self._frame = new_decompressor(self._codec)
            self.starts.append((self._made, self._fed - len(data)))
        try:
            self._ready = self._frame.decompress(data)
        except Exception as error:  # ZstdError and zlib.error have no common base class
            raise OSError(errno.EIO, f"its compressed data is damaged ({error})") from None
        self._made += len(self._ready)
        if self._frame.eof:
            self._rest = self._frame.unused_data
            self._frame = None
            if self._fed - len(self._rest) == self._end:
                self.starts.append((self._made, self._end))
        return True
