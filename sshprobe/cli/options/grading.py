"""Options for grading: `--profile`, `--strict` and `--fail-on`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sshprobe.cli.exit_codes import THRESHOLDS
from sshprobe.cli.options.values import Command, Suggested, add_together
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.profiles import Profile

DEFAULT_PROFILE = "sshprobe-2026"
"""A copy from `sshprobe.profiles`, so that `--help` need not import it. A test compares them."""


def _profile_ids() -> Iterable[str]:
    from sshprobe.profiles import available_profiles

    return available_profiles()


class _Threshold(click.Choice[str]):
    """Values of `--fail-on`, upper or lower case. The error lists them like the help."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a wrong value, instead of the message of click 8.1."""
        return f"{value!r} is not one of {', '.join(map(repr, self.choices))}"


PROFILE = Suggested("profile", _profile_ids, files=True)


class GradingOptions(NamedTuple):
    """The values of these options."""

    profile_names: tuple[str, ...]
    """Ids or files."""
    strict: bool
    thresholds: tuple[str, ...]
    """Of `--fail-on`."""


_OPTIONS = (
    click.option(
        "--profile",
        "profile_names",
        type=PROFILE,
        metavar="ID|FILE",
        multiple=True,
        default=(DEFAULT_PROFILE,),
        show_default=True,
        help="Grade against this profile. Repeatable; hosts are sorted by the first.",
    ),
    click.option("--strict", is_flag=True, help="Treat every algorithm that a profile does not list as a deviation."),
    click.option(
        "--fail-on",
        "thresholds",
        type=_Threshold(THRESHOLDS, case_sensitive=False),
        metavar="THRESHOLD",
        multiple=True,
        help=f"Exit with 1 if a host reaches this threshold: {', '.join(THRESHOLDS)}. Repeatable.",
    ),
)


def grading_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `grading`, one `GradingOptions`."""
    return add_together(command, _OPTIONS, name="grading", parameters=GradingOptions._fields, make=GradingOptions)


class _Day(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A day, "2031-01-01"."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2031-01-01", param, ctx)


at_option = click.option(
    "--at",
    type=_Day(),
    metavar="DATE",
    help="Judge deadlines and waivers as of DATE, e.g. 2031-01-01.  [default: the day of each scan]",
)
"""Adds `--at`."""


def load_profiles(names: tuple[str, ...], *, at: date | None = None, remarks: bool = True) -> list[Profile]:
    """Return the named profiles, each once, and print their remarks unless `remarks` is false.

    `at`: the day by which their deadlines and waivers are judged. None: the day of the scan.

    Raises:
        InputError: if one is unknown, invalid or for clients, or two different ones have the same id.
    """
    import msgspec

    from sshprobe.profiles import load_profile

    profiles: dict[str, Profile] = {}
    for name in dict.fromkeys(names):
        profile = load_profile(name)
        profile.need_server()
        if profile.id in profiles and profiles[profile.id] != profile:
            raise InputError(f"two profiles have the id `{profile.id}`", source=name)
        profiles[profile.id] = profile
    for profile in profiles.values():
        if profile.remark and remarks:
            note(f"{profile.id}: {profile.remark}")
    return [msgspec.structs.replace(profile, at=at) for profile in profiles.values()] if at else list(profiles.values())
