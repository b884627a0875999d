"""`sshprobe profiles`: list, show, check and make recommended profiles."""

from __future__ import annotations

import stat
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.command_group import CommandGroup
from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.options.grading import PROFILE
from sshprobe.cli.options.output import refuse_option_as_file
from sshprobe.cli.options.probing import auth_user_option
from sshprobe.cli.options.values import FILE, table_or_json
from sshprobe.cli.output_file import lock_output, note, refuse_inputs
from sshprobe.cli.standard_streams import print_message, standard_input, terminal
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.model.observation import Observation
    from sshprobe.model.records import HostRecord
    from sshprobe.profiles import Profile
    from sshprobe.render.text.terminal import Terminal


@click.group(cls=CommandGroup, invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def profiles(context: click.Context) -> None:
    """List, show, check or make recommended profiles."""
    if context.invoked_subcommand is None:
        raise click.UsageError("no command: `sshprobe profiles` takes `list`, `show`, `check` or `make`")


@profiles.command("list")
@table_or_json
def list_(format_: str) -> None:
    """List the built-in profiles."""
    from sshprobe.profiles import available_profiles, load_profile
    from sshprobe.profiles.stock import FAMILY, stock_range

    found = [load_profile(name) for name in available_profiles()]
    if format_ == "json":
        import msgspec

        names = ("id", "kind", "version", "date", "title", "source", "verified")
        rows = [{name: getattr(each, name) for name in names} | {"unverified": each.not_verified} for each in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
        return
    from sshprobe.render.text.table_layout import stack

    remark = " (not wholly verified)"
    cells = [[each.id, each.version, each.date, each.title + remark * bool(each.not_verified)] for each in found]
    cells.append([FAMILY, stock_range(), "", "what that release of OpenSSH offers by default"])
    click.echo("\n".join(stack(["id", "version", "date", "title"], cells, terminal(), below=1)))


@profiles.command()
@click.argument("name", type=PROFILE, metavar="ID|FILE")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "toml", "sshd_config", "ssh_config"]),
    default="table",
    show_default=True,
    help="Set the output format; sshd_config and ssh_config are for OpenSSH.",
)
@click.option(
    "--openssh",
    "release",
    metavar="X.Y",
    help="Write lines for this OpenSSH release, e.g. 9.2.  [default: the newest known]",
)
def show(name: str, format_: str, release: str | None) -> None:
    """Show what a profile recommends."""
    import msgspec

    from sshprobe.profiles import builtin_profile_text, is_built_in, load_profile
    from sshprobe.profiles.load import profile_text

    if release is not None and format_ not in ("sshd_config", "ssh_config"):
        raise click.UsageError("`--openssh` is for `--format sshd_config` and `--format ssh_config`")
    profile = load_profile(name)  # a broken file is an error in every format
    if format_ in ("sshd_config", "ssh_config"):
        from sshprobe.algorithms import NEWEST
        from sshprobe.remedy.configuration import ssh_config, sshd_config

        written = sshd_config if format_ == "sshd_config" else ssh_config
        click.echo("\n".join(written(profile, NEWEST if release is None else release)))
    elif format_ == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(profile)))
    elif format_ == "toml":
        text = builtin_profile_text(name) if is_built_in(name) else profile_text(name)
        click.echo("\n".join(escape_unprintable(line.expandtabs()) for line in text.splitlines()))
    else:
        click.echo("\n".join(fields(msgspec.to_builtins(profile), terminal())))


@profiles.command(short_help="Check profiles of your own.")
@click.argument("files", type=FILE, metavar="FILE...", nargs=-1)
@click.option("--strict", is_flag=True, help="Exit with 2 for notes too, e.g. on unknown names.")
def check(files: tuple[str, ...], strict: bool) -> ExitCode:
    """Check profiles of your own: exit 0, or 2 and what is wrong, with its line."""
    from sshprobe.profiles import load_profile

    if not files:
        raise click.UsageError("no profile to check: name a file")
    checked = [(file, load_profile(file)) for file in files]
    noted = False
    for file, profile in checked:
        click.echo(escape_unprintable(f"{file}: ok ({profile.id}, {profile.version})"))
        notes = [f"`{name}` is not in the catalogue" for name in profile.unknown_names]
        notes += waiver_notes(profile, datetime.now(UTC).date())
        for words in notes:
            click.echo(escape_unprintable(f"{file}: note: {words}"))
        noted = noted or bool(notes)
    return ExitCode.USAGE if strict and noted else ExitCode.OK


@profiles.command(short_help="Make a profile from an exemplary host.")
@click.argument("host", metavar="[HOST]", required=False)
@click.option(
    "--from-records", "records", type=FILE, metavar="FILE", help="Read the host from saved records; contact nobody."
)
@auth_user_option
@click.option("--exact", is_flag=True, help="Forbid all other algorithms, also stronger ones.")
@click.option("--id", "id_", metavar="ID", help="Set the id of the profile.  [default: derived from the host name]")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write to FILE; an existing FILE is an error.")
@click.option("--force", is_flag=True, help="Replace an existing FILE.")
def make(
    host: str | None,
    records: str | None,
    auth_user: tuple[str, ...],
    exact: bool,
    id_: str | None,
    output: str | None,
    force: bool,
) -> int:
    """Make a profile from an exemplary host.

    HOST (host, host:port, [v6]:port) is scanned, or found in saved records. The profile allows exactly what it offers,
    and comments mark what is weak. The host must have been seen in full.
    """
    from sshprobe.profiles import is_profile_id
    from sshprobe.remedy.profile_from_host import golden_profile

    if output == "-":
        raise click.UsageError("`-o -` is not a file: without `-o` the profile goes to standard output")
    refuse_option_as_file(output)
    if id_ is not None and not is_profile_id(id_):
        raise click.UsageError(f"`--id {id_}` is not made of lower-case letters, digits, `.`, `_` and `-`")
    if output is not None:
        refuse_inputs(output, () if records is None else (records,))
        if not force and _holds_something(output):
            raise InputError("exists already: name another file with `-o`, or add `--force`", source=output)
        lock_output(output)
    if records is not None:
        text = golden_profile(_saved_host(records, host), id_, exact=exact)
    elif host is None:
        raise click.UsageError("no host: name one, or saved records with `--from-records FILE`")
    elif (
        Path(host.removesuffix(".zst").removesuffix(".gz")).suffix.lower() in (".json", ".jsonl", ".ndjson")
        and Path(host).is_file()
    ):
        raise click.UsageError(f"`{host}` is a file here: name a host in it, as in `--from-records {host} HOST`")
    else:
        observation = _scanned_host(host, auth_user)
        try:
            text = golden_profile(observation, id_, exact=exact)
        except InputError as error:
            print_message("error", str(error))
            return ExitCode.NOTHING_SCANNED
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    from sshprobe.store.files import replacing

    with replacing(output, private=False) as stream:
        stream.write(text.encode("utf-8"))
    return ExitCode.OK


def _holds_something(name: str) -> bool:
    """Return whether a file exists and has content. False if that is unknown: writing the file shows why."""
    try:
        there = Path(name).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(there.st_mode) and there.st_size > 0


def _scanned_host(text: str, auth_users: tuple[str, ...]) -> Observation:
    from sshprobe.cli.run import on_loop
    from sshprobe.scan.scanner import Scanner
    from sshprobe.targets import parse_targets

    targets = parse_targets([text])
    if targets.total != 1:
        raise InputError(f"names {targets.total:,} hosts: a profile is made of one", source=text)

    async def scan() -> list[HostRecord]:
        async with Scanner(auth_users=auth_users) as scanner:
            return [record async for record in scanner.scan(targets)]

    (record,) = on_loop(scan(), hosts=1)
    return record


def _saved_host(file: str, host: str | None) -> Observation:
    from sshprobe.model.observation import endpoint
    from sshprobe.model.records import HostRecord
    from sshprobe.store.reading import read_records

    found = [
        record
        for record in read_records([file], stdin=standard_input(), on_missing=note)
        if isinstance(record, HostRecord)
        and (host is None or host in (record.target, record.host, endpoint(record.host, record.port)))
    ]
    if len(found) != 1:
        which = "hosts" if host is None else f"records of {host}"
        raise InputError(f"has {len(found):,} {which}: name one host", source=file)
    return found[0]


def waiver_notes(profile: Profile, today: date) -> list[str]:
    """Return notes on the waivers and deadlines of a profile.

    A waiver can be expired, for every host, for critical findings, or without effect. A deadline can have passed.
    """
    from sshprobe.grading import finding_types
    from sshprobe.profiles.host_patterns import host_pattern

    notes = []
    for waiver in profile.waiver:
        about = waiver.finding if waiver.algorithm is None else f"{waiver.finding} {waiver.algorithm}"
        if waiver.finding not in finding_types():
            notes.append(f"the waiver of {about} waives nothing: there is no such finding")
        if waiver.until < today:
            notes.append(f"the waiver of {about} ran out on {waiver.until}")
        wide = [text for text in waiver.hosts if host_pattern(text).is_everything]
        if wide:
            notes.append(f"the waiver of {about} is for every host: `{wide[0]}`")
        if waiver.severity == "critical":
            notes.append(f"the waiver of {about} covers critical findings")
    for deadline in profile.deadline:
        if deadline.until < today:
            notes.append(f"the deadline of {deadline.section} ({deadline.where}) passed on {deadline.until}")
    return notes


def fields(value: dict[str, Any], terminal: Terminal, indent: str = "") -> list[str]:
    """Return a mapping as lines "name  value", wrapped; empty values are left out."""

    lines: list[str] = []
    filled = [(name, each) for name, each in value.items() if each not in (None, "", [], (), {})]
    plain = dict(sorted(filled, key=lambda item: _is_nested(item[1])))
    width = max((len(name) for name, each in plain.items() if not isinstance(each, dict)), default=0) + 2
    for name, each in plain.items():
        label = f"{indent}{escape_unprintable(name)}"
        if isinstance(each, dict):
            inner = fields(each, terminal, indent + "  ")
            lines += ["", terminal.paint(label, "bold"), *inner] if inner else []
        elif _is_nested(each):
            for item in each:
                lines += ["", terminal.paint(label, "bold"), *fields(item, terminal, indent + "  ")]
        else:
            text = ", ".join(map(str, each)) if isinstance(each, (list, tuple)) else str(each)
            if isinstance(each, bool):
                text = "yes" if each else "no"
            text = escape_unprintable(" ".join(text.split()))
            lines += terminal.wrap(text, indent=f"{indent}{'':<{width}}", first=f"{label:<{width + len(indent)}}")
    return lines


def _is_nested(value: object) -> bool:
    """Return whether a value is a table, or an array of tables."""
    return isinstance(value, dict) or (isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], dict))
