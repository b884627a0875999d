"""`sshprobe history`: the scans in a database, and how hosts and counts changed. No server is contacted."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click

from sshprobe.cli.command_group import CommandGroup
from sshprobe.cli.history_tables import (
    changed_parts,
    distinct_times,
    duration,
    minutes,
    print_json,
    print_table,
    print_trend,
    scan_fields,
    state,
    trend_fields,
    uncounted,
)
from sshprobe.cli.options.history import DEFAULT, history_option, open_database, scan_ids
from sshprobe.cli.options.output import refuse_option_as_file
from sshprobe.cli.options.values import FILE, PositiveNumber, WholeNumber, table_or_json
from sshprobe.cli.output_file import lock_output, note
from sshprobe.cli.standard_streams import standard_input
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.render.text.phrases import count

if TYPE_CHECKING:
    from sshprobe.store.history.database import Database

_SHOWN = ("status", "grade", "compliant", "finding")
"""Kinds of counters that `show` prints, in this order: algorithms are too many."""

_url = history_option("Read this history.  [default: the file in the state folder]")


@click.group(cls=CommandGroup, invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def history(context: click.Context) -> None:
    """Show how a fleet changed over scans with `--history`.

    SCAN is the id of a scan, its first characters, or `latest`.
    """
    if context.invoked_subcommand is None:
        raise click.UsageError(
            "no command: `sshprobe history` takes `list`, `show`, `hosts`, `trend`, `prune`, `import`, `export` or "
            "`migrate`"
        )


@contextlib.contextmanager
def _opened(url: str | None, **options: bool) -> Iterator[Database]:
    """Open a history. The modules that read it need the extra, so commands import them in this block."""
    with contextlib.closing(open_database(url or DEFAULT, **options)) as database:
        yield database


@history.command("list")
@_url
@table_or_json
def list_(history: str | None, format_: str) -> None:
    """List all scans, the newest first."""
    with _opened(history) as database:
        from sshprobe.store.history.queries import scans

        found = scans(database)
    if format_ == "json":
        print_json([scan_fields(scan) for scan in found])
        return
    times = distinct_times(scan.started_at for scan in found)
    rows = [[scan.scan_id, times[scan.started_at], f"{scan.hosts:,}", duration(scan), state(scan)] for scan in found]
    print_table(["scan", "started", "hosts", "took", "state"], rows)


@history.command()
@click.argument("scan", metavar="SCAN", default="latest", shell_complete=scan_ids)
@_url
@table_or_json
def show(scan: str, history: str | None, format_: str) -> None:
    """Show one scan: its statuses, grades and most frequent findings.

    SCAN is an id, its first characters, or `latest`.
    """
    with _opened(history) as database:
        from sshprobe.store.history.counters import ALL
        from sshprobe.store.history.queries import counters, find_scan, header_of

        found = find_scan(database, scan)
        header, summary = header_of(database, found)
        counted = [(key, hosts) for key, hosts in counters(database, found).items() if key.label == ALL]
    if format_ == "json":
        numbers: dict[str, Any] = {}
        for key, hosts in sorted(counted):
            numbers.setdefault(key.kind, {}).setdefault(key.scope, {})[key.name] = hosts
        print_json({**scan_fields(found), "profiles": [each.id for each in header.profiles], "counters": numbers})
        return
    arguments = escape_unprintable(" ".join(header.arguments))
    click.echo(f"scan {found.scan_id} of {minutes(found.started_at)}: {count(found.hosts, 'host')}, {state(found)}")
    click.echo(f"sshprobe {arguments}" if arguments else "no arguments")
    if summary is not None:
        click.echo(f"{count(summary.connections, 'connection')} in {duration(found)}")
    rows = [
        [key.kind, key.scope, key.name, f"{hosts:,}"]
        for kind in _SHOWN
        for key, hosts in sorted(counted, key=lambda each: (each[0].scope, -each[1]))
        if key.kind == kind
    ]
    click.echo()
    print_table(["what", "profile", "name", "hosts"], rows)


@history.command()
@click.argument("host", metavar="[HOST[:PORT]]", required=False)
@_url
@table_or_json
def hosts(host: str | None, history: str | None, format_: str) -> None:
    """List all hosts, or show when one host changed and what, the newest first."""
    with _opened(history) as database:
        from sshprobe.store.history import timelines

        if host is None:
            known = timelines.hosts(database)
            if format_ == "json":
                print_json(list(known))
                return
            rows = [
                [
                    endpoint(each.name, each.port),
                    minutes(each.first_seen),
                    minutes(each.last_seen),
                    f"{each.scans:,}",
                    f"{each.observations:,}",
                ]
                for each in known
            ]
            print_table(["host", "first seen", "last seen", "scans", "states"], rows)
            return
        name, port = _place(host)
        periods = timelines.timeline(database, name, port)
    if format_ == "json":
        print_json(periods)
        return
    times = distinct_times(time for each in periods for time in (each.first, each.last))
    print_table(
        ["from", "to", "scans", "status", "grade", "software", "changed"],
        [
            [
                times[each.first],
                times[each.last],
                f"{each.scans:,}",
                each.status,
                " ".join(each.grades.values()),
                each.software,
                changed_parts(each),
            ]
            for each in periods
        ],
        below=3,
    )


_KINDS = {
    "grades": "grade",
    "statuses": "status",
    "compliant": "compliant",
    "findings": "finding",
    "algorithms": "algorithm",
}


@history.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--of",
    type=click.Choice(list(_KINDS)),
    default="grades",
    show_default=True,
    help="Count hosts by this; a NAME shows only one of them.",
)
@click.option("--label", metavar="K=V", default="", help="Count only hosts with this label.")
@click.option("--last", type=WholeNumber(1, 100_000), metavar="N", help="Show only the newest N scans.")
@_url
@table_or_json
def trend(name: str | None, of: str, label: str, last: int | None, history: str | None, format_: str) -> None:
    """Show how many hosts had each grade, status, finding or algorithm, scan by scan, the oldest first."""
    with _opened(history) as database:
        from sshprobe.store.history import queries

        by_scan = name is not None or of in ("grades", "statuses", "compliant")
        ends = format_ == "table" and not by_scan
        found = queries.trend(database, _KINDS[of], name=name, label=label, last=last, ends=ends)
        known = queries.counted_names(database, _KINDS[of], label) if name is not None and not found.series else []
    if format_ == "json":
        print_json(trend_fields(found))
    elif not found.series:
        of_label = f" of hosts with the label {escape_unprintable(label)}" if label else ""
        note(f"no scan counted {of}{of_label}" if name is None else uncounted(name, known))
    else:
        print_trend(found, by_scan=by_scan)


@history.command()
@click.option(
    "--older-than", "days", type=PositiveNumber("days", 36_500), metavar="DAYS", help="Remove scans older than this."
)
@click.option("--keep", type=WholeNumber(0, 1_000_000), metavar="N", help="Remove all scans but the newest N.")
@_url
def prune(days: float | None, keep: int | None, history: str | None) -> None:
    """Remove old scans, and the data that only they use.

    With both options, a scan is removed only if both apply.
    """
    if days is None and keep is None:
        raise click.UsageError("`sshprobe history prune` needs `--older-than DAYS`, `--keep N` or both")
    with _opened(history) as database:
        from sshprobe.store.history.transfer import prune as remove

        removed = remove(database, days=days, keep=keep)
    click.echo(
        f"removed {count(removed.scans, 'scan')} with {count(removed.sightings, 'result')}, "
        f"{count(removed.observations, 'observation')} and {count(removed.hosts, 'host')} that no other scan has"
    )


@history.command("import")
@click.argument("records", type=FILE, metavar="RECORDS...", nargs=-1, required=True)
@_url
def import_(records: tuple[str, ...], history: str | None) -> None:
    """Add the scans in saved records; scans with the same id are replaced."""
    from sshprobe.store.reading import scans_in

    with _opened(history, create=True) as database:
        from sshprobe.store.history.transfer import import_scans

        for name in records:
            read = scans_in(name, stdin=standard_input(), on_missing=note)
            for scan in import_scans(database, read, name):
                end = "" if scan.complete else ", without its end"
                others = f", and {scan.superseded:,} records of hosts with a later one" if scan.superseded else ""
                click.echo(f"imported scan {scan.scan_id}: {count(scan.hosts, 'host')}{others}{end}")


@history.command()
@click.argument("scan", metavar="SCAN", default="latest", shell_complete=scan_ids)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write the records to FILE, e.g. scan.jsonl.")
@_url
def export(scan: str, output: str | None, history: str | None) -> None:
    """Write the records of a scan as JSON lines.

    Random values, such as the modulus of a group exchange, are those of the first equal observation.
    """
    import msgspec

    from sshprobe.store.files import replacing

    refuse_option_as_file(output)
    lock_output(output)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_opened(history))
        from sshprobe.store.history.queries import find_scan
        from sshprobe.store.history.transfer import export_scan

        found = find_scan(database, scan)
        stream: IO[bytes] = sys.stdout.buffer
        if output is not None:
            stream = stack.enter_context(replacing(output, keeping=note))
        encode = msgspec.json.Encoder().encode
        for record in export_scan(database, found):
            stream.write(encode(record) + b"\n")
        stream.flush()


@history.command()
@_url
def migrate(history: str | None) -> None:
    """Create the tables of a PostgreSQL history, or bring them up to date.

    SQLite files migrate themselves, after a backup.
    """
    with _opened(history, create=True, migrate=True) as database:
        click.echo(f"{database.name} is up to date")


def _place(words: str) -> tuple[str, int]:
    """Return the host and port of "host", "host:port", "[v6]:port" or "v6"; the port is 22 if there is none."""
    host, colon, port = words.rpartition(":")
    if words.startswith("[") and words.endswith("]"):
        return words[1:-1], 22
    if colon and port.isascii() and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.removeprefix("[").removesuffix("]"), int(port)
    return words, 22
