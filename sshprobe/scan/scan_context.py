"""The state that all scans with the same settings share: limits, verdicts, key pairs, and counters.

`Scanner` is its public face; the command line and workers use it directly.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.net import open_network
from sshprobe.net.outage import SharedWitnesses
from sshprobe.scan.engine import Engine
from sshprobe.scan.job import Job, Progress
from sshprobe.scan.limits import Limits
from sshprobe.scan.results import HostBatch, HostResult, Result, ResultEncoder
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.target_jobs import TargetJobs
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.targets import Target

if TYPE_CHECKING:
    from sshprobe.probe.fast_lists import FastLists
    from sshprobe.probe.probe_options import ProbeOptions

_trace = logging.getLogger("sshprobe.trace")

T = TypeVar("T")


class ScanContext:
    """Makes the engines of scans, which share the limits of `settings`."""

    def __init__(self, settings: ScanSettings) -> None:
        self.settings = settings
        self._verdicts = VerdictCache(settings.profiles, strict=settings.strict)
        self._encoder = ResultEncoder(self._verdicts)
        options = settings.probe_options()
        self.jobs = TargetJobs(
            options,
            exclude=settings.exclude,
            family=settings.address_family,
            all_addresses=settings.all_addresses,
            key_pairs={},
            lists=self._fast_lists(options) if self._has_fast_path() else None,
        )
        self.progress = Progress(total=0)
        """The progress of all scans. `total` is None if one of them reads a stream."""
        self._limits = Limits(settings.concurrency, settings.rate)
        self._engines: list[Engine[Any, Result]] = []
        """The engines of running scans."""
        self._is_stopped = False

    def stop(self) -> None:
        """Start no new host, in any scan; running hosts are finished."""
        self._is_stopped = True
        for engine in self._engines:
            engine.stop()
        self.jobs.stop()

    def engine(
        self,
        expand: Callable[[T], list[Job[Result]] | Awaitable[Sequence[Job[Result]]]],
        *,
        on_deferred: Callable[[T], None] | None = None,
        on_resource_error: Callable[[str], None] | None = None,
        shared: SharedWitnesses | None = None,
    ) -> Engine[T, Result]:
        """Return an engine with the shared limits. See `Engine` for the arguments."""
        self.jobs.is_traced = _trace.isEnabledFor(logging.DEBUG)
        return Engine(
            expand,
            open_network,
            concurrency=self.settings.concurrency,
            throttle_wait=self.settings.throttle_wait,
            on_deferred=on_deferred,
            on_resource_error=on_resource_error,
            limits=self._limits,
            shared=shared,
            progress=self.progress,
        )

    @contextmanager
    def running(self, engine: Engine[Any, Result]) -> Iterator[None]:
        """Stop an engine together with the others, during the block."""
        self._engines.append(engine)
        if self._is_stopped:
            engine.stop()
        try:
            yield
        finally:
            self._engines.remove(engine)

    async def batches(
        self,
        targets: Iterable[Target] | AsyncIterator[Target],
        *,
        on_resource_error: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[HostBatch, None]:
        """Yield the results of all hosts, in batches of finished ones."""
        engine = self.engine(self.jobs.of, on_resource_error=on_resource_error)
        with self.running(engine):
            async with aclosing(engine.batches(targets)) as batches:
                async for batch in batches:
                    yield HostBatch([self.result(result) for outcome in batch for result in outcome.results])

    def result(self, result: Result) -> HostResult:
        """Return the graded and encoded result of a host. The fast path has already made it."""
        return self._encoder.result(result) if isinstance(result, Observation) else result

    def record(self, result: Result) -> HostRecord:
        """Return the record of a host."""
        return self.result(result).record

    def _has_fast_path(self) -> bool:
        return self.settings.depth == "lists" and not self._verdicts.depend_on_host

    def _fast_lists(self, options: ProbeOptions) -> FastLists[HostResult]:
        from sshprobe.probe.fast_lists import FastLists  # for --depth lists alone

        return FastLists(options, self._encoder.template)
