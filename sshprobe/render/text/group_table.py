"""What the tables of many hosts share: how hosts are listed, how rows fit a screen, the sentences under them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from sshprobe.model.escape import escape_unprintable
from sshprobe.render.text.fleet_phrases import key_sentences, unchecked_sentences
from sshprobe.render.text.phrases import count
from sshprobe.render.text.table_layout import column_width, stack
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.by_algorithm import AlgorithmView
from sshprobe.views.by_host import HostsView
from sshprobe.views.by_key import KeyView
from sshprobe.views.host_names import with_alias

_SHOWN, _SHOWN_AT_MOST = 3, 100
"""Hosts that a cell names: at least, and at most where there is room."""

_MORE = len(" and 65,536 more")

_ROOM_BESIDE, _ROOM_BELOW = 60, 8
"""Columns that hosts need to stand in their row, and columns that are not theirs where they stand below it."""


def few(hosts: Sequence[str], names: Mapping[str, str], room: int, *, verbose: bool) -> str:
    """Return hosts for a cell: all of them with `verbose`, else as many as fit into `room` columns, and how many more.

    `names`: what some of them are called beside that.
    """
    words = [with_alias(host, names.get(host)) for host in (hosts if verbose else hosts[:_SHOWN_AT_MOST])]
    ends = list(accumulate(len(word) + 2 for word in words))
    number = len(words) if verbose else max(_SHOWN, sum(end + _MORE <= room for end in ends))
    shown, more = words[:number], len(hosts) - min(number, len(words))
    return escape_unprintable(", ".join(shown)) + (f" and {more:,} more" if more else "")


def group_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    view: AlgorithmView | HostsView | KeyView,
    terminal: Terminal,
    *,
    which: Callable[[int], Sequence[str]] | None = None,
    right: Sequence[str] = (),
    below: int,
    shortened: Sequence[tuple[str, int]],
    left_out: str = "",
) -> str:
    """Return a table and sentences on all hosts, its last line ended. Cells are printable already.

    Columns without a word are left out. `which`: cells of one more column, the hosts of each row, for a width. `right`,
    `below` and `shortened`: see `stack`. `left_out`: a sentence on what the table does not have.
    """
    lines: list[str] = []
    if rows:
        used = [column for column in range(len(headers)) if any(row[column] for row in rows)]
        kept = [[row[column] for column in used] for row in rows]
        shown = [headers[column] for column in used]
        below -= sum(column not in used for column in range(len(headers) - below, len(headers)))
        if which is not None:
            taken = sum(column_width(header, [row[at] for row in kept]) + 2 for at, header in enumerate(shown))
            room = terminal.width - taken if terminal.width - taken >= _ROOM_BESIDE else terminal.width - _ROOM_BELOW
            shown.append("which")
            kept = [[*row, cell] for row, cell in zip(kept, which(room if terminal.cuts else 0), strict=True)]
            below += 1
        lines = stack(shown, kept, terminal, right=right, below=below, shortened=shortened)
        lines.append("")
    summary = view.report.summary
    words = [f"{count(summary.hosts, 'target')}, {count(view.servers, 'SSH server')}.", *key_sentences(summary)]
    cut_off = ["Interrupted: the rest was not scanned."] if summary.interrupted else []
    for sentence in (" ".join(words), *([left_out] if left_out else ()), *unchecked_sentences(summary), *cut_off):
        lines += terminal.wrap(sentence, indent="")
    return "\n".join(lines) + "\n"
