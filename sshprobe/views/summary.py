"""The summary of a scan, counted as its hosts finish. No host record is kept."""

from __future__ import annotations

from collections import Counter, defaultdict

from sshprobe.model.finding_table import FLEET_FINDINGS
from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import HostRecord, SummaryRecord, WaivedCount
from sshprobe.model.verdict import GRADES, Severity
from sshprobe.views.host_stats import HostStats, record_stats, took_no_connection


class SummaryBuilder:
    """Counts hosts."""

    def __init__(self) -> None:
        self.skip_silent = False
        """Whether hosts that accept no connection are counted separately, because they have no record."""
        self.silent: Counter[str] = Counter()
        """Status to those hosts."""
        self.hosts = 0
        self.servers = 0
        """Hosts that sent an identification."""
        self.statuses: Counter[str] = Counter()
        self.grades: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._compliant: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._waived: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._connections = 0

    def add(self, record: HostRecord) -> None:
        """Count one host."""
        self.add_alike(record_stats(record), 1)

    def add_alike(self, stats: HostStats, hosts: int) -> None:
        """Count hosts that share their stats."""
        if self.skip_silent and took_no_connection(stats):
            self.silent[stats.status] += hosts
            return
        self.hosts += hosts
        self.servers += hosts * stats.answered
        self.statuses[stats.status] += hosts
        self._connections += hosts * stats.connections
        for verdict in stats.verdicts:
            self.grades[verdict.profile][verdict.grade] += hosts
            word = {True: "true", False: "false", None: "null"}[verdict.compliant]
            self._compliant[verdict.profile][word] += hosts
            if verdict.waived:
                compliant = hosts if verdict.compliant is True else 0
                self._waived[verdict.profile].update(findings=hosts * verdict.waived, hosts=hosts, compliant=compliant)

    def build(
        self, *, duration_ms: float, interrupted: bool = False, fleet: FleetReport | None = None
    ) -> SummaryRecord:
        """Return the summary of all hosts so far. It does not depend on their order.

        `fleet`: findings across the fleet, if they were looked for.
        """
        return SummaryRecord(
            hosts=self.hosts,
            statuses=dict(sorted(self.statuses.items())),
            grades={
                profile: {letter: letters[letter] for letter in GRADES if letters[letter]}
                for profile, letters in sorted(self.grades.items())
            },
            compliant={profile: dict(sorted(words.items())) for profile, words in sorted(self._compliant.items())},
            shared_host_keys=[] if fleet is None else fleet.shared_host_keys,
            connections=self._connections,
            duration_ms=duration_ms,
            interrupted=interrupted,
            shared_primes=None if fleet is None else fleet.shared_primes,
            weak_keys=None if fleet is None else weak_key_counts(fleet),
            known_keys_checked=fleet is not None and fleet.known_keys_checked,
            moduli_tested=fleet is not None and fleet.moduli_tested,
            moduli_left_out=0 if fleet is None else fleet.moduli_left_out,
            fleet_findings={} if fleet is None else _fleet_counts(fleet),
            waived={profile: WaivedCount(**found) for profile, found in sorted(self._waived.items())},
            silent=dict(sorted(self.silent.items())),
        )


def fleet_severities(fleet: FleetReport) -> dict[str, dict[str, Severity]]:
    """Return id to "address:port" to severity of the findings across the fleet, as `HostRecord.fleet_findings`."""
    found: dict[str, dict[str, Severity]] = {}
    for key in sorted(fleet.shared_host_keys, key=lambda key: not key.agree):  # different machines are worse
        severity: Severity = "note" if key.agree else "medium"
        found.setdefault("host_key.shared", {}).update(dict.fromkeys(key.hosts, severity))
    for prime in fleet.shared_primes or ():
        found.setdefault("host_key.shared_prime", {}).update(dict.fromkeys(prime.hosts, "critical"))
    for weak in fleet.weak_keys:
        for id in set(weak.findings) & set(FLEET_FINDINGS):
            found.setdefault(id, {}).update(dict.fromkeys(weak.hosts, "critical"))
    return found


def _fleet_counts(fleet: FleetReport) -> dict[str, int]:
    """Return how many hosts have each finding across the fleet, without notes."""
    counts = {
        id: sum(severity != "note" for severity in hosts.values()) for id, hosts in fleet_severities(fleet).items()
    }
    return {id: number for id, number in sorted(counts.items()) if number}


def weak_key_counts(fleet: FleetReport) -> dict[str, int]:
    """Return how many host keys have each finding, by its id."""
    return dict(sorted(Counter(id for key in fleet.weak_keys for id in key.findings).items()))
