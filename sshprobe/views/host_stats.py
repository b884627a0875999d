"""Stats of a host: the data for a summary and a row of a table, without the record.

A record has 20 kB, mostly findings. Worker processes send stats with encoded lines, which need not be decoded then.
Similar hosts share one `HostStats`. It has ids, no English text: `sshprobe.render` has the labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sshprobe.model.observation import Observation, Status
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.verdict import SEVERITIES, Category, Finding, Grade, Verdict
from sshprobe.views.host_names import software


class Subject(NamedTuple):
    """The subject by which findings are counted: the id of a finding, or an algorithm. The other one is empty."""

    finding_id: str
    """Id of a finding, as in "kex.terrapin"."""
    algorithm: str = ""
    """The offered or missing algorithm or method: "3des-cbc"."""


class WorstFinding(NamedTuple):
    """The first finding that counts, combined with equal messages on other algorithms. Fields as in `Finding`."""

    id: str
    category: Category
    algorithms: tuple[str | None, ...]
    message: str


class VerdictStats(NamedTuple):
    """Stats of a verdict. Fields as in `Verdict`."""

    profile: str
    grade: Grade
    compliant: bool | None
    score: int
    waived: int
    subjects: tuple[Subject, ...]
    """Subjects of the findings that count, each once."""
    grade_is_partial: bool
    severities: tuple[int, ...] = ()
    """Sort key: minus the number of counting findings of each severity, from critical to low."""
    worst: WorstFinding | None = None
    """None: no finding counts."""


class HostStats(NamedTuple):
    """Stats of a host."""

    status: Status
    answered: bool
    """Whether it sent an identification."""
    connections: int
    has_keys: bool
    """Whether host keys were seen, which are compared across the fleet."""
    verdicts: tuple[VerdictStats, ...]
    software: str = ""
    """As returned by `sshprobe.views.host_names.software`."""
    error: str | None = None
    """As in the record."""
    fleet: tuple[Subject, ...] = ()
    """Subjects of its findings across the fleet that count, each once."""
    one_user: bool = False
    """Whether authentication methods were seen only for the first user."""


NO_CONNECTION = frozenset({"refused", "timeout", "unreachable"})
"""Statuses of hosts that may have accepted no connection."""


def took_no_connection(stats: HostStats) -> bool:
    """Return whether a host accepted no connection, so that `--skip-silent` only counts it."""
    return not stats.connections and stats.status in NO_CONNECTION


def host_stats(seen: Observation, verdicts: tuple[VerdictStats, ...]) -> HostStats:
    """Return the stats of an observation with the stats of its verdicts."""
    users = seen.authentication_by_user
    one_user = users is not None and len(users) == 1 and seen.authentication_methods is not None
    said = seen.identification
    return HostStats(
        seen.status,
        said is not None,
        seen.connections,
        bool(seen.host_keys),
        verdicts,
        software(said),
        seen.error,
        one_user=one_user,
    )


def record_stats(record: HostRecord) -> HostStats:
    """Return the stats of a record."""
    return host_stats(record, verdict_stats(record.verdicts))._replace(fleet=subjects_of(record.fleet_findings))


def verdict_stats(verdicts: Sequence[Verdict]) -> tuple[VerdictStats, ...]:
    """Return the stats of verdicts."""
    return tuple(map(_of_verdict, verdicts))


def _of_verdict(verdict: Verdict) -> VerdictStats:
    found = [finding for finding in verdict.findings if finding.counts]
    return VerdictStats(
        verdict.profile,
        verdict.grade,
        verdict.compliant,
        verdict.score,
        verdict.waived,
        _subjects(found),
        verdict.grade_is_partial,
        _severities(found),
        _worst(found),
    )


OF_ALGORITHMS = frozenset({"dated", "deadline", "forbidden", "missing", "stronger", "unlisted", "weak"})
"""Reasons, as in "kex.weak", of findings on an offered or missing algorithm. They are counted by algorithm."""


def subject_of(finding: Finding) -> Subject:
    """Return the subject of a finding. Findings of several reasons about one algorithm have one subject."""
    if finding.algorithm and finding.id.partition(".")[2] in OF_ALGORITHMS:
        return Subject("", finding.algorithm)
    return Subject(finding.id)


def subjects_of(findings: Iterable[Finding]) -> tuple[Subject, ...]:
    """Return the subjects of the findings that count, each once."""
    return _subjects(finding for finding in findings if finding.counts)


def _subjects(found: Iterable[Finding]) -> tuple[Subject, ...]:
    return tuple(dict.fromkeys(map(subject_of, found)))


def _severities(found: Sequence[Finding]) -> tuple[int, ...]:
    numbers = Counter(finding.severity for finding in found)
    return tuple(-numbers[severity] for severity in SEVERITIES[:-1])


def _worst(found: Sequence[Finding]) -> WorstFinding | None:
    if not found:
        return None
    first = found[0]
    same = [each for each in found if says_the_same(each) == says_the_same(first)]
    return WorstFinding(first.id, first.category, tuple(each.algorithm for each in same), first.message)


def says_the_same(finding: Finding) -> tuple[str, ...]:
    """Return a key that is equal for findings with the same message on several algorithms."""
    return finding.severity, finding.category, finding.message


def letter(graded: Verdict | VerdictStats | Remedy) -> str:
    """Return the grade: "A+?" if something that can cost points was not seen."""
    return f"{graded.grade}?" if graded.grade_is_partial else graded.grade


def worst_first(stats: HostStats) -> tuple[object, ...]:
    """Return a sort key: the score of the first verdict, then its worst findings; hosts without a verdict last."""
    return (0, stats.verdicts[0].score, stats.verdicts[0].severities) if stats.verdicts else (1,)


def status_matters(stats: HostStats) -> bool:
    """Return whether the status of a graded host adds to its findings. "SSH-1 only" is a finding already."""
    if stats.status == "ssh1_only":
        return Subject("protocol.ssh1") not in stats.verdicts[0].subjects
    return stats.status != "ok"
