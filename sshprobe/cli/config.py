"""`sshprobe config`: check a configuration file, and make tokens for `sshprobe serve`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click

from sshprobe.cli.command_group import CommandGroup
from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.options.config_file import ConfigFile, config_file, config_option
from sshprobe.model.errors import InputError, missing_extra
from sshprobe.model.escape import escape_unprintable
from sshprobe.render.text.phrases import count


@click.group(cls=CommandGroup, invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def config(context: click.Context) -> None:
    """Check sshprobe.toml, and make tokens for `sshprobe serve`."""
    if context.invoked_subcommand is None:
        raise click.UsageError("no command: `sshprobe config` takes `check` or `token`")


@config.command()
@config_option
def check() -> int:
    """Check a configuration file, and print what is in it.

    All errors are printed, each with its line. Example: sshprobe config check --config sshprobe.toml
    """
    try:
        from sshprobe.cli.configuration import read_configuration
    except ModuleNotFoundError as missing:
        raise missing_extra((missing.name or "cronsim").partition(".")[0], "serve", source="config") from None
    file = ConfigFile(config_file())
    found, errors = read_configuration(file)
    for error in errors:
        click.echo(f"error: {error}", err=True)
    if errors:
        return ExitCode.USAGE
    now = datetime.now(UTC)
    click.echo(f"{file.path} is right: {count(len(found.scans), 'saved scan')}, {count(len(found.modules), 'module')}.")
    for name, schedule in found.schedules.items():
        click.echo(f"{name} runs next on {schedule.following(now):%Y-%m-%d %H:%M} UTC ({schedule.cron}).")
    return ExitCode.OK


@config.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "scan"]),
    multiple=True,
    default=("read",),
    show_default=True,
    help="Allow pages and metrics, or scans too. Repeatable.",
)
def token(name: str, scopes: tuple[str, ...]) -> int:
    """Make a token for `sshprobe serve`, and print the table for the configuration file.

    The token is shown once. The file has only its SHA-256. Example: sshprobe config token grafana
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise InputError(f"a name has letters, digits, - and _, not {escape_unprintable(name)!r}")
    try:
        from sshprobe.serve.http.access import new_token
    except ModuleNotFoundError as error:
        raise missing_extra((error.name or "starlette").partition(".")[0], "serve", source="config") from None
    secret, digest = new_token()
    named = ", ".join(f'"{scope}"' for scope in dict.fromkeys(("read", *scopes)))
    click.echo(f"The token, which is shown only now: {secret}", err=True)
    click.echo(f'[serve.token.{name}]\nsha256 = "{digest}"\nscopes = [{named}]')
    return ExitCode.OK
