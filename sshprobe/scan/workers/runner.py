"""A scan in several processes: what each worker runs, and the pool of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

from sshprobe.model.observation import Depth
from sshprobe.net.outage import SharedWitnesses
from sshprobe.probe.observations import unprobed
from sshprobe.scan.results import HostResult, ResultEncoder
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.scan.workers.pool import Pool
from sshprobe.scan.workers.worker import FLUSH_RESULTS, Numbered, serve
from sshprobe.targets import Target


class WorkerRunner:
    """Scans in a worker, with the settings that the worker got."""

    def __init__(self, settings: bytes) -> None:
        self._context = ScanContext(ScanSettings.decode(settings))
        self._stop: Callable[[], None] | None = None

    async def batches(
        self,
        targets: AsyncIterator[Numbered],
        *,
        on_deferred: Callable[[Numbered], None],
        on_resource_error: Callable[[str], None],
        shared: SharedWitnesses,
    ) -> AsyncIterator[list[tuple[int, list[HostResult]]]]:
        """Yield the results of targets with their numbers, each time all that there are."""
        jobs_of = self._context.jobs.of
        engine = self._context.engine(
            lambda numbered: jobs_of(numbered.target),
            on_deferred=on_deferred,
            on_resource_error=on_resource_error,
            shared=shared,
        )
        self._stop = engine.stop
        async for batch in engine.batches(targets):
            yield [(each.target.number, [self._context.result(result) for result in each.results]) for each in batch]

    def stop(self) -> None:
        """Start no other host."""
        if self._stop is not None:
            self._stop()


def scan_pool(
    settings: ScanSettings,
    *,
    workers: int,
    on_resource_error: Callable[[str], None],
    note: Callable[[str], None] | None = None,
) -> Pool:
    """Return a pool that scans. `settings` are for all workers together: concurrency and rate are shared out.

    `note` is called where fewer workers can be started, or one fails. Raises `PoolError` if none can be started.
    """
    share = settings.share(workers)
    return Pool(
        partial(serve, make_runner=WorkerRunner),
        share.encode(),
        workers=workers,
        # Results that wait to be sent, and as many that wait to be read, keep no host from being started. With more,
        # a slow worker ends after the others.
        window=share.concurrency + 2 * FLUSH_RESULTS,
        lost=partial(_lost, settings.depth),
        on_resource_error=on_resource_error,
        note=note,
    )


def _lost(depth: Depth, target: Target) -> HostResult:
    error = "internal error: the scanner died on this host"
    observation = unprobed(target.text, target.host, target.port, depth, "protocol_error", error)
    return ResultEncoder(VerdictCache((), strict=False)).result(observation)
