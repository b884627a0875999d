"""What the reports over a fleet have in common: how a host is named, the table, the sentences under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.records import SummaryRecord
from sshprobe.render.text.fleet_phrases import key_sentences, unchecked_sentences
from sshprobe.render.text.phrases import count
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.host_names import with_alias

_SHOWN = 3


def few(hosts: Sequence[str], names: Mapping[str, str], *, verbose: bool) -> str:
    """Return hosts for a cell: all of them with `verbose`, else the first and how many more.

    `names` is what some of them are called beside that.
    """
    shown = hosts if verbose else hosts[:_SHOWN]
    more = len(hosts) - len(shown)
    words = ", ".join(with_alias(host, names.get(host)) for host in shown)
    return escape_unprintable(words) + (f" and {more:,} more" if more else "")


def fleet_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    summary: SummaryRecord,
    terminal: Terminal,
    *,
    servers: int,
    right: Sequence[int] = (),
    left_out: str = "",
) -> str:
    """Return a table and what there is to say of all hosts, its last line ended. Cells are printable already.

    Columns without a word are left out. `servers`: how many hosts sent an identification. `left_out` is a sentence on
    what the table does not have.
    """
    from tabulate import tabulate

    lines: list[str] = []
    if rows:
        used = [column for column in range(len(headers)) if any(row[column] for row in rows)]
        align = ["right" if column in right else "left" for column in used]
        shown = [headers[column] for column in used]
        cells = [[row[column] for column in used] for row in rows]
        table = tabulate(
            cells, shown, tablefmt="plain", disable_numparse=True, colalign=align, preserve_whitespace=True
        )
        lines = [*(line.rstrip() for line in table.splitlines()), ""]
    words = [f"{count(summary.hosts, 'target')}, {count(servers, 'SSH server')}.", *key_sentences(summary)]
    cut_off = ["Interrupted: the rest was not scanned."] if summary.interrupted else []
    for sentence in (" ".join(words), *([left_out] if left_out else ()), *unchecked_sentences(summary), *cut_off):
        lines += terminal.wrap(sentence, indent="")
    return "\n".join(lines) + "\n"
