"""The same scan over several processes: each worker scans, grades and encodes; this process only merges lines.

A target's records come back together, encoded, so that a worker that dies leaves either all of them or none. Verdicts
are most of a record and the same for many hosts: a worker sends each kind of them once, and their number afterwards.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from sshprobe.judging import Judge, Recent, line_of
from sshprobe.probe.unasked import not_asked
from sshprobe.records import Depth, HostRecord, Observation, Verdict
from sshprobe.scanner import Scanner
from sshprobe.sweep import Job, Numbered, Pool, serve
from sshprobe.targets import Target

Verdicts = tuple[int, int, bytes | None]
"""Worker, number of a kind of verdicts, and those encoded when this is the first time that they are sent."""

Parts = list[tuple[bytes, Verdicts]]
"""The records of one target: the head of each line (`sshprobe.judging`) and its verdicts."""


class ScanRunner:
    """What a worker runs: a `Scanner` with `settings`, its keyword arguments."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._scanner = Scanner(**settings)
        self._stop: Callable[[], None] | None = None
        self._identity = os.getpid()
        self._sent: Recent[int, bool] = Recent()
        """What the other side holds: it puts the same, in the same order."""

    async def outcomes(
        self,
        targets: AsyncIterator[Numbered[Target]],
        *,
        deferred: Callable[[Numbered[Target]], None],
        trouble: Callable[[str], None],
    ) -> AsyncIterator[tuple[int, Parts]]:
        """Yield the number and the records of every target."""
        sweep = self._scanner.sweep(self._jobs, deferred=deferred, trouble=trouble)
        self._stop = sweep.stop
        async for outcome in sweep.run(targets):
            yield outcome.target.number, [self._parts(observation) for observation in outcome.results]

    def _parts(self, observation: Observation) -> tuple[bytes, Verdicts]:
        judge = self._scanner.judge
        judged = judge.judged(observation)
        known = self._sent.get(judged.number) is not None
        if not known:
            self._sent.put(judged.number, True, len(judged.encoded))
        return judge.head(observation), (self._identity, judged.number, None if known else judged.encoded)

    def stop(self) -> None:
        """Start nothing new."""
        if self._stop is not None:
            self._stop()

    async def _jobs(self, numbered: Numbered[Target]) -> list[Job[Observation]]:
        return await self._scanner.jobs(numbered.target)


def scan_pool(settings: dict[str, Any], *, workers: int, trouble: Callable[[str], None]) -> Pool[Target, Parts]:
    """Return a pool that scans. `settings` are for all workers together: concurrency and rate are shared out.

    Raises `InputError` as `Scanner` does, before any process is started.
    """
    Scanner(**settings)  # to raise here what is wrong
    concurrency = max(1, settings["concurrency"] // workers)
    rate = settings.get("rate")
    share = {**settings, "concurrency": concurrency, "rate": rate / workers if rate else None}
    return Pool(
        partial(serve, make_runner=partial(ScanRunner, share)),
        workers=workers,
        window=2 * concurrency,
        lost=partial(_lost, settings.get("depth", "full")),
        trouble=trouble,
    )


def route(target: Target) -> int:
    """Return a number that is the same for all targets of one host, so that one worker talks to it."""
    return zlib.crc32(target.host.lower().encode())


def records_of(results: Iterator[Parts]) -> Iterator[tuple[HostRecord, bytes]]:
    """Yield each record with its line."""
    decode_record = msgspec.json.Decoder(HostRecord).decode
    decode_verdicts = msgspec.json.Decoder(list[Verdict]).decode
    workers: dict[int, Recent[int, tuple[bytes, list[Verdict]]]] = {}
    for parts in results:
        for head, (worker, number, encoded) in parts:
            recent = workers.setdefault(worker, Recent())
            found = recent.get(number)
            if found is None:
                assert encoded is not None  # both sides forget in the same order
                found = encoded, decode_verdicts(encoded)
                recent.put(number, found, len(encoded))
            encoded, verdicts = found
            record = msgspec.structs.replace(decode_record(line_of(head, b"[]")), verdicts=verdicts)
            yield record, line_of(head, encoded)


def _lost(depth: Depth, target: Target) -> Parts:
    error = "internal error: the scanner died on this host"
    observation = not_asked(target.text, target.host, target.port, depth, "protocol_error", error)
    return [(Judge((), strict=False).head(observation), (0, 0, b"[]"))]
