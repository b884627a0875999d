"""What the keys and groups of each host are wanting in, and what they share with other hosts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Finding
from sshprobe.report.aliases import name_beside
from sshprobe.report.fleet_table import fleet_table, place_of
from sshprobe.report.terminal import Terminal
from sshprobe.report.words import count, letter, software


class HostFindings(msgspec.Struct, frozen=True, kw_only=True):
    """One host and its findings on keys and groups."""

    host: str
    """"address:port"."""
    target: str
    status: Status
    software: str
    grades: dict[str, str]
    """Profile id to letter, as reports write it: "A+?" where not everything was seen."""
    findings: list[Finding]
    """Worst first."""


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by host --format json`."""

    by: str = "host"
    hosts: list[HostFindings]
    """Those with findings; with a filter, such as `--weakness`, those that it takes."""
    summary: SummaryRecord


class ByHost:
    """Takes hosts one by one; keeps those with findings."""

    def __init__(self, findings: Callable[[HostRecord], list[Finding]], *, every: bool = False) -> None:
        """`every`: hosts without a finding are listed too, and so are notes: someone asked for these hosts."""
        self._every = every
        self._find = findings
        self._hosts: list[HostFindings] = []
        self._names: list[str] = []
        """What each of them is called beside its address."""
        self._keys = False
        """Whether there were keys or groups to look at."""

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        found = self._find(record)
        self._keys = self._keys or bool(record.host_keys or record.group_exchange)
        if found or self._every:
            self._names.append(name_beside(record) or "")
            self._hosts.append(
                HostFindings(
                    host=place_of(record),
                    target=record.target,
                    status=record.status,
                    software=software(record.identification),
                    grades={verdict.profile: letter(verdict) for verdict in record.verdicts},
                    findings=found,
                )
            )

    def document(self, summary: SummaryRecord) -> HostReport:
        """Return the report for programs."""
        return HostReport(hosts=self._hosts, summary=summary)

    def table(self, summary: SummaryRecord, terminal: Terminal, *, servers: int, verbose: bool = False) -> str:
        """Return the report for people: findings above a note, and with `verbose` all."""
        rows = [
            [
                host.host,
                name,
                "",
                finding.severity,
                finding.id,
                escape_unprintable(finding.algorithm or ""),
                "" if finding.observed == finding.algorithm else escape_unprintable(finding.observed),
            ]
            for host, name in zip(self._hosts, self._names, strict=True)
            for finding in host.findings
            if finding.severity != "note" or verbose or self._every
        ]
        rows += [
            [host.host, name, host.software or host.status, "", "", "", ""]
            for host, name in zip(self._hosts, self._names, strict=True)
            if not host.findings
        ]
        about = "algorithm" if self._every else "key"
        headers = ["host", "name", "answer", "severity", "finding", about, "observed"]
        notes = sum(finding.severity == "note" for host in self._hosts for finding in host.findings)
        left_out = ""
        if notes and not (verbose or self._every):
            left_out = f"{count(notes, 'note is', 'notes are')} listed with -v."
        elif not rows and self._keys:
            left_out = (
                "No shared or broken key or group was found; sizes and algorithms are what `sshprobe grade` judges."
            )
        return fleet_table(
            headers,
            [[escape_unprintable(cell) for cell in row] for row in rows],
            summary,
            terminal,
            servers=servers,
            left_out=left_out,
        )
