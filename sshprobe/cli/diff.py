"""`sshprobe diff`: what changed between two scans. No server is contacted."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sshprobe.cli.compared_scans import Since, are_files, changes_between, read_files, read_history
from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.options.history import history_option, open_database, scan_ids
from sshprobe.cli.options.notify import notify_option
from sshprobe.cli.options.output import quiet_option, refuse_option_as_file
from sshprobe.cli.options.values import FILE, WholeNumber
from sshprobe.cli.output_file import lock_output, note, refuse_inputs
from sshprobe.cli.standard_streams import terminal
from sshprobe.model.errors import InputError
from sshprobe.render.changes import FORMATS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from sshprobe.cli.notifying import Notifier
    from sshprobe.views.change_builder import ChangesBuilder
    from sshprobe.views.changes import Changes


def _files_or_scans(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what a shell suggests: scans of the history if one is named, else files."""
    from click.shell_completion import CompletionItem

    named = context.params.get("history") is not None
    found = scan_ids(context, parameter, incomplete) if named else []
    return [*map(CompletionItem, found)] or [CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("scans", metavar="[OLD] [NEW]", nargs=-1, shell_complete=_files_or_scans)
@history_option("Compare scans of this history, by default the last two.")
@click.option(
    "--since",
    type=Since(),
    metavar="TIME",
    help="Compare with the last scan before TIME, e.g. 7d or 2026-11-24; needs --history.",
)
@click.option(
    "--gone-after",
    type=WholeNumber(1, 1000),
    metavar="N",
    default=3,
    show_default=True,
    help="Call a host gone after N scans without an answer.",
)
@click.option(
    "--fail-on",
    "thresholds",
    type=click.Choice(["worse"]),
    multiple=True,
    help="Exit with code 1 if a host got worse.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="Set the output format.",
)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write the changes to FILE, e.g. changes.md.")
@notify_option("Send new changes to the URLs in FILE, or `env`: in SSHPROBE_NOTIFY_URL.")
@click.option("-v", "--verbose", is_flag=True, is_eager=True, help="Show all hosts and all changes.")
@quiet_option("Print only the changes and errors.")
@click.pass_context
def diff(
    context: click.Context,
    scans: tuple[str, ...],
    history: str | None,
    since: datetime | None,
    gone_after: int,
    thresholds: tuple[str, ...],
    format_: str,
    output: str | None,
    notify: str | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Show what changed between two scans: host keys, grades, findings, hosts.

    OLD and NEW are files that `sshprobe scan` wrote, or with --history ids of scans. Files of scans between them show
    since when something changed. Example: sshprobe diff monday.jsonl tuesday.jsonl
    """
    from sshprobe.render.changes import render
    from sshprobe.render.text.terminal import Terminal

    if output == "-":
        raise click.UsageError("`-o -` is not a file: without `-o` the changes go to standard output")
    refuse_option_as_file(output)
    if output is not None and context.get_parameter_source("format_") is ParameterSource.DEFAULT:
        format_ = _format_of(output)
    from_files = are_files(scans, history)
    if from_files:
        refuse_inputs(output, scans)
    lock_output(output)
    notifier = None
    if notify is not None:
        from sshprobe.cli.notifying import Notifier

        notifier = Notifier(notify)
    builder, old = _read(scans, history, since, gone_after, from_files=from_files)
    changes = changes_between(builder, old, gone_after=gone_after)
    text = render(changes, format_, terminal() if output is None else Terminal(), verbose=verbose)
    if output is None:
        sys.stdout.write(text)
    else:
        from sshprobe.store.files import replacing

        with replacing(output, keeping=note) as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
    if notifier is not None:
        _notify(notifier, changes, builder, old, None if from_files else history)
    if not changes.new.answered:
        return ExitCode.NOTHING_SCANNED
    if thresholds:
        _check_grades(changes)
    return ExitCode.FAIL_ON if thresholds and changes.worse else ExitCode.OK


def _read(
    scans: tuple[str, ...], history: str | None, since: datetime | None, gone_after: int, *, from_files: bool
) -> tuple[ChangesBuilder, int]:
    if from_files:
        if since is not None:
            raise click.UsageError("`--since` needs `--history`")
        if not scans:
            raise click.UsageError("no scans: name two files of records, or a history with `--history`")
        missing = [name for name in scans if name != "-" and not Path(name).exists()]
        if history is not None and missing:
            raise InputError("is not a file: name only files, or only scans of the history", source=missing[0])
        return read_files(scans)
    if len(scans) > 2:
        raise click.UsageError("`--history` compares two scans: those between them are read too")
    if since is not None and len(scans) > 1:
        raise click.UsageError("`--since` finds the old scan: name only the new one, or none")
    assert history is not None  # or they are files
    return read_history(history, scans, since, gone_after=gone_after)


def _notify(notifier: Notifier, changes: Changes, builder: ChangesBuilder, old: int, history: str | None) -> None:
    if history is None:
        notifier.send_changes(changes, builder, old, None)
        return
    with contextlib.closing(open_database(history)) as database:
        notifier.send_changes(changes, builder, old, database)


def _format_of(name: str) -> str:
    suffix = Path(name).suffix.lower()
    for format_, known in FORMATS.items():
        if suffix == known:
            return format_
    raise InputError(f"name it {', '.join(FORMATS.values())}, or add `--format`", source=name)


def _check_grades(changes: Changes) -> None:
    """Raise `InputError` if `--fail-on` has no verdicts to compare: what was not compared must not pass."""
    servers = [each for each in changes.new_hosts if each.software]
    is_ungraded = bool(servers) and not any(each.grades for each in servers)
    if (changes.compared or is_ungraded) and not changes.profiles and not changes.worse:
        raise InputError(
            "no host has verdicts of the same profile in both scans: grade both with `sshprobe grade --profile ID`",
            source="--fail-on",
        )
