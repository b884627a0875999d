"""Options for saved records: filters of hosts (`--host`, `--finding` and others), and lists of known weak keys.

A host must match every filter that is given, by at least one of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import click

from sshprobe.cli.options.values import FILE, Command, Suggested, add_together, close_names
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Status, endpoint
from sshprobe.model.verdict import GRADES
from sshprobe.small_files import MEBIBYTE, read_small_file

if TYPE_CHECKING:
    from sshprobe.grading import FleetFacts
    from sshprobe.model.records import HostRecord, Record
    from sshprobe.model.verdict import Finding

_LISTED = 40
"""Values that an error lists."""


class _OneOf(Suggested):
    """One of many values. They are imported only to check or complete one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value."""
        values = list(self.values())
        if value not in values:
            close = close_names(str(value), values)
            hint = f": did you mean {' or '.join(close)}?" if close else f": use one of {', '.join(sorted(values))}"
            self.fail(f"`{value}` is not a {self.name}{hint}", param, ctx)
        return str(value)


def _findings() -> Iterable[str]:
    from sshprobe.grading import finding_types

    return list(finding_types())


def _weaknesses() -> Iterable[str]:
    from sshprobe.grading import weakness_meanings

    return weakness_meanings()


def _algorithms() -> Iterable[str]:
    from sshprobe.algorithms import ALGORITHM_TYPES, names

    return {name for category in ALGORITHM_TYPES for name in names(category)}


class HostFilter(NamedTuple):
    """The values of these options. Empty: every host."""

    hosts: tuple[str, ...]
    grades: tuple[str, ...]
    statuses: tuple[str, ...]
    findings: tuple[str, ...]
    weaknesses: tuple[str, ...]
    offers: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def is_active(self) -> bool:
        """Whether there is any filter."""
        return any(self)

    @property
    def wants_findings(self) -> bool:
        """Whether a filter needs findings."""
        return bool(self.findings or self.weaknesses)

    def finds(self, finding: Finding) -> bool:
        """Return whether a finding matches."""
        return finding.id in self.findings or not set(self.weaknesses).isdisjoint(finding.weaknesses)

    def may_take(self, record: HostRecord) -> bool:
        """Return whether a host matches, as far as its observation shows."""
        return (
            (not self.statuses or record.status in self.statuses)
            and (not self.labels or any(_is_labelled(record, label) for label in self.labels))
            and (not self.hosts or any(_is_named(record, name) for name in self.hosts))
            and (not self.offers or any(_offers(record, name) for name in self.offers))
        )

    def takes(self, record: HostRecord, findings: Callable[[], Iterable[Finding]]) -> bool:
        """Return whether a host matches. `findings` returns those of all profiles and the fleet; called only if
        needed."""
        if not self.may_take(record):
            return False
        if self.grades and not any(verdict.grade in self.grades for verdict in record.verdicts):
            return False
        if not self.wants_findings:
            return True
        found = list(findings())
        return (not self.findings or any(each.id in self.findings for each in found)) and (
            not self.weaknesses or any(not set(self.weaknesses).isdisjoint(each.weaknesses) for each in found)
        )


_OPTIONS = (
    click.option(
        "--host",
        "hosts",
        metavar="HOST",
        multiple=True,
        help="Only this address, network or name, e.g. '*.example.org'. Repeatable.",
    ),
    click.option(
        "--grade", "grades", type=click.Choice(GRADES), multiple=True, help="Only hosts with this grade. Repeatable."
    ),
    click.option(
        "--status",
        "statuses",
        type=click.Choice(get_args(Status)),
        metavar="STATUS",
        multiple=True,
        help=f"Only hosts with this status. Repeatable: {', '.join(get_args(Status))}.",
    ),
    click.option(
        "--finding",
        "findings",
        type=_OneOf("finding", _findings),
        metavar="ID",
        multiple=True,
        help="Only hosts with this finding, e.g. kex.weak. Repeatable.",
    ),
    click.option(
        "--weakness",
        "weaknesses",
        type=_OneOf("weakness", _weaknesses),
        metavar="CODE",
        multiple=True,
        help="Only hosts with this weakness under any profile, e.g. sha1. Repeatable.",
    ),
    click.option(
        "--offers",
        type=Suggested("algorithm", _algorithms),
        metavar="ALGORITHM",
        multiple=True,
        help="Only hosts that offer this algorithm, by any of its names. Repeatable.",
    ),
    click.option(
        "--label",
        "labels",
        metavar="KEY[=VALUE]",
        multiple=True,
        help="Only hosts with this label, e.g. env=prod or env. Repeatable.",
    ),
)


def filter_options(command: Command) -> Command:
    """Add them all, and give `command` their values as `wanted`, one `HostFilter`."""
    return add_together(command, _OPTIONS, name="wanted", parameters=HostFilter._fields, make=HostFilter)


class SeenValues:
    """Checks a filter in a first pass: finds its hosts, labels and algorithms that no record has."""

    def __init__(self, wanted: HostFilter) -> None:
        self._wanted = wanted
        self._hosts: dict[str, None] = {}
        self._unmet = set(wanted.hosts)
        self._unmet_labels = set(wanted.labels)
        self._labels: set[str] = set()
        self._offered: set[str] = set()

    def add(self, record: Record) -> None:
        """Check one record."""
        from sshprobe.model.records import HostRecord

        if not isinstance(record, HostRecord):
            return
        if self._wanted.hosts:
            self._unmet -= {name for name in self._unmet if _is_named(record, name)}
            if len(self._hosts) < _LISTED:
                self._hosts.setdefault(endpoint(record.host, record.port))
        if self._wanted.labels:
            self._unmet_labels -= {label for label in self._unmet_labels if _is_labelled(record, label)}
            self._labels.update(record.labels)
        if self._wanted.offers:
            self._offered.update(name for names in _lists(record) for name in names)

    def check(self) -> None:
        """Raise `InputError` for a host that no record has, or an algorithm that neither records nor catalogue have."""
        for name in self._wanted.hosts:
            if name in self._unmet:
                raise InputError(f"`--host {name}` is not in the records: they have {_some(list(self._hosts))}")
        for label in self._wanted.labels:
            if label in self._unmet_labels:
                raise InputError(f"`--label {label}` is not in the records: they have {_some(sorted(self._labels))}")
        for name in self._wanted.offers:
            if name not in self._offered and not _is_known(name):
                close = [f"`{each}`" for each in close_names(name, self._offered)]
                hint = f"did you mean {' or '.join(close)}?" if close else f"{len(self._offered):,} are on offer."
                words = f"is not an algorithm: {hint} `sshprobe report --by algorithm` lists them"
                raise InputError(f"`--offers {name}` {words}")


def _some(values: list[str]) -> str:
    more = len(values) - _LISTED
    shown = ", ".join(values[:_LISTED]) or "none"
    return shown if more <= 0 else f"{shown} and {more:,} more"


def _lists(record: HostRecord) -> Iterable[list[str]]:
    from sshprobe.model.name_lists import FIELDS

    return (getattr(record, field) or [] for fields in FIELDS.values() for _, field in fields)


def _is_known(name: str) -> bool:
    from sshprobe.algorithms import ALGORITHM_TYPES, is_marker, lookup

    return is_marker(name) or any(lookup(category, name) is not None for category in ALGORITHM_TYPES)


def _offers(record: HostRecord, name: str) -> bool:
    from sshprobe.algorithms import ALGORITHM_TYPES, canonical
    from sshprobe.model.name_lists import FIELDS

    for category in ALGORITHM_TYPES:
        same = canonical(category, name)
        for _, field in FIELDS[category]:
            names = getattr(record, field) or ()
            if name in names or any(canonical(category, each) == same for each in names):
                return True
    return False


def _is_labelled(record: HostRecord, label: str) -> bool:
    return label in record.labels or ("=" not in label and any(each.startswith(f"{label}=") for each in record.labels))


def _is_named(record: HostRecord, name: str) -> bool:
    from sshprobe.profiles.host_patterns import host_pattern

    places = {record.target, record.host, record.address, endpoint(record.host, record.port)}
    if record.address is not None:
        places.add(endpoint(record.address, record.port))
    if name in places:
        return True
    try:
        return host_pattern(name).matches(record.host, record.address)
    except ValueError:
        return False


LARGEST_LIST = 128 * MEBIBYTE
"""Bytes of a list of keys: eight million entries of badkeys."""


def weak_keys_option(command: Command) -> Command:
    """Add --weak-keys."""
    return click.option(
        "--weak-keys",
        "weak_keys",
        type=FILE,
        metavar="FILE",
        multiple=True,
        help="Find the keys in this list of compromised keys, e.g. of badkeys. Repeatable.",
    )(command)


def fleet_facts(weak_keys: tuple[str, ...]) -> FleetFacts:
    """Return an empty collector of facts, with the lists of weak keys read.

    Raises:
        InputError: if a file cannot be read or is not a list of keys.
    """
    from sshprobe.grading import FleetFacts, KnownKeys

    if not weak_keys:
        return FleetFacts()
    known = KnownKeys()
    for name in weak_keys:
        try:
            data = read_small_file(name, most=LARGEST_LIST, advice="is it a list of keys?")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=name) from None
        known.add(data, source=name)
    return FleetFacts(known)
