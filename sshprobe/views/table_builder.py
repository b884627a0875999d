"""Makes the tables of all hosts from their records, and the groups of fixes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from sshprobe.model.finding_table import LABELS
from sshprobe.model.fleet import FleetReport
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.observation import HostKey
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.timestamps import parse
from sshprobe.model.verdict import Effect, Finding, Severity, Verdict
from sshprobe.views.fixes import Group, Plan
from sshprobe.views.fleet_tables import (
    NONE,
    Algorithm,
    FleetTables,
    HostColumns,
    HostKind,
    KindVerdict,
    OfferedAlgorithm,
    PresentedKey,
    TablesView,
)
from sshprobe.views.host_names import name_beside, natural_order, place_of, software
from sshprobe.views.host_stats import VerdictStats, letter, verdict_stats
from sshprobe.views.offers import Describe, Offer, offers_of
from sshprobe.views.summary import fleet_severities

_Row = TypeVar("_Row")


class _Table(Generic[_Row]):
    """Rows without repetition, by a key."""

    def __init__(self) -> None:
        self.rows: list[_Row] = []
        self._index: dict[Hashable, int] = {}

    def find(self, key: Hashable) -> int | None:
        """Return the index of the row with a key, or None."""
        return self._index.get(key)

    def add(self, key: Hashable, row: _Row) -> int:
        """Return the index of a row, which is added if its key is new."""
        at = self._index.setdefault(key, len(self.rows))
        if at == len(self.rows):
            self.rows.append(row)
        return at


class _Host(NamedTuple):
    """One host, before its indexes are final."""

    place: str
    name: str
    kind: int
    seen: int | None
    keys: list[int]
    labels: list[int]
    fixes: tuple[Group, ...]
    across: list[int]


class TablesBuilder:
    """Collects hosts one by one. Memory depends on the kinds of hosts, and on the keys and places of all of them.

    Arguments:
        describe: facts of the catalogue about an algorithm.
        remedy: the remedy of a host for one of its verdicts; None if it is not known.
    """

    def __init__(
        self,
        describe: Describe,
        remedy: Callable[[HostRecord, Verdict], Remedy | None],
    ) -> None:
        self._describe = describe
        self._remedy = remedy
        self._plan = Plan()
        self._hosts: list[_Host] = []
        self._kinds: _Table[HostKind] = _Table()
        self._findings: _Table[Finding] = _Table()
        self._algorithms: _Table[Algorithm] = _Table()
        self._offers: _Table[OfferedAlgorithm] = _Table()
        self._keys: _Table[PresentedKey] = _Table()
        self._labels: _Table[str] = _Table()
        self._key_findings: dict[str, set[str]] = {}
        self._profiles: dict[str, None] = {}
        self._servers = 0

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        self._servers += record.identification is not None
        # Without `observed`, which names other hosts: the keys are listed with all their hosts.
        across = [msgspec.structs.replace(each, observed="") for each in record.fleet_findings]
        for finding in (*(record.verdicts[0].findings if record.verdicts else ()), *record.fleet_findings):
            if finding.id in _OF_KEYS or (finding.id == "host_key.size" and finding.severity in _SEVERE):
                self._mark_keys(record, finding)
        self._hosts.append(
            _Host(
                place=place_of(record),
                name=name_beside(record) or "",
                kind=self._kind(record),
                seen=parse(record.started_at),
                keys=[self._keys.add(key, key) for key in map(_presented, record.host_keys or ())],
                labels=[self._labels.add(label, label) for label in record.labels],
                fixes=self._fixes(record),
                across=[self._finding(each) for each in across],
            )
        )

    def _fixes(self, record: HostRecord) -> tuple[Group, ...]:
        found = []
        for verdict in record.verdicts:
            remedy = self._remedy(record, verdict)
            group = None if remedy is None else self._plan.add(record, remedy, verdict)
            if group is not None:
                found.append(group)
        return tuple(found)

    def _mark_keys(self, record: HostRecord, finding: Finding) -> None:
        for key in record.host_keys or ():
            if finding.algorithm in (key.type, None):
                self._key_findings.setdefault(key.fingerprint, set()).add(finding.id)

    def _kind(self, record: HostRecord) -> int:
        alike = msgspec.structs.replace(record, **_OF_ONE_HOST, identification=None, group_exchange=None)
        identification = _lasting(record)
        groups = [(each.algorithm, each.modulus_bits) for each in record.group_exchange or ()]
        key = hashlib.blake2b(_encode((alike, identification, groups)), digest_size=16).digest()
        known = self._kinds.find(key)
        return self._kinds.add(key, self._new_kind(record, identification, groups)) if known is None else known

    def _new_kind(self, record: HostRecord, identification: str, groups: list[tuple[str, int | None]]) -> HostKind:
        first = record.verdicts[0].findings if record.verdicts else []
        return HostKind(
            software=software(record.identification),
            identification=identification,
            status=record.status,
            error=record.error,
            post_quantum=record.post_quantum_kex,
            strict_kex=record.strict_kex,
            several_servers=record.several_servers,
            banner=record.authentication_banner,
            warnings=record.warnings,
            methods={user: answer.methods for user, answer in (record.authentication_by_user or {}).items()},
            groups=groups,
            offers={
                type_: [self._offer(type_, offer) for offer in offers]
                for type_, offers in offers_of(record, first, self._describe).items()
            },
            verdicts=[
                self._verdict(verdict, stats)
                for verdict, stats in zip(record.verdicts, verdict_stats(record.verdicts), strict=True)
            ],
        )

    def _offer(self, type_: AlgorithmType, offer: Offer) -> int:
        notes = self._describe(type_, offer.name)
        algorithm = Algorithm(type_, offer.name, notes.severity, notes.weakness, notes.facts, notes.marker)
        at = self._algorithms.add((type_, offer.name), algorithm)
        row = OfferedAlgorithm(at, offer.strength, tuple(offer.reasons), offer.direction)
        return self._offers.add(row, row)

    def _verdict(self, verdict: Verdict, stats: VerdictStats) -> KindVerdict:
        self._profiles[verdict.profile] = None
        return KindVerdict(
            profile=verdict.profile,
            letter=letter(verdict),
            score=verdict.score,
            compliant=verdict.compliant,
            waived=verdict.waived,
            not_observed=verdict.not_observed,
            cap_reasons=verdict.cap_reasons,
            severities=[-number for number in stats.severities],
            findings=[self._finding(each) for each in verdict.findings],
        )

    def _finding(self, finding: Finding) -> int:
        return self._findings.add(_encode(finding), finding)

    def build(self, summary: SummaryRecord, sweep: SweepRecord | None) -> TablesView:
        """Return the tables of all hosts so far. Only their indexes depend on the order of the hosts."""
        across = self._across_of(summary)
        hosts = sorted(self._hosts, key=lambda host: natural_order(host.place))
        first_seen = min((host.seen for host in hosts if host.seen is not None), default=0)
        for fingerprint in (key for prime in summary.shared_primes or () for key in prime.fingerprints):
            self._key_findings.setdefault(fingerprint, set()).add("host_key.shared_prime")
        for shared in summary.shared_host_keys:
            self._key_findings.setdefault(shared.fingerprint, set()).add("host_key.shared")
        fixes = self._plan.groups()
        numbers = {id(group): at for at, group in enumerate(fixes)}
        tables = FleetTables(
            sweep=sweep,
            summary=summary,
            first_seen=first_seen,
            profiles=list(self._profiles),
            labels=self._labels.rows,
            algorithms=self._algorithms.rows,
            offers=self._offers.rows,
            findings=self._findings.rows,
            kinds=self._kinds.rows,
            keys=self._keys.rows,
            key_findings={key: sorted(ids) for key, ids in self._key_findings.items()},
            shared_keys={key.fingerprint: key.agree for key in summary.shared_host_keys},
            hosts=HostColumns(
                place=[host.place for host in hosts],
                name=[host.name for host in hosts],
                kind=[host.kind for host in hosts],
                seen=[NONE if host.seen is None else host.seen - first_seen for host in hosts],
                keys=[host.keys for host in hosts],
                labels=[host.labels for host in hosts],
                fixes=[self._indexes(host.fixes, numbers) for host in hosts],
                across=[self._with(host.across, across.get(host.place, {})) for host in hosts],
            ),
            servers=self._servers,
        )
        return TablesView(tables, fixes)

    def _indexes(self, fixes: tuple[Group, ...], numbers: dict[int, int]) -> list[int]:
        """Return the index of a host's group for each profile."""
        found = {group.verdict[0]: numbers[id(group)] for group in fixes}
        return [found.get(profile, NONE) for profile in self._profiles]

    def _across_of(self, summary: SummaryRecord) -> dict[str, dict[str, int]]:
        """Return place to id to index of the findings across the fleet: a scan knows them only at its end."""
        fleet = FleetReport(
            shared_host_keys=summary.shared_host_keys,
            shared_primes=summary.shared_primes,
            weak_keys=[],
            known_keys_checked=summary.known_keys_checked,
        )
        found: dict[str, dict[str, int]] = {}
        for id, places in fleet_severities(fleet).items():
            for place, severity in places.items():
                found.setdefault(place, {})[id] = self._finding(_fleet_finding(id, severity))
        return found

    def _with(self, known: list[int], across: dict[str, int]) -> list[int]:
        """Return the findings of a host, and those across the fleet whose ids it does not have."""
        ids = {self._findings.rows[at].id for at in known}
        return [*known, *(at for id, at in across.items() if id not in ids)]


def _fleet_finding(id: str, severity: Severity) -> Finding:
    return Finding(
        id=id,
        severity=severity,
        category="host_key",
        algorithm=None,
        message=LABELS[id],
        expected="",
        observed="",
        effect=Effect(),
        remediation=None,
        references=[],
        deviation=False,
    )


_encode = msgspec.json.Encoder().encode

_OF_KEYS = frozenset(
    f"host_key.{reason}"
    for reason in (
        "close_primes",
        "exponent",
        "factored",
        "known",
        "malformed",
        "roca",
        "small_order",
        "small_private_key",
    )
)
"""Findings on the numbers of a key. Their algorithm is its type."""

_SEVERE = ("critical", "high", "medium")
"""Severities of keys that are too small. Not low, since profiles advise larger keys than most RSA keys in use."""

_OF_ONE_HOST: dict[str, Any] = {
    "target": "",
    "host": "",
    "address": None,
    "port": 0,
    "labels": [],
    "started_at": "",
    "duration_ms": 0.0,
    "connections": 0,
    "host_keys": None,
    "fleet_findings": [],
}
"""Fields that differ between similar hosts."""


def _lasting(record: HostRecord) -> str:
    """Return the identification string without comments that change with each connection."""
    said = record.identification
    if said is None:
        return ""
    return said.raw if said.lasting_comments == said.comments else f"SSH-{said.protocol}-{said.software}"


def _presented(key: HostKey) -> PresentedKey:
    certificate = key.certificate
    words = ""
    if certificate is not None:
        names = ", ".join(certificate.principals) or "any name"
        words = f"{certificate.kind} certificate {certificate.key_id} of {certificate.ca_fingerprint} for {names}"
    return PresentedKey(key.fingerprint, key.type, key.bits, key.signature_verified, words)
