"""The pages for Prometheus: /probe and /metrics. And /healthz.

Names of metrics and parameters follow Prometheus's blackbox_exporter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sshprobe.algorithms import openssh_release
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord
from sshprobe.render.formats.prometheus import metric_families
from sshprobe.serve.exporter.probe_modules import DEFAULT, ProbeModule
from sshprobe.serve.exporter.prober import Answer, NotAllowed, Prober, TooBusy
from sshprobe.serve.http.guard import HEALTH, PROBE
from sshprobe.views.metrics import host_samples

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"

DEFAULT_TIMEOUT = 30.0
"""Seconds for the answer to a request without `TIMEOUT_HEADER`."""

LONGEST_TIMEOUT = 120.0

_FOR_THE_WAY_BACK = 0.5
"""Seconds of the scrape timeout reserved for our answer."""

RETRY_AFTER = 5
"""Seconds for `Retry-After` while too many probes run."""

REFRESH = 60
"""Seconds for which the hosts of a history are kept."""

LastHosts = Callable[[], Iterable[tuple[HostRecord, float | None]]]
"""Reads the last records of hosts from a history, in a thread, each with the last change of its keys in seconds since
1970-01-01 UTC, if any. Raises `InputError`."""


class Exporter:
    """Answers requests with the results of a `Prober`, and with the last scans of a history.

    - `modules`: the modules of /probe by name.
    - `last_hosts`: the hosts of /metrics. None: there is no history.
    - `schedules`: returns the metrics of scheduled scans.
    """

    def __init__(
        self,
        prober: Prober,
        modules: Mapping[str, ProbeModule],
        last_hosts: LastHosts | None = None,
        schedules: Callable[[], Iterable[Metric]] = tuple,
    ) -> None:
        self._prober = prober
        self._modules = modules
        self._last_hosts = last_hosts
        self._schedules = schedules
        self._last_text = b""
        self._last_read = -float(REFRESH)
        self._reading = asyncio.Lock()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._probes = Counter(
            "sshprobe_exporter_probes", "Answers of /probe by status of the host.", ["status"], registry=self._registry
        )
        self._refused = Counter(
            "sshprobe_exporter_refused", "Requests of /probe without a probe.", ["reason"], registry=self._registry
        )
        running = Gauge("sshprobe_exporter_running_probes", "Running probes.", registry=self._registry)
        running.set_function(lambda: prober.running)
        self._seconds = Histogram(
            "sshprobe_exporter_probe_duration_seconds", "Time until an answer of /probe.", registry=self._registry
        )

    def routes(self) -> list[Route]:
        """Return the pages for Prometheus, and /healthz."""
        return [
            Route(HEALTH, self._health),
            Route("/metrics", self._metrics),
            Route(PROBE, self._probe),
        ]

    async def index(self, request: Request) -> Response:
        """Return a list of the pages: the first page if there is no dashboard."""
        return PlainTextResponse(
            "sshprobe: SSH servers for Prometheus\n\n"
            "/probe?target=HOST[:PORT]&module=NAME  probe an allowed host\n"
            "/metrics                               this process, and the last scans of the history\n\n"
            f"Modules: {', '.join(sorted(self._modules))}\n"
        )

    async def _health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _metrics(self, request: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, self._registry)
        return _page(text + _text(self._schedules()) + await self._history_text())

    async def _history_text(self) -> bytes:
        """Return the series of the history. If it cannot be read, only sshprobe_history_up."""
        if self._last_hosts is None:
            return b""
        async with self._reading:  # concurrent requests share one reading
            if time.monotonic() - self._last_read >= REFRESH:
                try:
                    self._last_text = await asyncio.to_thread(_series_of, self._last_hosts)
                except InputError:
                    self._last_text = _text([_gauge("sshprobe_history_up", "1: the history was read.", 0)])
                self._last_read = time.monotonic()
            return self._last_text

    async def _probe(self, request: Request) -> Response:
        target, module = self._arguments(request)
        begin = time.monotonic()
        try:
            answer = await self._prober.probe(target, module, _timeout(request))
        except InputError as error:
            raise self._refusal(400, "malformed", str(error)) from None
        except NotAllowed as error:
            raise self._refusal(403, "not_allowed", str(error)) from None
        except TooBusy:
            headers = {"Retry-After": str(RETRY_AFTER)}
            raise self._refusal(503, "busy", "too many probes run now", headers) from None
        duration = time.monotonic() - begin
        self._seconds.observe(duration)
        self._probes.labels(_status(answer)).inc()
        return _page(_text(_probe_metrics(answer, duration)))

    def _arguments(self, request: Request) -> tuple[str, ProbeModule]:
        targets = request.query_params.getlist("target")
        if len(targets) != 1 or not targets[0]:
            raise self._refusal(400, "malformed", "name one host: /probe?target=HOST")
        name = request.query_params.get("module") or DEFAULT
        module = self._modules.get(name)
        if module is None:
            known = ", ".join(sorted(self._modules))
            raise self._refusal(400, "malformed", f"unknown module: the modules are {known}")
        return targets[0], module

    def _refusal(self, code: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> HTTPException:
        self._refused.labels(reason).inc()
        return HTTPException(code, message, dict(headers or {}))


def _timeout(request: Request) -> float:
    try:
        seconds = float(request.headers.get(TIMEOUT_HEADER, DEFAULT_TIMEOUT)) - _FOR_THE_WAY_BACK
    except ValueError:
        seconds = DEFAULT_TIMEOUT
    return min(seconds, LONGEST_TIMEOUT) if seconds > 0 else _FOR_THE_WAY_BACK


def _status(answer: Answer) -> str:
    return "still_running" if answer.record is None else answer.record.status


def _probe_metrics(answer: Answer, duration: float) -> Iterator[Metric]:
    record = answer.record
    graded = record is not None and bool(record.verdicts)
    yield _gauge("probe_success", "1: the host was graded. 0: it did not answer as an SSH server in time.", graded)
    yield _gauge("probe_duration_seconds", "Time until this answer.", duration)
    yield _gauge("sshprobe_result_age_seconds", "Time since the host was probed.", answer.age)
    if record is not None:
        yield from metric_families(host_samples(record, openssh_release))


def _series_of(last_hosts: LastHosts) -> bytes:
    samples = (
        sample for host, changed in last_hosts() for sample in host_samples(host, openssh_release, changed_at=changed)
    )
    families = metric_families(samples)
    return _text([_gauge("sshprobe_history_up", "1: the history was read.", 1), *families])


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Iterable[Metric]) -> bytes:
    return generate_latest(_Families(families))


def _page(text: bytes) -> Response:
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
