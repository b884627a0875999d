"""A command group that imports a command only when it is run, and lists all without importing any."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from sshprobe.cli.internal_errors import add_shared_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyCommand(NamedTuple):
    """The place of a command, "module:name", and its line in the list of commands."""

    place: str
    help: str


class ReaderGone(Exception):
    """The reader of our standard output closed it."""


class Interrupted(Exception):
    """Ctrl-C where there was nothing to finish."""


class CommandGroup(click.Group):
    """A `click.Group` whose error for an unknown command has the form of our other errors."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with."""
        if args and not ctx.resilient_parsing and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            if args[0] not in known:
                raise click.UsageError(f"unknown command `{args[0]}`: {self.hint(ctx, args[0], known)}")
        return super().resolve_command(ctx, args)

    def hint(self, ctx: click.Context, word: str, known: list[str]) -> str:
        """Return advice on a word that is not one of the `known` commands."""
        import difflib  # only needed for a mistake

        close = difflib.get_close_matches(word, known, n=1)
        return f"did you mean `{close[0]}`?" if close else f"see `{ctx.command_path} --help`"


class LazyGroup(CommandGroup):
    """A group over `LazyCommand`s."""

    def __init__(self, *args: Any, lazy_commands: dict[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy_commands

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command. `-host` is not `-h`, and `-p 22` belongs to a command."""
        first = args[0].partition("=")[0] if args and not ctx.resilient_parsing else ""
        ours = {*ctx.help_option_names, *(name for param in self.get_params(ctx) for name in param.opts)}
        if first.startswith("-") and first != "-" and first not in ours:
            raise click.UsageError(
                f"`{first}` is in the place of a command, as in `sshprobe scan HOST`: see `sshprobe --help`"
            )
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the design, not of the alphabet."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None for an unknown one."""
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return None
        module, _, name = lazy.place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        add_shared_options(command)
        for option in command.params:
            if isinstance(option, click.Option) and option.allow_from_autoenv:
                name_variable(option, cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that an incomplete word may become."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=lazy.help) for name, lazy in self._lazy.items()]
        return [each for each in found if each.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with."""
        if ctx.resilient_parsing:  # shell completion: an incomplete line is not an error
            return super().resolve_command(ctx, args)
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None and not isinstance(command, click.Group):
            _note_unknown_variables(name, command)
            _refuse_foreign_options(command, rest)
        elif isinstance(command, click.Group) and rest and rest[0] in command.commands:
            _refuse_foreign_options(command.commands[rest[0]], rest[1:])
        return name, command, rest

    def hint(self, ctx: click.Context, word: str, known: list[str]) -> str:
        """Return the command for a host or network, else a similar name."""
        if word == "localhost" or any(mark in word for mark in ".:/["):
            return f"to scan it, `sshprobe scan {word}`"
        return super().hint(ctx, word, known)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A closed pipe and Ctrl-C leave as our own exceptions, before click handles them."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None
        except KeyboardInterrupt:
            raise Interrupted from None


def _refuse_foreign_options(command: click.Command, words: list[str]) -> None:
    if any(word.startswith("-") for word in words):
        from sshprobe.cli.options.foreign import refuse_foreign_options

        refuse_foreign_options(command, words)


def name_variable(option: click.Option, command: str) -> None:
    """Read options from the environment too: `--fail-on` of `scan` from SSHPROBE_SCAN_FAIL_ON.

    click would derive the names from our Python parameters, not from the options that users see.
    """
    seen = next((name[2:] for name in option.opts if name.startswith("--")), option.name or "")
    name = f"SSHPROBE_{command}_{seen}".upper().replace("-", "_")
    others = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    option.envvar = [name, *(other for other in others if other != name)]


def _note_unknown_variables(name: str, command: click.Command) -> None:
    """Note variables that look like options but are not: a misspelt `..._EXCLUDE` excludes no host."""
    prefix = f"SSHPROBE_{name}_".upper()
    set_here = [each for each in os.environ if each.startswith(prefix) and os.environ[each]]
    if not set_here:
        return
    import difflib

    from sshprobe.cli.output_file import note

    named = {each for option in command.params for each in (option.envvar or ())}
    options = [each.removeprefix(prefix) for each in named if each.startswith(prefix)]
    for variable in sorted(set(set_here) - named):
        close = difflib.get_close_matches(variable.removeprefix(prefix), options, n=1)
        hint = f": did you mean {prefix}{close[0]}?" if close else ""
        note(f"{variable} in the environment is not an option of `sshprobe {name}`{hint}")


def variable_of(error: click.BadParameter) -> str | None:
    """Return the environment variable whose value is wrong, if it came from one."""
    option, context = error.param, error.ctx
    if context is None or option is None or option.name is None:
        return None
    if context.get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT:
        return None
    names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    return next((name for name in names if os.environ.get(name)), None)
