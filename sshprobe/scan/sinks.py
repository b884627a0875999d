"""Sinks take the results of a scan. A command combines them: files of records, counts, and reports for people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import IO, TYPE_CHECKING, Protocol

import msgspec

from sshprobe.model.fleet import FleetReport
from sshprobe.model.observation import endpoint
from sshprobe.model.records import SilentRecord, SummaryRecord, SweepRecord
from sshprobe.scan.results import HostBatch
from sshprobe.views.host_stats import took_no_connection
from sshprobe.views.summary import SummaryBuilder

if TYPE_CHECKING:
    from sshprobe.grading import FleetFacts

SILENT_PER_LINE = 500
"""The most hosts in a line of silent hosts. After a kill, as many are scanned again."""

_encode = msgspec.json.Encoder().encode


class Sink(Protocol):
    """Receives the results of one scan: the header, batches of hosts as they finish, and the summary."""

    def header(self, record: SweepRecord) -> None:
        """Receive the header, before the first host. Most sinks do not need it."""
        return

    def add(self, batch: HostBatch) -> None:
        """Receive finished hosts."""

    def finish(self, summary: SummaryRecord) -> None:
        """Receive the summary. Nothing follows it."""
        return


class JsonLinesSink(Sink):
    """Writes records as lines. An interrupted scan leaves full lines, and perhaps an incomplete last one.

    Hosts are written within the context `pause()`, which may hide a live line. The buffer of `stream` should be small,
    because many long lines exceed the processor's cache.
    """

    def __init__(
        self,
        stream: IO[bytes],
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        skip_silent: bool = False,
    ) -> None:
        """`skip_silent`: write no record of hosts that accept no connection, but one line for many of them."""
        self._stream = stream
        self._pause = pause
        self._skip_silent = skip_silent
        self._silent: dict[str, list[str]] = {}

    def header(self, record: SweepRecord) -> None:
        """Write the first line."""
        self._write(record)

    def add(self, batch: HostBatch) -> None:
        """Write a line for each host."""
        with self._pause():
            for result in batch.results:
                if self._skip_silent and took_no_connection(result.stats):
                    place = endpoint(result.target.host, result.target.port)
                    self._silent.setdefault(result.stats.status, []).append(place)
                else:
                    self._stream.write(result.line())
            if sum(map(len, self._silent.values())) >= SILENT_PER_LINE:
                self._write_silent()
            self._stream.flush()

    def finish(self, summary: SummaryRecord) -> None:
        """Write the last line."""
        self._write_silent()
        self._write(summary)

    def _write_silent(self) -> None:
        if self._silent:
            self._write(SilentRecord(hosts=self._silent))
            self._silent = {}

    def _write(self, record: SweepRecord | SilentRecord | SummaryRecord) -> None:
        self._stream.write(_encode(record) + b"\n")
        self._stream.flush()


class JsonDocumentSink(Sink):
    """Writes one JSON document, one host a line: {"sweep": {}, "hosts": [], "summary": {}}. Parameters: as above."""

    def __init__(
        self,
        stream: IO[bytes],
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        skip_silent: bool = False,
    ) -> None:
        self._stream = stream
        self._pause = pause
        self._skip_silent = skip_silent
        self._separator = b"\n"

    def header(self, record: SweepRecord) -> None:
        """Begin the document."""
        self._stream.write(b'{"sweep":' + _encode(record) + b',\n"hosts":[')

    def add(self, batch: HostBatch) -> None:
        """Write hosts."""
        with self._pause():
            for result in batch.results:
                if self._skip_silent and took_no_connection(result.stats):
                    continue
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
    """Compares the keys of all hosts. `known`: the report, if it exists before the first host."""

    def __init__(self, known: FleetReport | None = None) -> None:
        self._known = known

    @cached_property
    def _facts(self) -> FleetFacts:
        from sshprobe.grading import FleetFacts  # imported ahead, in cli.run

        return FleetFacts()

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
