"""Options for the output: `--format`, `--fix`, `-o` and `-v`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from sshprobe.cli.options.values import FILE, Command, add_together
from sshprobe.cli.standard_streams import choose_quiet
from sshprobe.render.fix import FORMATS
from sshprobe.render.formats import WRITERS, format_names

if TYPE_CHECKING:
    from sshprobe.profiles import Profile

FIX_FORMATS = tuple(FORMATS)
RECORD_FORMATS = ("table", "json", "jsonl")
OUTPUT_FORMATS = (*RECORD_FORMATS, *format_names(WRITERS))
"""Formats without `--fix`."""


def refuse_option_as_file(value: str | None) -> None:
    """Raise `click.UsageError` if a file name is missing and the next option was read as its value."""
    if value is not None and value.startswith("-"):
        raise click.UsageError(f"`-o` needs a file: `{value}` looks like an option; write `./{value}` if it is a file")


def _no_dash(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    # `-` is standard input elsewhere; here it would be a file of that name.
    if value == "-":
        raise click.UsageError("`-o -` is not a file: for records on standard output use `--format` without `-o`")
    refuse_option_as_file(value)
    return value


class OutputOptions(NamedTuple):
    """The values of these options."""

    format_: str | None
    fix: bool
    output: str | None
    verbose: bool
    quiet: bool


def _set_quiet(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    if value and context.params.get("verbose"):
        raise click.UsageError("`-q` and `-v` exclude each other: omit one")
    choose_quiet(value)
    return value


def quiet_option(text: str) -> Callable[[Command], Command]:
    """Return the option -q with a help text; its value is the argument `quiet`."""
    return click.option("-q", "--quiet", is_flag=True, callback=_set_quiet, help=text)


_OPTIONS = (
    click.option(
        "--fix",
        is_flag=True,
        help="Print only what to change on each host, ready to paste.",
    ),
    click.option(
        "--format",
        "format_",
        type=click.Choice([*OUTPUT_FORMATS, *FIX_FORMATS]),
        metavar="FORMAT",
        help=f"Set the format of the output or of -o FILE: {', '.join(RECORD_FORMATS)}, or one of `report`. "
        f"With --fix: {', '.join(FIX_FORMATS)}.",
    ),
    click.option(
        "-o",
        "--output",
        "output",
        type=FILE,
        metavar="FILE",
        callback=_no_dash,
        help="Write records to FILE, e.g. scan.jsonl.zst; an older FILE becomes FILE~.",
    ),
    click.option("-v", "--verbose", is_flag=True, is_eager=True, help="Show everything that was seen of each host."),
    quiet_option("Print only errors and the output of --format or --fix."),
)


def output_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `written`, one `OutputOptions`."""
    return add_together(command, _OPTIONS, name="written", parameters=OutputOptions._fields, make=OutputOptions)


def fix_format(written: OutputOptions, profiles: Sequence[Profile], *, verbose: bool) -> tuple[str | None, str | None]:
    """Return the format of the fix (None without `--fix`) and the format of the records.

    Raises:
        click.UsageError: if the two were mixed.
    """
    format_, output = written.format_, written.output
    if not written.fix:
        if format_ in FIX_FORMATS:
            raise click.UsageError(f"`--format {format_}` needs `--fix`: add it, or use {_or(RECORD_FORMATS)}")
        return None, format_
    if format_ in OUTPUT_FORMATS:
        raise click.UsageError(
            f"`--fix` cannot write {format_}: use --format {_or(FIX_FORMATS)}; records go to `-o FILE`"
        )
    if output is not None and not output.lower().removesuffix(".zst").removesuffix(".gz").endswith((".json", ".jsonl")):
        raise click.UsageError(
            f"`-o {output}` is for records, not for the output of `--fix`: use .json or .jsonl, or `> {output}`"
        )
    if len(profiles) > 1:
        raise click.UsageError("`--fix` fixes for one profile: name one `--profile`")
    if verbose:
        raise click.UsageError("`--fix` prints no report: omit `-v`")
    return format_ or "sshd_config", None


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
