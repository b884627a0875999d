"""What the keys and groups of each host are wanting in, and what they share with other hosts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Finding
from sshprobe.views.host import letter, place_of, software
from sshprobe.views.host_names import name_beside


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
        self.every = every
        self._find = findings
        self._hosts: list[HostFindings] = []
        self.names: list[str] = []
        """What each of them is called beside its address."""
        self.has_keys = False
        """Whether there were keys or groups to look at."""

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        found = self._find(record)
        self.has_keys = self.has_keys or bool(record.host_keys or record.group_exchange)
        if found or self.every:
            self.names.append(name_beside(record) or "")
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
