"""Names of a host for people: its address, names and software."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

from sshprobe.model.observation import Identification, endpoint
from sshprobe.model.records import HostRecord


class Place(Protocol):
    """A host: an observation, a record, a row."""

    @property
    def target(self) -> str:
        """The user's word for it."""

    @property
    def host(self) -> str:
        """A name or an address."""

    @property
    def port(self) -> int:
        """A port."""


_NUMBERS = re.compile(r"(\d+)")
_DEBIAN = re.compile(r"Debian-.*[+~]deb(\d+)u")
"""Debian marks security updates with their release: "Debian-2+deb12u10"."""

_OF_ADDRESSES = re.compile(
    r"(?=[^.]*\.)[\d.*-]+(/\d+)?(:\d+)?|(?=[^:]*:[^:]*:)\[?[0-9A-Fa-f:.]+(%[^]]*)?]?(/\d+)?(:\d+)?"
)
"""Addresses, networks and ranges, which are not names of a host."""


@lru_cache(maxsize=256)  # many hosts have the same software
def software(identification: Identification | None) -> str:
    """Return the software that a server names: "OpenSSH 9.2p1 (Debian 12)". Empty if it names none.

    Comments that a server invents for each connection are left out.
    """
    if identification is None:
        return ""
    name = identification.software
    if identification.version and name.endswith(identification.version):
        name = name.removesuffix(identification.version).rstrip("_-") + " " + identification.version
    comments = identification.lasting_comments
    if not comments:
        return name
    debian = _DEBIAN.match(comments)
    return f"{name} ({f'Debian {debian[1]}' if debian else comments})"


def place_of(record: HostRecord) -> str:
    """Return "address:port", as in summaries, or "name:port" without an address."""
    return endpoint(record.address or record.host, record.port)


def alias_of(host: Place) -> str | None:
    """Return the user's name for a host in addition to its address, or None."""
    target = host.target
    if target == host.host or target.lower().removesuffix(".") in ("", host.host, endpoint(host.host, host.port)):
        return None
    return None if _OF_ADDRESSES.fullmatch(target) else target


def name_beside(record: HostRecord) -> str | None:
    """Return the name to show with the address that answered: its further name, or its host name."""
    name = record.host if record.address is not None and record.address != record.host else None
    return alias_of(record) or name


def with_alias(place: str, alias: str | None) -> str:
    """Return a place with its further name in brackets."""
    return place if alias is None else f"{place} ({alias})"


def natural_order(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts 10.0.0.9 before 10.0.0.10."""
    return tuple(map(_natural_part, _NUMBERS.split(text)))


@lru_cache(maxsize=1024)  # the parts of addresses: 256 numbers, and dots
def _natural_part(part: str) -> tuple[int, str]:
    # A number of ten digits or more stays text: it cannot be part of an address.
    return (int(part), "") if part.isascii() and part.isdigit() and len(part) < 10 else (-1, part)
