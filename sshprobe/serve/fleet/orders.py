"""Hosts of an index, their sets as bits, and the orders in which lists show them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from sshprobe.model.observation import endpoint
from sshprobe.model.verdict import SEVERITIES, Finding
from sshprobe.store.history.last_sightings import Judged, JudgedVerdict, Seen
from sshprobe.store.history.queries import Scan

_SORTED = 4000
"""Up to this many hosts are sorted for a page. Of more, the next ones of the whole order are tried."""


class Host(NamedTuple):
    """One host, in its last scan."""

    number: int
    """Its bit."""
    name: str
    """The name that the user gave, in lower case, else the address."""
    port: int
    address: str | None
    """The address that answered. None: the name was not resolved."""
    scan: Scan
    seen: Seen
    judged: Judged
    software: str
    observation: int
    """Ids of the stored parts."""
    verdict: int

    @property
    def id(self) -> str:
        """Its name in addresses of pages: "web1.example.org:22"; with "@address" if the name has several addresses."""
        return endpoint(self.name, self.port)

    def verdict_of(self, profile: str | None) -> JudgedVerdict | None:
        """Return its verdict under a profile."""
        return next((each for each in self.judged.verdicts if each.profile == profile), None)

    def worst(self, profile: str | None) -> Finding | None:
        """Return its worst finding that counts, also across the fleet."""
        verdict = self.verdict_of(profile)
        found = [each for each in (verdict.findings if verdict else []) if each.counts]
        found += [each for each in self.judged.fleet_findings if each.counts]
        return min(found, key=lambda each: SEVERITIES.index(each.severity), default=None)


_ONE = ord("1")


def bits_of(numbers: Iterable[int], hosts: int) -> int:
    """Return the bits of some hosts. `hosts`: the number of all."""
    digits = bytearray(b"0") * (hosts + 1)  # binary digits, the last host first: one assignment for each host
    for number in numbers:
        digits[-1 - number] = _ONE
    return int(digits, 2)


def numbers_of(bits: int) -> Iterator[int]:
    """Yield the numbers of hosts, in their natural order."""
    for at, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if byte:
            for bit in range(8):
                if byte >> bit & 1:
                    yield 8 * at + bit


class Orders:
    """The orders `worst`, `best`, `host`, `software` and `seen` of all hosts. Each is sorted once."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._known: dict[tuple[str, str | None], tuple[array[int], array[int]]] = {}

    def first(self, bits: int, sort: str, profile: str | None, limit: int, *, after: int | None = None) -> list[Host]:
        """Return the first hosts of some, in an order.

        `profile`: that of the orders `worst` and `best`. `after`: the number of a host; only hosts that follow it.
        """
        ranked, places = self.of(sort, profile)
        start = 0 if after is None else places[after] + 1
        if bits.bit_count() <= _SORTED:
            found = sorted(place for number in numbers_of(bits) if (place := places[number]) >= start)
            return [self._hosts[ranked[place]] for place in found[:limit]]
        data = bits.to_bytes(len(self._hosts) // 8 + 1, "little")
        walk = (ranked[place] for place in range(start, len(ranked)))
        chosen = (number for number in walk if data[number >> 3] >> (number & 7) & 1)
        return [self._hosts[number] for number in islice(chosen, limit)]

    def of(self, sort: str, profile: str | None) -> tuple[array[int], array[int]]:
        """Return the numbers of all hosts in an order, and the place of each number in it."""
        key = sort, profile if sort in ("worst", "best") else None
        if key not in self._known:
            known: dict[int, _Badness] = {}

            def sort_key(host: Host) -> tuple[object, ...]:
                if host.verdict not in known:
                    known[host.verdict] = _badness(host, profile)
                return (*_sort_key(host, sort, *known[host.verdict]), host.number)

            ranked = array("I", (host.number for host in sorted(self._hosts, key=sort_key)))
            places = array("I", bytes(ranked.itemsize * len(ranked)))
            for place, number in enumerate(ranked):
                places[number] = place
            self._known[key] = ranked, places
        return self._known[key]


def place_words(host: Host, sort: str, profile: str | None) -> str:
    """Return a text that changes if a host moves to another place in an order."""
    return repr(_sort_key(host, sort, *_badness(host, profile)))


_Badness = tuple[tuple[int, ...] | None, int]
"""Minus the number of findings by severity, and the score. None: there is no verdict."""


def _badness(host: Host, profile: str | None) -> _Badness:
    verdict = host.verdict_of(profile)
    return (None, 0) if verdict is None else (_severities(verdict), verdict.score)


def _severities(verdict: JudgedVerdict) -> tuple[int, ...]:
    """Return minus the number of counting findings of each severity, worst first."""
    numbers = [0] * len(SEVERITIES)
    for finding in verdict.findings:
        if finding.counts:
            numbers[SEVERITIES.index(finding.severity)] -= 1
    return tuple(numbers)


def _sort_key(host: Host, sort: str, severities: tuple[int, ...] | None, score: int) -> tuple[object, ...]:
    if sort == "worst":
        return severities is None, score, severities or ()
    if sort == "best":
        return severities is None, -score, tuple(-number for number in severities or ())
    if sort == "software":
        return not host.software, host.software
    return (host.scan.started_at,) if sort == "seen" else ()
