"""The native format: one JSON object a line, flushed as hosts finish."""

from __future__ import annotations

from typing import IO, Protocol

import msgspec

from sshprobe.records import HostRecord, Record, SummaryRecord, SweepRecord


class RecordWriter(Protocol):
    """Writes one sweep: `header`, then `host` for each, then `summary`."""

    def header(self, record: SweepRecord) -> None:
        """Write what is known before the first host."""

    def host(self, record: HostRecord, line: bytes | None = None) -> None:
        """Write one host. `line` is the record as it is encoded already, if it is."""

    def summary(self, record: SummaryRecord) -> None:
        """Write the end."""


class JsonLinesWriter:
    """Writes records as lines, each flushed: an interrupted sweep leaves whole lines."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._encoder = msgspec.json.Encoder()

    def header(self, record: SweepRecord) -> None:
        """Write the first line."""
        self._write(record)

    def host(self, record: HostRecord, line: bytes | None = None) -> None:
        """Write the line of one host."""
        self._stream.write((self._encoder.encode(record) if line is None else line) + b"\n")
        self._stream.flush()

    def summary(self, record: SummaryRecord) -> None:
        """Write the last line."""
        self._write(record)

    def _write(self, record: Record) -> None:
        self._stream.write(self._encoder.encode(record) + b"\n")
        self._stream.flush()
