"""A scan in several processes: the code of each worker, and the pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sshprobe.model.observation import Depth
from sshprobe.probe.host_state import unprobed
from sshprobe.scan.engine import Engine
from sshprobe.scan.results import HostResult, Result, ResultEncoder
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.scan.workers.pool import Pool
from sshprobe.scan.workers.worker import FLUSH_RESULTS, Numbered, serve
from sshprobe.targets import Target


def scan_engine(settings: bytes, **hooks: Any) -> tuple[Engine[Numbered, Result], Callable[[Result], HostResult]]:
    """Return the engine of a worker, and its function for results (see `MakeEngine`)."""
    context = ScanContext(ScanSettings.decode(settings))
    return context.engine(lambda numbered: context.jobs.of(numbered.target), **hooks), context.result


def scan_pool(
    settings: ScanSettings,
    *,
    workers: int,
    on_resource_error: Callable[[str], None],
    note: Callable[[str], None] | None = None,
) -> Pool:
    """Return a pool that scans with `settings`, whose concurrency and rate are for all workers together.

    `on_resource_error` and `note`: see `Pool`. Raises `PoolError` if no worker can be started.
    """
    share = settings.share(workers)
    return Pool(
        partial(serve, make_engine=scan_engine),
        share.encode(),
        workers=workers,
        # Results that wait to be sent or read, up to this number each, do not delay the start of hosts. With more, a
        # slow worker would end after the others.
        window=share.concurrency + 2 * FLUSH_RESULTS,
        lost=partial(_lost, settings.depth),
        on_resource_error=on_resource_error,
        note=note,
    )


def _lost(depth: Depth, target: Target) -> HostResult:
    error = "internal error: the scanner died on this host"
    observation = unprobed(target.text, target.host, target.port, depth, "protocol_error", error, labels=target.labels)
    return ResultEncoder(VerdictCache((), strict=False)).result(observation)
