"""The hosts of a fleet in memory: sorted, filtered by sets of bits, and paged. 100,000 hosts answer in milliseconds."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from sshprobe.model.lasting import HostIdentity
from sshprobe.model.observation import endpoint
from sshprobe.views.fleet_facts import FindingKind, FindingWords, JudgedHost, Key, SharedFacts
from sshprobe.views.host_names import natural_order
from sshprobe.views.host_sets import HostSets, Property, bits_of, numbers_of
from sshprobe.views.host_stats import VerdictStats

NAME_ORDER = ""
"""The order by name. Other orders are ids of profiles: the worst host first."""

_SORTED = 4000
"""Up to this many hosts are sorted for a page; of more, the hosts of the whole order are tried."""


class FleetHost(msgspec.Struct, frozen=True, gc=False):
    """One address of a host at its last scan."""

    name: str
    """The name that the user gave, in lower case, else the address."""
    port: int
    via: str
    """The network segment or bastion, else ""."""
    address: str | None
    """None: the name was not resolved."""
    scan_id: str
    """The last scan that had the host."""
    scan_started_at: str
    started_ms: int
    """Milliseconds from the start of the scan to the start of the host."""
    observation: int
    """The id of its stored observation."""
    verdict: int
    """The id of its stored verdicts."""
    facts: SharedFacts
    keys: tuple[Key, ...]
    judged: JudgedHost

    @property
    def place(self) -> str:
        """ "name:port"."""
        return endpoint(self.name, self.port)

    @property
    def identity(self) -> HostIdentity:
        """Its identity from scan to scan."""
        return HostIdentity(self.via, self.name, self.port)

    def verdict_of(self, profile: str) -> VerdictStats | None:
        """Return its verdict of a profile. None: it has none."""
        return next((each for each in self.judged.verdicts if each.profile == profile), None)


class SharedHostKey(NamedTuple):
    """A host key on more than one address."""

    key: Key
    hosts: tuple[int, ...]
    """Their numbers."""


OrderKey = tuple[Any, ...]
"""Where a host is in an order."""


class Page(NamedTuple):
    """Some hosts of a set, in an order."""

    hosts: list[FleetHost]
    more: bool
    """Whether hosts follow."""


class FleetIndex:
    """The hosts of a fleet. It does not change; a newer history gets a new one.

    A host is its number, from 0, in the order by name. A set of hosts is an `int` with a bit for each number.
    """

    def __init__(self, hosts: Iterable[FleetHost]) -> None:
        self.hosts: list[FleetHost] = sorted(hosts, key=_name_key)
        self.every = (1 << len(self.hosts)) - 1
        """The set of all hosts."""
        self.sets = HostSets(len(self.hosts))
        self.words: dict[FindingKind, FindingWords] = {}
        """The further fields of each finding, of one of its hosts."""
        self._keys: dict[str, int | array[int]] = {}
        self._add_properties()
        self.profiles: tuple[str, ...] = self._profiles()
        """Ids, that of most hosts first."""
        self.shared_keys: list[SharedHostKey] = self._shared_keys()
        """On most hosts first."""
        self._orders = {profile: self._worst_first(profile) for profile in self.profiles}
        self._ranks = {profile: _inverse(order) for profile, order in self._orders.items()}
        self._addresses = {version: self._by_address(version) for version in (4, 6)}
        self._places: dict[tuple[str, int], int] = {}
        for number in range(len(self.hosts) - 1, -1, -1):
            self._places[self.hosts[number].name, self.hosts[number].port] = number

    def in_network(self, network: IPv4Network | IPv6Network) -> int:
        """Return the set of hosts with an address in a network."""
        addresses, numbers = self._addresses[network.version]
        first = bisect_left(addresses, int(network.network_address))
        last = bisect_right(addresses, int(network.broadcast_address))
        return bits_of(numbers[first:last], len(self.hosts))

    def with_key(self, fingerprint: str) -> int:
        """Return the set of hosts with a host key."""
        found = self._keys.get(fingerprint, ())
        return 1 << found if isinstance(found, int) else bits_of(found, len(self.hosts))

    def with_text(self, text: str, among: int) -> int:
        """Return those hosts of a set whose name, address or software contains a text, in any case."""
        text = text.lower()
        hosts = self.hosts
        kinds = {id(host.facts): host.facts for host in hosts}
        software = {kind for kind, facts in kinds.items() if text in facts.software.lower()}
        found = (
            number
            for number in numbers_of(among)
            if id(hosts[number].facts) in software
            or text in hosts[number].name
            or text in (hosts[number].address or "")
        )
        return bits_of(found, len(hosts))

    def at(self, name: str, port: int) -> list[FleetHost]:
        """Return all addresses of a host, by name and port; of several segments, if they have it. Empty: unknown."""
        number = self._places.get((name.lower(), port))
        if number is None:
            return []
        found = []
        for host in islice(self.hosts, number, None):
            if (host.name, host.port) != (name.lower(), port):
                break
            found.append(host)
        return found

    def page(self, bits: int, *, order: str = NAME_ORDER, after: OrderKey | None = None, limit: int) -> Page:
        """Return the next hosts of a set.

        `order`: `NAME_ORDER` or one of `profiles`. `after`: the `order_key` of the last host before, also of an
        earlier index.
        """
        ranked = self._orders.get(order)
        start = 0 if after is None else self._rank_after(after, order)
        found = list(islice(self._walk(bits, ranked, order, start), limit + 1))
        return Page([self.hosts[number] for number in found[:limit]], len(found) > limit)

    def order_key(self, host: FleetHost, order: str = NAME_ORDER) -> OrderKey:
        """Return where a host is in an order: lists, numbers and texts, which JSON can carry."""
        place = [host.name, host.port, host.via, host.address or ""]
        return (*_badness(host.verdict_of(order)), *place) if order else tuple(place)

    def _rank_after(self, after: OrderKey, order: str) -> int:
        if not order:
            name, port, via, address = after
            return bisect_right(self.hosts, _place_key(name, port, via, address), key=_name_key)
        *badness, name, port, via, address = after
        key = (*badness, *_place_key(name, port, via, address))
        return bisect_right(self._orders[order], key, key=lambda number: self._worst_key(number, order))

    def _walk(self, bits: int, ranked: array[int] | None, order: str, start: int) -> Iterator[int]:
        if ranked is None:
            yield from (number + start for number in numbers_of(bits >> start))
        elif bits.bit_count() <= _SORTED:
            ranks = self._ranks[order]
            chosen = sorted(rank for number in numbers_of(bits) if (rank := ranks[number]) >= start)
            yield from (ranked[rank] for rank in chosen)
        else:
            data = bits.to_bytes(len(self.hosts) // 8 + 1, "little")
            for rank in range(start, len(ranked)):
                number = ranked[rank]
                if data[number >> 3] >> (number & 7) & 1:
                    yield number

    # -- building ------------------------------------------------------------------------------------------------

    def _add_properties(self) -> None:
        alike: defaultdict[tuple[int, int], array[int]] = defaultdict(lambda: array("I"))
        keys = self._keys
        for number, host in enumerate(self.hosts):
            alike[id(host.facts), id(host.judged)].append(number)
            for key in host.keys:
                found = keys.get(key.fingerprint)
                if found is None:
                    keys[key.fingerprint] = number  # nearly all keys have one host
                elif isinstance(found, int):
                    keys[key.fingerprint] = array("I", (found, number))
                else:
                    found.append(number)
        for numbers in alike.values():
            host = self.hosts[numbers[0]]
            self.sets.add(_properties(host), numbers)
            for kind, words in zip(host.judged.findings, host.judged.words, strict=True):
                self.words.setdefault(kind, words)
        self.sets.finish()

    def _profiles(self) -> tuple[str, ...]:
        counted = self.sets.count(self.sets.properties("profile"), self.every)
        return tuple(each.scope for each in sorted(counted, key=lambda each: (-counted[each], each.scope)))

    def _shared_keys(self) -> list[SharedHostKey]:
        found = []
        for fingerprint, numbers in self._keys.items():
            if not isinstance(numbers, int):
                hosts = [self.hosts[number] for number in numbers]
                if len({host.address or host.name for host in hosts}) > 1:
                    key = next(key for key in hosts[0].keys if key.fingerprint == fingerprint)
                    found.append(SharedHostKey(key, tuple(numbers)))
        return sorted(found, key=lambda each: (-len(each.hosts), each.key))

    def _worst_key(self, number: int, profile: str) -> OrderKey:
        host = self.hosts[number]
        return (*_badness(host.verdict_of(profile)), *_name_key(host))

    def _worst_first(self, profile: str) -> array[int]:
        # The numbers are in the order by name already, and sorting keeps it among equal ones.
        hosts = self.hosts
        return array("I", sorted(range(len(hosts)), key=lambda number: _badness(hosts[number].verdict_of(profile))))

    def _by_address(self, version: int) -> tuple[list[int], array[int]]:
        found = []
        for number, host in enumerate(self.hosts):
            if host.address is not None and (":" in host.address) == (version == 6):
                try:
                    found.append((int(ip_address(host.address)), number))
                except ValueError:
                    continue  # records come from anywhere
        found.sort()
        return [address for address, _ in found], array("I", (number for _, number in found))


def _place_key(name: str, port: int, via: str, address: str) -> OrderKey:
    return natural_order(name), name, port, via, address


def _name_key(host: FleetHost) -> OrderKey:
    return _place_key(host.name, host.port, host.via, host.address or "")


def _badness(verdict: VerdictStats | None) -> tuple[int, list[int]]:
    """Return a sort key: the score, then the findings by severity; hosts without a verdict last."""
    return (1000, []) if verdict is None else (verdict.score, list(verdict.severities))


def _inverse(order: Sequence[int]) -> array[int]:
    ranks = array("I", bytes(4 * len(order)))
    for rank, number in enumerate(order):
        ranks[number] = rank
    return ranks


def _properties(host: FleetHost) -> Iterator[Property]:
    yield Property("status", "", host.facts.status)
    if host.facts.product:
        yield Property("product", "", host.facts.product)
    for label in host.judged.labels:
        yield Property("label", "", label)
    for verdict in host.judged.verdicts:
        yield Property("profile", verdict.profile, "")
        yield Property("grade", verdict.profile, verdict.grade)
        yield Property("compliant", verdict.profile, {True: "true", False: "false", None: "null"}[verdict.compliant])
    for profile, id_ in dict.fromkeys((each.profile, each.id) for each in host.judged.findings):
        yield Property("finding", profile, id_)
    for each in host.judged.findings:
        if each.algorithm:
            yield Property("finding_algorithm", each.profile, f"{each.id} {each.algorithm}")
    for category, name in host.facts.algorithms:
        yield Property("algorithm", category, name)
