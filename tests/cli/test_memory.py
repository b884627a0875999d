"""Memory of a scan depends on its findings, not on the number of addresses."""

import tracemalloc
from pathlib import Path

import msgspec
import pytest

from sshprobe.cli.output import ScanOutput
from sshprobe.cli.text_sink import TextSink
from sshprobe.model.records import HostRecord
from sshprobe.render.text.terminal import Terminal
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.sinks import JsonLinesSink
from tests.sample_records import WANTING, captured, failed, judged


def dead(number: int) -> HostRecord:
    return failed(
        ("timeout", "refused", "unreachable")[number % 3],
        "no answer",
        f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
    )


def tarpit(number: int) -> HostRecord:
    return failed("protocol_error", f"a line of {number} bytes", dead(number).host)


@pytest.mark.parametrize(("verbose", "more"), [(False, 50_000), (True, 20_000)])
def test_silent_addresses_take_no_memory(verbose: bool, more: int) -> None:
    """Scan a few thousand, then many times as many: memory stays the same."""
    with Path("/dev/null").open("wb") as null:
        text = TextSink(lambda words: None, Terminal(), [], strict=False, verbose=verbose, blocks=False)
        text._blocks = False  # -v would print each
        output = ScanOutput([JsonLinesSink(null)], [text])

        def feed(numbers: range) -> int:
            for number in numbers:
                output.add(HostBatch([HostResult.of_record(dead(number))]))
                if number % 10 == 0:
                    output.add(HostBatch([HostResult.of_record(tarpit(number))]))
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            feed(range(3000))
            few = feed(range(3000, 4000))
            many = feed(range(4000, 4000 + more))
        finally:
            tracemalloc.stop()
    # Up to twice the shown rows are kept before they are sorted; a row is about 1 kB.
    assert many - few < (1_500_000 if verbose else 500_000)
    assert output.counting.counts.hosts == 4400 + more + more // 10


@pytest.mark.parametrize(("verbose", "more"), [(False, 9000), (True, 200)])
def test_servers_take_memory_for_rows_and_keys_only(verbose: bool, more: int) -> None:
    """Without keys (`--depth lists`) a server adds only counts; with -v its block is written and forgotten."""
    text = TextSink(lambda words: None, Terminal(), [], strict=False, verbose=verbose, blocks=False)
    output = ScanOutput([], [text])
    template = judged(captured("dropbear-2022.83"), WANTING)

    def feed(numbers: range) -> int:
        for number in numbers:
            output.add(
                HostBatch(
                    [HostResult.of_record(msgspec.structs.replace(template, host=dead(number).host, host_keys=None))]
                )
            )
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        text._blocks = False
        feed(range(2100 if verbose else 900))  # all rows that a table keeps
        text._blocks = verbose
        few = feed(range(2100, 2200))
        many = feed(range(2200, 2200 + more))
    finally:
        tracemalloc.stop()
    assert many - few < 300_000
