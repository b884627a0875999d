"""What commands that look at all hosts together need: the lists of known keys, and the facts of a first pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from sshprobe.cli.options import Command
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError
from sshprobe.small_files import MEBIBYTE, read_small_file

if TYPE_CHECKING:
    from sshprobe.grading import FleetFacts
    from sshprobe.model.records import Record
    from sshprobe.store.latest import Latest


LARGEST_LIST = 128 * MEBIBYTE
"""Bytes of a list of keys: eight million entries as badkeys has them."""


def weak_keys_option(command: Command) -> Command:
    """Add --weak-keys."""
    return click.option(
        "--weak-keys",
        "weak_keys",
        metavar="FILE",
        multiple=True,
        help="List of keys whose private half is known: of openssh-blacklist or badkeys, or fingerprints. Repeatable; "
        "without one, keys are not checked for that.",
    )(command)


def fleet_facts(weak_keys: tuple[str, ...]) -> FleetFacts:
    """Return what collects the facts of hosts, with the lists read.

    Raises:
        InputError: a list cannot be read, or is none.
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


def take_hosts(facts: FleetFacts) -> Callable[[Record], None]:
    """Return what gives the hosts of a first pass over records to `facts`."""
    from sshprobe.model.records import HostRecord

    def take(record: Record) -> None:
        if isinstance(record, HostRecord):
            facts.add(record)

    return take


def say_which_count(latest: Latest) -> None:
    """Say on standard error that records of several sweeps do not all count, and which are not of the last of them."""
    if latest.left_out:
        words = "1 record is" if latest.left_out == 1 else f"{latest.left_out:,} records are"
        note(f"{words} left out: a later one of the same target counts")
    silent = latest.silent
    if silent:
        from sshprobe.model.observation import endpoint

        first, oldest = endpoint(*next(iter(silent))), min(silent.values())[:10]
        others = "" if len(silent) == 1 else f" and {len(silent) - 1:,} more"
        which = f"its record of {oldest} counts" if not others else f"earlier records count, the oldest of {oldest}"
        it_was = "it was" if not others else "they were"
        note(f"{first}{others} told nothing when {it_was} asked last: {which}")
