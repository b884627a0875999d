"""Three tables as CSV (RFC 4180): hosts, findings, and the findings of each host.

A spreadsheet runs a cell that begins like a formula, and a server can name itself `=HYPERLINK(...)`. Such a cell gets
an apostrophe in front (OWASP, "CSV Injection"), which a spreadsheet does not show. In many countries a spreadsheet
splits rows at semicolons, so the text after one is treated as a cell too.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import IO

from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import SEVERITIES, Finding, Verdict
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.terminal import printable
from sshprobe.views.host_names import software
from sshprobe.views.host_stats import letter

_FORMULA = re.compile(r"""(?:^|(?<=;))(?=["']*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])""")
"""The place before a formula, also of full width, and after quotation marks."""

_COUNTED = SEVERITIES[:-1]
"""Severities above a note."""

_MOST_FINDINGS = 100_000
"""The most distinct findings, because servers can invent endless names of algorithms."""

HOST_COLUMNS = (
    *("target", "host", "address", "port", "labels", "status", "error", "started_at", "software"),
    *("post_quantum_kex", "strict_kex", "profile", "grade", "score", "compliant", *_COUNTED, "worst"),
)
FINDING_COLUMNS = ("profile", "id", "severity", "category", "algorithm", "hosts", "deviations", "waived", "example")
HOST_FINDING_COLUMNS = (
    *("host", "address", "port", "labels", "profile", "id", "severity", "category", "algorithm", "message"),
    *("expected", "observed", "deviation", "waived", "remediation", "references"),
)

_Cell = str | int | bool | None


class _Table:
    """A CSV file: a header, and rows."""

    def __init__(self, stream: IO[bytes], columns: Sequence[str]) -> None:
        self._stream = stream
        self._writer = csv.writer(self, lineterminator="\n")
        self.row(columns)

    def row(self, cells: Sequence[_Cell]) -> None:
        """Write a row. None is an empty cell, a truth value is "true" or "false"."""
        self._writer.writerow(map(neutral, cells))

    def write(self, text: str) -> None:
        """Write text of the csv module."""
        self._stream.write(text.encode("utf-8", "backslashreplace"))


def neutral(cell: _Cell | float) -> str:
    """Return the text of a cell that no spreadsheet runs. None is empty, a truth value "true" or "false"."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _FORMULA.sub("'", cell)
    return str(cell).lower()


class HostTable(HostWriter):
    """A row for each host and profile. A host without a verdict has one row."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._table = _Table(stream, HOST_COLUMNS)

    def add(self, host: HostRecord) -> None:
        """Write the rows of one host."""
        host = printable(host)
        own: tuple[_Cell, ...] = (
            *(host.target, host.host, host.address, host.port, " ".join(host.labels), host.status, host.error),
            *(host.started_at, software(host.identification), host.post_quantum_kex, host.strict_kex),
        )
        for verdict in host.verdicts:
            self._table.row((*own, *_verdict_cells(verdict)))
        if not host.verdicts:
            self._table.row((*own, *[None] * (len(HOST_COLUMNS) - len(own))))

    def finish(self, summary: SummaryRecord) -> None:
        """Do nothing: all rows are written."""


def _verdict_cells(verdict: Verdict) -> tuple[_Cell, ...]:
    counted = [finding for finding in verdict.findings if finding.counts]
    return (
        *(verdict.profile, letter(verdict), verdict.score, verdict.compliant),
        *(sum(finding.severity == severity for finding in counted) for severity in _COUNTED),
        f"{counted[0].id} {counted[0].algorithm or ''}".rstrip() if counted else None,
    )


def _findings(host: HostRecord) -> Iterator[tuple[str, Finding]]:
    """Yield each finding with its profile; the profile is empty for a finding across the fleet."""
    for verdict in host.verdicts:
        for finding in verdict.findings:
            yield verdict.profile, finding
    for finding in host.fleet_findings:
        yield "", finding


class FindingTable(HostWriter):
    """A row for each distinct finding, with its numbers. The rows are written at the end, most hosts first."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._table = _Table(stream, FINDING_COLUMNS)
        self._context = context
        self._counts: dict[tuple[str, str, str, str, str], list[int]] = {}
        """Profile, id, severity, category and algorithm to hosts, deviations and waived findings."""
        self._examples: dict[tuple[str, str, str, str, str], str] = {}
        self._left_out = 0

    def add(self, host: HostRecord) -> None:
        """Count the findings of one host."""
        host = printable(host)
        counted: set[tuple[str, str, str, str, str]] = set()
        for profile, finding in _findings(host):
            key = profile, finding.id, finding.severity, finding.category, finding.algorithm or ""
            if key not in self._counts and len(self._counts) >= _MOST_FINDINGS:
                self._left_out += 1
                continue
            numbers = self._counts.setdefault(key, [0, 0, 0])
            self._examples.setdefault(key, finding.message)
            numbers[0] += key not in counted
            numbers[1] += finding.deviation
            numbers[2] += finding.waived is not None
            counted.add(key)

    def finish(self, summary: SummaryRecord) -> None:
        """Write all rows."""
        for key, numbers in sorted(self._counts.items(), key=lambda each: (each[0][0], -each[1][0], each[0])):
            self._table.row((*key, *numbers, self._examples[key]))
        if self._left_out:
            self._context.note(f"{self._left_out:,} findings are left out: there are too many different ones")


class HostFindingTable(HostWriter):
    """A row for each finding of each host and profile."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._table = _Table(stream, HOST_FINDING_COLUMNS)

    def add(self, host: HostRecord) -> None:
        """Write the rows of one host."""
        host = printable(host)
        own = (host.host, host.address, host.port, " ".join(host.labels))
        for profile, found in _findings(host):
            waived = None if found.waived is None else found.waived.reason
            self._table.row(
                (
                    *(*own, profile, found.id, found.severity, found.category, found.algorithm, found.message),
                    *(found.expected, found.observed, found.deviation, waived, found.remediation),
                    "; ".join(found.references),
                )
            )

    def finish(self, summary: SummaryRecord) -> None:
        """Do nothing: all rows are written."""


HOSTS = HostFormat(HostTable)
FINDINGS = HostFormat(FindingTable)
HOST_FINDINGS = HostFormat(HostFindingTable)
