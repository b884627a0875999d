"""Metrics of all hosts as text for Prometheus, such as a file for node_exporter's textfile collector.

The format groups all series of a metric, so the lines of each metric wait in their own temporary file.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.views.metrics import METRICS, Sample, host_samples, place_labels

_BATCH = 500
"""The number of hosts whose series are formatted together."""

_IN_MEMORY = 2**20
"""The most bytes of each metric in memory, before they go to a file."""


class _OneFamily(Collector):
    """A metric with its samples."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        yield self._family


class _Lines(tempfile.SpooledTemporaryFile[bytes]):
    """The lines of one metric."""

    def add(self, family: Metric) -> None:
        """Write the samples of a metric. Its first two lines, HELP and TYPE, are written once."""
        text = generate_latest(_OneFamily(family))
        self.write(text.split(b"\n", 2)[2] if self.tell() else text)


def metric_families(samples: Iterable[Sample]) -> list[Metric]:
    """Return the metrics with a sample, in the order of `METRICS`."""
    families = {name: GaugeMetricFamily(name, words) for name, words in METRICS.items()}
    for metric, labels, value in samples:
        families[metric].add_sample(metric, labels, value)
    return [family for family in families.values() if family.samples]


class PrometheusWriter(HostWriter):
    """Writes the series of hosts, sorted by metric. Of two records of a host and address, the first counts."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._context = context
        self._seen: set[tuple[str, str]] = set()
        self._left_out = 0
        self._hosts: list[HostRecord] = []
        self._files = contextlib.ExitStack()
        self._waiting = {name: self._files.enter_context(_Lines(max_size=_IN_MEMORY)) for name in METRICS}

    def add(self, host: HostRecord) -> None:
        """Add the series of one host. Prometheus refuses a file with a duplicate series."""
        key = place_labels(host)
        if key in self._seen:
            self._left_out += 1
            return
        self._seen.add(key)
        self._hosts.append(host)
        if len(self._hosts) >= _BATCH:
            self._encode_hosts()

    def _encode_hosts(self) -> None:
        context = self._context
        samples = (
            sample
            for host in self._hosts
            for sample in host_samples(host, context.release, changed_at=context.keys_changed_at(host))
        )
        for family in metric_families(samples):
            self._waiting[family.name].add(family)
        self._hosts.clear()

    def finish(self, summary: SummaryRecord) -> None:
        """Write all metrics that have a series."""
        self._encode_hosts()
        with self._files:
            for lines in self._waiting.values():
                lines.seek(0)
                shutil.copyfileobj(lines, self._stream)
        if self._left_out:
            self._context.note(f"records left out, because their host has another one: {self._left_out:,}")


FORMAT = HostFormat(PrometheusWriter)
