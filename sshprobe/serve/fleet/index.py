"""Every host of a fleet with its last state, and which hosts have a value, as bits of a whole number.

Host number n has bit n. So the hosts with two values are `a & b`, and their number is `.bit_count()`: microseconds for
100,000 hosts, in place of a query for each page.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from sshprobe.model.name_lists import FIELDS, LONGEST_NAME, MAX_NAMES, AlgorithmType
from sshprobe.model.verdict import SEVERITIES, Finding, Severity
from sshprobe.serve.fleet.orders import Host, Orders, bits_of
from sshprobe.store.history.last_sightings import Judged, LastSighting, Seen, SeenKey
from sshprobe.store.history.queries import Scan
from sshprobe.views.host_names import natural_order, software

NOT_GRADED = "none"
"""In place of a letter, for hosts without a verdict."""

_WORDS = {True: "true", False: "false", None: "null"}


class FindingKey(NamedTuple):
    """Findings that lists show as one: the same id on the same algorithm."""

    id: str
    algorithm: str


class FindingRow(NamedTuple):
    """A finding, and the hosts that have it."""

    finding: Finding
    """One of them: the texts can differ from host to host."""
    severity: Severity
    """The worst on any host."""
    hosts: int
    """Bits."""


class FleetIndex:
    """The last state of all hosts. It does not change.

    Arguments:
        sightings: the last sightings of all hosts.
        seen: the observations by id.
        judged: the verdicts by id.
        scans: all scans, the newest first.
    """

    def __init__(
        self,
        sightings: Iterable[LastSighting],
        seen: Mapping[int, Seen],
        judged: Mapping[int, Judged],
        scans: Sequence[Scan],
    ) -> None:
        names: dict[int, str] = {}
        found = []
        for (place, address, observation, verdict), scan in sightings:
            if observation in seen and verdict in judged:
                found.append((place.name, place.port, address, scan, observation, verdict))
        found.sort(key=lambda each: (natural_order(each[0]), each[1], each[2] or ""))
        self.scans = scans
        self.hosts: list[Host] = []
        for number, (name, port, address, scan, observation, verdict) in enumerate(found):
            if observation not in names:
                names[observation] = software(seen[observation].identification)
            self.hosts.append(
                Host(
                    number, name, port, address, scan, seen[observation], judged[verdict], names[observation],
                    observation, verdict,
                )
            )  # fmt: skip
        self._orders = Orders(self.hosts)
        self.everything = (1 << len(self.hosts)) - 1
        by_verdict: dict[int, list[int]] = defaultdict(list)
        by_offer: dict[_Offers, list[int]] = defaultdict(list)
        by_value: dict[tuple[str, str], list[int]] = defaultdict(list)
        by_id: dict[str, list[Host]] = defaultdict(list)
        for host in self.hosts:
            by_verdict[host.verdict].append(host.number)
            by_offer[_offers(host.seen)].append(host.number)
            by_value["status", host.seen.status].append(host.number)
            by_value["software", host.software].append(host.number)
            by_value["quantum", _WORDS[host.seen.post_quantum_kex]].append(host.number)
            by_id[host.id].append(host)
        self._by_id = dict(by_id)
        self.values: dict[tuple[str, str], int] = {key: self.bits(numbers) for key, numbers in by_value.items()}
        """Kind and value to hosts: status, software, label, quantum."""
        self.grades: dict[tuple[str, str], int] = {}
        """Profile and letter to hosts."""
        self.compliance: dict[tuple[str, str], int] = {}
        """Profile and "true", "false" or "null" to hosts."""
        self.findings: dict[tuple[str, FindingKey], FindingRow] = {}
        """Profile and finding to hosts. Findings across the fleet have the profile ""."""
        self.severities: dict[tuple[str, str], int] = {}
        """Profile and severity to hosts with such a finding."""
        self.algorithms: dict[tuple[AlgorithmType, str], int] = {}
        """Type and name to hosts."""
        self.profiles: list[str] = []
        """Profiles with a verdict, in the order of the verdicts of most hosts."""
        self._add_verdicts(by_verdict, judged)
        for offers, numbers in by_offer.items():
            bits = self.bits(numbers)
            for type_, name in {(type_, name) for type_, names in offers for name in names}:
                self.algorithms[type_, name] = self.algorithms.get((type_, name), 0) | bits

    def _add_verdicts(self, by_verdict: Mapping[int, list[int]], judged: Mapping[int, Judged]) -> None:
        profiles: dict[str, int] = {}
        for verdict, numbers in by_verdict.items():
            bits, found = self.bits(numbers), judged[verdict]
            for label in found.labels:
                self.values["label", label] = self.values.get(("label", label), 0) | bits
            for each in found.verdicts:
                profiles[each.profile] = profiles.get(each.profile, 0) + len(numbers)
                _add(self.grades, (each.profile, each.grade), bits)
                _add(self.compliance, (each.profile, _WORDS[each.compliant]), bits)
                for finding in each.findings:
                    self._add_finding(each.profile, finding, bits)
            for finding in found.fleet_findings:
                self._add_finding("", finding, bits)
        self.profiles = sorted(profiles, key=lambda profile: -profiles[profile])

    def _add_finding(self, profile: str, finding: Finding, bits: int) -> None:
        if not finding.counts:
            return
        _add(self.severities, (profile, finding.severity), bits)
        key = profile, FindingKey(finding.id, finding.algorithm or "")
        row = self.findings.get(key)
        if row is None:
            self.findings[key] = FindingRow(finding, finding.severity, bits)
        else:
            worst = min(row.severity, finding.severity, key=SEVERITIES.index)
            self.findings[key] = FindingRow(row.finding, worst, row.hosts | bits)

    def bits(self, numbers: Iterable[int]) -> int:
        """Return the bits of hosts."""
        return bits_of(numbers, len(self.hosts))

    def find(self, id_: str) -> list[Host]:
        """Return the host with an id, once for each address that answered."""
        return self._by_id.get(id_.lower(), [])

    def first(self, bits: int, sort: str, profile: str | None, limit: int, *, after: int | None = None) -> list[Host]:
        """Return the first hosts of some: see `Orders.first`."""
        return self._orders.first(bits, sort, profile, limit, after=after)

    def prepare(self) -> None:
        """Compute what nearly every page needs, so that no request waits for it."""
        self._orders.of("worst", next(iter(self.profiles), None))
        _ = self.texts, self.keys, self._addresses

    def within(self, network: IPv4Network | IPv6Network) -> int:
        """Return the hosts whose address is in a network."""
        addresses, numbers = self._addresses[network.version]
        first = bisect_left(addresses, int(network.network_address))
        last = bisect_right(addresses, int(network.broadcast_address))
        return self.bits(numbers[first:last])

    @cached_property
    def _addresses(self) -> dict[int, tuple[list[int], list[int]]]:
        """IP version to sorted addresses and the numbers of their hosts."""
        found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for host in self.hosts:
            try:
                address = ip_address((host.address or "").partition("%")[0])
            except ValueError:
                continue  # no address, or an imported record with another text there
            found[address.version].append((int(address), host.number))
        return {
            version: ([address for address, _ in pairs], [number for _, number in pairs])
            for version, pairs in ((version, sorted(pairs)) for version, pairs in found.items())
        }

    @cached_property
    def texts(self) -> list[str]:
        """The text of each host that a search looks at, in lower case."""
        return [
            f"{host.id} {host.address or ''} {host.software} {' '.join(host.judged.labels)}".lower()
            for host in self.hosts
        ]

    @cached_property
    def answered(self) -> int:
        """The number of hosts that sent an identification."""
        return sum(host.seen.identification is not None for host in self.hosts)

    @cached_property
    def newest(self) -> str:
        """When the newest scan of any host began; "" without hosts."""
        return max((host.scan.started_at for host in self.hosts), default="")

    @cached_property
    def _by_key(self) -> dict[str, int | list[int]]:
        """Fingerprint to the number of its host, or to those of several."""
        found: dict[str, int | list[int]] = {}
        for host in self.hosts:
            for fingerprint in {key.fingerprint for key in host.seen.host_keys or ()}:
                known = found.get(fingerprint)
                if known is None:
                    found[fingerprint] = host.number
                elif isinstance(known, int):
                    found[fingerprint] = [known, host.number]
                else:
                    known.append(host.number)
        return found

    @cached_property
    def keys(self) -> dict[str, tuple[SeenKey, int]]:
        """Fingerprint to key and hosts, of the keys that several hosts have; those of most hosts first."""
        found: dict[str, tuple[SeenKey, int]] = {}
        for fingerprint, numbers in self._by_key.items():
            if isinstance(numbers, int):
                continue
            proven = [
                (host, key)
                for host in (self.hosts[number] for number in numbers)
                for key in host.seen.host_keys or ()
                if key.fingerprint == fingerprint and key.signature_verified is not False
            ]
            if len({(host.address, host.name) for host, _ in proven}) > 1:
                found[fingerprint] = proven[-1][1], self.bits(host.number for host, _ in proven)
        return dict(sorted(found.items(), key=lambda each: (-each[1][1].bit_count(), each[0])))

    def with_key(self, fingerprint: str) -> int:
        """Return the hosts with a key."""
        found = self._by_key.get(fingerprint, ())
        return 1 << found if isinstance(found, int) else self.bits(found)


def _add(to: dict[tuple[str, str], int], key: tuple[str, str], bits: int) -> None:
    to[key] = to.get(key, 0) | bits


_Offers = tuple[tuple[AlgorithmType, tuple[str, ...]], ...]


def _offers(seen: Seen) -> _Offers:
    """Return the name-lists of a host with their types. Names that nobody has registered may be endless."""
    return tuple(
        (type_, tuple(name for name in (getattr(seen, field) or ())[:MAX_NAMES] if len(name) <= LONGEST_NAME))
        for type_, fields in FIELDS.items()
        for _, field in fields
    )
