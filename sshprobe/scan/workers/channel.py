"""The messages between the parent and a worker: MessagePack structs in frames, each after its length.

Shared pieces of lines, and stats, are sent once and then named by a number. Both sides keep these pieces in an
`LruCache`, in the same order, so they drop the same ones. This module does no I/O: writers return bytes, and readers
accept bytes in segments of any size.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from sshprobe.lru_cache import LruCache
from sshprobe.scan.results import STATS_WEIGHT, HostResult
from sshprobe.targets import Target
from sshprobe.views.host_stats import HostStats

P = TypeVar("P")
M = TypeVar("M")

MAX_FRAME_BYTES = 256 * 1024 * 1024
"""A longer frame is invalid. The results of one target under many profiles can have some ten megabytes."""

_LENGTH_BYTES = 4


class ChannelError(Exception):
    """The other side sent data that is not a message."""


class Configure(msgspec.Struct, tag=True):
    """The first message."""

    settings: bytes
    """`ScanSettings.encode`."""


class Probe(msgspec.Struct, tag=True):
    """Targets, each with the number for its results."""

    targets: list[tuple[int, Target]]


class End(msgspec.Struct, tag=True):
    """No more targets follow."""


class Stop(msgspec.Struct, tag=True):
    """Start no other host."""


class Witness(msgspec.Struct, tag=True):
    """An address that answered, from one worker to all others: if its route is gone, the network is lost."""

    ip: str
    family: int


ToWorker = Configure | Probe | End | Stop | Witness


class PackedResult(msgspec.Struct, array_like=True):
    """A `HostResult` without its target."""

    key: int
    stats: int
    """The number of its stats."""
    own: bytes
    """The first chunk."""
    shared: tuple[int, ...]
    """The numbers of the other chunks."""


class Results(msgspec.Struct, tag=True):
    """Targets that are done, each with its number and all its results."""

    targets: list[tuple[int, list[PackedResult]]]
    chunks: dict[int, bytes]
    """Shared chunks that were not sent before."""
    stats: dict[int, HostStats]
    """Stats that were not sent before."""


class Deferred(msgspec.Struct, tag=True):
    """A target is tried again at the end, and does not count until then."""

    number: int


class ResourceError(msgspec.Struct, tag=True):
    """The worker pauses because this machine ran out of resources, or ends a pause."""

    message: str


class Failed(msgspec.Struct, tag=True):
    """The worker ends because of an error, in one line."""

    message: str


ToParent = Results | Deferred | ResourceError | Failed | Witness


def frame(message: ToWorker | ToParent) -> bytes:
    """Return the frame of a message."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(_LENGTH_BYTES) + data


class ChannelReader(Generic[M]):
    """Reads the frames of one side. `messages` is the type of its messages, `ToWorker` or `ToParent`."""

    def __init__(self, messages: Any) -> None:
        self._decode = msgspec.msgpack.Decoder(messages).decode
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[M]:
        """Add data and return the complete messages. Raises `ChannelError`."""
        buffer = self._buffer
        buffer += data
        start, messages = 0, []
        with memoryview(buffer) as view:
            while len(buffer) >= start + _LENGTH_BYTES:
                end = start + _LENGTH_BYTES + int.from_bytes(view[start : start + _LENGTH_BYTES])
                if end - start > MAX_FRAME_BYTES:
                    raise ChannelError("a frame is too long")
                if len(buffer) < end:
                    break
                try:
                    messages.append(self._decode(view[start + _LENGTH_BYTES : end]))
                except (msgspec.MsgspecError, RecursionError) as error:
                    raise ChannelError(f"a frame is not a message: {error}") from None
                start = end
        del buffer[:start]
        return messages


class _SentPieces(Generic[P]):
    """Numbers the pieces that the other side has."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._known: LruCache[int, tuple[int, P]] = LruCache()
        """By the id of the piece. The cache keeps the piece, so that no other object gets the same id."""
        self.new: dict[int, P] = {}
        """Pieces to send, by number."""

    def number_of(self, piece: P, weight: int) -> int:
        known = self._known.get(id(piece))
        if known is None:
            known = next(self._numbers), piece
            self._known.put(id(piece), known, weight)
            self.new[known[0]] = piece
        return known[0]


class ResultWriter:
    """Packs results, in a worker."""

    def __init__(self) -> None:
        self._chunks: _SentPieces[bytes] = _SentPieces()
        self._stats: _SentPieces[HostStats] = _SentPieces()
        self._targets: list[tuple[int, list[PackedResult]]] = []
        self.size = 0
        """The approximate size of the next frame in bytes."""

    def __len__(self) -> int:
        """Return the number of targets in the next frame."""
        return len(self._targets)

    def add(self, number: int, results: Sequence[HostResult]) -> None:
        """Add all results of one target to the next frame."""
        self._targets.append((number, [self._packed(each) for each in results]))

    def _packed(self, result: HostResult) -> PackedResult:
        own, *shared = result.chunks
        self.size += len(own)
        numbers = []
        for chunk in shared:
            before = len(self._chunks.new)
            numbers.append(self._chunks.number_of(chunk, len(chunk)))
            if len(self._chunks.new) > before:
                self.size += len(chunk)
        assert isinstance(result.key, int)
        return PackedResult(result.key, self._stats.number_of(result.stats, STATS_WEIGHT), own, tuple(numbers))

    def take(self) -> bytes:
        """Return the frame of all results that were added since the last frame."""
        data = frame(Results(self._targets, self._chunks.new, self._stats.new))
        self._targets, self._chunks.new, self._stats.new, self.size = [], {}, {}, 0
        return data


class ResultReader:
    """Unpacks the results of one worker process, in the parent."""

    _readers = itertools.count()

    def __init__(self) -> None:
        self._number = next(self._readers)
        """Different for each process, because two processes may use the same key for different hosts."""
        self._chunks: LruCache[int, bytes] = LruCache()
        self._stats: LruCache[int, HostStats] = LruCache()

    def unpack(self, message: Results, targets: Mapping[int, Target]) -> list[tuple[int, list[HostResult]]]:
        """Return the results of each target. `targets`: all that the process has. Raises `ChannelError`."""
        try:
            return [
                (number, [self._result(target, packed, message) for packed in results])
                for number, results in message.targets
                for target in [targets[number]]
            ]
        except KeyError as error:
            raise ChannelError(f"a message names an unknown piece or target: {error}") from None

    def _result(self, target: Target, packed: PackedResult, message: Results) -> HostResult:
        stats = self._stats.get(packed.stats)
        if stats is None:
            stats = message.stats[packed.stats]
            self._stats.put(packed.stats, stats, STATS_WEIGHT)
        chunks = [packed.own]
        for number in packed.shared:
            chunk = self._chunks.get(number)
            if chunk is None:
                chunk = message.chunks[number]
                self._chunks.put(number, chunk, len(chunk))
            chunks.append(chunk)
        return HostResult(target, (self._number, packed.key), stats, tuple(chunks))
