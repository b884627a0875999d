"""Many hosts as a table, worst first, and the fleet in a few sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sshprobe.escape import escape_unprintable
from sshprobe.records import Grade, HostRecord, SummaryRecord, Verdict
from sshprobe.report.fleet_words import key_sentences
from sshprobe.report.terminal import Terminal, printable
from sshprobe.report.words import compliance, count, endpoint, seconds, software, status

_SHOWN_SILENT = 10
"""Hosts that did not answer are listed up to this many, and beyond it only counted."""

_SILENT = frozenset({"refused", "unreachable", "timeout", "excluded", "dns_error"})
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class _Row:
    order: tuple[object, ...]
    grade: Grade | None
    cells: tuple[str, ...]


class FleetTable:
    """Takes hosts as they finish, keeps one row of each, and prints them at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._rows: list[_Row] = []
        self._silent: list[_Row] = []
        self._profiles: list[str] = []
        self._servers = 0
        self._common: Counter[str] = Counter()

    def add(self, record: HostRecord) -> None:
        """Add one host. Its first verdict decides its place; each further profile has its own column."""
        record = printable(record)
        self._servers += record.identification is not None
        place = endpoint(record.host, record.port)
        if record.port == 22:
            place = record.host
        if not record.verdicts:
            reason = status(record)
            if record.error:
                reason += f": {record.error}"
            row = _Row((1, _natural(place)), None, ("-", "", place, software(record.identification), _cut(reason, 50)))
            (self._silent if record.status in _SILENT else self._rows).append(row)
            return
        verdict, *others = record.verdicts
        for each in record.verdicts:
            if each.profile not in self._profiles:
                self._profiles.append(each.profile)
        self._common.update({f.algorithm or f.id for f in verdict.findings if f.severity != "note"})
        if record.status != "ok":
            place += f" ({status(record)})"
        answers = {each.profile: f"{each.grade} {each.score}" for each in others}
        further = tuple(answers.get(profile, "") for profile in self._profiles[1:])
        cells = (verdict.grade, str(verdict.score), place, _cut(software(record.identification), 34), _worst(verdict))
        self._rows.append(_Row((0, verdict.score, _natural(place)), verdict.grade, cells + further))

    def render(self, summary: SummaryRecord, *, verbose: bool = False) -> str:
        """Return the table and the sentences under it."""
        from tabulate import tabulate

        rows = self._rows + (self._silent if verbose or len(self._silent) <= _SHOWN_SILENT else [])
        rows.sort(key=lambda row: row.order)
        headers = ["grade", "score", "host", "software", "worst", *self._profiles[1:]]
        cells = [[*row.cells, *[""] * (len(headers) - len(row.cells))] for row in rows]
        align = ["left", "right", *["left"] * (len(headers) - 2)]
        table = tabulate(cells, headers, tablefmt="plain", disable_numparse=True, colalign=align if rows else None)
        lines = [line.rstrip() for line in table.splitlines()]
        for index, row in enumerate(rows, start=len(lines) - len(rows)):
            if row.grade is not None:
                lines[index] = self._terminal.grade(lines[index][:2], row.grade) + lines[index][2:]
        hidden = len(self._rows) + len(self._silent) - len(rows)
        sentences = self._sentences(summary)
        if hidden:
            sentences.append(f"{count(hidden, 'target')} did not answer; list them with -v.")
        if summary.interrupted:
            sentences.append("Interrupted: the rest was not scanned.")
        wrapped = [line for sentence in sentences for line in self._terminal.wrap(sentence, indent="")]
        return "\n".join([*(lines if rows else []), "", *wrapped]) + "\n"

    def _sentences(self, summary: SummaryRecord) -> list[str]:
        statuses = ", ".join(f"{number:,} {_words(name)}" for name, number in _most(summary.statuses))
        time = count(summary.connections, "connection")
        if summary.duration_ms:  # records that were cut off have no summary to say it
            time += f" in {seconds(summary.duration_ms)}"
        sentences = [f"{count(summary.hosts, 'target')}: {statuses}. {time}."]
        answer = f"{count(self._servers, 'SSH server')}"
        if self._profiles:
            words = summary.compliant.get(self._profiles[0], {})
            answer += f", {words.get('false', 0):,} not compliant with {self._profiles[0]}"
            if words.get("null"):
                answer += f", {words['null']:,} with compliance unknown"
        answer += "."
        answer = " ".join([answer, *key_sentences(summary)])
        sentences.append(answer)
        if self._common:
            common = _most(self._common)[:3]
            sentences.append(f"Most common: {', '.join(f'{name} on {number:,}' for name, number in common)}.")
        return sentences


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _words(name: str) -> str:
    return escape_unprintable(name).replace("_", " ")


def _worst(verdict: Verdict) -> str:
    finding = next((each for each in verdict.findings if each.severity != "note"), None)
    if finding is None:
        return compliance(verdict)
    return _cut(finding.algorithm or finding.message, 50)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts 10.0.0.9 before 10.0.0.10."""
    # A number of very many digits stays text: it is no part of an address.
    return tuple(
        (int(part), "") if part.isascii() and part.isdigit() and len(part) < 10 else (-1, part)
        for part in _NUMBERS.split(text)
    )
