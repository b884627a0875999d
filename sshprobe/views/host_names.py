"""Names of hosts that are neither their host name nor their address: those of the user or of an inventory."""

from __future__ import annotations

import re

from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord
from sshprobe.views.host_stats import Place

_OF_ADDRESSES = re.compile(
    r"(?=[^.]*\.)[\d.*-]+(/\d+)?(:\d+)?|(?=[^:]*:[^:]*:)\[?[0-9A-Fa-f:.]+(%[^]]*)?]?(/\d+)?(:\d+)?"
)
"""Addresses, networks and ranges, which are not names of a host."""


def alias_of(host: Place) -> str | None:
    """Return the further name of a host, as it stands in the record, or None."""
    target = host.target
    if target == host.host or target.lower().removesuffix(".") in ("", host.host, endpoint(host.host, host.port)):
        return None
    return None if _OF_ADDRESSES.fullmatch(target) else target


def name_beside(record: HostRecord) -> str | None:
    """Return the name to show beside the address that answered: its further name, or its host name."""
    name = record.host if record.address is not None and record.address != record.host else None
    return alias_of(record) or name


def with_alias(place: str, alias: str | None) -> str:
    """Return a place with its further name in brackets."""
    return place if alias is None else f"{place} ({alias})"
