"""Where the results of a scan go. A command combines sinks: files of records, counts, and what it shows to people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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
        """Take what is known before the first host; most sinks do not need it."""
        return

    def add(self, batch: HostBatch) -> None:
        """Take hosts that have finished."""

    def finish(self, summary: SummaryRecord) -> None:
        """Take the summary. Nothing follows it."""
        return


class JsonLinesSink(Sink):
    """Writes records as lines: an interrupted scan leaves whole lines, and perhaps a torn last one.

    A long line goes to the system at once: many of them together are more than a processor's cache, and cost more.
    Short ones wait in the stream's small buffer for the end of their batch.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def header(self, record: SweepRecord) -> None:
        """Write the first line."""
        self._write(record)

    def add(self, batch: HostBatch) -> None:
        """Write a line for each host."""
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
    """Writes one JSON document: {"sweep": {}, "hosts": [], "summary": {}}, with one host a line. It holds no host."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._separator = b"\n"

    def header(self, record: SweepRecord) -> None:
        """Begin the document."""
        self._stream.write(b'{"sweep":' + _encode(record) + b',\n"hosts":[')

    def add(self, batch: HostBatch) -> None:
        """Write hosts."""
        for result in batch.results:
            self._stream.write(self._separator + result.line().rstrip(b"\n"))
            self._separator = b",\n"

    def finish(self, summary: SummaryRecord) -> None:
        """End the document."""
        self._stream.write(b'\n],\n"summary":' + _encode(summary) + b"}\n")
        self._stream.flush()


class PausingSink(Sink):
    """Passes batches to another sink within a context, for instance one that hides a live line."""

    def __init__(self, sink: Sink, pause: Callable[[], AbstractContextManager[None]]) -> None:
        self._sink = sink
        self._pause = pause

    def header(self, record: SweepRecord) -> None:
        """Pass the header on."""
        self._sink.header(record)

    def add(self, batch: HostBatch) -> None:
        """Pass hosts on."""
        with self._pause():
            self._sink.add(batch)

    def finish(self, summary: SummaryRecord) -> None:
        """Pass the summary on."""
        self._sink.finish(summary)


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
    """Collects what the keys of all hosts say together. `known`: that, where it is known before the first host."""

    def __init__(self, known: FleetReport | None = None) -> None:
        self._known = known
        self._facts = FleetFacts()

    @property
    def is_known(self) -> bool:
        """Whether the answer was known before the first host: then records have its findings."""
        return self._known is not None

    def add(self, batch: HostBatch) -> None:
        """Keep the facts of hosts that showed a key."""
        if self._known is None:
            for group in batch.groups:
                if group[0].stats.has_keys:
                    for result in group:
                        self._facts.add(result.observation)

    def report(self) -> FleetReport:
        """Return the answer. The search for shared primes takes long where there are many keys."""
        return self._known or self._facts.report(thorough=False)
