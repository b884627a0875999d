"""The changes between two scans for a terminal: what got worse first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sshprobe.render.changes.sections import Row, Section, sections, times, verdict
from sshprobe.render.changes.words import clock, listed, note_sentences, short_host
from sshprobe.render.text.phrases import count
from sshprobe.render.text.table_layout import table as aligned
from sshprobe.render.text.terminal import Terminal, printable
from sshprobe.views.changes import Changes

MOST_ROWS = 8
"""The most rows of a section without -v."""

MOST_HOSTS = 4
"""The most hosts of a row without -v."""


def table(changes: Changes, terminal: Terminal, *, verbose: bool) -> str:
    """Return the text. `verbose`: with all rows and hosts."""
    changes = printable(changes)
    moment = clock(changes)
    heads = [
        [side, each.name, moment(each.started_at), count(each.hosts, "host"), f"{each.answered:,} answered"]
        for side, each in (("old", changes.old), ("new", changes.new))
    ]
    lines = aligned(heads[0], heads[1:], terminal)
    if terminal.cuts and max(map(len, lines)) > terminal.width:
        lines = [
            line for head in heads for line in terminal.wrap("  ".join(head[1:]), indent="     ", first=f"{head[0]}  ")
        ]
    said = verdict(changes)
    lines += [
        "",
        *(terminal.paint(line, "red" if changes.worse else "bold") for line in terminal.wrap(said, indent="")),
    ]
    lines += terminal.wrap(f"{count(changes.compared, 'host')} compared, {changes.unchanged:,} unchanged.", indent="")
    has_between = changes.scans > 2
    for section in sections(changes, verbose=verbose):
        lines += ["", *_section(section, terminal, moment, verbose=verbose, has_between=has_between)]
    notes = [line for sentence in note_sentences(changes) for line in terminal.wrap(sentence, indent="")]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _section(
    section: Section, terminal: Terminal, moment: Callable[[str], str], *, verbose: bool, has_between: bool
) -> Iterator[str]:
    yield terminal.paint(section.title.upper(), "red" if section.is_worse else "bold")
    shown = section.rows if verbose else section.rows[:MOST_ROWS]
    for row in shown:
        yield from _row(row, section.when, terminal, moment, verbose=verbose, has_between=has_between)
    more = len(section.rows) - len(shown)
    if more:
        yield f"  {more:,} more: -v shows all"


def _row(
    row: Row, word: str, terminal: Terminal, moment: Callable[[str], str], *, verbose: bool, has_between: bool
) -> Iterator[str]:
    first, last = times(row.hosts)
    when = ""
    if first and (has_between or word == "last seen"):
        when = f", {word} {moment(first)}" + (f" to {moment(last)}" if last != first else "")
    names = [short_host(each.host) for each in row.hosts if each.host]
    hosts = listed(names, most=len(names) if verbose else MOST_HOSTS)
    where = f"{count(len(names), 'host')}: {hosts}" if len(names) > 1 else hosts
    if len(names) == 1 and len(row.what) + len(where) + len(when) + 4 <= terminal.width:
        yield _painted(f"  {where}  {row.what}{when}", row, terminal)
    else:
        lines = terminal.wrap(row.what if names else f"{row.what}{when}", indent="    ", first="  ")
        yield from (_painted(line, row, terminal) for line in lines)
        if names:
            yield from terminal.wrap(f"{where}{when}", indent="      ", first="    ")
    for detail in row.details:
        for line in detail.split("\n"):
            yield from terminal.wrap(line, indent="      ", first="      ")


def _painted(line: str, row: Row, terminal: Terminal) -> str:
    return terminal.word(line, row.meaning) if row.meaning else line
