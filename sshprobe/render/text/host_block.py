"""One host as a block of text: the answer, the reasons, the changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sshprobe.model.observation import endpoint
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.render.text.host_details import fact_lines, finding_details, offer_lines, score_lines
from sshprobe.render.text.phrases import compliance, count, methods_seen_for, names, outcome, seconds, status
from sshprobe.render.text.terminal import Terminal, printable
from sshprobe.views.host import FindingGroup, HostView, RemedyView, VerdictView
from sshprobe.views.host_names import alias_of, with_alias
from sshprobe.views.host_stats import letter

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

_SHOWN_FINDINGS = 10
"""With these, the screen of most hosts has 24 lines or fewer."""
_SHOWN_NOTES = 3
_SHOWN_LEFT = 4
_IMPLIED = "; not in the profile"
"""The end of a message on a weak algorithm that the profile does not list either."""
_NAME_WIDTH = 38
"""The most columns for the names of a finding. A longer single name is not cut."""


def host_block(view: HostView, terminal: Terminal, *, verbose: bool = False) -> str:
    """Return the block of one host, its last line ended.

    The short form has the worst findings of the first verdict, and of each further one the deviations that are not
    among these. `verbose`: everything, and what the host offers.
    """
    view = printable(view)
    lines = _head(view, terminal)
    if view.across:
        lines += ["", "  Across the fleet, beside the grade:"]
        lines += _findings(
            [[finding] for finding in view.across], terminal, details=partial(_across, terminal, verbose)
        )
    several = len(view.verdicts) > 1
    for each in view.verdicts:
        found = _verdict(each, terminal, verbose=verbose)
        if found and each is not view.verdicts[0]:
            found = ["", f"  {terminal.paint(each.verdict.profile, 'bold')}", *found[found[0] == "" :]]
        lines += found
        if each.remedy is not None:
            lines += _remedy(each.remedy, each.verdict, terminal, several=several, verbose=verbose)
    if verbose:
        lines += [*(offer_lines(view.offers, terminal) if view.offers else ()), *fact_lines(view.record, terminal)]
    lines += _foot(view, terminal, verbose=verbose)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(view: HostView, terminal: Terminal) -> list[str]:
    record = view.record
    place = with_alias(endpoint(record.host, record.port), alias_of(record))
    left = f"{place}  {view.software}".rstrip()
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
        grade = terminal.word(f"{letter(verdict):<{wide}} {verdict.score:>3}", verdict.grade)
        lines.append(f"{lead}{grade}   {answer}")
    if view.is_cut_short:
        lines += terminal.wrap(f"{outcome(record)}. Not everything was seen.", indent="  ")
    elif any(verdict.grade_is_partial for verdict in record.verdicts):
        lines += terminal.wrap("The ? means: something that can cost points was not seen.", indent="  ")
    return lines


def _verdict(view: VerdictView, terminal: Terminal, *, verbose: bool) -> list[str]:
    """Return the reasons for a verdict: findings, those shared with the first verdict, and unseen facts."""
    verdict, shown, hints = view.verdict, view.groups, list[FindingGroup]()
    if not verbose:
        hints = [group for group in view.groups if group[0].id == "protocol.version_hint"]
        waived = [group for group in view.groups if group[0].waived is not None]
        serious = [group for group in view.groups if group[0].counts]
        notes = [group for group in view.groups if group not in (*waived, *serious, *hints)]
        shown = [*serious[:_SHOWN_FINDINGS], *notes[:_SHOWN_NOTES], *waived]  # waived findings are never cut off
    details = partial(finding_details, terminal=terminal, fix=view.remedy is None) if verbose else None
    lines = ["", *_findings(shown, terminal, details=details)]
    if hints:
        cves = [each.algorithm or each.message for group in hints for each in group]
        lines += terminal.wrap(f"By the version alone, not verified: {', '.join(cves)}", indent="    ", first="  ")
    hidden = sum(map(len, view.groups)) - sum(map(len, shown)) - sum(map(len, hints))
    if hidden:
        lines.append(f"  {hidden} more with -v")
    if view.shared:
        lines.append(f"  {count(view.shared, 'deviation is', 'deviations are')} among the findings above")
    if view.unlisted:
        named, them = ("1 algorithm is", "it") if view.unlisted == 1 else (f"{view.unlisted} algorithms are", "them")
        text = f"{compliance(verdict)}; {named} not listed but no weaker: --strict counts {them}"
        lines += terminal.wrap(text, indent="    ", first="  ")
    if view.not_observed:
        lines += terminal.wrap(f"Not seen: {', '.join(view.not_observed)}", indent="    ", first="  ")
    if verbose:
        lines += score_lines(verdict, terminal)
    return lines if len(lines) > 1 else []


def _findings(
    groups: Sequence[FindingGroup], terminal: Terminal, *, details: Callable[[FindingGroup, str], list[str]] | None
) -> list[str]:
    """Return findings as lines: in columns if each fits on one line, else with the message after the names."""
    room = max(20, min(terminal.width - 40, _NAME_WIDTH))
    words = [group[0].severity if group[0].waived is None else "waived" for group in groups]
    kinds = [CATEGORY_WORDS[group[0].category] for group in groups]
    found = [names(group[0].category, (each.algorithm for each in group), room) for group in groups]
    messages = [_message(group[0]) for group in groups]
    wide, kind, name = (max(map(len, column), default=0) for column in (words, kinds, found))
    in_columns = all(8 + wide + kind + name + len(message) <= terminal.width for message in messages)
    indent, lines = " " * (6 + wide + kind), []
    for group, word, category, about, message in zip(groups, words, kinds, found, messages, strict=True):
        lead = f"  {word:<{wide}}  {category:<{kind}}  "
        text = f"{about:<{name}}  {message}" if in_columns else f"{about}: {message}" if about else message
        if details is None and len(lead) + len(text) > terminal.width:
            text = text.removesuffix(_IMPLIED)  # saves a line, and -v has it
        first, *rest = [lead + text] if in_columns else terminal.wrap(text, indent=indent, first=lead)
        about_end = len(lead) + len(about)
        if first[len(lead) : about_end] == about:
            first = first[: len(lead)] + terminal.paint(about, "bold") + first[about_end:]
        lines += ["  " + terminal.word(word, group[0].severity) + first[2 + len(word) :], *rest]
        lines += details(group, indent) if details is not None else []
    return lines


def _across(terminal: Terminal, verbose: bool, group: FindingGroup, indent: str) -> list[str]:
    if verbose:
        return finding_details(group, indent, terminal, across=True)
    return terminal.wrap(group[0].observed, indent=f"{indent}  ")


def _message(finding: Finding) -> str:
    if finding.waived is None:
        return finding.message
    waived = f"{finding.severity}, waived for {finding.waived.hosts} until {finding.waived.until}"
    return f"{finding.message}; {waived}: {finding.waived.reason}"


def _remedy(view: RemedyView, verdict: Verdict, terminal: Terminal, *, several: bool, verbose: bool) -> list[str]:
    advice = view.remedy
    profile = verdict.profile if several else "the profile"
    if view.goal == "grade":
        goal = f"To reach {letter(advice)} ({advice.score})" + (f" under {profile}" if several else "")
        goal += ", as far as was seen" if verdict.not_observed else ""
    else:
        goal = f"To match {profile}" if view.goal == "compliance" else f"To come closer to {profile}"
    lines = [""]
    # Never wrapped, because sshd_config and the shell need whole lines. A line may need a key that must be made first.
    if advice.short_commands:
        lines.append(f"  {goal}, run:")
        lines += _pasted(advice.short_commands, terminal)
    if view.config:
        lines.append(f"  {'Then' if advice.short_commands else goal}, put first in {advice.file}:")
        lines += _pasted(view.config, terminal)
    if advice.long_commands:
        lead = "And" if advice.short_commands or view.config else f"{goal},"
        words = f"{lead} {', '.join(advice.long_commands)}: --fix prints the command"
        lines += terminal.wrap(words, indent="    ", first="  ")
    if advice.advice:
        lines.append(f"  Changes on this server {goal[0].lower()}{goal[1:]}:")
        for line in advice.advice:
            lines += terminal.wrap(line, indent="      ", first="    ")
    shown = advice.left_briefly if verbose else advice.left_briefly[:_SHOWN_LEFT]
    if shown:
        lines.append("  This leaves:" if len(lines) > 1 else "  To change by hand:")
    for line in shown:
        lines += terminal.wrap(line, indent="      ", first="    ")
    if len(advice.left_briefly) > len(shown):
        lines.append(f"    {len(advice.left_briefly) - len(shown)} more with -v")
    return lines


def _pasted(lines: Sequence[str], terminal: Terminal) -> list[str]:
    """Return lines to paste. Only comments are wrapped."""
    pasted: list[str] = []
    for line in lines:
        pasted += terminal.wrap(line[2:], indent="    # ") if line.startswith("# ") else [f"    {line}"]
    return pasted


def _foot(view: HostView, terminal: Terminal, *, verbose: bool) -> list[str]:
    record = view.record
    if not record.connections:
        return []
    text = f"{count(record.connections, 'connection')}, {seconds(record.duration_ms)}."
    if record.address is not None and record.address != record.host:
        text = f"{record.address}, {text}"
    users = methods_seen_for(record)
    text += f" Login methods seen {users}." if users else ""
    text += " `--auth-user NAME` queries others." if users.startswith("only") else ""
    if view.offers and not verbose:
        text += " -v shows more."
    return ["", *terminal.wrap(text, indent="  ")]
