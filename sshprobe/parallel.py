"""The same scan over several processes: each worker scans, grades and encodes; this process only merges lines.

A target's records come back together, encoded, so that a worker that dies leaves either all of them or none.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from sshprobe.probe.host import not_asked
from sshprobe.records import HostRecord, Observation
from sshprobe.scanner import Scanner
from sshprobe.sweep import Job, Numbered, Pool, serve
from sshprobe.targets import Target

Lines = list[bytes]
"""The records of one target, each a line of JSON without its end."""


class ScanRunner:
    """What a worker runs: a `Scanner` with `settings`, its keyword arguments."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._scanner = Scanner(**settings)
        self._stop: Callable[[], None] | None = None

    async def outcomes(
        self,
        targets: AsyncIterator[Numbered[Target]],
        *,
        deferred: Callable[[Numbered[Target]], None],
        trouble: Callable[[str], None],
    ) -> AsyncIterator[tuple[int, Lines]]:
        """Yield the number and the lines of every target."""
        sweep = self._scanner.sweep(self._jobs, deferred=deferred, trouble=trouble)
        self._stop = sweep.stop
        encoder = msgspec.json.Encoder()
        async for outcome in sweep.run(targets):
            yield (
                outcome.target.number,
                [encoder.encode(self._scanner.graded(observation)) for observation in outcome.results],
            )

    def stop(self) -> None:
        """Start nothing new."""
        if self._stop is not None:
            self._stop()

    async def _jobs(self, numbered: Numbered[Target]) -> list[Job[Observation]]:
        return await self._scanner.jobs(numbered.target)


def scan_pool(settings: dict[str, Any], *, workers: int, trouble: Callable[[str], None]) -> Pool[Target, Lines]:
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


def records_of(results: Iterator[Lines]) -> Iterator[tuple[HostRecord, bytes]]:
    """Yield each record with its line."""
    decoder = msgspec.json.Decoder(HostRecord)
    for lines in results:
        for line in lines:
            yield decoder.decode(line), line


def _lost(depth: Any, target: Target) -> Lines:
    observation = not_asked(
        target.text, target.host, target.port, depth, "protocol_error", "internal error: the scanner died on this host"
    )
    return [msgspec.json.encode(HostRecord(**msgspec.structs.asdict(observation)))]
