"""The counters of a scan: how many hosts have a status, a grade, a finding, an algorithm. A trend reads only these."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

from sshprobe.model.name_lists import NAME_LISTS
from sshprobe.model.records import HostRecord

Kind = Literal["status", "grade", "compliant", "finding", "algorithm"]

KINDS: tuple[Kind, ...] = ("status", "grade", "compliant", "finding", "algorithm")

ALL = ""
"""The label of counters of all hosts."""


class CounterKey(NamedTuple):
    """What is counted. Its value is a number of hosts."""

    label: str
    """A label of hosts, "k=v", or `ALL`."""
    kind: str
    """One of `KINDS`."""
    scope: str
    """Of grades, compliance and findings: the id of the profile. Of algorithms: the name-list. Else ""."""
    name: str
    """The status, letter, "true"/"false"/"null", id of a finding, or algorithm."""


FLEET = "fleet"
"""The scope of findings across the fleet, which belong to no profile."""


MAX_NAMES = 256
"""Names in one name-list that are counted. The longest list of a known server has fewer than 100."""

LONGEST_NAME = 64
"""Characters of an algorithm's name (RFC 4251 section 6). Longer names are not counted."""

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
    for field in NAME_LISTS:
        names = (getattr(record, field) or ())[:MAX_NAMES]
        found |= {("algorithm", field, name) for name in names if len(name) <= LONGEST_NAME}
    return [CounterKey(label, *each) for label in (ALL, *record.labels) for each in found]
