"""The entry point: the list of commands, and errors as one line on standard error."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from sshprobe import __version__
from sshprobe.cli.command_group import Interrupted, LazyCommand, LazyGroup, ReaderGone, variable_of
from sshprobe.cli.exit_codes import ExitCode
from sshprobe.cli.internal_errors import add_shared_options, one_line_hooks, words_of
from sshprobe.cli.standard_streams import (
    give_up_standard_output,
    guard_standard_streams,
    print_message,
    standard_output_error,
)
from sshprobe.model.errors import InputError
from sshprobe.platform.signals import handling

COMMANDS = {
    "scan": LazyCommand("sshprobe.cli.scan:scan", "Probe SSH servers and grade them."),
    "grade": LazyCommand("sshprobe.cli.grade:grade", "Grade saved records again, offline."),
    "report": LazyCommand("sshprobe.cli.report:report", "Report what hosts in saved records have in common."),
    "diff": LazyCommand("sshprobe.cli.diff:diff", "Show what changed between two scans."),
    "profiles": LazyCommand("sshprobe.cli.profiles:profiles", "List, show, check or make recommended profiles."),
    "history": LazyCommand("sshprobe.cli.history:history", "Show how a fleet changed over scans with `--history`."),
    "serve": LazyCommand("sshprobe.cli.serve:serve", "Serve a dashboard, an API, and metrics for Prometheus."),
    "config": LazyCommand("sshprobe.cli.config:config", "Check sshprobe.toml, or make a token for `serve`."),
    "explain": LazyCommand("sshprobe.cli.explain:explain", "Explain an algorithm or a finding."),
    "schema": LazyCommand("sshprobe.cli.schema:schema", "Print the JSON Schema of the records."),
    "completion": LazyCommand("sshprobe.cli.completion:completion", "Print a completion script for bash, zsh or fish."),
    "demo": LazyCommand("sshprobe.cli.demo:demo", "Scan a small mixed fleet on loopback and show the report."),
}


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    invoke_without_command=True,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 --fail-on was reached, 2 wrong usage or input, 3 no host could be graded, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="sshprobe", message="%(prog)s %(version)s")
@click.pass_context
def sshprobe(context: click.Context) -> None:
    """Scan SSH servers and grade what they offer against recommended profiles."""
    if context.invoked_subcommand is None:
        raise click.UsageError("no command: see `sshprobe --help`")


add_shared_options(sshprobe)


_SHORT = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""System errors for a lack of processes, memory or open files."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Never raises for a mistake of the user."""
    try:
        _open_standard_descriptors()
        guard_standard_streams()
        one_line_hooks()
        with handling(_end, interrupts=False):
            return _run(arguments)
    except (Interrupted, click.Abort, KeyboardInterrupt):
        give_up_standard_output()
        return ExitCode.INTERRUPTED


def _end(number: int, frame: FrameType | None) -> None:
    """Treat SIGTERM, SIGHUP and SIGQUIT as Ctrl-C, so that cleanup code runs."""
    raise KeyboardInterrupt


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = sshprobe.main(
            args=None if arguments is None else list(arguments), prog_name="sshprobe", standalone_mode=False
        )
        sys.stdout.flush()
        failure = standard_output_error()
        if failure is not None:
            failed = _fail(str(failure))
            return int(code or failed)
        return int(code or 0)
    except InputError as error:
        return _fail(str(error))
    except click.MissingParameter as error:
        command = "sshprobe" if error.ctx is None else error.ctx.command_path
        return _fail(f"{_first_small(error.format_message())}: see `{command} --help`")
    except click.BadParameter as error:
        variable = variable_of(error)
        if variable is not None:
            return _fail(f"{variable}: {_first_small(error.message)}")
        return _fail(_first_small(error.format_message()))
    except click.ClickException as error:
        return _fail(_first_small(error.format_message()))
    except (ReaderGone, BrokenPipeError):
        give_up_standard_output()
        return ExitCode.READER_GONE
    except OSError as error:  # usually a full disk
        give_up_standard_output()
        name = f"{error.filename}: " if error.filename else "this machine: " if error.errno in _SHORT else ""
        return _fail(f"{name}{error.strerror or error}")
    except (Interrupted, click.Abort):
        raise
    except Exception as error:
        return _fail(words_of(error))


def _open_standard_descriptors() -> None:
    """Open /dev/null for closed descriptors 0 to 2, so that no socket or record file gets one of these numbers."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until exit


def _fail(message: str) -> int:
    print_message("error", message)
    return ExitCode.USAGE


def _first_small(text: str) -> str:
    """Return a message of click in our style: no capital at its start, no full stop at its end."""
    text = " ".join(text.split())
    return text[:1].lower() + text[1:].removesuffix(".")
