"""The options of every command, `--color` and `--debug`; and one line for each of our own bugs, on every path."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from sshprobe.cli.standard_streams import choose_colour, has_colour, print_message
from sshprobe.model.errors import DEBUG_VARIABLE, MachineError, bug_line, is_debugging


def _set_debugging(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        os.environ[DEBUG_VARIABLE] = "1"  # worker processes inherit it


def _set_colour(context: click.Context, parameter: click.Parameter, value: str) -> None:
    is_given = context.get_parameter_source("color") is not ParameterSource.DEFAULT
    if is_given or context.parent is None:  # otherwise `sshprobe --color` before the command applies
        choose_colour(value)
        context.color = has_colour(sys.stdout)  # click.echo reads it


def add_shared_options(command: click.Command) -> None:
    """Add --color and --debug to a command and its subcommands."""
    if any(param.name == "debug" for param in command.params):
        return
    command.params += [
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            is_eager=True,
            expose_value=False,
            callback=_set_colour,
            help="Use colours; auto means only on a terminal.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            allow_from_autoenv=False,
            callback=_set_debugging,
            help="Show the traceback of an internal error.",
        ),
    ]
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_shared_options(each)


def words_of(error: BaseException) -> str:
    """Return one line for an unexpected exception; with `--debug`, print its traceback first."""
    if is_debugging():
        traceback.print_exception(error, file=sys.stderr)
    known = machine_error(error)
    return str(known) if known is not None else bug_line(error)


def machine_error(error: BaseException) -> MachineError | None:
    """Return the `MachineError` for an exception caused by a lack of memory or threads, else None."""
    if isinstance(error, MachineError):
        return error
    if isinstance(error, MemoryError):
        return MachineError("this machine: out of memory")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return MachineError("this machine: no further thread can be started")
    return None


def one_line_hooks() -> None:
    """Print one line for exceptions in threads and for ignored exceptions too."""

    def printing(silent: type[BaseException]) -> Callable[[Any], None]:
        def hook(arguments: Any) -> None:
            error = arguments.exc_value
            if error is not None and not isinstance(error, silent):
                print_message("error", words_of(error))

        return hook

    threading.excepthook = printing(SystemExit)
    sys.unraisablehook = printing(KeyboardInterrupt)
