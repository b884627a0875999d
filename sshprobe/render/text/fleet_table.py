"""Many hosts as a table, worst first, and the fleet in a few sentences."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.render.text.fleet_phrases import key_sentences, waiver_sentences
from sshprobe.render.text.phrases import compliance, count, finding_label, names, outcome, seconds, status
from sshprobe.render.text.table_layout import cut, lay_out
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fleet import SHOWN_VERBOSE, FleetRow, FleetView
from sshprobe.views.host_names import alias_of, letter
from sshprobe.views.host_stats import HostStats, VerdictStats, status_matters

_NOT_WORDS = {"not_ssh": "not SSH", "ssh1_only": "SSH-1 only"}
"""Statuses, behind a number of hosts, that do not become words without their "_"."""

_OF_A_NAME = frozenset({"forbidden", "unlisted", "weak", "dated"})
"""Reasons for which the algorithm's name says enough: that it is offered is what is wrong."""

_NAME = 3
"""The column of what a host is called beside its address."""


def fleet_table(
    view: FleetView, terminal: Terminal, *, verbose: bool = False, kept_in: str | None = None, resumable: bool = False
) -> str:
    """Return the table and the sentences under it.

    `kept_in`: the file that has the records of all hosts. `resumable`: an interrupted scan can be resumed in it.
    """
    headers = ["grade", "score", "host", "name", "software", "worst", *map(escape_unprintable, view.profiles[1:])]
    rows = [_cells(row, view.profiles) for row in view.rows]
    cells = [[*row, *[""] * (len(headers) - len(row))] for row in rows]
    if not any(row[_NAME] for row in cells):
        for line in (headers, *cells):
            del line[_NAME]
    lines, left_out = lay_out(headers, cells, terminal)
    for index, (row, texts) in enumerate(zip(view.rows, rows, strict=True), start=len(lines) - len(rows)):
        if row.stats.verdicts:
            wide = len(texts[0])
            lines[index] = terminal.grade(lines[index][:wide], row.stats.verdicts[0].grade) + lines[index][wide:]
    sentences = []
    if len(view.profiles) > 1:
        ours = "Grade and score" if "worst" in left_out else "Grade, score and worst"
        sentences.append(f"{ours} are those of {escape_unprintable(view.profiles[0])}.")
    if left_out:
        what = f"column {left_out[0]}" if len(left_out) == 1 else f"columns {' and '.join(left_out)}"
        sentences.append(f"This terminal is too narrow for the {what}.")
    sentences += _sentences(view)
    kept = f"{escape_unprintable(kept_in)} has" if kept_in is not None else "`-o FILE` records"
    sentences += _hidden(view, kept, verbose=verbose)
    if view.summary.interrupted:
        resume = ""
        if kept_in and resumable:
            resume = f" Resume it with `sshprobe scan --resume {escape_unprintable(shlex.quote(kept_in))}`."
        sentences.append(f"Interrupted: the rest was not scanned.{resume}")
    wrapped = [line for sentence in sentences for line in terminal.wrap(sentence, indent="")]
    return "\n".join([*([*lines, ""] if rows else []), *wrapped]) + "\n"


def _cells(row: FleetRow, profiles: list[str]) -> list[str]:
    """Return the cells of a host, printable: a host without a verdict has no more than why."""
    stats = row.stats
    place = row.host if row.port == 22 else endpoint(row.host, row.port)
    if not stats.verdicts:
        cells = ["-", "", place, alias_of(row) or "", stats.software, cut(outcome(stats), 72)]  # how far it got
    else:
        if status_matters(stats):
            place += f" ({status(stats)})"
        verdict, *others = stats.verdicts
        answers = {
            each.profile: f"{letter(each)} {each.score}" + (f" ({each.waived} waived)" if each.waived else "")
            for each in others
        }
        cells = [letter(verdict), str(verdict.score), place, alias_of(row) or "", cut(stats.software, 34)]
        cells += [_worst(stats, verdict), *(answers.get(profile, "") for profile in profiles[1:])]
    return list(map(escape_unprintable, cells))


def _worst(stats: HostStats, verdict: VerdictStats) -> str:
    words = _worst_that_counts(verdict)
    if stats.fleet:
        across = ", ".join(map(finding_label, stats.fleet))
        words = f"{across}; {words}"  # beside the letter: another matter than what it counts
    return words + (f" ({verdict.waived} waived)" if verdict.waived else "")


def _worst_that_counts(verdict: VerdictStats) -> str:
    worst = verdict.worst
    if worst is None:
        return compliance(verdict)
    algorithm = worst.algorithms[0]
    if algorithm is None:
        return cut(worst.message, 50)
    if worst.id.rpartition(".")[2] in _OF_A_NAME:
        return cut(names(worst.category, worst.algorithms, 50), 50)
    # "ssh-rsa" alone would be taken for the algorithm where a short key is meant.
    return cut(f"{algorithm}: {worst.message}", 50)


def _sentences(view: FleetView) -> list[str]:
    summary = view.summary
    statuses = ", ".join(f"{number:,} {_status_words(name)}" for name, number in _most(summary.statuses))
    time = count(summary.connections, "connection")
    if summary.duration_ms:  # records that were cut off have no summary to say it
        time += f" in {seconds(summary.duration_ms)}"
    sentences = [f"{count(summary.hosts, 'target')}: {statuses}. {time}."]
    answer = f"{count(view.servers, 'SSH server')}"
    if view.profiles:
        words = summary.compliant.get(view.profiles[0], {})
        answer += f", {words.get('false', 0):,} not compliant with {escape_unprintable(view.profiles[0])}"
        if words.get("null"):
            answer += f", {words['null']:,} with compliance unknown"
    sentences.append(" ".join([f"{answer}.", *key_sentences(summary)]))
    sentences += waiver_sentences(summary)
    if view.common and view.servers > 1:
        labels: Counter[str] = Counter()
        for subject, number in view.common:
            labels[finding_label(subject)] += number
        named = ", ".join(f"{escape_unprintable(name)} on {number:,}" for name, number in _most(labels)[:3])
        sentences.append(f"Most common: {named}.")
    if view.one_user:
        sentences.append(f"On {count(view.one_user, 'host')} the login methods of one user only were seen.")
    if view.partial:
        hosts = count(view.partial, "host has", "hosts have")
        sentences.append(f"{hosts} a letter with ?: not everything was seen there that can cost points.")
    return sentences


def _hidden(view: FleetView, kept: str, *, verbose: bool) -> list[str]:
    """Return what the table leaves out, and where it is."""
    sentences = []
    upto = "" if verbose else f"list up to {SHOWN_VERBOSE:,} with -v; "
    if view.hidden:
        more = count(view.hidden, "more host is", "more hosts are")
        sentences.append(f"{more} not in the table, none worse than these: {upto}{kept} all.")
    if view.hidden_silent:
        short = _hidden_silent(view, verbose=verbose)
        if verbose:
            sentences.append(f"{short}; {kept} all.")
        elif view.hidden_silent <= SHOWN_VERBOSE:
            sentences.append(f"{short}; list them with -v.")
        else:
            sentences.append(f"{short}; {upto}{kept} all.")
    return sentences


def _hidden_silent(view: FleetView, *, verbose: bool) -> str:
    hidden = view.hidden_silent
    if verbose:  # excluded ones may be among those that are listed
        return f"{count(hidden, 'more target')} gave no SSH answer or {'was' if hidden == 1 else 'were'} excluded"
    silent = hidden - view.excluded
    if not silent:
        return f"{count(view.excluded, 'target was', 'targets were')} excluded"
    excluded = f"{view.excluded:,} {'was' if view.excluded == 1 else 'were'} excluded"
    return f"{count(silent, 'target')} gave no SSH answer" + (f", {excluded}" if view.excluded else "")


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _status_words(name: str) -> str:
    return _NOT_WORDS.get(name) or escape_unprintable(name).replace("_", " ")
