"""Findings on the keys and groups of each host, or those that a filter selects."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Finding
from sshprobe.views.host_names import letter, name_beside, place_of, software


class HostFindings(msgspec.Struct, frozen=True, kw_only=True):
    """One host and its findings on keys and groups."""

    host: str
    """"address:port"."""
    target: str
    status: Status
    software: str
    grades: dict[str, str]
    """Profile id to letter, as reports write it: "A+?" if not everything was seen."""
    findings: list[Finding]
    """Worst first."""


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by host --format json`."""

    by: str = "host"
    hosts: list[HostFindings]
    """Hosts with findings; with a filter, such as `--weakness`, the hosts that it selects."""
    summary: SummaryRecord


class HostsView(msgspec.Struct, frozen=True, kw_only=True):
    """The report for programs, and what people see besides."""

    report: HostReport
    names: list[str]
    """The further name of each host, or an empty string."""
    every: bool
    """True with a filter: hosts without a finding are listed too, and so are notes."""
    has_keys: bool
    """Whether there were keys or groups to look at."""
    servers: int
    """Hosts that sent an identification."""


class HostBuilder:
    """Takes hosts one by one and keeps those with findings; all of them with `every`."""

    def __init__(self, findings: Callable[[HostRecord], list[Finding]], *, every: bool = False) -> None:
        self._every = every
        self._find = findings
        self._hosts: list[HostFindings] = []
        self._names: list[str] = []
        self._has_keys = False

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        found = self._find(record)
        self._has_keys = self._has_keys or bool(record.host_keys or record.group_exchange)
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

    def build(self, summary: SummaryRecord, *, servers: int) -> HostsView:
        """Return the view of all hosts so far."""
        return HostsView(
            report=HostReport(hosts=self._hosts, summary=summary),
            names=self._names,
            every=self._every,
            has_keys=self._has_keys,
            servers=servers,
        )
