"""Writes reports of records in tests."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sshprobe.cli.report_writer import report_context
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.render.formats import load_format
from sshprobe.render.formats.format import FolderFormat, HostFormat, HostWriter
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import HEADER, failed

HOSTILE = "\x1b[2J\0\u202ereversed\ufffe]]>&\"'<script>|`\r\n=cmd()"
"""Text that acts on a terminal, or in a spreadsheet, XML, HTML or Markdown."""


def hostile_host() -> HostRecord:
    """Return a host whose texts and numbers are hostile, as in a forged records file."""
    host = failed("timeout", HOSTILE, address=HOSTILE)
    return msgspec.structs.replace(host, started_at=HOSTILE, connections=10**40, labels=[HOSTILE, f"{HOSTILE}=1"])


def hostile_header() -> SweepRecord:
    """Return a header whose texts are hostile."""
    return msgspec.structs.replace(HEADER, started_at=HOSTILE, tool=HOSTILE)


def report_of(name: str, hosts: Iterable[HostRecord], header: SweepRecord = HEADER, *, several: bool = True) -> bytes:
    """Return the file that a format of hosts writes."""
    found, stream = load_format(name), io.BytesIO()
    assert isinstance(found, HostFormat)
    _write(found.writer(stream, report_context(several=several)), hosts, header)
    return stream.getvalue()


def folder_of(name: str, hosts: Iterable[HostRecord], folder: Path) -> Path:
    """Write a format of several files into an empty folder, and return the folder."""
    found = load_format(name)
    assert isinstance(found, FolderFormat)
    folder.mkdir()
    _write(found.writer(str(folder), report_context()), hosts, HEADER)
    return folder


def _write(writer: HostWriter, hosts: Iterable[HostRecord], header: SweepRecord) -> None:
    counts = SummaryBuilder()
    writer.header(header)
    for host in hosts:
        counts.add(host)
        writer.add(host)
    writer.finish(counts.build(duration_ms=1000.0))
