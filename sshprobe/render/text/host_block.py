"""One host as a block of text: the answer first, then why, then what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import HostKey, endpoint
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.render.text.host_details import finding_details, observation_details, verdict_details
from sshprobe.render.text.phrases import compliance, count, methods_seen_for, names, outcome, seconds, status
from sshprobe.render.text.terminal import Terminal, printable
from sshprobe.views.host import alias_of, alike, letter, software, with_alias
from sshprobe.views.host_stats import record_stats, status_matters

CATEGORY_WORDS = {
    "protocol": "protocol",
    "kex": "kex",
    "group_exchange": "group",
    "host_key": "key",
    "cipher": "cipher",
    "mac": "mac",
    "compression": "zip",
    "authentication": "auth",
    "profile": "profile",
}

_MARGIN = 16
"""Columns of a finding for the severity and for the blanks between columns."""
_SHOWN_FINDINGS = 12
_SHOWN_NOTES = 3
_SHOWN_LEFT = 4
_NAME_WIDTH = 38
"""Columns for the names of a finding at most. A longer single name moves its own line out, and no other."""
_LEAST_NAME_WIDTH = 20
_LEAST_MESSAGE_WIDTH = 26
"""Columns that a narrow terminal keeps for the message: names give way to "+N" first."""


class _Widths(NamedTuple):
    """Columns of a table of findings: width of categories and names, and the most that names may have."""

    category: int
    name: int
    room: int


def host_block(
    record: HostRecord, terminal: Terminal, *, remedies: Mapping[str, Remedy] | None = None, verbose: bool = False
) -> str:
    """Return the block of one host, its last line ended.

    `remedies` maps profile ids to what helps. The short form has the findings of the first verdict, and of each other
    the deviations that are not among them; `verbose`: everything in the record.
    """
    record = printable(record)
    lines = _head(record, terminal)
    lines += _across(record, terminal, verbose=verbose)
    for index, verdict in enumerate(record.verdicts):
        if index and not verbose:
            lines += _further(verdict, record.verdicts[0], terminal)
            continue
        if index:
            lines += ["", f"  {terminal.paint(verdict.profile, 'bold')}"]
        lines += _findings(verdict, terminal, verbose=verbose)
        lines += _let_pass(verdict, terminal)
        if verbose:
            lines += verdict_details(verdict, terminal)
        advice = (remedies or {}).get(verdict.profile)
        if advice is not None:
            lines += _remedy(advice, verdict, terminal, several=len(record.verdicts) > 1, verbose=verbose)
    if verbose:
        lines += ["", *observation_details(record, terminal)]
    lines += _foot(record, terminal, verbose=verbose)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(record: HostRecord, terminal: Terminal) -> list[str]:
    place = with_alias(endpoint(record.host, record.port), alias_of(record))
    left = f"{place}  {software(record.identification)}".rstrip()
    if not record.verdicts:
        lead, words = f"{terminal.paint(place, 'bold')}{left.removeprefix(place)}", outcome(record)
        if len(left) + 2 + len(words) <= terminal.width:
            return [f"{lead}  {terminal.paint(words, 'red')}"]
        return [f"{lead}  {terminal.paint(status(record), 'red')}", *terminal.wrap(record.error or "", indent="  ")]
    answers = [
        f"{verdict.profile}: {compliance(verdict)}" + (f" ({verdict.waived} waived)" if verdict.waived else "")
        for verdict in record.verdicts
    ]
    wide = max(2, *(len(letter(verdict)) for verdict in record.verdicts))
    room = max(terminal.width - max(map(len, answers)) - 9 - wide, 20)
    if len(left) > room:
        lines, column = [terminal.paint(left, "bold")], 2
    else:
        lines, column = [], max(min(room, 66), len(left) + 2)
    for verdict, answer in zip(record.verdicts, answers, strict=True):
        lead = " " * column if lines else terminal.paint(left, "bold") + " " * (column - len(left))
        lines.append(
            f"{lead}{terminal.grade(f'{letter(verdict):<{wide}}', verdict.grade)} {verdict.score:>3}   {answer}"
        )
    if status_matters(record_stats(record)):
        lines += terminal.wrap(f"{outcome(record)}. Not everything was seen.", indent="  ")
    elif any(verdict.grade_is_partial for verdict in record.verdicts):
        lines += terminal.wrap("The ? says that not everything was seen that can cost points.", indent="  ")
    return lines


def _shown(verdict: Verdict, *, verbose: bool) -> list[list[Finding]]:
    waived = [[finding] for finding in verdict.findings if finding.waived is not None]
    open_ = [finding for finding in verdict.findings if finding.waived is None]
    groups = [[finding] for finding in open_] if verbose else alike(open_)
    serious = [group for group in groups if group[0].severity != "note"]
    notes = [group for group in groups if group[0].severity == "note"]
    if not verbose:
        serious, notes = serious[:_SHOWN_FINDINGS], notes[:_SHOWN_NOTES]
    return [*serious, *notes, *waived]  # what is waived is never cut off


def _findings(verdict: Verdict, terminal: Terminal, *, verbose: bool) -> list[str]:
    shown = _shown(verdict, verbose=verbose)
    widths = _widths(shown, terminal)
    lines = [""]
    for group in shown:
        lines += _finding(group, widths, terminal)
        if verbose:
            lines += finding_details(group[0], terminal)
    hidden = len(verdict.findings) - sum(map(len, shown))
    if hidden:
        lines.append(f"  {hidden} more with -v")
    if verdict.not_observed and not verbose:  # with -v it stands below, with the score
        lines += terminal.wrap(f"not observed: {', '.join(verdict.not_observed)}", indent="    ", first="  ")
    return lines if len(lines) > 1 else []


def _across(record: HostRecord, terminal: Terminal, *, verbose: bool) -> list[str]:
    """Return the findings across the fleet, which no letter counts."""
    if not record.fleet_findings:
        return []
    widths = _widths([[finding] for finding in record.fleet_findings], terminal)
    lines = ["", "  Across the fleet, beside the grade:"]
    for finding in record.fleet_findings:
        lines += _finding([finding], widths, terminal)
        if verbose:
            lines += finding_details(finding, terminal, across=True)
        else:
            lines += terminal.wrap(finding.observed, indent="              ", first="            ")
    return lines


def _further(verdict: Verdict, first: Verdict, terminal: Terminal) -> list[str]:
    """Return the deviations from a further profile: those that are listed above are only counted."""
    above = {(each.id, each.algorithm) for group in _shown(first, verbose=False) for each in group if each.counts}
    deviations = [each for each in verdict.findings if each.deviation and each.waived is None]
    new = alike(each for each in deviations if (each.id, each.algorithm) not in above)
    same = len(deviations) - sum(map(len, new))
    shown = [*new[:_SHOWN_FINDINGS], *([each] for each in verdict.findings if each.waived is not None)]
    widths = _widths(shown, terminal)
    lines = [line for group in shown for line in _finding(group, widths, terminal)]
    hidden = sum(map(len, new[_SHOWN_FINDINGS:]))
    if same:
        words = "finding above is a deviation" if same == 1 else "of the findings above are deviations"
        lines.append(f"  {same} {words} here too")
    if hidden:
        lines.append(f"  {hidden} more with -v")
    if verdict.not_observed and verdict.not_observed != first.not_observed:
        lines += terminal.wrap(f"not observed: {', '.join(verdict.not_observed)}", indent="    ", first="  ")
    lines += _let_pass(verdict, terminal)
    return ["", f"  {terminal.paint(verdict.profile, 'bold')}", *lines] if lines else []


def _let_pass(verdict: Verdict, terminal: Terminal) -> list[str]:
    """Return how many algorithms of a compliant host the profile does not list."""
    passed = sum(each.id.endswith(".stronger") and each.severity == "note" for each in verdict.findings)
    if not verdict.compliant or not passed:
        return []
    named = "1 algorithm is" if passed == 1 else f"{passed} algorithms are"
    text = f"{compliance(verdict)}; {named} not listed but no weaker: --strict counts {'it' if passed == 1 else 'them'}"
    return terminal.wrap(text, indent="    ", first="  ")


def _widths(groups: list[list[Finding]], terminal: Terminal) -> _Widths:
    """Return the widths of the columns of categories and names."""
    category = max((len(CATEGORY_WORDS[group[0].category]) for group in groups), default=0)
    room = terminal.width - _MARGIN - category - _LEAST_MESSAGE_WIDTH
    room = max(_LEAST_NAME_WIDTH, min(room, _NAME_WIDTH))
    found = [len(_names(group, room)) for group in groups]
    return _Widths(category, max((each for each in found if each <= room), default=room), room)


def _names(group: list[Finding], room: int) -> str:
    return names(group[0].category, (each.algorithm for each in group), room)


def _finding(group: list[Finding], widths: _Widths, terminal: Terminal) -> list[str]:
    finding = group[0]
    category = CATEGORY_WORDS[finding.category]
    word = finding.severity if finding.waived is None else "waived"
    found = _names(group, widths.room)
    lead = f"  {word:<8}  {category:<{widths.category}}  {found:<{widths.name}}  "
    indent = " " * (_MARGIN + widths.category + widths.name)
    message = finding.message
    if finding.waived is not None:
        message += f"; {finding.severity}, waived for {finding.waived.hosts} until {finding.waived.until}: "
        message += finding.waived.reason
    narrow = terminal.width - len(indent) < _LEAST_MESSAGE_WIDTH
    if narrow:
        indent = " " * 12
    if (narrow or len(lead) > len(indent)) and len(lead) + len(message) > terminal.width:
        first, rest = lead, terminal.wrap(message, indent=indent)  # a long name has its line, the message the next
    else:
        first, *rest = terminal.wrap(message, indent=indent, first=lead)
    return [terminal.severity(first[:10], finding.severity) + first[10:], *rest]


def _remedy(advice: Remedy, verdict: Verdict, terminal: Terminal, *, several: bool, verbose: bool) -> list[str]:
    helps = bool(advice.lines or advice.short_commands or advice.long_commands or advice.advice)
    if not (helps or advice.left_briefly):
        return []
    under = f" under {verdict.profile}" if several else ""
    if (advice.grade, advice.score) != (verdict.grade, verdict.score):
        goal = f"To reach {letter(advice)} ({advice.score}){under}"
        if verdict.not_observed:
            goal += ", as far as was seen"
    else:
        goal = f"To match {verdict.profile if several else 'the profile'}"
        if not advice.compliant:
            goal = f"To come closer to {verdict.profile if several else 'the profile'}"
    lines = [""]
    # Never wrapped: sshd_config and the shell take a line as it is. A line may need a key that has to be made first.
    if advice.short_commands:
        lines.append(f"  {goal}, run:")
        lines += [f"    {escape_unprintable(command)}" for command in advice.short_commands]
    if advice.lines:
        lines.append(f"  Then, in {advice.file}:" if advice.short_commands else f"  {goal}, in {advice.file}:")
        lines += [f"    {escape_unprintable(line)}" for line in advice.lines]
    if advice.long_commands:
        words = f"{', '.join(advice.long_commands)}: --fix prints the command"
        lead = "And" if advice.short_commands or advice.lines else f"{goal},"
        lines += terminal.wrap(escape_unprintable(f"{lead} {words}"), indent="    ", first="  ")
    if advice.advice:
        lines.append(f"  To change on this server, {goal[0].lower()}{goal[1:]}:")
        for line in advice.advice:
            lines += terminal.wrap(escape_unprintable(line), indent="      ", first="    ")
    shown = advice.left_briefly if verbose else advice.left_briefly[:_SHOWN_LEFT]
    if shown:
        lines.append("  This leaves:" if helps else "  To change by hand:")
    for line in shown:
        lines += terminal.wrap(escape_unprintable(line), indent="      ", first="    ")
    if len(advice.left_briefly) > len(shown):
        lines.append(f"    {len(advice.left_briefly) - len(shown)} more with -v")
    return lines


def _foot(record: HostRecord, terminal: Terminal, *, verbose: bool) -> list[str]:
    if not record.connections:
        return []
    text = f"{count(record.connections, 'connection')}, {seconds(record.duration_ms)}."
    if record.address is not None and record.address != record.host:
        text = f"{record.address}, {text}"
    users = methods_seen_for(record)
    text += f" Login methods seen for {users}." if users else ""
    keys = record.host_keys or []
    if keys and not verbose:
        first, *others = sorted(keys, key=lambda key: key.type != "ssh-ed25519")
        text += f" {first.type} {first.fingerprint} {verified(first)}"
        text += f", {len(others)} more with -v" if others else ""
    return ["", *terminal.wrap(text, indent="  ")]


def verified(key: HostKey) -> str:
    """Return whether the server proved possession of the key, in words."""
    return {True: "verified", False: "NOT verified: its signature is wrong", None: "not checked"}[
        key.signature_verified
    ]
