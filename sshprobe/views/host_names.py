"""What the user or an inventory calls a host, where that is neither its name nor its address."""

from __future__ import annotations

import re
from typing import Protocol

from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord

_OF_ADDRESSES = re.compile(
    r"(?=[^.]*\.)[\d.*-]+(/\d+)?(:\d+)?|(?=[^:]*:[^:]*:)\[?[0-9A-Fa-f:.]+(%[^]]*)?]?(/\d+)?(:\d+)?"
)
"""Addresses, networks and ranges: a host that was found in one is known by its own address."""


class Named(Protocol):
    """Who a host is."""

    @property
    def target(self) -> str:
        """What the user named."""

    @property
    def host(self) -> str:
        """A name or an address."""

    @property
    def port(self) -> int:
        """A port."""


def alias_of(named: Named) -> str | None:
    """Return what a host is called beside its name or address, as it stands in the record; None: nothing."""
    target = named.target
    if target == named.host or target.lower().removesuffix(".") in ("", named.host, endpoint(named.host, named.port)):
        return None
    return None if _OF_ADDRESSES.fullmatch(target) else target


def name_beside(record: HostRecord) -> str | None:
    """Return what to show beside the address that answered: what the host is called, or its name."""
    name = record.host if record.address is not None and record.address != record.host else None
    return alias_of(record) or name


def with_alias(place: str, alias: str | None) -> str:
    """Return a place and, in brackets, what it is called."""
    return place if alias is None else f"{place} ({alias})"
