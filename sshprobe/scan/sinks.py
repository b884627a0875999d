"""Sinks take the results of a scan. A command combines them: files of records, counts, and reports for people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Protocol

import msgspec

from sshprobe.grading import FleetFacts
from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import SummaryRecord, SweepRecord
from sshprobe.scan.results import HostBatch
from sshprobe.views.summary import SummaryBuilder

_encode = msgspec.json.Encoder().encode


class Sink(Protocol):
    """Takes the results of one scan: the header, batches of hosts as they finish, and the summary."""

    def header(self, record: SweepRecord) -> None:
        """Take the header, before the first host. Most sinks do not need it."""
        return

    def add(self, batch: HostBatch) -> None:
        """Take hosts that have finished."""

    def finish(self, summary: SummaryRecord) -> None:
        """Take the summary. Nothing follows it."""
        return


class JsonLinesSink(Sink):
    """Writes records as lines: an interrupted scan leaves whole lines, and perhaps a torn last one.

    Hosts are written within the context `pause()`, for instance one that hides a live line. The buffer of `stream`
    should be small: long lines that wait together are more than a processor's cache holds.
    """

    def __init__(self, stream: IO[bytes], pause: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._stream = stream
        self._pause = pause

    def header(self, record: SweepRecord) -> None:
        """Write the first line."""
        self._write(record)

    def add(self, batch: HostBatch) -> None:
        """Write a line for each host."""
        with self._pause():
            for result in batch.results:
                self._stream.write(result.line())
            self._stream.flush()

    def finish(self, summary: SummaryRecord) -> None:
        """Write the last line."""
        self._write(summary)

    def _write(self, record: SweepRecord | SummaryRecord) -> None:
        self._stream.write(_encode(record) + b"\n")
        self._stream.flush()


class JsonDocumentSink(Sink):
    """Writes one JSON document, one host a line: {"sweep": {}, "hosts": [], "summary": {}}. `pause`: as above."""

    def __init__(self, stream: IO[bytes], pause: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._stream = stream
        self._pause = pause
        self._separator = b"\n"

    def header(self, record: SweepRecord) -> None:
        """Begin the document."""
        self._stream.write(b'{"sweep":' + _encode(record) + b',\n"hosts":[')

    def add(self, batch: HostBatch) -> None:
        """Write hosts."""
        with self._pause():
            for result in batch.results:
                self._stream.write(self._separator + result.line().rstrip(b"\n"))
                self._separator = b",\n"

    def finish(self, summary: SummaryRecord) -> None:
        """End the document."""
        self._stream.write(b'\n],\n"summary":' + _encode(summary) + b"}\n")
        self._stream.flush()


class CountingSink(Sink):
    """Counts hosts for the summary."""

    def __init__(self) -> None:
        self.counts = SummaryBuilder()
        self.graded = 0
        """Hosts with a verdict."""

    def add(self, batch: HostBatch) -> None:
        """Count hosts."""
        for group in batch.groups:
            stats = group[0].stats
            self.counts.add_alike(stats, len(group))
            if stats.verdicts:
                self.graded += len(group)


class FleetSink(Sink):
    """Compares the keys of all hosts. `known`: the report on them, if it exists before the first host."""

    def __init__(self, known: FleetReport | None = None) -> None:
        self._known = known
        self._facts = FleetFacts()

    @property
    def is_known(self) -> bool:
        """Whether the report existed before the first host: then records have its findings."""
        return self._known is not None

    def add(self, batch: HostBatch) -> None:
        """Keep the facts about hosts that showed a key."""
        if self._known is None:
            for group in batch.groups:
                if group[0].stats.has_keys:
                    for result in group:
                        self._facts.add(result.observation)

    def report(self) -> FleetReport:
        """Return the report. The search for shared primes takes long if there are many keys."""
        return self._known or self._facts.report(thorough=False)
