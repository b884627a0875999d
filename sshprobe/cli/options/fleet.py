"""Options of commands that look at all hosts together: lists of known keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sshprobe.cli.options.values import FILE, Command
from sshprobe.model.errors import InputError
from sshprobe.small_files import MEBIBYTE, read_small_file

if TYPE_CHECKING:
    from sshprobe.grading import FleetFacts


LARGEST_LIST = 128 * MEBIBYTE
"""Bytes of a list of keys: eight million entries as badkeys has them."""


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
