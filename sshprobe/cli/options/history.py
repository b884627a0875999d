"""The option that names a history, and the function that opens it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from sshprobe.cli.options.values import Command
from sshprobe.model.errors import InputError, missing_extra

if TYPE_CHECKING:
    from sshprobe.store.history.database import Database

DEFAULT = "default"
"""The name of the history in the user's state folder."""

VARIABLE = "SSHPROBE_HISTORY"
"""The environment variable that names the history for all commands."""


def history_option(text: str) -> Callable[[Command], Command]:
    """Return the option --history with a help text; its value is the argument `history`."""
    return click.option("--history", metavar="URL", envvar=VARIABLE, help=text)


def open_database(words: str, *, create: bool = False, migrate: bool = False) -> Database:
    """Open a history (see `sshprobe.store.history.database.open_history`).

    Raises:
        InputError: if the database cannot be used, or the extra `history` is not installed.
    """
    try:
        from sshprobe.store.history.database import open_history

        return open_history(words, create=create, migrate=migrate)
    except ImportError as error:
        package = (error.name or "sqlalchemy").partition(".")[0]
        extra = "postgresql" if words.startswith("postgresql") else "history"
        raise missing_extra(package, extra, source="--history") from None


def scan_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the scans that a shell suggests; none of a history that cannot be read."""
    try:
        with contextlib.closing(open_database(context.params.get("history") or DEFAULT)) as database:
            from sshprobe.store.history.queries import scans

            return [scan.scan_id for scan in scans(database) if scan.scan_id.startswith(incomplete)]
    except InputError:
        return []
