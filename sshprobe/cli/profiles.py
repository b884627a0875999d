"""`sshprobe profiles`: list, show and check recommended profiles."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from sshprobe.cli.options import terminal

if TYPE_CHECKING:
    from sshprobe.profiles import Profile
    from sshprobe.report.terminal import Terminal


@click.group(invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def profiles(context: click.Context) -> None:
    """List, show or check recommended profiles."""
    if context.invoked_subcommand is None:
        raise click.UsageError("no command: `sshprobe profiles` takes `list`, `show` or `check`")


@profiles.command("list")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
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
    from tabulate import tabulate

    cells = [[each.id, each.version, each.date, each.title + _remark(each)] for each in found]
    cells.append([FAMILY, stock_range(), "", "what that release of OpenSSH offers by default"])
    click.echo(tabulate(cells, ["id", "version", "date", "title"], tablefmt="plain", disable_numparse=True))


def _remark(profile: Profile) -> str:
    return " (not wholly verified)" if profile.not_verified else ""


@profiles.command()
@click.argument("name", metavar="ID|FILE")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "toml", "sshd_config", "ssh_config"]),
    default="table",
    show_default=True,
    help="sshd_config and ssh_config: lines for OpenSSH's server or client.",
)
@click.option(
    "--openssh",
    "release",
    metavar="X.Y",
    help="The release of OpenSSH that the lines are for. Default: the newest that we know.",
)
def show(name: str, format_: str, release: str | None) -> None:
    """Show what a profile recommends."""
    import msgspec

    from sshprobe.profiles import builtin_profile_text, is_built_in, load_profile

    if release is not None and format_ not in ("sshd_config", "ssh_config"):
        raise click.UsageError("`--openssh` is for `--format sshd_config` and `--format ssh_config`")
    profile = load_profile(name)  # a broken file is an error in every format
    if format_ in ("sshd_config", "ssh_config"):
        from sshprobe.grading.configuration import NEWEST_OPENSSH, ssh_config, sshd_config

        written = sshd_config if format_ == "sshd_config" else ssh_config
        click.echo("\n".join(written(profile, NEWEST_OPENSSH if release is None else release)))
    elif format_ == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(profile)))
    elif format_ == "toml":
        from pathlib import Path

        from sshprobe.escape import escape_unprintable

        text = builtin_profile_text(name) if is_built_in(name) else Path(name).read_text(encoding="utf-8")
        click.echo("\n".join(escape_unprintable(line.expandtabs()) for line in text.splitlines()))
    else:
        click.echo("\n".join(fields(msgspec.to_builtins(profile), terminal())))


@profiles.command(short_help="Check profiles of your own.")
@click.argument("files", metavar="FILE...", nargs=-1)
def check(files: tuple[str, ...]) -> None:
    """Check profiles of your own: exit 0, or 2 and what is wrong, with its line."""
    from sshprobe.escape import escape_unprintable
    from sshprobe.profiles import load_profile

    if not files:
        raise click.UsageError("no profile to check: name a file")
    checked = [(file, load_profile(file)) for file in files]
    for file, profile in checked:
        click.echo(escape_unprintable(f"{file}: ok ({profile.id}, {profile.version})"))
        notes = [f"`{name}` is not in the catalogue" for name in profile.unknown_names]
        notes += waiver_notes(profile, datetime.now(UTC).date())
        for note in notes:
            click.echo(escape_unprintable(f"{file}: note: {note}"))


def waiver_notes(profile: Profile, today: date) -> list[str]:
    """Return what to know of the waivers of a profile: which ran out, mean every host, or waive what nothing finds."""
    from sshprobe.grading import finding_ids
    from sshprobe.profiles.host_patterns import host_pattern

    notes = []
    for waiver in profile.waiver:
        about = waiver.finding if waiver.algorithm is None else f"{waiver.finding} {waiver.algorithm}"
        if waiver.finding not in finding_ids():
            notes.append(f"the waiver of {about} waives nothing: there is no such finding")
        if waiver.until < today:
            notes.append(f"the waiver of {about} ran out on {waiver.until}")
        wide = [text for text in waiver.hosts if host_pattern(text).is_everything]
        if wide:
            notes.append(f"the waiver of {about} is for every host: `{wide[0]}`")
        if waiver.severity == "critical":
            notes.append(f"the waiver of {about} covers critical findings")
    return notes


def fields(value: dict[str, Any], terminal: Terminal, indent: str = "") -> list[str]:
    """Return a mapping as lines "name  value", wrapped; what is empty is left out."""
    from sshprobe.escape import escape_unprintable

    lines: list[str] = []
    plain = {name: each for name, each in value.items() if each not in (None, "", [], (), {})}
    width = max((len(name) for name, each in plain.items() if not isinstance(each, dict)), default=0) + 2
    for name, each in plain.items():
        label = f"{indent}{escape_unprintable(name)}"
        if isinstance(each, dict):
            inner = fields(each, terminal, indent + "  ")
            lines += ["", terminal.paint(label, "bold"), *inner] if inner else []
        elif isinstance(each, (list, tuple)) and each and isinstance(each[0], dict):
            for item in each:
                lines += ["", terminal.paint(label, "bold"), *fields(item, terminal, indent + "  ")]
        else:
            text = ", ".join(map(str, each)) if isinstance(each, (list, tuple)) else str(each)
            text = escape_unprintable(" ".join(text.split()))
            lines += terminal.wrap(text, indent=f"{indent}{'':<{width}}", first=f"{label:<{width + len(indent)}}")
    return lines
