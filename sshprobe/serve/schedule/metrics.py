"""Metrics of scheduled scans, so that an alert can notice a run that failed or did not happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from sshprobe.serve.schedule.runner import RunState


def schedule_metrics(states: Iterable[RunState]) -> Iterator[Metric]:
    """Yield the metrics of all scheduled scans. A series whose value is not known is left out."""
    found = list(states)
    yield _family("next_run_timestamp", "When the scan runs next.", {each.name: each.next for each in found})
    yield _family("last_end_timestamp", "When the last run ended.", {each.name: each.last_end for each in found})
    success = {each.name: each.last_success for each in found}
    yield _family("last_success_timestamp", "When the last run that worked ended.", success)
    running = GaugeMetricFamily("sshprobe_schedule_running", "1: the scan runs now.", labels=["scan"])
    failed = GaugeMetricFamily("sshprobe_schedule_last_run_failed", "1: the last run did not work.", labels=["scan"])
    for each in found:
        running.add_metric([each.name], float(each.running_since is not None))
        if each.last_end is not None:
            failed.add_metric([each.name], float(each.result != "worked"))
    yield running
    yield failed


def _family(name: str, words: str, values: dict[str, datetime | None] | dict[str, datetime]) -> Metric:
    family = GaugeMetricFamily(f"sshprobe_schedule_{name}_seconds", words, labels=["scan"])
    for scan, value in values.items():
        if value is not None:
            family.add_metric([scan], value.timestamp())
    return family
