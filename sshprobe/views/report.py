"""The views of `sshprobe report`: hosts by algorithm and by key, findings by host, and counts by label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from sshprobe.model.fleet import FleetReport
from sshprobe.model.name_lists import FIELDS, AlgorithmType
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Finding, Severity
from sshprobe.views.deadline_report import DeadlineReport
from sshprobe.views.host_names import name_beside, natural_order, place_of, software
from sshprobe.views.host_stats import letter, record_stats
from sshprobe.views.summary import SummaryBuilder

Assess = Callable[[AlgorithmType, str], tuple[Severity | None, str, bool]]
"""Type and name to the severity of its weakness, if any, a description, and whether it is a marker."""

_NO_LABEL = ""
"""The label of hosts without one."""


class AlgorithmUse(msgspec.Struct, frozen=True, kw_only=True):
    """One algorithm and the hosts that offer it, in one direction or both."""

    category: AlgorithmType
    """"kex", "host_key", "cipher", "mac" or "compression"."""
    algorithm: str
    severity: Severity | None
    """The severity of its weakness. None: it is not weak."""
    weakness: str
    is_marker: bool = msgspec.field(name="signal")
    """Whether it is a marker such as "kex-strict-s-v00@openssh.com", and not an algorithm."""
    hosts: list[str]
    """"address:port", sorted."""


class AlgorithmReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by algorithm --format json`."""

    by: str = "algorithm"
    algorithms: list[AlgorithmUse]
    """By type, most hosts first."""
    summary: SummaryRecord


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One host key and the hosts that have it."""

    fingerprint: str
    type: str
    bits: int | None
    findings: list[str]
    """Ids of findings, sorted: "host_key.shared"."""
    agree: bool | None
    """As in `SharedKey`: True if its hosts may be one machine. None: the key is not shared."""
    hosts: list[str]
    """"address:port", sorted."""


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by key --format json`."""

    by: str = "key"
    keys: list[KeyUse]
    """Keys with findings first, then those of most hosts."""
    summary: SummaryRecord


class HostFindings(msgspec.Struct, frozen=True, kw_only=True):
    """One host and its findings on keys and groups, or those selected by a filter."""

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
    """Hosts with findings; with a filter, such as `--weakness`, the hosts that it selects. Sorted by address."""
    summary: SummaryRecord


class LabelUse(msgspec.Struct, frozen=True, kw_only=True):
    """One label and the hosts that have it."""

    label: str
    """ "env=prod"; empty for the hosts without a label."""
    hosts: int
    servers: int
    """Hosts that sent an identification."""
    statuses: dict[str, int]
    """Status to hosts."""
    grades: dict[str, dict[str, int]]
    """Profile id to letter to hosts, as in the summary."""
    compliant: dict[str, dict[str, int]]
    """Profile id to "true", "false", "null" to hosts."""


class LabelReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by label --format json`."""

    by: str = "label"
    labels: list[LabelUse]
    """Sorted by label, the hosts without one last. A host counts for each of its labels."""
    summary: SummaryRecord


class ReportView(NamedTuple):
    """A report for programs, with further data for people."""

    report: AlgorithmReport | KeyReport | HostReport | LabelReport | DeadlineReport
    servers: int
    """Hosts that sent an identification."""
    names: dict[str, str]
    """By algorithm or key: "address:port" to the further name of the host, if it has one."""
    row_names: Sequence[str] = ()
    """By host: the further name of each host, or an empty string."""
    is_filtered: bool = False
    """By host: hosts without a finding, and notes, are listed too."""
    has_keys: bool = False
    """By host: whether there were keys or groups to check."""
    is_cut_off: bool = False
    """Whether a file of records is cut off, so that hosts are missing."""


class AlgorithmBuilder:
    """Collects hosts one by one, and the hosts of each algorithm."""

    def __init__(self, assess: Assess) -> None:
        self._assess = assess
        self._hosts: dict[tuple[AlgorithmType, str], set[str]] = {}
        self._names: dict[str, str] = {}

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        place = place_with_name(record, self._names)
        for category, fields in FIELDS.items():
            for _, field in fields:
                for name in getattr(record, field) or ():
                    self._hosts.setdefault((category, name), set()).add(place)

    def build(self, summary: SummaryRecord, *, servers: int) -> ReportView:
        """Return the view of all hosts so far."""
        types, uses = list(FIELDS), []
        for (category, name), hosts in self._hosts.items():
            severity, words, is_marker = self._assess(category, name)
            uses.append(
                AlgorithmUse(
                    category=category,
                    algorithm=name,
                    severity=severity,
                    weakness=words,
                    is_marker=is_marker,
                    hosts=sorted(hosts),
                )
            )
        uses.sort(key=lambda use: (types.index(use.category), -len(use.hosts), use.algorithm))
        return ReportView(AlgorithmReport(algorithms=uses, summary=summary), servers, self._names)


class KeyBuilder:
    """Collects hosts one by one, and the hosts of each key, except keys with a wrong signature."""

    def __init__(self, fleet: FleetReport) -> None:
        self._shared = {each.fingerprint: each for each in fleet.shared_host_keys}
        self._findings: dict[str, set[str]] = {each.fingerprint: set(each.findings) for each in fleet.weak_keys}
        for fingerprint in self._shared:
            self._findings.setdefault(fingerprint, set()).add("host_key.shared")
        for prime in fleet.shared_primes or ():
            for fingerprint in prime.fingerprints:
                self._findings.setdefault(fingerprint, set()).add("host_key.shared_prime")
        self._keys: dict[str, tuple[str, int | None, set[str]]] = {}
        self._names: dict[str, str] = {}

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        place = place_with_name(record, self._names)
        for key in record.host_keys or ():
            if key.signature_verified is not False:
                type_, bits, places = self._keys.get(key.fingerprint, (key.type, key.bits, set()))
                places.add(place)
                self._keys[key.fingerprint] = min(type_, key.type), bits, places

    def build(self, summary: SummaryRecord, *, servers: int) -> ReportView:
        """Return the view of all hosts so far."""
        keys = [
            KeyUse(
                fingerprint=fingerprint,
                type=type_,
                bits=bits,
                findings=sorted(self._findings.get(fingerprint, ())),
                agree=self._shared[fingerprint].agree if fingerprint in self._shared else None,
                hosts=sorted(places),
            )
            for fingerprint, (type_, bits, places) in self._keys.items()
        ]
        keys.sort(key=lambda key: (not key.findings, -len(key.hosts), key.fingerprint))
        return ReportView(KeyReport(keys=keys, summary=summary), servers, self._names)


class HostBuilder:
    """Collects hosts with findings one by one; with `is_filtered` all hosts."""

    def __init__(self, findings: Callable[[HostRecord], list[Finding]], *, is_filtered: bool = False) -> None:
        self._is_filtered = is_filtered
        self._find = findings
        self._hosts: list[HostFindings] = []
        self._names: list[str] = []
        self._has_keys = False

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        found = self._find(record)
        self._has_keys = self._has_keys or bool(record.host_keys or record.group_exchange)
        if found or self._is_filtered:
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

    def build(self, summary: SummaryRecord, *, servers: int) -> ReportView:
        """Return the view of all hosts so far."""
        rows = sorted(zip(self._hosts, self._names, strict=True), key=lambda row: natural_order(row[0].host))
        return ReportView(
            HostReport(hosts=[host for host, _ in rows], summary=summary),
            servers,
            {},
            row_names=[name for _, name in rows],
            is_filtered=self._is_filtered,
            has_keys=self._has_keys,
        )


def place_with_name(record: HostRecord, names: dict[str, str]) -> str:
    """Return "address:port" of a host, and keep its further name in `names`."""
    place, name = place_of(record), name_beside(record)
    if name is not None:
        names.setdefault(place, name)
    return place


class LabelBuilder:
    """Counts hosts one by one for each of their labels."""

    def __init__(self) -> None:
        self._counts: dict[str, SummaryBuilder] = {}

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        stats = record_stats(record)
        for label in record.labels or [_NO_LABEL]:
            self._counts.setdefault(label, SummaryBuilder()).add_alike(stats, 1)

    def build(self, summary: SummaryRecord, *, servers: int) -> ReportView:
        """Return the view of all hosts so far."""
        labels = []
        for label, counts in sorted(self._counts.items(), key=lambda item: (item[0] == _NO_LABEL, item[0])):
            total = counts.build(duration_ms=0.0)
            labels.append(
                LabelUse(
                    label=label,
                    hosts=total.hosts,
                    servers=counts.servers,
                    statuses=total.statuses,
                    grades=total.grades,
                    compliant=total.compliant,
                )
            )
        return ReportView(LabelReport(labels=labels, summary=summary), servers, {})
