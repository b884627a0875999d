"""The exit codes, their order, and `--fail-on`: the records that cause exit code 1."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.model.fleet import FleetReport
    from sshprobe.model.records import HostRecord

_SEVERITIES = ("critical", "high", "medium", "low")
_GRADES = ("A+", "A", "B", "C", "D", "F")
_COMPLIANCE = "noncompliant"
THRESHOLDS = (*_SEVERITIES, *_GRADES[1:], _COMPLIANCE)
"""The values of `--fail-on`. A+ is not one of them, because every graded host would fail at it."""

_UNJUDGED = ("partial", "throttled", "protocol_error")


class ExitCode(IntEnum):
    """The exit code of the process."""

    OK = 0
    FAIL_ON = 1
    """`--fail-on` was reached."""
    USAGE = 2
    """Wrong usage, unreadable input or unwritable output."""
    NOTHING_SCANNED = 3
    """No host could be graded."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""
    READER_GONE = 141
    """Standard output was closed by its reader, as in `| head` (128 + SIGPIPE)."""


def exit_code(*, interrupted: bool, graded: int, failed: bool, bad_lines: int = 0) -> ExitCode:
    """Return the code of a scan that ran: interrupted, then bad lines of a stream, nothing graded, `--fail-on`."""
    if interrupted:
        return ExitCode.INTERRUPTED
    if bad_lines:
        return ExitCode.USAGE
    if not graded:
        return ExitCode.NOTHING_SCANNED
    return ExitCode.FAIL_ON if failed else ExitCode.OK


def reached(threshold: str, record: HostRecord) -> bool:
    """Return whether one host reaches a threshold under any of its verdicts.

    - A severity: an unwaived finding of at least that severity, under any profile or across the fleet.
    - A letter: that letter or a worse one; "A+?" counts as "A+".
    - `noncompliant`: a verdict other than "compliant: true", including undecided ones.

    A server that accepted a connection but could not be judged, or whose record leaves out names, reaches every
    threshold: unseen facts never pass. A host without an answer, or with a service other than SSH, reaches none.
    """
    if not record.verdicts:
        # The server accepted a connection, then closed it or sent nothing: sshd does so under load or for a ban.
        answered = record.identification is not None or record.stage not in ("resolve", "connect")
        return (answered and record.status != "not_ssh") or record.status in _UNJUDGED
    if any(reason.endswith(" left out") for verdict in record.verdicts for reason in verdict.cap_reasons):
        return True
    if record.names_left_out:
        return True
    if threshold == _COMPLIANCE:
        return any(verdict.compliant is not True for verdict in record.verdicts)
    if threshold in _GRADES:
        worst = _GRADES.index(threshold)
        return any(_GRADES.index(verdict.grade) >= worst for verdict in record.verdicts)
    severities = _SEVERITIES[: _SEVERITIES.index(threshold) + 1]
    findings = [*record.fleet_findings, *(finding for verdict in record.verdicts for finding in verdict.findings)]
    return any(finding.severity in severities and finding.waived is None for finding in findings)


def reached_by_fleet(threshold: str, fleet: FleetReport) -> bool:
    """Return whether findings across the fleet reach a threshold. A scan knows them once all hosts are written.

    Letters and compliance never depend on them. Waivers depend on hosts, whose records are gone by then: only `sshprobe
    grade` applies them here.
    """
    from sshprobe.views.summary import fleet_severities

    if threshold not in _SEVERITIES:
        return False
    severities = _SEVERITIES[: _SEVERITIES.index(threshold) + 1]
    return any(severity in severities for hosts in fleet_severities(fleet).values() for severity in hosts.values())
