"""A command group that imports a command only when it is run, and lists all without importing any."""

from __future__ import annotations

import difflib
import importlib
from typing import Any, NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command is, "module:name", and the line that the list of commands shows."""

    place: str
    help: str


class ReaderGone(Exception):
    """Whoever read our standard output closed it."""


class Interrupted(Exception):
    """Ctrl-C where there was nothing to finish."""


class LazyGroup(click.Group):
    """A `click.Group` over `LazyCommand`s."""

    def __init__(self, *args: Any, lazy_commands: dict[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy_commands

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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with."""
        if args and not args[0].startswith("-") and args[0] not in self._lazy:
            close = difflib.get_close_matches(args[0], self._lazy, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "see `sshprobe --help`"
            raise click.UsageError(f"unknown command `{args[0]}`: {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Two ways to end early leave here under our own names, before click acts on them."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None
        except KeyboardInterrupt:
            raise Interrupted from None
