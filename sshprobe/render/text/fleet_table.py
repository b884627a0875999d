"""Many hosts as a table, worst first, and the fleet in a few sentences."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.render.text.fleet_phrases import CUT_OFF, INTERRUPTED, key_sentences, waiver_sentences
from sshprobe.render.text.phrases import compliance, count, finding_label, names, outcome, seconds, status
from sshprobe.render.text.table_layout import column_width, cut, table
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fleet import SHOWN_VERBOSE, SILENT, FleetRow, FleetView
from sshprobe.views.host_names import alias_of
from sshprobe.views.host_stats import HostStats, VerdictStats, letter, status_matters

_NOT_WORDS = {"not_ssh": "not SSH", "ssh1_only": "SSH-1 only"}
"""Texts, after a number of hosts, of statuses that need more than a blank for "_"."""

_OF_A_NAME = frozenset({"forbidden", "unlisted", "weak", "dated", "deadline"})
"""Reasons for which the algorithm's name is enough: the fault is that it is offered."""

_LEAST_WORST = 20
_GOOD_WORST = 50
"""The minimal columns for the worst finding of a host, and the columns before the software gets more than it needs."""

_LEAST_SOFTWARE = 16
_WAYS = ((None, True), (16, True), (None, False), (16, False), (10, False), (0, False))
"""Layouts for a narrow screen, best first: the width of names (0: left out), and whether software is shown."""

_LONGEST = 100
"""Columns for the worst finding if the output is not a screen, such as a file."""


def fleet_table(
    view: FleetView,
    terminal: Terminal,
    *,
    verbose: bool = False,
    kept_in: str | None = None,
    resumable: bool = False,
    is_cut_off: bool = False,
) -> str:
    """Return the table and the sentences under it.

    `kept_in`: the file that has the records of all hosts. `resumable`: an interrupted scan can be resumed in it.
    `is_cut_off`: hosts are missing because a file that was read is cut off.
    """
    lines, left_out = _rows(view, terminal)
    sentences = []
    if len(view.profiles) > 1:
        ours = "Grade and score" if "worst" in left_out else "Grade, score and worst"
        sentences.append(f"{ours} are those of {escape_unprintable(view.profiles[0])}.")
    if left_out:
        what = f"column {left_out[0]}" if len(left_out) == 1 else f"columns {' and '.join(left_out)}"
        sentences.append(f"This terminal is too narrow for the {what}.")
    sentences += _sentences(view)
    if view.summary.weak_keys and kept_in is not None:
        sentences.append(f"`sshprobe report {escape_unprintable(shlex.quote(kept_in))} --by key` names their hosts.")
    sentences += _hidden(view, kept_in, verbose=verbose)
    if view.summary.interrupted:
        resume = ""
        if kept_in and resumable:
            resume = f" Resume it with `sshprobe scan --resume {escape_unprintable(shlex.quote(kept_in))}`."
        sentences.append(CUT_OFF if is_cut_off else INTERRUPTED + resume)
    wrapped = [line for sentence in sentences for line in terminal.wrap(sentence, indent="")]
    return "\n".join([*([*lines, ""] if lines else []), *wrapped]) + "\n"


def _rows(view: FleetView, terminal: Terminal) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and the columns for which the screen is too narrow."""
    if not view.rows:
        return [], []
    columns: dict[str, list[str]] = {header: [] for header in ("grade", "score", "host", "name", "software", "worst")}
    for row in view.rows:
        for header, cell in _cells(row).items():
            columns[header].append(escape_unprintable(cell))
    if not any(columns["name"]):
        del columns["name"]
    for profile in view.profiles[1:]:
        columns[escape_unprintable(profile)] = [_answer(row.stats, profile) for row in view.rows]
    worst = [partial(_worst, row.stats) for row in view.rows]
    left_out = _fit(columns, max(len(each(_LONGEST)) for each in worst), terminal)
    if "worst" in columns:
        room = _room(columns, terminal) if terminal.cuts else _LONGEST
        columns["worst"] = [escape_unprintable(each(room)) for each in worst]
    cells = list(zip(*columns.values(), strict=True))
    return table(list(columns), cells, terminal, right=("score",)), left_out


def _room(columns: Mapping[str, Sequence[str]], terminal: Terminal, *ignored: str) -> int:
    """Return the remaining width for the worst finding and for `ignored` columns."""
    taken = (column_width(*each) for each in columns.items() if each[0] not in ("worst", *ignored))
    return terminal.width - sum(width + 2 for width in taken)


def _fit(columns: dict[str, list[str]], wanted: int, terminal: Terminal) -> list[str]:
    """Cut or remove columns until `wanted` characters fit, or enough of them. Return the removed columns."""
    if not terminal.cuts or _room(columns, terminal) >= wanted:
        return []
    for profile in list(columns)[list(columns).index("worst") + 1 :]:
        columns[profile.replace("-", "\n")] = columns.pop(profile)
    names, software = columns.get("name", []), columns["software"]
    enough, good = min(wanted, _LEAST_WORST), min(wanted, _GOOD_WORST)
    natural = column_width("software", software)
    least = min(_LEAST_SOFTWARE, natural)
    for limit, with_software in _WAYS:
        if names and limit != 0:
            columns["name"] = names if limit is None else [cut(each, limit) for each in names]
        left_out = [*([] if with_software else ["software"]), *(["name"] if names and limit == 0 else [])]
        room = _room(columns, terminal, "software", *left_out)
        if room - (2 + least) * with_software >= enough:
            break
    else:
        left_out = ["software", "worst"]
    if with_software:
        columns["software"] = [cut(each, max(least, min(natural, room - 2 - good))) for each in software]
    for header in left_out:
        del columns[header]
    return left_out


def _cells(row: FleetRow) -> dict[str, str]:
    """Return the cells of a host, without the worst finding."""
    stats = row.stats
    place = row.host if row.port == 22 else endpoint(row.host, row.port)
    verdict = stats.verdicts[0] if stats.verdicts else None
    if verdict is not None and status_matters(stats):
        place += f" ({status(stats)})"
    return {
        "grade": "-" if verdict is None else letter(verdict),
        "score": "" if verdict is None else str(verdict.score),
        "host": place,
        "name": alias_of(row) or "",
        "software": stats.software,
    }


def _answer(stats: HostStats, profile: str) -> str:
    """Return grade and score under a further profile; empty if the host has no verdict of it."""
    found = (each for each in stats.verdicts[1:] if each.profile == profile)
    return next((f"{letter(each)} {each.score}" + _waived(each) for each in found), "")


def _waived(verdict: VerdictStats) -> str:
    return f" ({verdict.waived} waived)" if verdict.waived else ""


def _worst(stats: HostStats, room: int) -> str:
    """Return the worst finding in `room` characters; for a host without a verdict, its outcome."""
    if not stats.verdicts:
        return cut(outcome(stats), room)
    verdict = stats.verdicts[0]
    across = f"{', '.join(map(finding_label, stats.fleet))}; " if stats.fleet else ""  # it does not affect the letter
    words = _worst_that_counts(verdict, room - len(across) - len(_waived(verdict)))
    return cut(f"{across}{words}{_waived(verdict)}", room)


def _worst_that_counts(verdict: VerdictStats, room: int) -> str:
    worst = verdict.worst
    if worst is None:
        return compliance(verdict)
    algorithm = worst.algorithms[0]
    if algorithm is not None and worst.id.rpartition(".")[2] in _OF_A_NAME:
        return names(worst.category, worst.algorithms, room)
    # Only "ssh-rsa" would mean the algorithm, not a short key.
    message = f"{algorithm}: {worst.message}" if algorithm is not None else worst.message
    return message if len(message) <= room else re.split("[;,] ", message)[0]


def _sentences(view: FleetView) -> list[str]:
    summary = view.summary
    statuses = ", ".join(f"{number:,} {_status_words(name)}" for name, number in _most(summary.all_statuses))
    time = count(summary.connections, "connection")
    if summary.duration_ms:  # records that were cut off have no summary to say it
        time += f" in {seconds(summary.duration_ms)}"
    targets = count(summary.targets, "target")
    sentences = [f"{targets}: {statuses}. {time}." if statuses else f"{targets}."]
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
        sentences.append(f"On {count(view.one_user, 'host')} only one user's login methods were seen.")
    if view.partial:
        hosts = count(view.partial, "host has", "hosts have")
        sentences.append(f"{hosts} a grade with ?: something that can cost points was not seen.")
    return sentences


def _hidden(view: FleetView, kept_in: str | None, *, verbose: bool) -> list[str]:
    """Describe the rows that the table leaves out, and where to see them; for a file, with a command that does not
    scan."""
    sentences = []
    kept = "`-o FILE` records all" if kept_in is None else f"{escape_unprintable(kept_in)} has all"
    upto = "" if verbose or kept_in is not None else f"-v lists up to {SHOWN_VERBOSE:,}; "
    if view.hidden:
        more = count(view.hidden, "more host is", "more hosts are")
        sentences.append(f"{more} not in the table, none worse than these: {upto}{kept}.")
    if view.hidden_silent:
        where = f"{upto}{kept}" if verbose or view.hidden_silent > SHOWN_VERBOSE else "list them with -v"
        if kept_in is not None and not verbose:
            statuses = " ".join(f"--status {each}" for each in sorted(SILENT & view.summary.statuses.keys()))
            where = f"`sshprobe report {escape_unprintable(shlex.quote(kept_in))} {statuses}` lists them"
        sentences.append(f"{_hidden_silent(view, verbose=verbose)}; {where}.")
    return sentences


def _hidden_silent(view: FleetView, *, verbose: bool) -> str:
    hidden = view.hidden_silent
    if verbose:  # excluded ones may be among the listed hosts
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
