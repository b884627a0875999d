"""Saved options: tables `[COMMAND.NAME]` in the user's `config.toml`.

The command line comes first, then the environment, the saved table, and defaults. Three exceptions avoid surprises:
exclusions add up, an option removes the lower ones that it replaces, and a saved `--yes` applies to saved targets only.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from sshprobe.cli.options.config_file import ConfigFile, choose_config_file, config_file, config_option
from sshprobe.cli.options.output import OUTPUT_FORMATS
from sshprobe.cli.options.saved_values import JOINED, NOT_SAVED, key_of, saved_values
from sshprobe.cli.options.values import GroupedHelp
from sshprobe.cli.standard_streams import is_quiet
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable

Command = TypeVar("Command", bound=Callable[..., Any])


ADDED = ("exclude", "exclude_files")
"""Parameters whose values from all places add up."""


_FROM = ("targets", "files", "inventories", "records")
_META = "sshprobe.saved"

SAVED_AS = "sshprobe.saved-as"
"""The name of the table in use, in `Context.meta`."""


class Displacement(NamedTuple):
    """If an option of `by` is given, options of `what` from places of lower precedence are ignored."""

    by: tuple[str, ...]
    what: tuple[str, ...]


DISPLACEMENTS = (
    Displacement(_FROM, (*_FROM, "inventory_format", "statuses", "grades")),
    Displacement(("resume",), ("output", "format_")),
    Displacement(("output",), ("resume", "format_")),
    Displacement(("ipv4",), ("ipv6",)),
    Displacement(("ipv6",), ("ipv4",)),
)


def saved_options(command: Command) -> Command:
    """Add --saved and --save-as to a `SavableCommand`, which is given the name to save as, if any, as `save_as`."""
    command = click.option(
        "--save-as",
        metavar="NAME",
        allow_from_autoenv=False,
        help="Save these options and targets as NAME; scan targets, if any.",
    )(command)
    command = click.option(
        "--saved",
        metavar="NAME",
        is_eager=True,
        expose_value=False,
        callback=_use_saved,
        shell_complete=_saved_names,
        help="Use the options saved as NAME; options given here come first.",
    )(command)
    return config_option(command)


class SavableCommand(GroupedHelp):
    """A command whose options can come from a saved table."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and choose for each option between command line, environment, saved table and default."""
        given: dict[str, Any] = dict(self.make_parser(ctx).parse_args(args=list(args))[0])
        choose_config_file(ctx, given.get("config"))  # before --saved, which reads it
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:
            return rest
        saved: dict[str, Any] = ctx.meta.get(_META, {})
        parameters = {param.name: param for param in self.params if param.name}
        if not ctx.params.get("targets") and saved.get("targets"):
            ctx.params["targets"] = tuple(saved["targets"])
            ctx.set_parameter_source("targets", ParameterSource.DEFAULT_MAP)
        for name in ADDED:
            param = parameters[name]
            places = [given.get(name), param.value_from_envvar(ctx), saved.get(name)]
            # Where an option has no default, click has a sentinel, which differs between its versions.
            ctx.params[name] = tuple(value for place in places if isinstance(place, (list, tuple)) for value in place)
        _displace(ctx, parameters)
        ctx.meta[_META] = {
            key_of(param): _worth_saving(param, ctx.params[name], given.get(name), saved.get(name))
            for name, param in parameters.items()
            if name not in NOT_SAVED
            and (_rank(ctx, name) in (_COMMAND_LINE, _SAVED) or (name in ADDED and name in saved))
        }
        return rest


_COMMAND_LINE, _ENVIRONMENT, _SAVED, _DEFAULT = range(4)


def _rank(ctx: click.Context, name: str) -> int:
    """Return the precedence of a value; 0 is the highest. False, None and () count as not given."""
    value = ctx.params.get(name)
    if value is None or value is False or value == ():
        return _DEFAULT
    ranks = {
        ParameterSource.COMMANDLINE: _COMMAND_LINE,
        ParameterSource.ENVIRONMENT: _ENVIRONMENT,
        ParameterSource.DEFAULT_MAP: _SAVED,
    }
    source = ctx.get_parameter_source(name)
    return _DEFAULT if source is None else ranks.get(source, _DEFAULT)


def _displace(ctx: click.Context, parameters: dict[str, click.Parameter]) -> None:
    def leave_out(name: str) -> None:
        param = parameters[name]
        several = param.nargs == -1 or param.multiple
        ctx.params[name] = () if several else False if getattr(param, "is_flag", False) else None
        ctx.set_parameter_source(name, ParameterSource.DEFAULT)

    if _rank(ctx, "yes") == _SAVED and min(_rank(ctx, name) for name in _FROM) < _SAVED:
        leave_out("yes")
    fix = _rank(ctx, "fix")
    format_ = _rank(ctx, "format_")
    if ctx.params["format_"] in OUTPUT_FORMATS and fix != format_:  # no format of a fix
        leave_out("fix" if format_ < fix else "format_")
    if fix != _rank(ctx, "verbose"):
        leave_out("fix" if _rank(ctx, "verbose") < fix else "verbose")
    for by, what in DISPLACEMENTS:
        strongest = min(_rank(ctx, name) for name in by)
        for name in what:
            if strongest < _rank(ctx, name) < _DEFAULT:
                leave_out(name)


# -- reading ---------------------------------------------------------------------------------------------------------


def _saved_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    tables = ConfigFile(config_file()).tables(ctx.command.name or "")
    return [name for name in tables if name.startswith(incomplete)]


def _use_saved(ctx: click.Context, param: click.Parameter, name: str | None) -> None:
    if name is None or ctx.resilient_parsing:
        return
    path = config_file()
    command = ctx.command.name or ""
    file = ConfigFile(path)
    tables = file.tables(command)
    if name not in tables:
        known = f"saved: {', '.join(map(repr, tables))}" if tables else f"use `sshprobe {command} --save-as NAME`"
        raise InputError(escape_unprintable(f"no options are saved as {name!r}: {known}"), source=str(path))
    errors: list[InputError] = []
    values = saved_values(file, ctx, command, name, errors)
    if errors:
        raise errors[0]
    ctx.meta[_META] = values
    ctx.meta[SAVED_AS] = name
    ctx.default_map = {key: value for key, value in values.items() if key != "targets"}


# -- writing ---------------------------------------------------------------------------------------------------------


class NewTable:
    """A table to save: checked by the constructor, written by `write`.

    Raises `InputError` if the name is invalid or in use, or the file is not TOML.
    """

    def __init__(self, ctx: click.Context, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise InputError(f"`--save-as` takes a name of letters, digits, - and _, not {escape_unprintable(name)!r}")
        self._name = name
        command = ctx.command.name or ""
        self._file = ConfigFile(config_file())
        if name in self._file.tables(command):
            raise InputError(
                f"`{name}` is saved already: remove the table that begins here, or choose another name",
                source=str(self._file.path),
                line=self._file.line(command, name),
            )
        lines = [f"[{command}.{name}]", *(f"{key} = {_toml(value)}" for key, value in ctx.meta[_META].items())]
        gap = "\n" * (0 if not self._file.text else 1 if self._file.text.endswith("\n") else 2)
        self._addition = gap + "\n".join(lines) + "\n"
        self._check(command)

    def _check(self, command: str) -> None:
        """Raise an error instead of writing an invalid file: `scan = {}` in it allows no further table."""
        from sshprobe.profiles.toml_files import toml_document

        try:
            self._addition.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError("only UTF-8 text can be saved") from None
        try:
            toml_document(self._file.text + self._addition, source=str(self._file.path))
        except InputError:
            raise InputError(
                f"no table can be added to `{command}`", source=str(self._file.path), line=self._file.line(command)
            ) from None

    def write(self) -> None:
        """Append the table to the file, and report it on standard error. Raises `InputError`.

        The file is replaced atomically: half a table would make it unreadable.
        """
        from sshprobe.store.files import replacing, writing

        path = self._file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with writing(str(path)), replacing(str(path), private=False) as stream:
                if path.exists():
                    stream.write(path.read_bytes())  # another process may have added a table since
                stream.write(self._addition.encode("utf-8"))
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", source=str(path)) from None
        if not is_quiet():
            print(f"saved as `{self._name}` in {escape_unprintable(str(path))}", file=sys.stderr, flush=True)


def _worth_saving(param: click.Parameter, value: Any, given: Any, saved: Any) -> Any:
    """Return the value to write: text as typed, numbers and flags with their types."""
    if param.name in ADDED:
        return [*_words(given), *_words(saved)]
    if isinstance(value, (bool, int, float)):
        return value
    words = given if isinstance(given, str) or (isinstance(given, (list, tuple)) and given) else saved
    if param.name in JOINED:
        return ",".join(words)
    return words if isinstance(words, str) else list(words)


def _words(values: Any) -> Iterable[str]:
    return values if isinstance(values, (list, tuple)) else ()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    import json  # nothing else here needs it

    # JSON escapes what TOML wants escaped, except one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
