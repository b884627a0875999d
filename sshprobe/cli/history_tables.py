"""How `sshprobe history` prints scans, tables and trends."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.options.values import close_names
from sshprobe.cli.standard_streams import terminal
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.timestamps import format_minutes, format_seconds, parse
from sshprobe.model.verdict import GRADES

if TYPE_CHECKING:
    from sshprobe.store.history.queries import Scan, Trend
    from sshprobe.store.history.timelines import Period


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    below: int = 0,
    shortened: Sequence[tuple[str, int]] = (),
) -> None:
    """Print aligned columns, fitted to a terminal: see `table_layout.stack`."""
    from sshprobe.render.text.table_layout import stack

    cells = [[escape_unprintable(cell) for cell in row] for row in rows]
    click.echo("\n".join(stack(headers, cells, terminal(), below=below, shortened=shortened)))


def scan_fields(scan: Scan) -> dict[str, Any]:
    """Return the fields of a scan for JSON."""
    names = ("scan_id", "started_at", "duration_ms", "hosts", "complete")
    return {name: getattr(scan, name) for name in names}


def trend_fields(trend: Trend) -> list[dict[str, Any]]:
    """Return the scans of a trend for JSON, each with its counts."""
    return [
        scan_fields(scan)
        | {
            "counts": [
                {"scope": scope, "name": name, "hosts": hosts[scan.id]}
                for (scope, name), hosts in sorted(trend.series.items())
                if scan.id in hosts
            ]
        }
        for scan in trend.scans
    ]


def minutes(started_at: str) -> str:
    """Return a time for people, to the minute."""
    seconds = parse(started_at)
    return escape_unprintable(started_at) if seconds is None else format_minutes(seconds)


def distinct_times(started_at: Iterable[str]) -> dict[str, str]:
    """Return each time for people: to the minute, or all to the second if two have the same minute."""
    found = {each: minutes(each) for each in started_at}
    if len(set(found.values())) == len(found):
        return found
    return {
        each: words if (seconds := parse(each)) is None else format_seconds(seconds) for each, words in found.items()
    }


def duration(scan: Scan) -> str:
    """Return how long a scan took; "" if that is not known."""
    return "" if scan.duration_ms is None else f"{scan.duration_ms / 1000:,.1f} s"


def state(scan: Scan) -> str:
    """Return whether a scan has all its hosts."""
    if scan.complete:
        return "complete"
    return "interrupted" if scan.duration_ms is not None else "running or killed"


MOST_PARTS = 4
"""The most changed parts of a host in a row of a timeline."""


def changed_parts(period: Period) -> str:
    """Return what changed with a period of a host in a few words: "host keys, ciphers"."""
    from sshprobe.model.name_lists import FIELDS
    from sshprobe.render.changes.words import FACTS, LISTS, SERVICES, listed

    words = {field: LISTS[type] for type, fields in FIELDS.items() for _, field in fields}
    words |= (
        FACTS
        | SERVICES
        | {
            "status": f"status: {period.status.replace('_', ' ')}",
            "identification": FACTS["software"],
            "extensions": "extensions",
        }
    )
    found = [words.get(name, name.replace("_", " ")) for name in period.changed if name not in _DERIVED]
    order = sorted(dict.fromkeys(found), key=lambda each: (not each.startswith("status"), each != "host keys"))
    return listed(order, most=MOST_PARTS)


_DERIVED = ("error", "stage", "hassh_server", "strict_kex", "post_quantum_kex", "warnings", "names_left_out")
"""Fields that follow from the others."""


def _print_by_scan(scans: Sequence[Sequence[str]], columns: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print columns of numbers with id and time of scans. Columns that do not fit follow as a second table."""
    from sshprobe.render.text.table_layout import column_width

    screen = terminal()
    least = sum(max(map(len, cells)) + 2 for cells in zip(*scans, strict=True))
    parts: list[list[tuple[str, Sequence[str]]]] = []
    room = 0
    for column in columns:
        width = column_width(*column) + 2
        if not parts or (screen.cuts and width > room):
            parts.append([])
            room = screen.width - least + 2
        parts[-1].append(column)
        room -= width
    for part in parts:
        rows = [[*scan, *(cells[row] for _, cells in part)] for row, scan in enumerate(scans)]
        print_table(["scan", "started", *(name for name, _ in part)], rows)


def print_trend(trend: Trend, *, by_scan: bool) -> None:
    """Print a row for each scan, or, for many names, a row for each name with its first and last count."""
    from sshprobe.render.text.phrases import count

    scans, series = trend
    order: dict[str, int] = {letter: number for number, letter in enumerate(GRADES)}  # an A+ is before an A
    keys = sorted(series, key=lambda each: (order.get(each[1], 9), each))
    if by_scan:
        times = distinct_times(scan.started_at for scan in scans)
        for scope, these in itertools.groupby(sorted(keys, key=lambda key: key[0]), key=lambda key: key[0]):
            if scope and len({scope for scope, _ in keys}) > 1:
                click.echo(f"{escape_unprintable(scope)}:")
            columns = [(name, [f"{series[scope, name].get(scan.id, 0):,}" for scan in scans]) for _, name in these]
            _print_by_scan([[scan.scan_id, times[scan.started_at]] for scan in scans], columns)
        return
    first, latest = scans[0], scans[-1]
    counted = [(series[key].get(first.id, 0), series[key].get(latest.id, 0), key) for key in keys]
    counted.sort(key=lambda each: (-abs(each[1] - each[0]), each[2]))
    times = distinct_times([first.started_at, latest.started_at])
    click.echo(f"from {times[first.started_at]} to {times[latest.started_at]}, {count(len(scans), 'scan')}")
    print_table(
        ["name", "of", "first", "last", "change"],
        [[name, scope, f"{old:,}", f"{new:,}", f"{new - old:+,}"] for old, new, (scope, name) in counted],
        shortened=(("of", 16), ("name", 20)),
    )


def uncounted(name: str, known: Sequence[str]) -> str:
    """Return the message that the scans did not count a name, with the most similar `known` ones."""
    if name in known:
        return f"these scans did not count {name}, but earlier ones did: see it without `--last`"
    category = name.partition(".")[0]
    related = [each for each in known if each.startswith(f"{category}.")]  # findings such as kex.weak
    close = close_names(name, related) or get_close_matches(name, related, cutoff=0) or close_names(name, known)
    hint = f": did you mean {' or '.join(map(escape_unprintable, close))}?" if close else ""
    return f"no scan counted {escape_unprintable(name)}{hint}"
