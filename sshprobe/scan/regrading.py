"""Grades saved records again: similar hosts once, and batches of different hosts in several processes.

The parent reads records and makes results. It sends a batch with many new kinds of hosts to an idle worker, which
returns their verdicts. Each worker has one batch at most. Results keep the order of the records.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding
from sshprobe.platform.system import may_fork
from sshprobe.profiles import Profile
from sshprobe.scan.results import HostResult, ResultEncoder
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.verdict_cache import EncodedVerdicts, VerdictCache
from sshprobe.views.host_stats import VerdictStats

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

BATCH = 64
"""The number of records in a batch."""

WORTH_SENDING = 8
"""A batch with at least this many new kinds of hosts goes to a worker. The parent grades the others."""


class _Answer(NamedTuple):
    """The encoded verdicts on one record, and their stats."""

    chunk: bytes
    stats: tuple[VerdictStats, ...]


_encode = msgspec.json.Encoder().encode  # it encodes any value of a record, including numbers of any size
_decode_records = msgspec.json.Decoder(list[HostRecord]).decode
_encode_answers = msgspec.msgpack.Encoder().encode
_decode_answers = msgspec.msgpack.Decoder(list[_Answer]).decode


class _Worker(NamedTuple):
    process: BaseProcess
    connection: Connection


class _Batch(NamedTuple):
    records: list[HostRecord]
    keys: list[bytes]
    sent: list[bytes]
    """The keys of the records that a worker grades."""
    worker: _Worker | None


class Regrader:
    """Grades records against `profiles`, in up to `workers` processes. A context manager, which ends the workers.

    `findings_of` returns the findings across the fleet about a record.
    """

    def __init__(
        self,
        profiles: Sequence[Profile],
        *,
        strict: bool,
        findings_of: Callable[[HostRecord], list[Finding]],
        workers: int = 1,
    ) -> None:
        self._settings = ScanSettings(profiles=tuple(profiles), strict=strict)
        self._cache = VerdictCache(profiles, strict=strict)
        self._encoder = ResultEncoder(self._cache)
        self._findings_of = findings_of
        self._to_start = workers if workers > 1 else 0
        self._started: list[_Worker] = []
        self._idle: deque[_Worker] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._started:
            worker.process.terminate()
            worker.process.join()
            worker.connection.close()
        self._started.clear()
        self._idle.clear()

    def results(self, records: Iterable[HostRecord]) -> Iterator[HostResult]:
        """Yield the results of records with new verdicts and fleet findings, in their order."""
        source = iter(records)
        pending: deque[_Batch] = deque()
        while batch := list(islice(source, BATCH)):
            pending.append(self._begin(batch))
            while pending and (pending[0].worker is None or not self._idle or len(pending) > len(self._started)):
                yield from self._finish(pending.popleft())
        while pending:
            yield from self._finish(pending.popleft())

    def _begin(self, records: list[HostRecord]) -> _Batch:
        """Send the records of new kinds to a worker, if there are enough."""
        keys = [self._cache.key(record) for record in records]
        new = {key: record for key, record in zip(keys, records, strict=True) if self._cache.get(key) is None}
        worker = self._free_worker() if len(new) >= WORTH_SENDING else None
        if worker is not None:
            bare = [msgspec.structs.replace(record, verdicts=[], fleet_findings=[]) for record in new.values()]
            with suppress(OSError):  # it died: reading its answer detects that
                worker.connection.send_bytes(_encode(bare))
        return _Batch(records, keys, list(new), worker)

    def _finish(self, batch: _Batch) -> Iterator[HostResult]:
        """Yield the results of a batch. The records of a worker that died are graded here."""
        found: dict[bytes, EncodedVerdicts] = {}
        if batch.worker is not None:
            with suppress(EOFError, OSError, msgspec.MsgspecError):
                answers = _decode_answers(batch.worker.connection.recv_bytes())
                for key, answer in zip(batch.sent, answers, strict=True):
                    found[key] = EncodedVerdicts.decoded(answer.chunk, answer.stats)
                    if self._cache.get(key) is None:  # otherwise an earlier batch had it too
                        self._cache.put(key, found[key])
                self._idle.append(batch.worker)
        for key, record in zip(batch.keys, batch.records, strict=True):
            verdicts = found.get(key) or self._cache.verdicts_for(record, key)
            yield self._encoder.regraded(record, verdicts, self._findings_of(record))

    def _free_worker(self) -> _Worker | None:
        """Start the workers when the first one is needed. Return an idle one, or None."""
        while self._to_start:
            self._to_start -= 1
            try:
                self._start()
            except (OSError, RuntimeError):  # no process, descriptor, memory or thread is left
                self._to_start = 0
        return self._idle.popleft() if self._idle else None

    def _start(self) -> None:
        import multiprocessing

        copy = may_fork()
        context = multiprocessing.get_context("fork") if copy else multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # A copy of this process also has our side of all connections. While it is open, the others do not see an end.
        to_close = [ours, *(worker.connection for worker in self._started)] if copy else []
        process = context.Process(target=_work, args=(theirs, self._settings.encode(), to_close), daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._started.append(_Worker(process, ours))
        self._idle.append(self._started[-1])


def _work(connection: Connection, settings: bytes, to_close: list[Connection]) -> None:
    for each in to_close:
        each.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    decoded = ScanSettings.decode(settings)
    cache = VerdictCache(decoded.profiles, strict=decoded.strict)
    with suppress(Exception):  # the parent has ended, or grades these records itself and gets the same error
        while True:
            graded = map(cache.verdicts_for, _decode_records(connection.recv_bytes()))
            connection.send_bytes(_encode_answers([_Answer(each.chunk, each.stats) for each in graded]))
