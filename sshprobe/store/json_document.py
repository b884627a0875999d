"""A sweep as one JSON document: {"sweep": {}, "hosts": [], "summary": {}}. Hosts are not held in memory."""

from __future__ import annotations

from typing import IO

import msgspec

from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord


class JsonDocumentWriter:
    """Writes the document piece by piece, one host a line; it is whole after `summary`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._encoder = msgspec.json.Encoder()
        self._separator = b"\n"

    def header(self, record: SweepRecord) -> None:
        """Begin the document."""
        self._stream.write(b'{"sweep":' + self._encoder.encode(record) + b',\n"hosts":[')

    def host(self, record: HostRecord) -> None:
        """Add one host."""
        self.line(self._encoder.encode(record))

    def line(self, line: bytes) -> None:
        """Add one host whose record is a line already."""
        self._stream.write(self._separator + line.rstrip(b"\n"))
        self._separator = b",\n"

    def flush(self) -> None:
        """See `RecordWriter`. The document is whole at its end only."""

    def summary(self, record: SummaryRecord) -> None:
        """End the document."""
        self._stream.write(b'\n],\n"summary":' + self._encoder.encode(record) + b"}\n")
        self._stream.flush()
