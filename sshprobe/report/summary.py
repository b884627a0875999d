"""The end of a sweep, counted while its hosts go by; no host record is kept."""

from __future__ import annotations

from collections import Counter

from sshprobe.records import GRADES, HostRecord, SharedKey, SummaryRecord
from sshprobe.report.words import endpoint


class SummaryBuilder:
    """Counts hosts. Per host key it keeps the fingerprint and where it was seen, and nothing else."""

    def __init__(self) -> None:
        self.hosts = 0
        self.statuses: Counter[str] = Counter()
        self.grades: dict[str, Counter[str]] = {}
        self._compliant: dict[str, Counter[str]] = {}
        self._connections = 0
        self._keys: dict[str, tuple[str, set[tuple[str, int]]]] = {}

    def add(self, record: HostRecord) -> None:
        """Count one host."""
        self.hosts += 1
        self.statuses[record.status] += 1
        self._connections += record.connections
        for verdict in record.verdicts:
            self.grades.setdefault(verdict.profile, Counter())[verdict.grade] += 1
            word = {True: "true", False: "false", None: "null"}[verdict.compliant]
            self._compliant.setdefault(verdict.profile, Counter())[word] += 1
        for key in record.host_keys or ():
            # A key whose signature was wrong may be anybody's, shown by one who does not hold it.
            if key.signature_verified is not False:
                type_, places = self._keys.get(key.fingerprint, (key.type, set()))
                places.add((record.address or record.host, record.port))
                self._keys[key.fingerprint] = min(type_, key.type), places

    def build(self, *, duration_ms: float, interrupted: bool = False) -> SummaryRecord:
        """Return the summary of all hosts so far; the order they came in changes nothing."""
        shared = [
            SharedKey(fingerprint=fingerprint, type=type_, hosts=sorted(endpoint(*place) for place in places))
            for fingerprint, (type_, places) in self._keys.items()
            if len({address for address, _ in places}) > 1
        ]
        return SummaryRecord(
            hosts=self.hosts,
            statuses=dict(sorted(self.statuses.items())),
            grades={
                profile: {letter: letters[letter] for letter in GRADES if letters[letter]}
                for profile, letters in sorted(self.grades.items())
            },
            compliant={profile: dict(sorted(words.items())) for profile, words in sorted(self._compliant.items())},
            shared_host_keys=sorted(shared, key=lambda key: (-len(key.hosts), key.fingerprint)),
            connections=self._connections,
            duration_ms=duration_ms,
            interrupted=interrupted,
        )
