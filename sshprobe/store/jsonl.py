"""The native format: one JSON object a line, flushed as hosts finish."""

from __future__ import annotations

from typing import IO, Protocol

import msgspec

from sshprobe.model.records import HostRecord, Record, SummaryRecord, SweepRecord


class RecordWriter(Protocol):
    """Writes one sweep: `header`, then `host` for each, then `summary`."""

    def header(self, record: SweepRecord) -> None:
        """Write what is known before the first host."""

    def host(self, record: HostRecord) -> None:
        """Write one host."""

    def line(self, line: bytes) -> None:
        """Write one host whose record is a line already, with its line end."""

    def flush(self) -> None:
        """Let no host wait that was written."""

    def summary(self, record: SummaryRecord) -> None:
        """Write the end."""


class JsonLinesWriter:
    """Writes records as lines: an interrupted sweep leaves whole lines, and perhaps a torn last one.

    A long line goes to the system at once: many of them together are more than a processor's cache, and cost more.
    Short ones wait in the stream's small buffer for the next, or for `flush`.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._encoder = msgspec.json.Encoder()

    def header(self, record: SweepRecord) -> None:
        """Write the first line."""
        self._write(record)

    def host(self, record: HostRecord) -> None:
        """Write the line of one host."""
        self._stream.write(self._encoder.encode(record) + b"\n")

    def line(self, line: bytes) -> None:
        """Write a line that is ready."""
        self._stream.write(line)

    def flush(self) -> None:
        """Hand all lines to the system."""
        self._stream.flush()

    def summary(self, record: SummaryRecord) -> None:
        """Write the last line."""
        self._write(record)

    def _write(self, record: Record) -> None:
        self._stream.write(self._encoder.encode(record) + b"\n")
        self._stream.flush()
