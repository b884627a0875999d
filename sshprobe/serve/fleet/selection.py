"""Filters, orders and pages of the hosts of an index, as the parameters of an address name them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import urlencode

from sshprobe.model.verdict import GRADES, SEVERITIES
from sshprobe.serve.fleet.index import NOT_GRADED, FleetIndex
from sshprobe.serve.fleet.orders import Host, place_words

SORTS = ("worst", "best", "host", "software", "seen")

MOST = 1000
"""The most hosts of one page."""

FILTERS = (
    *("q", "grade", "compliant", "label", "status", "software", "network", "finding", "algorithm", "key", "quantum"),
    "severity",
)
"""Parameters that filter hosts. A list of values, separated by commas, means any of them for grade, status and
severity."""


class WrongParameter(ValueError):
    """A parameter has a value that cannot be used. `str()` is one line."""


class CursorGone(Exception):
    """The host of a cursor is no longer in the list, or elsewhere in it."""


class Selection(NamedTuple):
    """Chosen hosts in an order."""

    profile: str | None
    """The profile of grades and findings. None: no host has a verdict."""
    sort: str
    filters: dict[str, str]
    """The filters in use."""
    hosts: int
    """Bits."""

    def query(self, **other: str | None) -> str:
        """Return the parameters of this selection, changed by `other`; None removes one."""
        found: dict[str, str | None] = {**self.filters, "profile": self.profile, "sort": self.sort, **other}
        return urlencode({name: value for name, value in found.items() if value})


class Page(NamedTuple):
    """Some hosts of a selection."""

    hosts: list[Host]
    total: int
    """All hosts of the selection."""
    cursor: str | None
    """For the next page. None: this is the last."""


def select_hosts(index: FleetIndex, parameters: Mapping[str, str]) -> Selection:
    """Return the hosts that match all filters. Unknown parameters are ignored. Raises `WrongParameter`."""
    profile = parameters.get("profile") or (index.profiles[0] if index.profiles else None)
    if profile is not None and profile not in index.profiles:
        raise WrongParameter(f"no host has a verdict of the profile {profile!r}")
    sort = parameters.get("sort") or "worst"
    if sort not in SORTS:
        raise WrongParameter(f"sort is one of {', '.join(SORTS)}")
    filters = {name: parameters[name] for name in FILTERS if parameters.get(name)}
    hosts = index.everything
    for name, value in filters.items():
        hosts &= _matching(index, name, value, profile)
    return Selection(profile, sort, filters, hosts)


def page_of(index: FleetIndex, selection: Selection, *, limit: int, cursor: str | None = None) -> Page:
    """Return a page of a selection. Raises `WrongParameter` for a malformed cursor, `CursorGone` for an old one."""
    after = None if cursor is None else _host_of(index, cursor, selection).number
    hosts = index.first(selection.hosts, selection.sort, selection.profile, limit + 1, after=after)
    more = len(hosts) > limit
    return Page(hosts[:limit], selection.hosts.bit_count(), _cursor_of(hosts[limit - 1], selection) if more else None)


def _cursor_of(host: Host, selection: Selection) -> str:
    text = f"{host.id}\n{host.address or ''}\n{_place(host, selection)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(host: Host, selection: Selection) -> str:
    words = f"{selection.sort} {selection.profile} {place_words(host, selection.sort, selection.profile)}"
    return hashlib.blake2b(words.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def _host_of(index: FleetIndex, cursor: str, selection: Selection) -> Host:
    """Return the host of a cursor. One that got a new place would skip or repeat the hosts between."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise WrongParameter("the cursor is malformed") from None
    id_, _, rest = text.partition("\n")
    address, _, place = rest.partition("\n")
    for host in index.find(id_):
        if (host.address or "") == address and _place(host, selection) == place:
            return host
    raise CursorGone


def _matching(index: FleetIndex, name: str, value: str, profile: str | None) -> int:
    match name:
        case "grade":
            letters = _words(value, (*GRADES, NOT_GRADED), "grade")
            graded = _any(index.grades.get((profile or "", letter), 0) for letter in GRADES)
            found = _any(index.grades.get((profile or "", letter), 0) for letter in letters)
            return found | (index.everything & ~graded if NOT_GRADED in letters else 0)
        case "compliant":
            (word,) = _words(value, ("true", "false", "null"), name, one=True)
            return index.compliance.get((profile or "", word), 0)
        case "label" | "software":
            return index.values.get((name, value), 0)
        case "status":
            return _any(index.values.get((name, each), 0) for each in value.split(","))
        case "quantum":
            (word,) = _words(value, ("true", "false", "null"), name, one=True)
            return index.values.get((name, word), 0)
        case "severity":
            levels = _words(value, SEVERITIES, name)
            return _any(index.severities.get((of, level), 0) for of in (profile or "", "") for level in levels)
        case "finding":
            id_, _, algorithm = value.partition(" ")
            return _any(
                row.hosts
                for (of, key), row in index.findings.items()
                if of in (profile, "") and key.id == id_ and algorithm in ("", key.algorithm)
            )
        case "algorithm":
            return _any(bits for (_, each), bits in index.algorithms.items() if each == value)
        case "key":
            return index.with_key(value)
        case "network":
            return _within(index, value)
    words = value.lower()
    return index.bits([number for number, text in enumerate(index.texts) if words in text])


def _within(index: FleetIndex, value: str) -> int:
    found = 0
    for each in value.split(","):
        try:
            network = ip_network(each.strip(), strict=False)
        except ValueError:
            raise WrongParameter(f"{each!r} is not a network such as 192.0.2.0/24") from None
        found |= index.within(network)
    return found


def _any(found: Iterable[int]) -> int:
    hosts = 0
    for each in found:
        hosts |= each
    return hosts


def _words(value: str, known: Iterable[str], name: str, *, one: bool = False) -> list[str]:
    found = [value] if one else value.split(",")
    for each in found:
        if each not in known:
            raise WrongParameter(f"{name} is one of {', '.join(known)}")
    return found
