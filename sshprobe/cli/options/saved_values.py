"""Reads a table of saved options: each value as its option takes it, with relative paths resolved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

import click

from sshprobe.cli.options.config_file import ConfigFile
from sshprobe.model.errors import InputError

NOT_SAVED = frozenset({"saved", "save_as", "config", "count_only", "resume", "color", "debug", "help"})
"""Parameters that are never saved."""

SCHEDULE_KEYS = ("schedule", "timezone")
"""Keys of a table `[scan.NAME]` that are not options: `sshprobe serve` reads them."""

JOINED = frozenset({"ports"})
"""Repeatable, but saved as one word, as before it became repeatable."""


def saved_values(
    file: ConfigFile, ctx: click.Context, command: str, name: str, errors: list[InputError]
) -> dict[str, Any]:
    """Return the values of a table by the names of their parameters. Errors are added to `errors`.

    The keys of `SCHEDULE_KEYS` are left out, and a named file adds its history.
    """
    parameters = {key_of(each): each for each in ctx.command.params if each.name not in NOT_SAVED}
    values: dict[str, Any] = {}
    for key, value in file.tables(command)[name].items():
        if command == "scan" and key in SCHEDULE_KEYS:
            continue
        try:
            if key not in parameters:
                known = [*parameters, *(SCHEDULE_KEYS if command == "scan" else ())]
                file.fail((command, name, key), f"is not an option that can be saved{did_you_mean(key, known)}")
            param = parameters[key]
            try:
                values[str(param.name)] = _at_file(file, param, _checked(param, value, ctx))
            except click.BadParameter as error:
                file.fail((command, name, key), error.message.removesuffix("."))
        except InputError as error:
            errors.append(error)
    if file.is_named and command == "scan":
        kept = file.document.get("history", {})
        if isinstance(kept, dict):
            if isinstance(kept.get("url"), str):
                values.setdefault("history", history_place(file, kept["url"]))
            if "spool" in kept and "history" in values:
                values.setdefault("spool", file.resolved(str(kept["spool"])))
            if "keep-days" in kept:
                values.setdefault("history_days", kept["keep-days"])
    return values


def did_you_mean(key: str, known: Iterable[str]) -> str:
    """Return ": did you mean `...`?", or "" if no known key is similar."""
    import difflib  # only needed for a mistake

    close = difflib.get_close_matches(key, list(known), n=1)
    return f": did you mean `{close[0]}`?" if close else ""


def history_place(file: ConfigFile, url: str) -> str:
    """Return the name of a history in a file: a path is resolved, and ${NAME} is the environment variable NAME."""
    url = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), url)
    return url if url == "default" or "://" in url else file.resolved(url)


_PATHS = frozenset(
    {
        *("files", "inventories", "exclude_files", "output", "trace", "weak_keys", "notify", "profile_names"),
        *("history", "spool"),
    }
)
"""Parameters whose values may be paths."""


def _at_file(file: ConfigFile, param: click.Parameter, value: Any) -> Any:
    """Return a value with its relative paths resolved."""
    if param.name not in _PATHS:
        return value
    if isinstance(value, list):
        return [_at_file(file, param, each) for each in value]
    if param.name == "history":
        return history_place(file, value)
    is_name = value in ("-", "env") or (param.name == "profile_names" and not value.endswith(".toml"))
    return value if is_name else file.resolved(value)


_ONCE_SINGLE = frozenset({"auth_user"})
"""Options that are repeatable now, but took one value in earlier versions."""


def _checked(param: click.Parameter, value: Any, ctx: click.Context) -> Any:
    """Return a value of TOML in the form of the command line. Raises `click.BadParameter`."""
    found: Any
    if getattr(param, "is_flag", False):
        if not isinstance(value, bool):
            raise click.BadParameter("must be true or false")
        return value
    if param.name in _ONCE_SINGLE and isinstance(value, str):
        value = [value]
    if param.name in JOINED and _is_word(value):
        value = [value]
    if param.multiple or param.nargs == -1:
        if not isinstance(value, list) or not all(_is_word(each) for each in value):
            raise click.BadParameter("must be a list of strings")
        found = [str(each) for each in value]
    else:
        if not _is_word(value):
            raise click.BadParameter("must be a string or a number")
        found = str(value)
    param.type_cast_value(ctx, found)
    return found


def _is_word(value: object) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def key_of(param: click.Parameter) -> str:
    """Return the name of a parameter in the file, as on the command line."""
    return next((name[2:] for name in param.opts if name.startswith("--")), param.name or "")
