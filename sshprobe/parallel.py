"""The same scan over several processes: each worker scans, grades and encodes; this process only merges lines.

A target's results come back together, so that a worker that dies leaves either all of its records or none. What hosts
have in common is sent once, and its number afterwards: the template of those that are alike (`sshprobe.kinds`), so that
of most hosts only their times travel; and of all others the verdicts, which are most of a record. The first of a kind
comes as its line, since most kinds have one host where hosts differ at all: so neither side keeps a template for
nothing. What is counted of a host comes beside its line, so that this process decodes no record unless it shows it or
compares its keys.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from sshprobe.judging import UNJUDGED, Judge, Judged
from sshprobe.kinds import Alike, Cut, Ready, Template, Whole
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Depth, Identification
from sshprobe.net import literal
from sshprobe.probe.lists import Host
from sshprobe.probe.unprobed import unprobed
from sshprobe.scan.scanner import Scanner
from sshprobe.scan.settings import ScanSettings
from sshprobe.shortcuts import Result
from sshprobe.sweep import Job
from sshprobe.sweep.pool import Pool
from sshprobe.sweep.worker import FLUSH_RESULTS, Batch, Numbered, serve
from sshprobe.targets import Target
from sshprobe.views.host_stats import HostStats, VerdictStats, host_stats

Common = tuple[int, int, Any]
"""Worker, number of what hosts have in common, and that itself when this is the first time that it is sent."""


class FirstResult(NamedTuple):
    """A host that is like no other so far."""

    line: bytes
    """With its line end."""
    counted: HostStats
    """What of it is counted."""


class AlikeResult(NamedTuple):
    """A host that is like others."""

    template: Common
    """Sent once: its line up to its verdicts, what of it is counted, and the verdicts encoded."""
    identification: Identification | None
    started_at: float
    duration_ms: float


class WholeResult(NamedTuple):
    """Any other host."""

    head: bytes
    """Its line up to its verdicts."""
    counted: HostStats
    """What of it is counted, but for its verdicts."""
    verdicts: Common
    """Sent once: encoded, and what of them is counted."""


OneResult = FirstResult | AlikeResult | WholeResult
"""What came of one host."""

Results = list[OneResult]
"""What came of one target."""


class ScanRunner:
    """What a worker runs: a `Scanner` with `settings`."""

    def __init__(self, settings: ScanSettings) -> None:
        self._scanner = Scanner._of(settings)
        self._stop: Callable[[], None] | None = None
        # Not that of its process: the next one may have the same number, and would be taken to have sent what this did.
        self._identity = secrets.randbits(63)
        self._met: LruCache[int, bool] = LruCache()
        """The numbers of templates of which one host was sent."""
        self._templates: LruCache[int, bool] = LruCache()
        self._verdicts: LruCache[int, bool] = LruCache()
        self._weight = 0
        """About how many bytes the batch that is being packed has so far."""

    async def batches(
        self,
        targets: AsyncIterator[Numbered[Target]],
        *,
        deferred: Callable[[Numbered[Target]], None],
        trouble: Callable[[str], None],
    ) -> AsyncIterator[Batch[Results]]:
        """Yield the results of every target, each time all that there are."""
        sweep = self._scanner._new_sweep(
            self._jobs, of=lambda numbered: numbered.target, deferred=deferred, on_resource_error=trouble
        )
        self._stop = sweep.stop
        async for batch in sweep.batches(targets):
            self._weight = 0
            results = [(outcome.target.number, [self._packed(each) for each in outcome.results]) for outcome in batch]
            yield Batch(results, self._weight)

    def _packed(self, result: Result) -> OneResult:
        judged = self._scanner._judged(result)
        if isinstance(judged, Alike):
            _, template, identification, started_at, duration_ms = judged
            if self._met.get(template.number):
                return AlikeResult(self._template(template), identification, started_at, duration_ms)
            self._met.put(template.number, True, 1)
            line = judged.line()
            self._weight += len(line)
            return FirstResult(line, judged.counted)
        self._weight += len(judged.head)
        return WholeResult(judged.head, judged.counted._replace(verdicts=()), self._verdicts_of(judged.judged))

    def _verdicts_of(self, judged: Judged) -> Common:
        if self._verdicts.get(judged.number):
            return self._identity, judged.number, None
        self._verdicts.put(judged.number, True, len(judged.encoded))
        self._weight += len(judged.encoded)
        return self._identity, judged.number, (judged.encoded, judged.counted)

    def _template(self, template: Template) -> Common:
        if self._templates.get(template.number):
            return self._identity, template.number, None
        self._templates.put(template.number, True, template.weight)
        self._weight += template.weight
        return self._identity, template.number, (template.cut, template.counted, template.judged.encoded)

    def stop(self) -> None:
        """Start nothing new."""
        if self._stop is not None:
            self._stop()

    async def _jobs(self, numbered: Numbered[Target]) -> Sequence[Job[Result]]:
        return await self._scanner._jobs.of(numbered.target)


def scan_pool(
    settings: ScanSettings, *, workers: int, trouble: Callable[[str], None], note: Callable[[str], None] | None = None
) -> Pool[Target, Results]:
    """Return a pool that scans. `settings` are for all workers together: concurrency and rate are shared out.

    `note` is told if fewer workers can be started. Raises `PoolError` if none can be.
    """
    share = settings.share(workers)
    return Pool(
        partial(serve, make_runner=partial(ScanRunner, share)),
        workers=workers,
        # Results that wait to be sent, and as many that wait to be read, keep no host from being started. With more,
        # who is slow ends after the others.
        window=share.concurrency + 2 * FLUSH_RESULTS,
        lost=partial(_lost, settings.depth),
        trouble=trouble,
        note=note,
    )


def claim(target: Target) -> str:
    """Return what is the same for all targets of one host, so that no two workers talk to it at once."""
    return target.host.lower()


class Unpacker:
    """Makes of the results of all workers what a `Scanner` in this process would have given."""

    def __init__(self) -> None:
        self._workers: dict[int, tuple[LruCache[int, Template], LruCache[int, Judged]]] = {}

    def unpacked(self, target: Target, result: OneResult) -> Ready | Alike | Whole:
        """Return what came of `target`."""
        if isinstance(result, FirstResult):
            return Ready(target, *result)
        if isinstance(result, AlikeResult):
            template = self._template(*result.template)
            address = literal(target.host)
            assert address is not None  # no name takes the short cut
            host = Host(target.text, target.host, address, target.port)
            return Alike(host, template, result.identification, result.started_at, result.duration_ms)
        judged = self._judged(*result.verdicts)
        return Whole(target, result.head, result.counted._replace(verdicts=judged.counted), judged)

    def _template(self, worker: int, number: int, first: tuple[Cut, HostStats, bytes] | None) -> Template:
        templates, _ = self._of(worker)
        template = templates.get(number)
        if template is None:
            assert first is not None  # both sides forget in the same order
            cut, counted, encoded = first
            template = Template(cut, counted, Judged(number, encoded, counted.verdicts))
            templates.put(number, template, template.weight)
        return template

    def _judged(self, worker: int, number: int, first: tuple[bytes, tuple[VerdictStats, ...]] | None) -> Judged:
        _, verdicts = self._of(worker)
        judged = verdicts.get(number)
        if judged is None:
            assert first is not None  # both sides forget in the same order
            judged = Judged(number, *first)
            verdicts.put(number, judged, len(judged.encoded))
        return judged

    def _of(self, worker: int) -> tuple[LruCache[int, Template], LruCache[int, Judged]]:
        known = self._workers.get(worker)
        if known is None:
            known = self._workers[worker] = LruCache(), LruCache()
        return known


def hosts_of(batches: Iterator[list[tuple[Target, Results]]]) -> Iterator[list[Ready | Alike | Whole]]:
    """Yield what came of the hosts of each batch."""
    unpacked = Unpacker().unpacked
    for batch in batches:
        yield [unpacked(target, result) for target, results in batch for result in results]


def _lost(depth: Depth, target: Target) -> Results:
    error = "internal error: the scanner died on this host"
    observation = unprobed(target.text, target.host, target.port, depth, "protocol_error", error)
    head = Judge((), strict=False).head(observation)
    return [WholeResult(head, host_stats(observation, ()), (0, 0, (UNJUDGED.encoded, ())))]
