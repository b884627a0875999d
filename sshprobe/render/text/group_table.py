"""What the tables of many hosts share: how hosts are listed, how rows fit a screen, the sentences under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sshprobe.model.escape import escape_unprintable
from sshprobe.render.text.fleet_phrases import key_sentences, unchecked_sentences
from sshprobe.render.text.phrases import count
from sshprobe.render.text.table_layout import stack
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.by_algorithm import AlgorithmView
from sshprobe.views.by_host import HostsView
from sshprobe.views.by_key import KeyView
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


def group_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    view: AlgorithmView | HostsView | KeyView,
    terminal: Terminal,
    *,
    right: Sequence[int] = (),
    below: int,
    shortened: Sequence[tuple[str, int]],
    left_out: str = "",
) -> str:
    """Return a table and sentences on all hosts, its last line ended. Cells are printable already.

    Columns without a word are left out, and those in `right` are aligned to the right. `below` and `shortened`: see
    `stack`. `left_out` is a sentence on what the table does not have.
    """
    lines: list[str] = []
    if rows:
        used = [column for column in range(len(headers)) if any(row[column] for row in rows)]
        kept = [[row[column] for column in used] for row in rows]
        to_right = [headers[column] for column in right]
        moving = sum(column >= len(headers) - below for column in used)
        lines = stack(
            [headers[column] for column in used], kept, terminal, right=to_right, below=moving, shortened=shortened
        )
        lines.append("")
    summary = view.report.summary
    words = [f"{count(summary.hosts, 'target')}, {count(view.servers, 'SSH server')}.", *key_sentences(summary)]
    cut_off = ["Interrupted: the rest was not scanned."] if summary.interrupted else []
    for sentence in (" ".join(words), *([left_out] if left_out else ()), *unchecked_sentences(summary), *cut_off):
        lines += terminal.wrap(sentence, indent="")
    return "\n".join(lines) + "\n"
