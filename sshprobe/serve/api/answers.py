"""The documents of the API."""

from __future__ import annotations

import msgspec

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Severity
from sshprobe.serve.fleet.orders import Host


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    """Always "about:blank": `status` says what kind of error it is."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong."""


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of a profile in short."""

    profile: str
    """Id of the profile."""
    grade: str
    """The letter. "A+?": not everything was seen."""
    score: int
    """From 0 to 100."""
    compliant: bool | None
    """Null: a fact that the profile needs was not observed."""


class HostRow(msgspec.Struct, frozen=True, kw_only=True):
    """One host in its last scan."""

    host: str
    """Name and port: "web1.example.org:22". It is the id of the host in this API."""
    name: str
    """The name that the user gave, in lower case, else the address."""
    port: int
    """The TCP port."""
    address: str | None
    """The address that answered. Null: the name was not resolved."""
    status: Status
    """The end of the probe."""
    error: str | None
    """One line on the end of the probe, if `status` is not "ok"."""
    software: str
    """"OpenSSH 9.2p1 (Debian 12)"; empty if the server named none."""
    post_quantum_kex: bool | None
    """Whether it offers a post-quantum key exchange. Null: not seen."""
    labels: list[str]
    """Labels of the user."""
    verdicts: list[VerdictRow]
    """One for each profile."""
    worst_finding: str | None
    """Id of the worst finding under the profile of the request. Null: there is none above a note."""
    severity: Severity | None
    """Its severity."""
    scan: str
    """Id of the scan."""
    seen_at: str
    """When the scan began; RFC 3339, UTC."""

    @classmethod
    def of(cls, host: Host, profile: str | None) -> HostRow:
        """Return the row of a host."""
        worst = host.worst(profile)
        return cls(
            host=host.id,
            name=host.name,
            port=host.port,
            address=host.address,
            status=host.seen.status,
            error=host.seen.error,
            software=host.software,
            post_quantum_kex=host.seen.post_quantum_kex,
            labels=host.judged.labels,
            verdicts=[
                VerdictRow(
                    profile=each.profile,
                    grade=f"{each.grade}{'?' * each.grade_is_partial}",
                    score=each.score,
                    compliant=each.compliant,
                )
                for each in host.judged.verdicts
            ],
            worst_finding=None if worst is None else worst.id,
            severity=None if worst is None else worst.severity,
            scan=host.scan.scan_id,
            seen_at=host.scan.started_at,
        )


class HostList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of hosts."""

    total: int
    """All hosts that match."""
    hosts: list[HostRow]
    """The hosts of this page."""
    next: str | None
    """The `cursor` of the next page. Null: this is the last."""


class HostAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A host: one record for each address that answered under its name."""

    host: str
    """Its id."""
    records: list[HostRecord]
    """As `sshprobe scan` writes them."""


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """Scans in a row in which a host was the same."""

    first_seen_at: str
    """When the first of them began; RFC 3339, UTC."""
    last_seen_at: str
    """When the last of them began."""
    scan: str
    """Id of the last of them."""
    scans: int
    """Number of scans."""
    address: str | None
    """The address that answered."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """How a host changed."""

    host: str
    """Its id."""
    periods: list[PeriodRow]
    """The newest first."""


class ScanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One scan."""

    scan: str
    """Its id."""
    started_at: str
    """RFC 3339, UTC."""
    duration_ms: float | None
    """Null: it runs or was killed."""
    hosts: int
    """Hosts in it."""
    complete: bool
    """Whether it ended by itself."""


class ScanList(msgspec.Struct, frozen=True, kw_only=True):
    """Scans, the newest first."""

    scans: list[ScanRow]
    """At most `limit`."""


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """A counter of a scan."""

    of: str
    """What is counted: "status", "grade", "compliant", "finding" or "algorithm"."""
    scope: str
    """The profile or the type of the algorithm; empty for a status."""
    name: str
    """The status, letter, finding or algorithm."""
    hosts: int
    """Hosts that have it."""


class ScanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One scan and its counters."""

    scan: ScanRow
    """The scan."""
    arguments: list[str]
    """Its command line."""
    saved: str | None
    """The name of its saved options."""
    counts: list[CountRow]
    """Counters of all hosts."""


class FindingCount(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, and how many hosts have it."""

    finding: str
    """Its id."""
    algorithm: str
    """Its algorithm, or an empty text."""
    severity: Severity
    """The worst severity on any host."""
    message: str
    """The finding in a few words, of one of the hosts."""
    hosts: int
    """Hosts that have it."""


class FindingList(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of all hosts under a profile, and across the fleet; the worst first."""

    profile: str | None
    """The profile. Null: no host has a verdict."""
    findings: list[FindingCount]
    """Those above a note."""


class AlgorithmCount(msgspec.Struct, frozen=True, kw_only=True):
    """An algorithm, and how many hosts offer it."""

    type: AlgorithmType
    """Its type."""
    name: str
    """Its name."""
    hosts: int
    """Hosts that offer it."""


class AlgorithmList(msgspec.Struct, frozen=True, kw_only=True):
    """The algorithms that hosts offer, those of most hosts first."""

    algorithms: list[AlgorithmCount]
    """All of them."""


class ProfileCount(msgspec.Struct, frozen=True, kw_only=True):
    """A profile, and how many hosts comply with it."""

    profile: str
    """Its id."""
    comply: int
    """Hosts that comply."""
    differ: int
    """Hosts that do not comply."""
    unknown: int
    """Hosts of which not everything was seen."""


class ProfileList(msgspec.Struct, frozen=True, kw_only=True):
    """The profiles that scans used."""

    profiles: list[ProfileCount]
    """Those of most hosts first."""


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A counter in one scan."""

    scan: str
    """Id of the scan."""
    started_at: str
    """RFC 3339, UTC."""
    scope: str
    """As in `CountRow`."""
    name: str
    """As in `CountRow`."""
    hosts: int
    """Hosts."""


class TrendAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one kind over scans."""

    points: list[TrendPoint]
    """The oldest scan first."""


class StartScan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to start a scheduled scan now."""

    saved: str
    """The name of its saved options."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A scan was started."""

    saved: str
    """The name of its saved options."""
