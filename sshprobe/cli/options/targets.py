"""Options for what to scan: sources of targets, exclusions, order."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from sshprobe.cli.options.values import FILE, Command, Ports, WholeNumber, add_together
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sshprobe.targets import Exclusions, LiveTargets, Target, TargetStream
    from sshprobe.targets.specs import Spec

LARGE_SWEEP = 65_536
"""More targets than this need `--yes`: the addresses of a /16."""

_INVENTORY_FORMATS = (
    *("nmap", "masscan", "naabu", "httpx", "zmap", "zgrab2", "rustscan", "shodan"),
    *("ansible", "ssh-config", "known-hosts", "list"),
)
"""A copy from `sshprobe.targets`, so that `--help` need not import it. A test compares them."""

_STATUSES = (
    *("ok", "partial", "refused", "unreachable", "timeout", "reset", "dns_error"),
    *("not_ssh", "ssh1_only", "throttled", "protocol_error", "excluded"),
)
_GRADES = ("A+", "A", "B", "C", "D", "F")


class ChosenTargets(NamedTuple):
    """The values of all these options."""

    targets: tuple[str, ...]
    files: tuple[str, ...]
    inventories: tuple[str, ...]
    inventory_format: str | None
    records: tuple[str, ...]
    statuses: tuple[Any, ...]
    grades: tuple[Any, ...]
    ports: tuple[int, ...]
    labels: tuple[str, ...]
    exclude: tuple[str, ...]
    exclude_files: tuple[str, ...]
    seed: int | None
    count_only: bool
    yes: bool

    @property
    def any_named(self) -> bool:
        """Whether a target or a file of targets is given."""
        return bool(self.targets or self.files or self.inventories or self.records)

    def names_of_files(self) -> list[str]:
        """Return the files to read, with `-` for standard input."""
        files = [*self.files, *self.inventories, *self.records, *self.exclude_files]
        return [*files, *(word for word in self.targets if word == "-")]

    @property
    def is_stream(self) -> bool:
        """Whether targets arrive on standard input while the scan runs."""
        return "-" in (*self.targets, *self.files)

    def check_stream(self, resume: str | None) -> None:
        """Raise `click.UsageError` for options that need all targets before the first connection."""
        for option, is_given, reason in (
            ("--count", self.count_only, "its end is not known"),
            ("--seed", self.seed is not None, "it keeps its own order"),
            ("--resume", resume is not None, "its targets cannot be compared with those in the file"),
        ):
            if is_given:
                raise click.UsageError(
                    f"`{option}` does not apply to a stream of targets: {reason}. Write the targets to a file and name "
                    "it with `-f FILE`"
                )

    def check(self) -> None:
        """Raise `click.UsageError` for options that make no sense without others."""
        if self.inventory_format and not self.inventories:
            raise click.UsageError("`--inventory-format` needs `--inventory`")
        if self.targets:
            from sshprobe.cli.options.foreign import refuse_words

            refuse_words(self.targets)
        if (self.statuses or self.grades) and not self.records:
            raise click.UsageError("`--status` and `--grade` need `--from-records`")

    def exclusions(self, *, stdin: IO[bytes] | None) -> Exclusions:
        """Read the exclusions. Raises `InputError`."""
        from sshprobe.targets import Exclusions

        return Exclusions.parse(self.exclude, files=self.exclude_files, stdin=stdin)

    def read(
        self, *, stdin: IO[bytes] | None, takes_names: bool = True
    ) -> tuple[TargetStream | LiveTargets, Exclusions]:
        """Read and check all targets, or wait for the first target of a stream. See `read_all` and `open_stream`."""
        if self.is_stream:
            return self.open_stream(stdin=stdin, takes_names=takes_names)
        return self.read_all(stdin=stdin)

    def read_all(self, *, stdin: IO[bytes] | None) -> tuple[TargetStream, Exclusions]:
        """Read and check all targets, note entries that were left out, and return the targets and exclusions.

        Raises:
            InputError: if a target is malformed, none is given, or there are too many without `--yes`.
        """
        from sshprobe.targets import parse_targets, targets_of_records

        self.check()
        if (*self.targets, *self.files, *self.inventories).count("-") and "-" in self.records:
            raise InputError("standard input cannot be targets and records at once")
        more: Iterable[Spec] = ()
        if self.records:
            from sshprobe.cli.output_file import note_superseded
            from sshprobe.store.reading import read_records

            more = targets_of_records(
                # `--status` selects hosts to retry, so the last attempt counts, also one without an answer.
                read_records(
                    self.records,
                    stdin=stdin,
                    several=note_superseded,
                    silence_counts=bool(self.statuses),
                    on_missing=note,
                ),
                statuses=self.statuses,
                grades=self.grades,
                name=", ".join("standard input" if name == "-" else name for name in self.records),
            )
        stream = parse_targets(
            self.targets,
            files=self.files,
            inventories=self.inventories,
            inventory_format=self.inventory_format,
            more=more,
            port=self.ports,
            labels=self.labels,
            stdin=stdin,
            # 32 bits: short enough to type, and more than enough different orders.
            seed=int.from_bytes(os.urandom(4), "big") if self.seed is None else self.seed,
        )
        exclusions = self.exclusions(stdin=stdin)
        if not (self.yes or self.count_only):
            number = stream.count(exclusions)
            if number > LARGE_SWEEP:
                raise InputError(f"{number:,} targets are more than {LARGE_SWEEP:,}: add `--yes` to scan them")
        for notice in stream.notices:
            note(notice)
        return stream, exclusions

    def open_stream(self, *, stdin: IO[bytes] | None, takes_names: bool) -> tuple[LiveTargets, Exclusions]:
        """Read all other targets, wait for the first target of the stream, and return the stream and the exclusions.

        Raises:
            InputError: as for `read`, or if the stream ends without a target.
        """
        from sshprobe.targets import LiveTargets

        if stdin is None:
            raise InputError("standard input is closed")
        if "-" in self.inventories:
            raise InputError("is an inventory and can be read only once", source="standard input")
        if "-" in self.records:
            raise InputError("standard input cannot be targets and records at once")
        if "-" in self.exclude_files:
            raise InputError("standard input cannot be targets and exclusions at once")
        targets, files = (tuple(word for word in words if word != "-") for words in (self.targets, self.files))
        others = self._replace(targets=targets, files=files)
        first: Iterator[Target] = iter(())
        if others.any_named:
            first, exclusions = others.read_all(stdin=stdin)
        else:
            self.check()
            exclusions = self.exclusions(stdin=stdin)
        most = None if self.yes else LARGE_SWEEP
        live = LiveTargets(
            stdin, self.ports, first=first, most_of_a_line=most, takes_names=takes_names, labels=self.labels, note=note
        )
        live.wait()
        return live, exclusions


def _all_ports(
    context: click.Context, parameter: click.Parameter, values: tuple[tuple[int, ...], ...]
) -> tuple[int, ...]:
    """Return the ports of all `-p`, each once, in the order given."""
    return tuple(dict.fromkeys(port for ports in values for port in ports))


def _checked_labels(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of `--label`, each once. Raises `click.BadParameter` for one that is not a label."""
    if values:
        from sshprobe.targets.specs import MAX_LABELS, is_label

        for value in values:
            if not is_label(value):
                raise click.BadParameter(f"`{value}` is not KEY=VALUE without spaces and commas, such as env=prod")
        values = tuple(dict.fromkeys(values))
        if len(values) > MAX_LABELS:
            raise click.BadParameter(f"a target has at most {MAX_LABELS} labels")
    return values


_OPTIONS = (
    click.argument("targets", metavar="TARGET...", nargs=-1),
    click.option(
        "-f",
        "--file",
        "files",
        type=FILE,
        metavar="FILE",
        multiple=True,
        help="Read targets, one a line; - is standard input.",
    ),
    click.option(
        "--inventory",
        "inventories",
        type=FILE,
        metavar="FILE",
        multiple=True,
        help="Read targets from the file of another tool, e.g. nmap; detects the format.",
    ),
    click.option(
        "--inventory-format",
        type=click.Choice(_INVENTORY_FORMATS),
        metavar="FORMAT",
        help=f"Set the format of inventories: {', '.join(reversed(_INVENTORY_FORMATS))}.",
    ),
    click.option(
        "--from-records",
        "records",
        type=FILE,
        metavar="FILE",
        multiple=True,
        help="Read targets from the records of an earlier scan.",
    ),
    click.option(
        "--status",
        "statuses",
        type=click.Choice(_STATUSES),
        metavar="STATUS",
        multiple=True,
        help=f"Take hosts with this status from --from-records. Repeatable: {', '.join(_STATUSES)}.",
    ),
    click.option(
        "--grade",
        "grades",
        type=click.Choice(_GRADES),
        multiple=True,
        help="Take hosts with this grade from --from-records. Repeatable.",
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
        help="Set the ports of targets without one, e.g. 22,2222,8000-8010. Repeatable.",
    ),
    click.option(
        "--label",
        "labels",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_checked_labels,
        help="Label all targets, e.g. env=prod, for reports. Repeatable.",
    ),
    click.option(
        "--exclude", metavar="HOST", multiple=True, help="Never contact this address, network, range or name."
    ),
    click.option(
        "--exclude-file",
        "exclude_files",
        type=FILE,
        metavar="FILE",
        multiple=True,
        help="Never contact the hosts in FILE, one a line.",
    ),
    click.option(
        "--seed",
        type=WholeNumber(0, 2**53 - 1),  # every JSON reader keeps such numbers exact
        metavar="N",
        help="Set the seed of the random order.",
    ),
    click.option("--count", "count_only", is_flag=True, help="Print the number of targets; contact none."),
    click.option("--yes", is_flag=True, help=f"Scan more than {LARGE_SWEEP:,} targets."),
)


def target_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `chosen`, one `ChosenTargets`."""
    return add_together(command, _OPTIONS, name="chosen", parameters=ChosenTargets._fields, make=ChosenTargets)
