"""Writes the page: a summary for readers without JavaScript, and the data of all hosts for the script.

Text of servers is not trusted. The template escapes it, the script only sets text nodes, and the
Content-Security-Policy allows only the script and the style of the page, by their hashes. The data is JSON in gzip in
base64.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import heapq
from importlib.resources import files
from typing import IO, Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.model.remedy import Change
from sshprobe.model.verdict import GRADES
from sshprobe.render.changes.sections import sections, verdict
from sshprobe.render.changes.words import note_sentences
from sshprobe.render.fix.pasted import group_steps
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.fleet_phrases import key_sentences, mandate_sentences, unchecked_sentences, waiver_sentences
from sshprobe.views.changes import Changes
from sshprobe.views.deadline_report import Deadlines
from sshprobe.views.fixes import Group
from sshprobe.views.fleet_tables import HostKind, TablesView
from sshprobe.views.host_stats import letter
from sshprobe.views.table_builder import TablesBuilder

SCRIPTS = (
    "words",
    "elements",
    "model",
    "filters",
    "tables",
    "charts",
    "hosts",
    "lists",
    "fixes",
    "host",
    "changes",
    "deadlines",
    "overview",
    "main",
)
"""Files of the script, in the order in which they are joined."""

_STATIC_HOSTS = 25
"""The worst hosts that the page shows without JavaScript."""


class HtmlWriter(HostWriter):
    """Writes a page into a stream. It keeps only the differences between hosts."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._context = context
        self._tables = TablesBuilder(context.describe, context.remedy)
        self._sweep: SweepRecord | None = None

    def header(self, record: SweepRecord) -> None:
        """Keep the header of the first scan."""
        self._sweep = self._sweep or record

    def add(self, host: HostRecord) -> None:
        """Add one host."""
        self._tables.add(host)

    def finish(self, summary: SummaryRecord) -> None:
        """Write the page."""
        write_page(self._tables.build(summary, self._sweep), self._stream, self._context)


FORMAT = HostFormat(HtmlWriter)


def write_page(view: TablesView, stream: IO[bytes], context: ReportContext) -> None:
    """Write the page of all hosts, with the changes and the grades of earlier scans."""
    changes = context.changes()
    dates = context.deadlines((each.type, each.name) for each in view.tables.algorithms)
    texts = {id: context.explain(id) for id in sorted({finding.id for finding in view.tables.findings})}
    script, style = page_script(), page_style()
    tables = msgspec.to_builtins(view.tables)
    data = _printable(
        {
            "tables": tables,
            "fixes": [_fix(group) for group in view.fixes],
            "sentences": _sentences(view),
            "trend": msgspec.to_builtins(context.trend()),
            "texts": {id: text._asdict() for id, text in texts.items() if text is not None},
            "deadlines": _deadlines(dates),
            "changes": None if changes is None else _changes(changes),
        }
    )
    environment = Environment(
        loader=PackageLoader("sshprobe.render.formats", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    text = environment.get_template("report.html.j2").render(
        script=script,
        style=style,
        script_hash=_hash(script),
        style_hash=_hash(style),
        data=_packed(data),
        letters=GRADES,
        summary=data["tables"]["summary"],
        servers=view.tables.servers,
        targets=view.tables.summary.targets,
        profiles=data["tables"]["profiles"],
        worst=_printable(_worst_hosts(view)),
        sweep=data["tables"]["sweep"],
        sentences=data["sentences"],
    )
    stream.write(text.encode("utf-8"))


def page_script() -> str:
    """Return the script: the files of `SCRIPTS` in one scope."""
    parts = (files(__package__).joinpath("script", f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def page_style() -> str:
    """Return the style."""
    return files(__package__).joinpath("report.css").read_text("utf-8")


def _hash(text: str) -> str:
    """Return a source expression of a Content-Security-Policy for inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _packed(data: object) -> str:
    return base64.b64encode(gzip.compress(msgspec.json.encode(data), 9, mtime=0)).decode()


def _printable(value: Any) -> Any:
    """Return a value of JSON with unsafe characters of all texts escaped: records are not trusted."""
    if isinstance(value, str):
        return escape_unprintable(value)
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    if isinstance(value, dict):
        return {_printable(key): _printable(each) for key, each in value.items()}
    return value


def _fix(group: Group) -> dict[str, object]:
    profile, before, score, compliant = group.verdict
    remedy = group.remedy
    return {
        "software": group.about,
        "profile": profile,
        "before": {"letter": before, "score": score, "compliant": compliant},
        "after": {"letter": letter(remedy), "score": remedy.score, "compliant": remedy.compliant},
        "changes": list(dict.fromkeys(_about(change) for change in group.changes)),
        "has_changes": bool(group.changes),
        "has_lines": any(change.kind != "words" for change in group.changes),
        "left": remedy.left_briefly,
        "lines": group_steps(group).splitlines(),
    }


def _deadlines(dates: Deadlines) -> dict[str, object]:
    return {
        "deadlines": [{**msgspec.to_builtins(use), "algorithms": list(use.algorithms)} for use in dates.deadlines],
        "mandates": msgspec.to_builtins(dates.mandates),
        "sentences": list(mandate_sentences(dates)),
    }


def _changes(changes: Changes) -> dict[str, object]:
    return {
        "verdict": verdict(changes),
        "started_at": changes.old.started_at,
        "compared": changes.compared,
        "unchanged": changes.unchanged,
        "sections": [
            {
                "title": section.title,
                "is_worse": section.is_worse,
                "when": section.when,
                "rows": [
                    {
                        "what": row.what,
                        "meaning": row.meaning,
                        "details": row.details,
                        "hosts": msgspec.to_builtins(row.hosts),
                    }
                    for row in section.rows
                ],
            }
            for section in sections(changes, verbose=False)
        ],
        "notes": note_sentences(changes),
    }


def _about(change: Change) -> str:
    """Return a change in a few words."""
    return change.comment or " ".join(change.text)


def _sentences(view: TablesView) -> list[str]:
    summary = view.tables.summary
    return [*key_sentences(summary), *waiver_sentences(summary), *unchecked_sentences(summary)]


def _worst_hosts(view: TablesView) -> list[dict[str, object]]:
    tables = view.tables
    kinds, hosts = tables.kinds, tables.hosts
    orders = [
        (kind.verdicts[0].score, [-n for n in kind.verdicts[0].severities]) if kind.verdicts else None for kind in kinds
    ]
    graded = [(order, at) for at, kind in enumerate(hosts.kind) if (order := orders[kind]) is not None]
    return [
        {"place": hosts.place[at], "name": hosts.name[at], **_of_kind(kinds[hosts.kind[at]], view)}
        for _, at in heapq.nsmallest(_STATIC_HOSTS, graded)
    ]


def _of_kind(kind: HostKind, view: TablesView) -> dict[str, object]:
    verdict = kind.verdicts[0]
    found = [each for each in map(view.tables.findings.__getitem__, verdict.findings) if each.counts]
    worst = found[0] if found else None
    about = "" if worst is None else f"{worst.algorithm}: {worst.message}" if worst.algorithm else worst.message
    return {
        "software": kind.software,
        "letter": verdict.letter,
        "score": verdict.score,
        "severity": "" if worst is None else worst.severity,
        "worst": about,
    }
