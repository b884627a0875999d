"""Filters of hosts, as in the URLs of pages and of the API."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import msgspec

from sshprobe.model.name_lists import ALGORITHM_TYPES
from sshprobe.views.fleet_index import FleetIndex
from sshprobe.views.host_sets import Property
from sshprobe.views.snapshots import FLEET


class HostFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on hosts. A host must meet all; of one with several values, any of them, but all labels."""

    profile: str | None = None
    """The profile of `grades`, `compliant` and `findings`. None: the first of the index."""
    grades: tuple[str, ...] = ()
    """Letters."""
    compliant: str | None = None
    """"true", "false" or "null"."""
    statuses: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """"k=v"."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    findings: tuple[str, ...] = ()
    """Ids, or an id, a space and an algorithm. Those across the fleet belong to every profile."""
    algorithms: tuple[str, ...] = ()
    """Names, or "type:name"."""
    products: tuple[str, ...] = ()
    """"OpenSSH"."""
    key: str | None = None
    """The fingerprint of a host key."""
    text: str | None = None
    """A part of the name, the address or the software."""


def matching(index: FleetIndex, wanted: HostFilter) -> int:
    """Return the set of hosts that meet all conditions."""
    sets, bits = index.sets, index.every
    profile = wanted.profile or (index.profiles[0] if index.profiles else "")
    if wanted.grades:
        bits &= sets.hosts_with_any(Property("grade", profile, grade) for grade in wanted.grades)
    if wanted.compliant is not None:
        bits &= sets.hosts_with(Property("compliant", profile, wanted.compliant))
    if wanted.statuses:
        bits &= sets.hosts_with_any(Property("status", "", status) for status in wanted.statuses)
    for label in wanted.labels:
        bits &= sets.hosts_with(Property("label", "", label))
    if wanted.networks:
        found = 0
        for network in wanted.networks:
            found |= index.in_network(network)
        bits &= found
    if wanted.findings:
        bits &= sets.hosts_with_any(
            Property("finding_algorithm" if " " in each else "finding", scope, each)
            for each in wanted.findings
            for scope in (profile, FLEET)
        )
    if wanted.algorithms:
        bits &= sets.hosts_with_any(each for name in wanted.algorithms for each in _algorithms(name))
    if wanted.products:
        bits &= sets.hosts_with_any(Property("product", "", product) for product in wanted.products)
    if wanted.key is not None:
        bits &= index.with_key(wanted.key)
    if wanted.text:
        bits = index.with_text(wanted.text, bits)
    return bits


def _algorithms(words: str) -> list[Property]:
    type_, colon, name = words.partition(":")
    if colon and type_ in ALGORITHM_TYPES:
        return [Property("algorithm", type_, name)]
    return [Property("algorithm", each, words) for each in ALGORITHM_TYPES]
