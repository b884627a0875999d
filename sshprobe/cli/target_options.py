"""What to scan, as options: where targets come from, what is left alone, in which order."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from sshprobe.cli.options import WholeNumber
from sshprobe.model.errors import InputError
from sshprobe.model.escape import escape_unprintable

if TYPE_CHECKING:
    from sshprobe.targets import Exclusions, TargetStream

Command = TypeVar("Command", bound=Callable[..., Any])

LARGE_SWEEP = 65_536
"""More targets than this are scanned only with `--yes`: as many as a /16 has addresses."""

_INVENTORY_FORMATS = (
    *("nmap", "masscan", "naabu", "httpx", "zmap", "zgrab2", "rustscan", "shodan"),
    *("ansible", "ssh-config", "known-hosts", "list"),
)
"""Those of `sshprobe.targets`, which is imported only when something is scanned. A test holds the two together."""

_STATUSES = (
    *("ok", "partial", "refused", "unreachable", "timeout", "reset", "dns_error"),
    *("not_ssh", "ssh1_only", "throttled", "protocol_error", "excluded"),
)
_GRADES = ("A+", "A", "B", "C", "D", "F")


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
                self.fail(f"{part!r} is no port and no range of ports", param, ctx)
            if any(len(end) > 5 or not 1 <= int(end) <= 65535 for end in ends):
                self.fail(f"{part!r} is no such port: ports are 1 to 65535", param, ctx)
            if int(ends[1]) < int(ends[0]):
                self.fail(f"{part!r} ends before it begins", param, ctx)
            ports.update(dict.fromkeys(range(int(ends[0]), int(ends[1]) + 1)))
        return tuple(ports)


@dataclass(frozen=True, slots=True)
class ChosenTargets:
    """The values of all these options."""

    targets: tuple[str, ...]
    files: tuple[str, ...]
    inventories: tuple[str, ...]
    inventory_format: str | None
    records: tuple[str, ...]
    statuses: tuple[Any, ...]
    grades: tuple[Any, ...]
    ports: tuple[int, ...]
    exclude: tuple[str, ...]
    exclude_files: tuple[str, ...]
    seed: int | None
    count_only: bool
    yes: bool

    @property
    def any_named(self) -> bool:
        """Whether there is a word or a file of targets at all."""
        return bool(self.targets or self.files or self.inventories or self.records)

    def names_of_files(self) -> list[str]:
        """Return what is read: the names of files, and `-` where standard input is one."""
        files = [*self.files, *self.inventories, *self.records, *self.exclude_files]
        return [*files, *(word for word in self.targets if word == "-")]

    def check(self) -> None:
        """Raise `click.UsageError` for options that make no sense without others."""
        if self.inventory_format and not self.inventories:
            raise click.UsageError("`--inventory-format` needs `--inventory`")
        if self.targets:
            from sshprobe.cli.habits import refuse_words

            refuse_words(self.targets)
        if (self.statuses or self.grades) and not self.records:
            raise click.UsageError("`--status` and `--grade` need `--from-records`")

    def exclusions(self, *, stdin: IO[bytes] | None) -> Exclusions:
        """Read what is to be left alone. Raises `InputError`."""
        from sshprobe.targets import Exclusions

        return Exclusions.parse(self.exclude, files=self.exclude_files, stdin=stdin)

    def read(self, *, stdin: IO[bytes] | None) -> tuple[TargetStream, Exclusions]:
        """Read and check everything, say on standard error what was left out, and return what is to be scanned.

        Raises:
            InputError: something is malformed, there is no target, or there are more than `--yes` is needed for.
        """
        from sshprobe.targets import parse_targets, targets_of_records

        self.check()
        if (*self.targets, *self.files, *self.inventories).count("-") and "-" in self.records:
            raise InputError("standard input cannot be targets and records at once")
        more = []
        if self.records:
            from sshprobe.cli.fleet_options import say_which_count
            from sshprobe.store.reading import read_records

            more.append(
                targets_of_records(
                    # A status is asked for to ask again: how it went the last time is what is meant.
                    read_records(
                        self.records, stdin=stdin, several=say_which_count, silence_counts=bool(self.statuses)
                    ),
                    statuses=self.statuses,
                    grades=self.grades,
                    name=", ".join("standard input" if name == "-" else name for name in self.records),
                )
            )
        stream = parse_targets(
            self.targets,
            files=self.files,
            inventories=self.inventories,
            inventory_format=self.inventory_format,
            more=(spec for specs in more for spec in specs),
            port=self.ports,
            stdin=stdin,
            # 32 bits: short enough to be typed, and there are more orders than anyone will run.
            seed=int.from_bytes(os.urandom(4), "big") if self.seed is None else self.seed,
        )
        exclusions = self.exclusions(stdin=stdin)
        if not (self.yes or self.count_only):
            number = stream.count(exclusions)
            if number > LARGE_SWEEP:
                raise InputError(
                    f"these are {number:,} targets: more than {LARGE_SWEEP:,} are scanned only with `--yes`"
                )
        for notice in stream.notices:
            print(f"note: {escape_unprintable(notice)}", file=sys.stderr)
        return stream, exclusions


def _all_ports(
    context: click.Context, parameter: click.Parameter, values: tuple[tuple[int, ...], ...]
) -> tuple[int, ...]:
    """Return the ports of all `-p`, each once, in the order given."""
    return tuple(dict.fromkeys(port for ports in values for port in ports))


_OPTIONS = (
    click.argument("targets", metavar="TARGET...", nargs=-1),
    click.option(
        "-f", "--file", "files", metavar="FILE", multiple=True, help="Targets, one a line; - is standard input."
    ),
    click.option(
        "--inventory",
        "inventories",
        metavar="FILE",
        multiple=True,
        help="Targets out of a file of nmap (XML, .gnmap), masscan, naabu, rustscan, zmap, zgrab2, httpx, Shodan or "
        "ansible-inventory (JSON), an ssh_config or known_hosts. What it is, its content says.",
    ),
    click.option(
        "--inventory-format",
        type=click.Choice(_INVENTORY_FORMATS),
        metavar="FORMAT",
        help="Format of the inventories, where their content does not tell it: "
        f"{', '.join(reversed(_INVENTORY_FORMATS[1:]))} or {_INVENTORY_FORMATS[0]}.",
    ),
    click.option(
        "--from-records",
        "records",
        metavar="FILE",
        multiple=True,
        help="Targets of an earlier scan, out of its records.",
    ),
    click.option(
        "--status",
        "statuses",
        type=click.Choice(_STATUSES),
        metavar="STATUS",
        multiple=True,
        help="With --from-records, only hosts with this status. Repeatable: "
        f"{', '.join(_STATUSES[:-1])} or {_STATUSES[-1]}.",
    ),
    click.option(
        "--grade",
        "grades",
        type=click.Choice(_GRADES),
        multiple=True,
        help="With --from-records, only hosts with this grade. Repeatable.",
    ),
    click.option(
        "-p",
        "--port",
        "ports",
        type=Ports(),
        multiple=True,
        default=("22",),
        callback=_all_ports,
        show_default=True,
        metavar="PORTS",
        help="Port of a target that names none: one, or several as in 22,2222,8000-8010. Repeatable.",
    ),
    click.option(
        "--exclude", metavar="HOST", multiple=True, help="Never contact this address, network, range or name."
    ),
    click.option("--exclude-file", "exclude_files", metavar="FILE", multiple=True, help="The same, one a line."),
    click.option(
        "--seed",
        type=WholeNumber(0, 2**53 - 1),  # what every reader of JSON takes for a whole number
        metavar="N",
        help="Draw the order from this number; the records name the one that was used.",
    ),
    click.option(
        "--count", "count_only", is_flag=True, help="Print how many hosts and ports would be contacted, and stop."
    ),
    click.option("--yes", is_flag=True, help=f"Scan more than {LARGE_SWEEP:,} targets."),
)


def target_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `chosen`, one `ChosenTargets`."""

    @functools.wraps(command)
    def with_chosen(*arguments: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in ChosenTargets.__slots__}
        return command(*arguments, chosen=ChosenTargets(**chosen), **values)

    for option in reversed(_OPTIONS):
        option(with_chosen)
    return with_chosen  # type: ignore[return-value] # it takes other arguments, which click does not mind
