"""Many hosts as a table, worst first, and the fleet in a few sentences."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Grade, Verdict
from sshprobe.render.text.fleet_phrases import key_sentences, waiver_sentences
from sshprobe.render.text.labels import finding_label
from sshprobe.render.text.phrases import compliance, count, names, outcome, seconds, status
from sshprobe.render.text.table_layout import cut, lay_out
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.host import alike, letter, software
from sshprobe.views.host_names import alias_of
from sshprobe.views.host_stats import (
    HostStats,
    Place,
    Subject,
    record_stats,
    status_matters,
    subject_of,
    worst_first,
)

SHOWN = 100
"""Hosts in the table, the worst. What is kept follows this, and not the number of hosts."""

SHOWN_VERBOSE = 1000
"""The same with -v, and as many that gave no answer."""

_SHOWN_SILENT = 10
"""Hosts that gave no answer or were excluded are listed up to this many, and beyond it only counted."""

_COUNTED_NAMES = 4096
"""Names in the count of what is most common. Servers can make names up, so there has to be an end to it."""

_SILENT = frozenset({"refused", "unreachable", "timeout", "excluded", "dns_error"})
_SHORT = {"not_ssh": "not SSH", "ssh1_only": "SSH-1 only"}
"""Statuses, behind a number of hosts, that are no words with their "_" taken out."""

_OF_A_NAME = frozenset({"forbidden", "unlisted", "weak", "dated"})
"""Findings for which the algorithm's name says enough: that it is offered is the fault."""

_NUMBERS = re.compile(r"(\d+)")


_PLACE = 2
"""The column of host and port, and behind it the one of what it is called."""


class _Row(msgspec.Struct, frozen=True):
    order: tuple[object, ...]
    grade: Grade | None
    cells: tuple[str, ...]


class _First:
    """Keeps the rows that come first, `limit` of them; counts all."""

    def __init__(self, limit: int) -> None:
        self.count = 0
        self._limit = limit
        self._rows: list[_Row] = []
        self._bar: tuple[object, ...] | None = None
        """No row from here on will be among the first."""

    def add(self, row: _Row) -> None:
        """Keep one more, and sort out now and then: cheaper than a heap, and as flat."""
        self._rows.append(row)
        if len(self._rows) >= 2 * self._limit:
            self._rows = self.rows()
            self._bar = self._rows[-1].order

    def wants(self, order: tuple[object, ...]) -> bool:
        """Say whether a row whose order begins so can be among the first."""
        return self._bar is None or order < self._bar

    def rows(self) -> list[_Row]:
        """Return them in order."""
        return sorted(self._rows, key=lambda row: (row.order, row.cells))[: self._limit]


class FleetTable:
    """Takes hosts as they finish, keeps a row of the worst of them, and prints those at the end."""

    def __init__(
        self, terminal: Terminal, *, verbose: bool = False, kept_in: str | None = None, resumable: bool = False
    ) -> None:
        """`kept_in`: the file that has the records of all hosts. `resumable`: an interrupted sweep can go on in it."""
        self._terminal = terminal
        self._verbose = verbose
        self._kept = f"{escape_unprintable(kept_in)} has" if kept_in is not None else "`-o FILE` records"
        self._go_on = (
            f" `sshprobe scan --resume {escape_unprintable(shlex.quote(kept_in))}` goes on with it."
            if kept_in and resumable
            else ""
        )
        self._rows = _First(SHOWN_VERBOSE if verbose else SHOWN)
        self._silent = _First(SHOWN_VERBOSE if verbose else _SHOWN_SILENT)
        self._excluded = 0
        self._profiles: list[str] = []
        self._servers = 0
        self._partial = 0
        """Graded hosts of which not everything was seen."""
        self._one_user = 0
        """Graded hosts that showed the authentication methods of their first user alone."""
        self._common: Counter[Subject] = Counter()

    def add(self, record: HostRecord) -> None:
        """Add one host. Its first verdict decides its place; each further profile has its own column."""
        self.add_alike(record_stats(record), [record], lambda: record)

    def add_alike(self, seen: HostStats, hosts: Sequence[Place], record_of_one: Callable[[], HostRecord]) -> None:
        """Add hosts whose records differ in no more than who, when and comments that do not last.

        `record_of_one` is asked for the record of one of them if any gets a row.
        """
        number = len(hosts)
        self._servers += number * seen.answered
        self._excluded += number * (seen.status == "excluded")
        for each in seen.verdicts:
            if each.profile not in self._profiles:
                self._profiles.append(each.profile)
        self._one_user += number * (seen.one_user and bool(seen.verdicts))
        self._partial += number * any(each.grade_is_partial for each in seen.verdicts)
        rows = self._silent if seen.status in _SILENT and not seen.verdicts else self._rows
        if rows is self._silent and not self._verbose:
            hosts = hosts[: max(0, _SHOWN_SILENT - rows.count)]  # more than that are not listed at all
        rows.count += number
        order = worst_first(seen)
        grade: Grade | None = None
        if seen.verdicts:
            self._count_findings((*seen.verdicts[0].subjects, *seen.fleet), number)
            grade = seen.verdicts[0].grade
        cells: tuple[str, ...] = ()  # those of all, but for the place
        for host in hosts:
            if not rows.wants(order):
                break  # nor are the others
            place = _place(host, seen)
            exactly = (*order, _natural(place))
            if rows.wants(exactly):
                cells = cells or self._cells(record_of_one())
                where = _printable_cells((place, alias_of(host) or ""))
                rows.add(_Row(exactly, grade, (*cells[:_PLACE], *where, *cells[_PLACE:])))

    def _cells(self, record: HostRecord) -> tuple[str, ...]:
        """Return the cells of a row without the place."""
        # Only what is shown is made printable: a record is much larger, and there are many.
        if not record.verdicts:
            why = cut(outcome(record), 72)  # which ends with how far it got
            return _printable_cells(("-", "", software(record.identification), why))
        verdict, *_ = record.verdicts
        answers = {
            each.profile: f"{letter(each)} {each.score}" + (f" ({each.waived} waived)" if each.waived else "")
            for each in record.verdicts[1:]
        }
        further = tuple(answers.get(profile, "") for profile in self._profiles[1:])
        cells = (
            letter(verdict),
            str(verdict.score),
            cut(software(record.identification), 34),
            _worst(record, verdict),
        )
        return _printable_cells(cells + further)

    def _count_findings(self, subjects: Sequence[Subject], hosts: int) -> None:
        for subject in subjects:
            self._common[subject] += hosts
        if len(self._common) > _COUNTED_NAMES:
            self._common = Counter(dict(self._common.most_common(_COUNTED_NAMES // 2)))

    def render(self, summary: SummaryRecord) -> str:
        """Return the table and the sentences under it."""
        silent = self._silent.rows() if self._verbose or self._silent.count <= _SHOWN_SILENT else []
        rows = sorted([*self._rows.rows(), *silent], key=lambda row: row.order)
        headers = ["grade", "score", "host", "name", "software", "worst", *map(escape_unprintable, self._profiles[1:])]
        cells = [[*row.cells, *[""] * (len(headers) - len(row.cells))] for row in rows]
        if not any(row[_PLACE + 1] for row in cells):
            for line in (headers, *cells):
                del line[_PLACE + 1]
        lines, left_out = lay_out(headers, cells, self._terminal)
        for index, row in enumerate(rows, start=len(lines) - len(rows)):
            if row.grade is not None:
                wide = len(row.cells[0])
                lines[index] = self._terminal.grade(lines[index][:wide], row.grade) + lines[index][wide:]
        sentences = []
        if len(self._profiles) > 1:
            ours = "Grade and score" if "worst" in left_out else "Grade, score and worst"
            sentences.append(f"{ours} are those of {escape_unprintable(self._profiles[0])}.")
        if left_out:
            what = f"column {left_out[0]}" if len(left_out) == 1 else f"columns {' and '.join(left_out)}"
            sentences.append(f"This terminal is too narrow for the {what}.")
        sentences += self._sentences(summary)
        if self._one_user:
            hosts = count(self._one_user, "host")
            sentences.append(f"On {hosts} the login methods of one user only were seen.")
        if self._partial:
            hosts = "1 host has" if self._partial == 1 else f"{self._partial:,} hosts have"
            sentences.append(f"{hosts} a letter with ?: not everything was seen there that can cost points.")
        sentences += self._hidden(self._rows.count - (len(rows) - len(silent)), self._silent.count - len(silent))
        if summary.interrupted:
            sentences.append(f"Interrupted: the rest was not scanned.{self._go_on}")
        wrapped = [line for sentence in sentences for line in self._terminal.wrap(sentence, indent="")]
        return "\n".join([*([*lines, ""] if rows else []), *wrapped]) + "\n"

    def _hidden(self, answered: int, silent: int) -> list[str]:
        """Say what the table leaves out, and where it is."""
        sentences = []
        upto = "" if self._verbose else f"list up to {SHOWN_VERBOSE:,} with -v; "
        if answered:
            more = count(answered, "more host is", "more hosts are")
            sentences.append(f"{more} not in the table, none worse than these: {upto}{self._kept} all.")
        if silent:
            short = self._quiet_words(silent)
            if self._verbose:
                sentences.append(f"{short}; {self._kept} all.")
            elif silent <= SHOWN_VERBOSE:
                sentences.append(f"{short}; list them with -v.")
            else:
                sentences.append(f"{short}; {upto}{self._kept} all.")
        return sentences

    def _quiet_words(self, hidden: int) -> str:
        if self._verbose:  # excluded ones may be among those that are listed
            return f"{count(hidden, 'more target')} gave no SSH answer or {'was' if hidden == 1 else 'were'} excluded"
        silent = hidden - self._excluded
        excluded = f"{self._excluded:,} {'was' if self._excluded == 1 else 'were'} excluded"
        if not silent:
            return f"{count(self._excluded, 'target was', 'targets were')} excluded"
        return f"{count(silent, 'target')} gave no SSH answer" + (f", {excluded}" if self._excluded else "")

    def _sentences(self, summary: SummaryRecord) -> list[str]:
        statuses = ", ".join(f"{number:,} {_words(name)}" for name, number in _most(summary.statuses))
        time = count(summary.connections, "connection")
        if summary.duration_ms:  # records that were cut off have no summary to say it
            time += f" in {seconds(summary.duration_ms)}"
        sentences = [f"{count(summary.hosts, 'target')}: {statuses}. {time}."]
        answer = f"{count(self._servers, 'SSH server')}"
        if self._profiles:
            words = summary.compliant.get(self._profiles[0], {})
            answer += f", {words.get('false', 0):,} not compliant with {escape_unprintable(self._profiles[0])}"
            if words.get("null"):
                answer += f", {words['null']:,} with compliance unknown"
        answer += "."
        answer = " ".join([answer, *key_sentences(summary)])
        sentences.append(answer)
        sentences += waiver_sentences(summary)
        if self._common and self._servers > 1:
            labels: Counter[str] = Counter()
            for subject, number in self._common.items():
                labels[finding_label(subject)] += number
            common = _most(labels)[:3]
            named = ", ".join(f"{escape_unprintable(name)} on {number:,}" for name, number in common)
            sentences.append(f"Most common: {named}.")
        return sentences


def _place(host: Place, seen: HostStats) -> str:
    place = host.host if host.port == 22 else endpoint(host.host, host.port)
    return f"{place} ({status(seen)})" if seen.verdicts and status_matters(seen) else place


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _printable_cells(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(escape_unprintable, cells))


def _words(name: str) -> str:
    return _SHORT.get(name) or escape_unprintable(name).replace("_", " ")


def _worst(record: HostRecord, verdict: Verdict) -> str:
    words = _worst_that_counts(verdict)
    across = [finding_label(subject_of(finding)) for finding in record.fleet_findings if finding.counts]
    if across:
        words = f"{', '.join(across)}; {words}"  # beside the letter: another matter than what it counts
    return words + (f" ({verdict.waived} waived)" if verdict.waived else "")


def _worst_that_counts(verdict: Verdict) -> str:
    worst = next(iter(alike(each for each in verdict.findings if each.counts)), None)
    if worst is None:
        return compliance(verdict)
    finding = worst[0]
    if finding.algorithm is None:
        return cut(finding.message, 50)
    if finding.id.rpartition(".")[2] in _OF_A_NAME:
        return cut(names(worst, 50), 50)
    # "ssh-rsa" alone would be taken for the algorithm where a short key is meant.
    return cut(f"{finding.algorithm}: {finding.message}", 50)


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts 10.0.0.9 before 10.0.0.10."""
    return tuple(map(_natural_part, _NUMBERS.split(text)))


@lru_cache(maxsize=1024)  # the parts of addresses: 256 numbers, and the dots between them
def _natural_part(part: str) -> tuple[int, str]:
    # A number of very many digits stays text: it is no part of an address.
    return (int(part), "") if part.isascii() and part.isdigit() and len(part) < 10 else (-1, part)
