"""The end of a sweep, counted while its hosts go by; no host record is kept."""

from __future__ import annotations

from collections import Counter, defaultdict

from sshprobe.records import GRADES, FleetReport, HostRecord, SummaryRecord, WaivedCount
from sshprobe.report.counting import Counted, counted_record


class SummaryBuilder:
    """Counts hosts, and keeps nothing of them."""

    def __init__(self) -> None:
        self.hosts = 0
        self.servers = 0
        """Those that sent an identification."""
        self.statuses: Counter[str] = Counter()
        self.grades: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._compliant: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._waived: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._connections = 0

    def add(self, record: HostRecord) -> None:
        """Count one host."""
        self.add_alike(counted_record(record), 1)

    def add_alike(self, seen: Counted, hosts: int) -> None:
        """Count hosts that are alike."""
        self.hosts += hosts
        self.servers += hosts * seen.answered
        self.statuses[seen.status] += hosts
        self._connections += hosts * seen.connections
        for verdict in seen.verdicts:
            self.grades[verdict.profile][verdict.grade] += hosts
            word = {True: "true", False: "false", None: "null"}[verdict.compliant]
            self._compliant[verdict.profile][word] += hosts
            if verdict.waived:
                compliant = hosts if verdict.compliant is True else 0
                self._waived[verdict.profile].update(findings=hosts * verdict.waived, hosts=hosts, compliant=compliant)

    def build(
        self, *, duration_ms: float, interrupted: bool = False, fleet: FleetReport | None = None
    ) -> SummaryRecord:
        """Return the summary of all hosts so far; the order they came in changes nothing.

        `fleet` is what their host keys say together, where that was looked for.
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
            waived={profile: WaivedCount(**found) for profile, found in sorted(self._waived.items())},
        )


def weak_key_counts(fleet: FleetReport) -> dict[str, int]:
    """Return how many host keys have each finding, by its id."""
    return dict(sorted(Counter(id for key in fleet.weak_keys for id in key.findings).items()))
