"""Types that check the values of options, options whose values come as one struct, and help under headings."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])


def add_together(
    command: Command,
    options: Sequence[Callable[[Command], Command]],
    *,
    name: str,
    parameters: Sequence[str],
    make: Callable[..., object],
) -> Command:
    """Add `options` to a command, which gets `make(**values of parameters)` as its argument `name`."""

    @functools.wraps(command)
    def with_struct(*arguments: Any, **values: Any) -> Any:
        made = make(**{parameter: values.pop(parameter) for parameter in parameters})
        return command(*arguments, **{name: made}, **values)

    for option in reversed(options):
        option(with_struct)
    return with_struct  # type: ignore[return-value] # its arguments differ, which click allows


def table_or_json(command: Command) -> Command:
    """Add --format, whose value is the argument `format_`."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Set the output format.",
    )(command)


class Suggested(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A text for which a shell suggests values and, with `files`, file names. Other texts are accepted too.

    `values` is called only for completion, because most are too slow to import for `--help`.
    """

    def __init__(self, name: str, values: Callable[[], Iterable[str]] = tuple, *, files: bool = False) -> None:
        self.name = name
        self.values = values
        self._files = files

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the values that begin with `incomplete`; without any, let the shell complete file names."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(value) for value in sorted(set(self.values())) if value.startswith(incomplete)]
        return found if found or not self._files else [CompletionItem(incomplete, type="file")]


FILE = Suggested("file", files=True)


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
        # NaN compares false with everything, so the test must be one that NaN fails.
        if not (math.isfinite(number) and (number > 0 or (self._zero and number == 0)) and number <= self._largest):
            least = "from" if self._zero else "above"
            self.fail(f"{value!r} is not {least} 0 to {self._largest:,.0f}", param, ctx)
        return number


class WholeNumber(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A whole number in a range. Unlike `click.IntRange`, it adds no inequality to the help."""

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


class Ports(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """Ports and ranges of them: "22,2222,8000-8010"."""

    name = "ports"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the ports, each once, in the order given."""
        if isinstance(value, tuple):
            return value
        ports: dict[int, None] = {}
        if str(value) == "-":
            self.fail("for all ports write 1-65535", param, ctx)
        for part in str(value).split(","):
            if part[:2].upper() in ("T:", "U:", "S:"):
                self.fail(f"{part!r} is not a port: SSH is on TCP, so write {part[2:]!r}", param, ctx)
            low, dash, high = part.strip().partition("-")
            ends = (low, high) if dash else (low, low)
            if not all(end.isascii() and end.isdigit() for end in ends):
                self.fail(f"{part!r} is not a port or a range of ports", param, ctx)
            if any(len(end) > 5 or not 1 <= int(end) <= 65535 for end in ends):
                self.fail(f"{part!r} is not a port: ports are 1 to 65535", param, ctx)
            if int(ends[1]) < int(ends[0]):
                self.fail(f"{part!r} ends before it begins", param, ctx)
            ports.update(dict.fromkeys(range(int(ends[0]), int(ends[1]) + 1)))
        return tuple(ports)


SECONDS = PositiveNumber("seconds", 86_400)
WAIT = PositiveNumber("seconds", 86_400, zero=True)
RATE = PositiveNumber("rate", 1_000_000, zero=True)


SHOWN = 5
"""The most names that an error suggests."""


def close_names(word: str, known: Collection[str]) -> list[str]:
    """Return suggestions for `word`: names with a part that begins with it, else similar names."""
    word = word.lower()
    if len(word) >= 3:
        inside = [name for name in sorted(known) if f".{word}" in f".{name.lower().replace('_', '.')}"]
        if inside:
            return inside[:SHOWN]
    import difflib  # for a mistake alone

    return difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)


HEADINGS: Mapping[str, tuple[str, ...]] = {
    "Most used": ("files", "profile_names", "output", "fix", "thresholds", "depth", "fast", "verbose", "quiet"),
    "What to scan": (
        *("ports", "inventories", "inventory_format", "records", "statuses", "grades"),
        *("exclude", "exclude_files", "ipv4", "ipv6", "all_addresses", "count_only", "seed", "yes"),
    ),
    "Probing and grading": ("no_auth_methods", "auth_user", "client_id", "strict"),
    "How fast": (
        *("concurrency", "rate", "workers"),
        *("connect_timeout", "timeout", "host_timeout", "throttle_wait"),
    ),
    "Output": (
        "format_",
        "resume",
        "history",
        "history_days",
        "stats",
        "no_progress",
        "steps",
        "trace",
        "log_format",
        "color",
        "debug",
    ),
    "Saved options": ("saved", "save_as"),
}
"""Heading to the names of its options' parameters, in this order. Parameters without a heading come last."""

REST = "Other options"


class GroupedHelp(click.Command):
    """A command whose help has `HEADINGS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        left = {str(option.name): option.get_help_record(ctx) for option in options}
        for heading, names in {**HEADINGS, REST: tuple(left)}.items():
            rows = [row for name in names if (row := left.pop(name, None)) is not None]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
