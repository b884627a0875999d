"""What of a host is counted: all that the summary and the order of the table need, without its record.

A record has 20 kB, and most of it is findings. Hosts that are alike are counted by one of these, and from one process
to another it goes beside the line, which nobody has to decode then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sshprobe.model.observation import Observation, Status
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES, Grade, Verdict
from sshprobe.views.finding_labels import SSH1, fault


class CountedVerdict(NamedTuple):
    """What of a verdict is counted. Fields as in `Verdict`."""

    profile: str
    grade: Grade
    compliant: bool | None
    score: int
    waived: int
    names: tuple[str, ...]
    """What the findings that count are about, in words; each once."""
    grade_is_partial: bool
    worst: tuple[int, ...] = ()
    """For sorting, worse is less: findings that count, negative, of each severity from critical to low."""


class Counted(NamedTuple):
    """What of a host is counted."""

    status: Status
    answered: bool
    """Whether it sent an identification."""
    connections: int
    has_keys: bool
    """Whether host keys were seen, of which the whole fleet's are compared."""
    verdicts: tuple[CountedVerdict, ...]
    fleet: tuple[str, ...] = ()
    """What its findings across the fleet that count are about, in words; each once."""
    one_user: bool = False
    """Whether authentication methods were seen for the first user alone."""


class Place(Protocol):
    """Who a host is."""

    @property
    def target(self) -> str:
        """What the user named."""

    @property
    def host(self) -> str:
        """A name or an address."""

    @property
    def port(self) -> int:
        """A port."""


def counted(seen: Observation, verdicts: tuple[CountedVerdict, ...]) -> Counted:
    """Return what of a host is counted."""
    users = seen.authentication_by_user
    one_user = users is not None and len(users) == 1 and seen.authentication_methods is not None
    answered = seen.identification is not None
    return Counted(seen.status, answered, seen.connections, bool(seen.host_keys), verdicts, one_user=one_user)


def counted_record(record: HostRecord) -> Counted:
    """Return the same, of a record."""
    across = tuple(fault(finding) for finding in record.fleet_findings if finding.counts)
    return counted(record, counted_verdicts(record.verdicts))._replace(fleet=across)


def counted_verdicts(verdicts: Sequence[Verdict]) -> tuple[CountedVerdict, ...]:
    """Return what of verdicts is counted."""
    return tuple(
        CountedVerdict(
            verdict.profile,
            verdict.grade,
            verdict.compliant,
            verdict.score,
            verdict.waived,
            tuple(dict.fromkeys(fault(finding) for finding in verdict.findings if finding.counts)),
            verdict.grade_is_partial,
            _worst(verdict),
        )
        for verdict in verdicts
    )


def _worst(verdict: Verdict) -> tuple[int, ...]:
    numbers = [0] * len(SEVERITIES)
    for finding in verdict.findings:
        if finding.counts:
            numbers[SEVERITIES.index(finding.severity)] -= 1
    return tuple(numbers[:-1])


def worst_first(seen: Counted) -> tuple[object, ...]:
    """Return what sorts hosts: by the score of the first verdict, then by what is worst; those without one last."""
    return (0, seen.verdicts[0].score, seen.verdicts[0].worst) if seen.verdicts else (1,)


def ended_otherwise(seen: Counted) -> bool:
    """Whether the status of a graded host says more than its findings do: that it speaks SSH-1 only is one of them."""
    if seen.status == "ssh1_only":
        return SSH1 not in seen.verdicts[0].names
    return seen.status != "ok"
