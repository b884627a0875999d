"""Groups the changes of hosts: hosts with the same change are listed together, the most serious changes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from sshprobe.model.verdict import GRADES, SEVERITIES, Severity
from sshprobe.views.change_kinds import (
    FINDING_KINDS,
    KEY_KINDS,
    AlgorithmChange,
    ChangedHost,
    ComplianceChange,
    FactChange,
    FindingChange,
    FlappingHost,
    GradeChange,
    KeyChange,
    MissingHost,
    MovedHost,
    NewHost,
)
from sshprobe.views.changes import NOT_COMPARED_PARTS, Changes, NotCompared, got_worse
from sshprobe.views.host_changes import Compared
from sshprobe.views.host_presence import Presence
from sshprobe.views.observed_facts import software_of
from sshprobe.views.snapshots import Snapshot


class ChangeGroups:
    """Collects the changes of hosts, in the order of the hosts. `times`: the start of each scan."""

    def __init__(self, times: Sequence[str]) -> None:
        self._times = times
        self._found: dict[str, dict[tuple[Any, ...], list[ChangedHost]]] = {}

    def add(self, host: str, changes: Iterable[Compared]) -> None:
        """Add the changes of one host."""
        for each in changes:
            seen_on = [self._times[scan] for scan in each.seen_on]
            here = ChangedHost(host=host, since=self._times[each.since], seen_on=seen_on)
            self._found.setdefault(each.kind, {}).setdefault(each.what, []).append(here)

    def changes(self, presence: Presence, **fields: Any) -> Changes:
        """Return all changes. `fields`: the other fields of `Changes`."""
        found = Changes(
            worse=False,
            host_keys=self._host_keys(),
            grades=self._grades(),
            compliance=self._compliance(),
            findings=self._findings(),
            new_hosts=self._new_hosts(presence),
            missing_hosts=self._missing_hosts(presence),
            moved_hosts=[
                MovedHost(host=each.host, old=each.old, new=each.new, since=self._times[each.since])
                for each in presence.moved
            ],
            algorithms=self._algorithms(),
            facts=self._facts(),
            flapping=self._flapping(),
            not_compared=self._not_compared(),
            **fields,
        )
        return msgspec.structs.replace(found, worse=got_worse(found))

    def _hosts(self, kind: str) -> Iterator[tuple[ChangedHost, tuple[Any, ...]]]:
        """Yield each host with each change of a kind."""
        for what, hosts in self._found.get(kind, {}).items():
            for host in hosts:
                yield host, what

    def _host_keys(self) -> list[KeyChange]:
        found = [
            KeyChange(
                host=at.host,
                kind=kind,
                type=type,
                old=[*old],
                new=[*new],
                since=at.since,
                seen_before=seen_before,
                seen_on=at.seen_on,
            )
            for at, (kind, type, old, new, seen_before) in self._hosts("key")
        ]
        return sorted(found, key=lambda each: (KEY_KINDS.index(each.kind), each.host, each.type))

    def _grades(self) -> list[GradeChange]:
        found = [
            GradeChange(
                host=at.host,
                profile=profile,
                old=old,
                new=new,
                old_score=old_score,
                new_score=new_score,
                since=at.since,
                seen_on=at.seen_on,
            )
            for at, (profile, old, new, old_score, new_score) in self._hosts("grade")
        ]
        return sorted(
            found,
            key=lambda each: (-(GRADES.index(each.new) - GRADES.index(each.old)), each.profile, each.new, each.host),
        )

    def _compliance(self) -> list[ComplianceChange]:
        found = [
            ComplianceChange(host=at.host, profile=profile, old=old, new=new, since=at.since, seen_on=at.seen_on)
            for at, (profile, old, new) in self._hosts("compliance")
        ]
        order = [(True, False), (True, None), (False, None), (False, True)]
        return sorted(found, key=lambda each: (order.index((each.old, each.new)), each.profile, each.host))

    def _findings(self) -> list[FindingChange]:
        found = [
            FindingChange(
                kind=kind,
                profile=profile,
                id=id,
                algorithm=algorithm,
                severity=severity,
                message=message,
                hosts=_sorted(hosts),
            )
            for (kind, profile, id, algorithm, severity, message), hosts in self._found.get("finding", {}).items()
        ]
        return sorted(
            found,
            key=lambda each: (
                not each.is_against,
                SEVERITIES.index(each.severity),
                -len(each.hosts),
                FINDING_KINDS.index(each.kind),
                each.profile,
                each.id,
                each.algorithm or "",
            ),
        )

    def _new_hosts(self, presence: Presence) -> list[NewHost]:
        return [
            NewHost(
                host=each.host,
                kind=each.kind,
                status_before=each.status_before,
                software=software_of(each.snapshot) or "",
                grades={verdict.profile: verdict.grade for verdict in each.snapshot.graded},
                findings=_severities(each.snapshot),
                since=self._times[each.since],
            )
            for each in presence.appeared()
        ]

    def _missing_hosts(self, presence: Presence) -> list[MissingHost]:
        found = [
            MissingHost(
                host=each.host,
                kind=each.kind,
                status=each.status,
                last_seen=self._times[each.last_answer],
                missed=each.missed,
            )
            for each in presence.missing()
        ]
        return sorted(found, key=lambda each: each.kind)  # "gone" is before "not seen"

    def _algorithms(self) -> list[AlgorithmChange]:
        found = [
            AlgorithmChange(type=type, direction=direction, added=[*added], removed=[*removed], hosts=_sorted(hosts))
            for (type, direction, added, removed), hosts in self._found.get("list", {}).items()
        ]
        return sorted(found, key=lambda each: -len(each.hosts))

    def _facts(self) -> list[FactChange]:
        found = [
            FactChange(fact=fact, about=about, old=old, new=new, hosts=_sorted(hosts))
            for (fact, about, old, new), hosts in self._found.get("fact", {}).items()
        ]
        return sorted(found, key=lambda each: -len(each.hosts))

    def _flapping(self) -> list[FlappingHost]:
        found: dict[str, list[str]] = {}
        for at, (name,) in self._hosts("flapping"):
            found.setdefault(at.host, []).append(name)
        return [FlappingHost(host=host, what=sorted(found[host])) for host in sorted(found)]

    def _not_compared(self) -> list[NotCompared]:
        found = [
            NotCompared(part=part, about=about, reason=reason, depth=depth, hosts=len(hosts))
            for (part, about, reason, depth), hosts in self._found.get("not_compared", {}).items()
        ]
        return sorted(found, key=lambda each: (NOT_COMPARED_PARTS.index(each.part), each.about, each.reason))


def _sorted(hosts: list[ChangedHost]) -> list[ChangedHost]:
    return sorted(hosts, key=lambda each: (each.host, each.since))


def _severities(seen: Snapshot) -> dict[Severity, int]:
    """Return the number of findings of each severity. A finding of several profiles counts once, with the worst
    severity."""
    worst: dict[tuple[str, str | None], int] = {}
    for verdict in seen.verdicts:
        for finding in verdict.findings:
            if finding.waiver is None:
                key, severity = (finding.id, finding.algorithm), SEVERITIES.index(finding.severity)
                worst[key] = min(severity, worst.get(key, severity))
    counted = Counter(worst.values())
    return {severity: counted[number] for number, severity in enumerate(SEVERITIES) if counted[number]}
