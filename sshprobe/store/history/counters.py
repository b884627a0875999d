"""The counters of a scan: how many hosts have a status, a grade, a finding, an algorithm. A trend reads only these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from sshprobe.model.name_lists import FIELDS, LANGUAGES, LONGEST_NAME, MAX_NAMES
from sshprobe.model.records import HostRecord

Kind = Literal["status", "grade", "compliant", "finding", "algorithm"]

KINDS: tuple[Kind, ...] = ("status", "grade", "compliant", "finding", "algorithm")

ALL = ""
"""The label of counters of all hosts."""


class CounterKey(NamedTuple):
    """The key of a counter. Its value is a number of hosts."""

    label: str
    """A label of hosts, "k=v", or `ALL`."""
    kind: str
    """One of `KINDS`."""
    scope: str
    """Of grades, compliance and findings: the id of the profile. Of algorithms: the type, such as "kex". Else ""."""
    name: str
    """The status, letter, "true"/"false"/"null", id of a finding, or algorithm."""


FLEET = "fleet"
"""The scope of findings across the fleet, which belong to no profile."""

_OLD_SCOPES: dict[str, str | None] = {
    **{field: category for category, fields in FIELDS.items() for _, field in fields},
    **dict.fromkeys(LANGUAGES),
}
"""Scopes of algorithms in old histories, which counted each name-list: their type, None for languages."""

MAX_COUNTERS = 50_000
"""Counters of one scan. Servers that make names up cannot fill the database: further names are not counted."""


class ScanCounters:
    """Counts the hosts of one scan."""

    def __init__(self) -> None:
        self.hosts: Counter[CounterKey] = Counter()

    def add(self, record: HostRecord, hosts: int = 1) -> None:
        """Count hosts that have the same record."""
        for key in counters_of(record):
            if key in self.hosts or len(self.hosts) < MAX_COUNTERS:
                self.hosts[key] += hosts


def counters_of(record: HostRecord) -> list[CounterKey]:
    """Return the counters to which a host adds one, those of its labels included."""
    found = {("status", "", str(record.status))}
    for verdict in record.verdicts:
        found.add(("grade", verdict.profile, verdict.grade))
        found.add(("compliant", verdict.profile, {True: "true", False: "false", None: "null"}[verdict.compliant]))
        found |= {("finding", verdict.profile, finding.id) for finding in verdict.findings if finding.counts}
    found |= {("finding", FLEET, finding.id) for finding in record.fleet_findings if finding.counts}
    for category, fields in FIELDS.items():  # a host with an algorithm in both directions counts once
        names = {name for _, field in fields for name in (getattr(record, field) or ())[:MAX_NAMES]}
        found |= {("algorithm", category, name) for name in names if len(name) <= LONGEST_NAME}
    return [CounterKey(label, *each) for label in (ALL, *record.labels) for each in found]


def merge_name_lists(counted: Iterable[tuple[CounterKey, int]]) -> dict[CounterKey, int]:
    """Return counters of one scan in which each algorithm counts once for its type.

    Old histories counted the name-lists of the two directions separately. The higher number is returned, because nearly
    all servers offer the same in both directions.
    """
    merged: dict[CounterKey, int] = {}
    for key, hosts in counted:
        scope = _OLD_SCOPES.get(key.scope, key.scope) if key.kind == "algorithm" else key.scope
        if scope is not None:
            new = key._replace(scope=scope)
            merged[new] = max(hosts, merged.get(new, 0))
    return merged
