"""Findings of hosts and facts of algorithms under no profile, for formats that have none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sshprobe.algorithms import is_marker, lookup, marker, weakness_of
from sshprobe.grading import WITHOUT_RULES, FleetIndex, fleet_key_findings
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES, Finding
from sshprobe.remedy import grade
from sshprobe.views.offers import AlgorithmNotes


def findings_of(record: HostRecord, *, fleet: FleetIndex | None = None) -> list[Finding]:
    """Return the findings of a host without any profile, worst first."""
    across = [] if fleet is None else fleet_key_findings(record, fleet)
    found = [*grade(record, WITHOUT_RULES).findings, *across]
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def describe(category: Any, name: str) -> AlgorithmNotes:
    """Describe the weakness of an algorithm and its facts in the catalogue."""
    if is_marker(name):
        entry = marker(name)
        notes = (entry.notes,) if entry and entry.notes else ()
        return AlgorithmNotes(facts=notes, marker=True)
    weakness = weakness_of(category, name)
    facts = tuple(_facts(category, name))
    if weakness is None:
        return AlgorithmNotes(facts=facts)
    return AlgorithmNotes(severity=weakness.severity, weakness=f"{weakness.words}: {weakness.why}", facts=facts)


def _facts(category: Any, name: str) -> Iterator[str]:
    entry = lookup(category, name)
    if entry is None:
        return
    if entry.openssh_in_code:
        yield _in_openssh(entry.openssh_in_code)
    if entry.rfc9142:
        yield f"RFC 9142: {entry.rfc9142}"
    if entry.post_quantum in ("hybrid", "pure"):
        yield "holds against quantum computers"


def _in_openssh(releases: str) -> str:
    first, _, last = releases.removesuffix("+").partition("..")
    since = "3.0 or earlier" if first == "3.0" else first  # the catalogue begins there
    return f"in OpenSSH since {since}" if releases.endswith("+") else f"in OpenSSH from {since} to {last or first}"
