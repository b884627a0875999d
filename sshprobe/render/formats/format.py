"""The kinds of formats of `sshprobe report`: a view, a sequence of hosts, and a folder of files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import IO, NamedTuple, Protocol

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.primitive import Primitive
from sshprobe.model.records import HostRecord, SourceFile, SummaryRecord, SweepRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.changes import Changes
from sshprobe.views.deadline_report import Deadlines
from sshprobe.views.fleet_tables import GradePoint
from sshprobe.views.host_findings import FindingText
from sshprobe.views.metrics import FindRelease
from sshprobe.views.offers import Describe
from sshprobe.views.report import ReportView


class ViewFormat(NamedTuple):
    """A format of a view, for each `--by`."""

    render: Callable[[ReportView, Terminal, bool], str]
    """Takes a view, the terminal and whether -v was given. Returns text that ends with a line end."""


class HostWriter(Protocol):
    """Writes one report. It receives hosts as they are read or scanned, and should not keep them."""

    def header(self, record: SweepRecord) -> None:
        """Receive the header of a scan, before its hosts. Most formats do not need it."""
        return

    def add(self, host: HostRecord) -> None:
        """Add one host. Its `fleet_findings` are filled in if they are known."""

    def finish(self, summary: SummaryRecord) -> None:
        """Receive the summary of all hosts, and complete the report."""


class ReportContext(NamedTuple):
    """The facts about hosts for formats, which import neither catalogue nor grader."""

    describe: Describe
    """Type and name of an algorithm to its notes in the catalogue."""
    findings: Callable[[HostRecord], Iterable[Finding]]
    """A host to its findings under no profile."""
    note: Callable[[str], None]
    """Called with a remark for the user."""
    primitives: Callable[[AlgorithmType, str], Sequence[Primitive]]
    """Type and name of an algorithm to its primitives, for an inventory of cryptography."""
    explain: Callable[[str], FindingText | None]
    """The id of a finding to its texts. None: this version does not know it."""
    release: FindRelease
    """Software name to its release in the catalogue."""
    find_lines: Callable[[Iterable[SourceFile], Collection[str]], Mapping[str, tuple[str, int]]]
    """Files of targets, and targets, to file and line of each target that is there."""
    place: Callable[[], tuple[str, int] | None]
    """Returns file and line of the current record. None: it has no place."""
    remedy: Callable[[HostRecord, Verdict], Remedy | None] = lambda record, verdict: None
    """A host and one of its verdicts to the remedy. None: the profile is not known."""
    several: bool = True
    """Whether there is more than one host."""
    trend: Callable[[], Sequence[GradePoint]] = lambda: ()
    """Returns the grades of earlier scans and this one, the oldest first. Empty: there is no history."""
    changes: Callable[[], Changes | None] = lambda: None
    """Returns the changes since an older scan. None: there is no older scan."""
    deadlines: Callable[[Iterable[tuple[AlgorithmType, str]]], Deadlines] = lambda names: Deadlines([], [], [])
    """Types and names of algorithms to the dates that profiles have for them."""
    keys_changed_at: Callable[[HostRecord], float | None] = lambda record: None
    """A host to the last change of its keys, in seconds since 1970-01-01 UTC. None: not in a history."""


class HostFormat(NamedTuple):
    """A format of a sequence of hosts, in one file. It has its own order, so it does not take `--by`."""

    writer: Callable[[IO[bytes], ReportContext], HostWriter]
    """Takes the stream of the file. Usually a class."""


class FolderFormat(NamedTuple):
    """A format of several files."""

    writer: Callable[[str, ReportContext], HostWriter]
    """Takes the path of an empty folder, which appears under its name when the report is complete."""
