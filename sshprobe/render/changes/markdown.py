"""The changes between two scans as Markdown, for a ticket, a merge request or a chat."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sshprobe.render.changes.sections import Row, sections, times, verdict
from sshprobe.render.changes.words import clock, note_sentences, short_host
from sshprobe.render.text.phrases import count
from sshprobe.render.text.terminal import printable
from sshprobe.views.changes import Changes

MOST_ROWS = 20
MOST_HOSTS = 10
"""The most rows of a section, and the most hosts of a row, without -v."""


def markdown(changes: Changes, *, verbose: bool) -> str:
    """Return the text: all text of servers is in code spans. `verbose`: with all rows and hosts."""
    changes = printable(changes)
    moment = clock(changes)
    lines = ["# What changed", "", f"**{verdict(changes)}**", ""]
    for side, each in (("Old", changes.old), ("New", changes.new)):
        lines.append(
            f"- {side}: {code(each.name)}, {moment(each.started_at)}, {count(each.hosts, 'host')}, "
            f"{each.answered:,} answered"
        )
    lines.append(f"- {count(changes.compared, 'host')} compared, {changes.unchanged:,} unchanged")
    for section in sections(changes, verbose=verbose):
        lines += ["", f"## {section.title}", ""]
        shown = section.rows if verbose else section.rows[:MOST_ROWS]
        for row in shown:
            lines += _row(row, section.when, moment, verbose=verbose)
        if len(shown) < len(section.rows):
            lines.append(f"- {len(section.rows) - len(shown):,} more")
    notes = note_sentences(changes)
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _row(row: Row, word: str, moment: Callable[[str], str], *, verbose: bool) -> Iterator[str]:
    names = [each.host for each in row.hosts if each.host]
    shown = names if verbose else names[:MOST_HOSTS]
    more = f" and {len(names) - len(shown):,} more" if len(shown) < len(names) else ""
    where = f" on {', '.join(code(short_host(name)) for name in shown)}{more}" if names else ""
    first, last = times(row.hosts)
    when = f", {word} {moment(first)}" + (f" to {moment(last)}" if last != first else "") if first else ""
    yield f"- {code(row.what)}{where}{when}"
    for detail in row.details:
        yield from (f"  - {code(line)}" for line in detail.split("\n"))


def code(text: str) -> str:
    """Return text as a code span, with a fence longer than any run of backticks in it (CommonMark 0.31, 6.1)."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else "` `"
