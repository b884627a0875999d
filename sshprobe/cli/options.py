"""Options that several commands share, and the types that check their values."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TextIO, TypeVar

import click

from sshprobe.cli.fail_on import FailOn
from sshprobe.cli.fix import FIX_FORMATS, RECORD_FORMATS
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.profiles import Profile
    from sshprobe.render.text.terminal import Terminal

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_PROFILE = "sshprobe-2026"
"""`sshprobe.profiles.DEFAULT_PROFILE`, which would take long to import for `--help`; a test holds them together."""


class PositiveNumber(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A number above 0 and at most `largest`: seconds, or a rate."""

    def __init__(self, name: str, largest: float, *, zero: bool = False) -> None:
        self.name = name
        self._largest = largest
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number that `value` names."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        # NaN compares false with everything, so it must fail the test and not pass one.
        if not (math.isfinite(number) and (number > 0 or (self._zero and number == 0)) and number <= self._largest):
            low = "0 or more" if self._zero else "above 0"
            self.fail(f"{value!r} is not {low} and at most {self._largest:g}", param, ctx)
        return number


class WholeNumber(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A whole number between two. Unlike `click.IntRange` it puts no inequality into the help."""

    name = "n"

    def __init__(self, least: int, largest: int) -> None:
        self._least = least
        self._largest = largest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number that `value` names."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if not self._least <= number <= self._largest:
            self.fail(f"{number} is not between {self._least} and {self._largest}", param, ctx)
        return number


class UserName(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A user name that can be sent to a server."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        text = str(value)
        if not text:
            self.fail("a user name cannot be empty", param, ctx)
        if not text.isprintable() or len(text.encode("utf-8", "replace")) > 255:
            self.fail("a user name is at most 255 printable characters", param, ctx)
        return text


DEFAULT_AUTH_USERS = ("root", "nobody")
"""Those of `sshprobe.probe.options`, which would take long to import for `--help`; a test holds them together."""


def auth_user_option(command: Command) -> Command:
    """Add --auth-user."""
    return click.option(
        "--auth-user",
        type=UserName(),
        multiple=True,
        default=DEFAULT_AUTH_USERS,
        show_default=True,
        help="Whose methods to ask for. Repeatable: one on each connection that is made anyway.",
    )(command)


SECONDS = PositiveNumber("seconds", 86_400)
WAIT = PositiveNumber("seconds", 86_400, zero=True)
RATE = PositiveNumber("rate", 1_000_000, zero=True)


def grading_options(command: Command) -> Command:
    """Add --profile, --strict and --fail-on."""
    for option in (
        click.option(
            "--fail-on",
            "thresholds",
            type=FailOn(),
            multiple=True,
            help="Exit with 1 if a host has a finding of this severity (critical, high, medium, low) or above, this "
            "grade (A, B, C, D, F) or a worse one, or is not shown to comply (noncompliant). A server that answers and "
            "cannot be judged reaches all of them; a target that takes no connection or speaks no SSH, none. "
            "Repeatable.",
        ),
        click.option("--strict", is_flag=True, help="What a profile does not list is a deviation, stronger or not."),
        click.option(
            "--profile",
            "profile_names",
            metavar="ID|FILE",
            multiple=True,
            default=(DEFAULT_PROFILE,),
            show_default=True,
            help="Profile to grade against. Repeatable: one verdict each, the first decides the order.",
        ),
    ):
        command = option(command)
    return command


def refuse_option_as_file(value: str | None) -> None:
    """Raise `click.UsageError` where the name of a file was left out, and the next option taken for it."""
    if value is not None and value.startswith("-"):
        raise click.UsageError(f"`-o` needs a file: `{value}` looks like an option; write `./{value}` if it is a file")


def _no_dash(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    # `-` is standard input elsewhere; here it would be a file of that name.
    if value == "-":
        raise click.UsageError("`-o -` is no file: for records on standard output use `--format` without `-o`")
    refuse_option_as_file(value)
    return value


def output_options(command: Command) -> Command:
    """Add --format, --fix, -o and -v."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Show everything that was seen of every host."),
        click.option(
            "-o",
            "--output",
            "output",
            metavar="FILE",
            callback=_no_dash,
            help="Write records to FILE, and the report to standard output. What FILE holds is kept as FILE~.",
        ),
        click.option(
            "--format",
            "format_",
            type=click.Choice([*RECORD_FORMATS, *FIX_FORMATS]),
            metavar="FORMAT",
            help="Format of standard output or, with -o, of FILE: table, json or jsonl. Default: table; for FILE by "
            f"its suffix, or jsonl. With --fix: {', '.join(FIX_FORMATS[:-1])} or {FIX_FORMATS[-1]}.",
        ),
        click.option(
            "--fix",
            is_flag=True,
            help="Print what to change on each host, ready to be pasted, and nothing else: lines of sshd_config and "
            "commands, as --format sshd_config; or a drop-in for sshd_config.d, an Ansible playbook, Dropbear's "
            "localoptions.h. `-o FILE` gets records all the same.",
        ),
    ):
        command = option(command)
    return command


def load_profiles(names: tuple[str, ...]) -> list[Profile]:
    """Return the profiles named, each once.

    Raises:
        InputError: one is unknown, broken or of clients, or two different ones have the same id.
    """
    from sshprobe.profiles import load_profile

    profiles: dict[str, Profile] = {}
    for name in dict.fromkeys(names):
        profile = load_profile(name)
        profile.need_server()
        if profile.id in profiles and profiles[profile.id] != profile:
            raise InputError(f"two profiles have the id `{profile.id}`", source=name)
        profiles[profile.id] = profile
    return list(profiles.values())


def standard_input() -> IO[bytes] | None:
    """Return standard input as bytes; None where the process was started without one."""
    stream: TextIO | None = sys.stdin
    return None if stream is None else stream.buffer


def terminal() -> Terminal:
    """Return what standard output can show: colour only on a terminal, and never with NO_COLOR."""
    from sshprobe.render.text.terminal import Terminal

    is_terminal = sys.stdout.isatty()
    colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = 100
    has_width = is_terminal or "COLUMNS" in os.environ
    if has_width:
        import shutil  # archives and what compresses them come with it

        width = shutil.get_terminal_size((width, 24)).columns
    return Terminal(max(width, 40), colour, has_width)
