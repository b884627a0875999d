"""A view as a table, for people: by host, algorithm, key or label; and sentences on all hosts under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from sshprobe.model.escape import escape_unprintable
from sshprobe.render.formats.format import ViewFormat
from sshprobe.render.text.fleet_phrases import (
    CUT_OFF,
    INTERRUPTED,
    key_sentences,
    mandate_sentences,
    unchecked_sentences,
)
from sshprobe.render.text.phrases import count
from sshprobe.render.text.table_layout import column_width, stack
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.deadline_report import DeadlineReport
from sshprobe.views.host_names import with_alias
from sshprobe.views.report import AlgorithmReport, HostReport, KeyReport, LabelReport, ReportView

_SHOWN, _SHOWN_AT_MOST = 3, 100
"""Hosts that a cell names: at least, and at most where there is room."""

_MORE = len(" and 65,536 more")

_ROOM_BESIDE, _ROOM_BELOW = 60, 8
"""Columns that hosts need to stand in their row, and columns that are not theirs where they stand below it."""

_NUMBERS = ("bits", "hosts", "late", "SSH", "not compliant")
"""Headers of columns that are aligned to the right."""

_Rows = Sequence[Sequence[str]]


def _render(view: ReportView, terminal: Terminal, verbose: bool) -> str:
    report = view.report
    if isinstance(report, AlgorithmReport):
        return _algorithms(view, report, terminal, verbose)
    if isinstance(report, KeyReport):
        return _keys(view, report, terminal, verbose)
    if isinstance(report, LabelReport):
        return _labels(view, report, terminal)
    if isinstance(report, DeadlineReport):
        return _deadlines(view, report, terminal, verbose)
    return _hosts(view, report, terminal, verbose)


def _algorithms(view: ReportView, report: AlgorithmReport, terminal: Terminal, verbose: bool) -> str:
    """Return the table of algorithms. Markers in the list of key exchanges stand apart, at the end."""
    uses = sorted(report.algorithms, key=lambda use: use.is_marker)
    rows = [
        ["marker" if use.is_marker else use.category, use.algorithm, str(len(use.hosts)), use.severity or ""]
        for use in uses
    ]
    return _table(
        ["class", "algorithm", "hosts", "weakness"],
        rows,
        view,
        terminal,
        which=lambda room: [_few(use.hosts, view.names, room, verbose=verbose) for use in uses],
        below=0,
        shortened=(("algorithm", 20),),
    )


def _keys(view: ReportView, report: KeyReport, terminal: Terminal, verbose: bool) -> str:
    """Return the table of keys with findings, and with `verbose` all."""
    shown = [key for key in report.keys if key.findings or verbose]
    hidden = len(report.keys) - len(shown)
    rows = [
        [
            key.fingerprint,
            key.type,
            "" if key.bits is None else str(key.bits),
            str(len(key.hosts)),
            ", ".join(_words(id, key.agree) for id in key.findings),
        ]
        for key in shown
    ]
    sentence = f"{count(hidden, 'host key is', 'host keys are')} without a finding, listed with -v."
    return _table(
        ["fingerprint", "type", "bits", "hosts", "findings"],
        rows,
        view,
        terminal,
        which=lambda room: [_few(key.hosts, view.names, room, verbose=verbose) for key in shown],
        below=1,
        shortened=(("type", 15), ("fingerprint", 20)),
        left_out=sentence if hidden else "",
    )


def _words(id: str, agree: bool | None) -> str:
    reason = id.partition(".")[2].replace("_", " ")
    return f"{reason} (one machine or clones)" if reason == "shared" and agree else reason


def _hosts(view: ReportView, report: HostReport, terminal: Terminal, verbose: bool) -> str:
    """Return the table of findings above a note, and with `verbose` all."""
    hosts = list(zip(report.hosts, view.row_names, strict=True))
    rows = [
        [
            *(host.host, name, "", finding.severity, finding.id, finding.algorithm or ""),
            "" if finding.observed == finding.algorithm else finding.observed,
        ]
        for host, name in hosts
        for finding in host.findings
        if finding.severity != "note" or verbose or view.is_filtered
    ]
    rows += [
        [host.host, name, host.software or host.status, "", "", "", ""] for host, name in hosts if not host.findings
    ]
    notes = sum(finding.severity == "note" for host in report.hosts for finding in host.findings)
    left_out = ""
    if notes and not (verbose or view.is_filtered):
        left_out = f"{count(notes, 'note is', 'notes are')} listed with -v."
    elif not rows and view.has_keys:
        left_out = (
            "This report lists only shared and broken keys and groups, and found none. "
            "`sshprobe grade` shows the findings of each host."
        )
    about = "algorithm" if view.is_filtered else "key"
    return _table(
        ["host", "name", "answer", "severity", "finding", about, "observed"],
        rows,
        view,
        terminal,
        below=2,
        shortened=(("name", 7), ("answer", 16), ("finding", 20), ("host", 20)),
        left_out=left_out,
    )


def _labels(view: ReportView, report: LabelReport, terminal: Terminal) -> str:
    """Return the table of labels, with a row for each profile of the verdicts."""
    rows = []
    for use in report.labels:
        for profile in use.grades or [""]:
            grades = "  ".join(f"{letter} {number}" for letter, number in use.grades.get(profile, {}).items())
            failed = use.compliant.get(profile, {}).get("false", 0)
            rows.append([use.label or "(none)", str(use.hosts), str(use.servers), profile, grades, str(failed or "")])
    return _table(
        ["label", "hosts", "SSH", "profile", "grades", "not compliant"],
        rows,
        view,
        terminal,
        below=0,
        shortened=(("profile", 12), ("label", 16)),
    )


def _deadlines(view: ReportView, report: DeadlineReport, terminal: Terminal, verbose: bool) -> str:
    """Return the tables of dates and mandates, and the key exchanges that satisfy most of them."""
    rows = []
    for use in report.deadlines:
        if use.hosts or verbose:
            names = [f"{name} ({number:,})" for name, number in use.algorithms.items()]
            shown = names if verbose else names[:_SHOWN]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            ends = f"{', '.join(shown)}{more}{' (advice)' if use.only_advises else ''}"
            source = f"{use.document}, {use.where}{'' if use.checked else ' [not verified]'}"
            late = f"{use.late:,}" if use.late else ""
            rows.append([use.until, f"{len(use.hosts):,}", late, use.profile, use.category, ends, source])
    mandates = [[each.profile, *each.kinds.values()] for each in report.mandates]
    matrix = stack(["mandate", "hybrid", "pure ML-KEM", "classical"], mandates, terminal, below=0)
    not_seen = max((use.not_seen for use in report.deadlines), default=0)
    sentences = [*mandate_sentences(report), f"{count(not_seen, 'server')} did not show all lists." if not_seen else ""]
    return _table(
        ["until", "hosts", "late", "mandate", "type", "what ends", "document"],
        rows,
        view,
        terminal,
        below=2,
        shortened=(("mandate", 12),),
        left_out=" ".join(filter(None, sentences)),
        after=["Key exchanges that each mandate accepts:", *matrix, ""],
    )


def _few(hosts: Sequence[str], names: Mapping[str, str], room: int, *, verbose: bool) -> str:
    """Return hosts for a cell: all of them with `verbose`, else as many as fit into `room` columns, and how many more.

    `names`: what some of them are called beside that.
    """
    words = [with_alias(host, names.get(host)) for host in (hosts if verbose else hosts[:_SHOWN_AT_MOST])]
    ends = list(accumulate(len(word) + 2 for word in words))
    number = len(words) if verbose else max(_SHOWN, sum(end + _MORE <= room for end in ends))
    more = len(hosts) - min(number, len(words))
    return ", ".join(words[:number]) + (f" and {more:,} more" if more else "")


def _table(
    headers: Sequence[str],
    rows: _Rows,
    view: ReportView,
    terminal: Terminal,
    *,
    which: Callable[[int], Sequence[str]] | None = None,
    below: int,
    shortened: Sequence[tuple[str, int]],
    left_out: str = "",
    after: Sequence[str] = (),
) -> str:
    """Return a table and sentences on all hosts, its last line ended. Columns without a word are left out.

    `which`: cells of one more column, the hosts of each row, for a width. `below` and `shortened`: see `stack`.
    `left_out`: a sentence on what the table does not have. `after`: lines between the table and the sentences.
    """
    lines: list[str] = []
    if rows:
        used = [column for column in range(len(headers)) if any(row[column] for row in rows)]
        kept = [[escape_unprintable(row[column]) for column in used] for row in rows]
        shown = [headers[column] for column in used]
        below -= sum(column not in used for column in range(len(headers) - below, len(headers)))
        if which is not None:
            taken = sum(column_width(header, [row[at] for row in kept]) + 2 for at, header in enumerate(shown))
            room = terminal.width - taken if terminal.width - taken >= _ROOM_BESIDE else terminal.width - _ROOM_BELOW
            shown.append("which")
            cells = map(escape_unprintable, which(room if terminal.cuts else 0))
            kept = [[*row, cell] for row, cell in zip(kept, cells, strict=True)]
            below += 1
        lines = stack(shown, kept, terminal, right=_NUMBERS, below=below, shortened=shortened)
        lines.append("")
    lines += after
    summary = view.report.summary
    words = [f"{count(summary.targets, 'target')}, {count(view.servers, 'SSH server')}.", *key_sentences(summary)]
    missing = [CUT_OFF if view.is_cut_off else INTERRUPTED] if summary.interrupted else []
    for sentence in (" ".join(words), *([left_out] if left_out else ()), *unchecked_sentences(summary), *missing):
        lines += terminal.wrap(sentence, indent="")
    return "\n".join(lines) + "\n"


FORMAT = ViewFormat(_render)
