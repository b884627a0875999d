"""All hosts as tables that refer to each other by index, for a report that shows every host and fits into one file.

Similar hosts share one `HostKind`. Findings, algorithms, offers and keys are in a table once. `table_builder` makes the
tables.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.observation import Status
from sshprobe.model.records import SummaryRecord, SweepRecord
from sshprobe.model.verdict import Finding, Severity
from sshprobe.views.fixes import Group
from sshprobe.views.offers import Strength

NONE = -1
"""Index of nothing."""


class Algorithm(NamedTuple):
    """The notes of the catalogue on one algorithm, under no profile."""

    type: AlgorithmType
    name: str
    severity: Severity | None
    weakness: str
    facts: tuple[str, ...]
    marker: bool


class OfferedAlgorithm(NamedTuple):
    """An algorithm that a host offers: see `Offer`."""

    algorithm: int
    """Index into `FleetTables.algorithms`."""
    strength: Strength
    reasons: tuple[str, ...]
    direction: str


class PresentedKey(NamedTuple):
    """A host key as a server presented it, without its blob."""

    fingerprint: str
    type: str
    bits: int | None
    signature_verified: bool | None
    certificate: str
    """A description of its certificate: authority and validity; empty without one."""


class KindVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one profile. Fields as in `Verdict`."""

    profile: str
    letter: str
    """In the form of reports: "A+?" if not everything was seen."""
    score: int
    compliant: bool | None
    waived: int
    not_observed: list[str]
    cap_reasons: list[str]
    severities: list[int]
    """Number of findings that count, of each severity from critical to low."""
    findings: list[int]
    """Indexes into `FleetTables.findings`, worst first."""


class HostKind(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts that differ only in place, time, keys and labels."""

    software: str
    identification: str
    """Without comments that change with each connection."""
    status: Status
    error: str | None
    post_quantum: bool | None
    strict_kex: bool | None
    several_servers: bool
    banner: str | None
    warnings: list[str]
    methods: dict[str, list[str] | None]
    """User to authentication methods. None: there was no answer."""
    groups: list[tuple[str, int | None]]
    """Group-exchange method and bits of the modulus, for each request."""
    offers: dict[AlgorithmType, list[int]]
    """Indexes into `FleetTables.offers`, in the server's order."""
    verdicts: list[KindVerdict]


class HostColumns(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts in natural order of their places, one list for each field."""

    place: list[str]
    """"address:port"."""
    name: list[str]
    """A further name of the host, or ""."""
    kind: list[int]
    seen: list[int]
    """Seconds from `FleetTables.first_seen` to the start of the probe; `NONE` if the record has no valid time."""
    keys: list[list[int]]
    """Indexes into `FleetTables.keys`."""
    labels: list[list[int]]
    """Indexes into `FleetTables.labels`."""
    fixes: list[list[int]]
    """For each of `FleetTables.profiles` an index into the groups of fixes; `NONE` without a remedy."""
    across: list[list[int]]
    """Findings across the fleet: indexes into `FleetTables.findings`."""


class FleetTables(msgspec.Struct, frozen=True, kw_only=True):
    """All hosts of a report."""

    sweep: SweepRecord | None
    """The header of the first scan, if there is one."""
    summary: SummaryRecord
    first_seen: int
    """The earliest start of a probe, in seconds since 1970-01-01 UTC; 0 if there is none."""
    profiles: list[str]
    """Ids of the profiles with a verdict, in the order of the verdicts."""
    labels: list[str]
    algorithms: list[Algorithm]
    offers: list[OfferedAlgorithm]
    findings: list[Finding]
    kinds: list[HostKind]
    keys: list[PresentedKey]
    key_findings: dict[str, list[str]]
    """Fingerprint to the ids of its findings. Keys without one are left out."""
    shared_keys: dict[str, bool | None]
    """Fingerprint of each shared key to `SharedKey.agree`."""
    hosts: HostColumns
    servers: int
    """Hosts that sent an identification."""


class GradePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The grades of one scan under one profile, for a trend."""

    started_at: str
    """RFC 3339, UTC."""
    profile: str
    grades: dict[str, int]
    """Letter to hosts."""


class TablesView(NamedTuple):
    """The tables, and the fixes of the hosts."""

    tables: FleetTables
    fixes: list[Group]
    """`HostColumns.fix` counts them."""
