"""How the sinks of a scan work together."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from sshprobe.cli.output import FailOnSink, ScanOutput
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.profiles import load_profile
from sshprobe.scan.results import HostBatch, HostResult, ResultEncoder
from sshprobe.scan.sinks import CountingSink, JsonLinesSink, Sink
from sshprobe.scan.verdict_cache import VerdictCache
from tests.grading.observations import modern
from tests.sample_records import HEADER

ENCODER = ResultEncoder(VerdictCache([load_profile("mozilla-modern")], strict=False))
GOOD, BAD = modern(), modern(mac_algorithms_client_to_server=["hmac-md5"])
REFUSED = modern(status="refused", stage="connect", identification=None, host_keys=None, kex_algorithms=None)


def undecoded(observation: Observation) -> HostResult:
    """A result as from a worker: its record is decoded at first use."""
    result = ENCODER.result(observation)
    return HostResult(result.target, result.key, result.stats, result.chunks)


@pytest.mark.parametrize("order", [[GOOD, BAD], [BAD, GOOD], [GOOD, REFUSED, GOOD, BAD]])
def test_fail_on_sees_every_kind_of_host(order: list[Observation]) -> None:
    sink = FailOnSink(["noncompliant"])
    for observation in order:
        sink.add(HostBatch([undecoded(observation)]))
    assert sink.is_reached


def test_fail_on_decodes_one_host_of_those_with_equal_verdicts() -> None:
    sink = FailOnSink(["noncompliant"])
    results = [undecoded(msgspec.structs.replace(GOOD, host=f"192.0.2.{number}")) for number in range(3)]
    sink.add(HostBatch(results[:2]))
    sink.add(HostBatch(results[2:]))
    assert [result._record is None for result in results] == [False, True, True]
    assert not sink.is_reached


def test_fail_on_sees_each_host_without_a_verdict() -> None:
    """They are equal to the grader, and differ for `--fail-on`: whether a connection was accepted."""
    taken = msgspec.structs.replace(REFUSED, stage="identification")
    first, second = undecoded(REFUSED), undecoded(taken)
    assert (first.key, first.stats) == (second.key, second.stats)
    for order, before in (([first, second], False), ([second, first], True)):
        sink = FailOnSink(["critical"])
        sink.add(HostBatch(order[:1]))
        assert sink.is_reached is before
        sink.add(HostBatch(order[1:]))
        assert sink.is_reached


def test_counts_do_not_depend_on_batches() -> None:
    observations = [GOOD, BAD, REFUSED, GOOD, GOOD, REFUSED, BAD]
    together, alone = CountingSink(), CountingSink()
    together.add(HostBatch([ENCODER.result(each) for each in observations]))
    for each in observations:
        record = ENCODER.result(each).record
        alone.add(HostBatch([HostResult.of_record(record)]))
    summaries = [sink.counts.build(duration_ms=1.0) for sink in (together, alone)]
    assert summaries[0] == summaries[1]
    assert together.graded == alone.graded == 5
    assert summaries[0].hosts == 7


class Noting(Sink):
    """Records the results that it gets."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self._name = name
        self._notes = notes

    def add(self, batch: HostBatch) -> None:
        self._notes += [f"{self._name} {result.record.host}" for result in batch.results]

    def finish(self, summary: SummaryRecord) -> None:
        self._notes.append(f"{self._name} ends")


def test_files_are_complete_before_the_summary_appears() -> None:
    notes: list[str] = []
    records, report, screen = (Noting(name, notes) for name in ("records", "report", "screen"))
    output = ScanOutput([records], [screen], reports=[report], close=lambda: notes.append("files appear"))
    host = msgspec.structs.replace(GOOD, host="192.0.2.1")
    output.add(HostBatch([ENCODER.result(host)]))
    output.finish(duration_ms=1.0)
    hosts = ["records 192.0.2.1", "report 192.0.2.1", "screen 192.0.2.1"]
    assert notes == [*hosts, "records ends", "report ends", "files appear", "screen ends"]


def test_a_host_in_the_file_already_is_shown_and_not_written_again() -> None:
    notes: list[str] = []
    stream = io.BytesIO()
    output = ScanOutput([JsonLinesSink(stream)], [Noting("screen", notes)])
    output.replay(ENCODER.result(GOOD).record)
    assert (stream.getvalue(), len(notes), output.counting.counts.hosts) == (b"", 1, 1)


def test_lines_are_written_while_the_live_line_is_hidden() -> None:
    notes: list[str] = []

    @contextmanager
    def pause() -> Iterator[None]:
        notes.append("hidden")
        yield
        notes.append("shown")

    stream = io.BytesIO()
    sink = JsonLinesSink(stream, pause)
    sink.header(HEADER)
    sink.add(HostBatch([ENCODER.result(GOOD)]))
    assert notes == ["hidden", "shown"]
    assert msgspec.json.decode(stream.getvalue().splitlines()[1], type=HostRecord).kex_algorithms == GOOD.kex_algorithms
