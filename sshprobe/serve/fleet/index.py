"""Every host of a fleet with its last state, and which hosts have a value, as bits of a whole number.

Host number n has bit n. So the hosts with two values are `a & b`, and their number is `.bit_count()`: microseconds for
100,000 hosts, in place of a query for each page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from sshprobe.model.name_lists import FIELDS, LONGEST_NAME, MAX_NAMES, AlgorithmType
from sshprobe.model.observation import endpoint
from sshprobe.model.verdict import SEVERITIES, Finding, Severity
from sshprobe.store.history.last_sightings import Judged, JudgedVerdict, LastSighting, Seen, SeenKey
from sshprobe.store.history.queries import Scan
from sshprobe.views.host_names import natural_order, software

NOT_GRADED = "none"
"""In place of a letter, for hosts without a verdict."""


_WORDS = {True: "true", False: "false", None: "null"}


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
        made = bytearray(len(self.hosts) // 8 + 1)
        for number in numbers:
            made[number >> 3] |= 1 << (number & 7)
        return int.from_bytes(made, "little")

    def numbers(self, bits: int) -> Iterator[int]:
        """Yield the numbers of hosts, in their natural order."""
        for at, byte in enumerate(bits.to_bytes(len(self.hosts) // 8 + 1, "little")):
            if byte:
                for bit in range(8):
                    if byte >> bit & 1:
                        yield 8 * at + bit

    def find(self, id_: str) -> list[Host]:
        """Return the host with an id, once for each address that answered."""
        return self._by_id.get(id_.lower(), [])

    def order(self, sort: str, profile: str | None) -> list[int]:
        """Return the place of each host in an order: `worst`, `best`, `host`, `software` or `seen`."""
        key = sort, profile if sort in ("worst", "best") else None
        if key not in self._orders:
            known: dict[int, tuple[tuple[int, ...] | None, int]] = {}

            def sort_key(host: Host) -> tuple[object, ...]:
                if host.verdict not in known:
                    verdict = host.verdict_of(profile)
                    known[host.verdict] = (None, 0) if verdict is None else (_severities(verdict), verdict.score)
                return _sort_key(host, sort, *known[host.verdict])

            hosts = sorted(self.hosts, key=sort_key)
            places = [0] * len(hosts)
            for place, host in enumerate(hosts):
                places[host.number] = place
            self._orders[key] = places
        return self._orders[key]

    @cached_property
    def _orders(self) -> dict[tuple[str, str | None], list[int]]:
        return {}

    @cached_property
    def addresses(self) -> list[tuple[int, IPv4Address | IPv6Address]]:
        """The number and address of each host that has one."""
        return [(host.number, ip_address(host.address.partition("%")[0])) for host in self.hosts if host.address]

    @cached_property
    def keys(self) -> dict[str, tuple[SeenKey, int]]:
        """Fingerprint to key and hosts, of the keys that several hosts have."""
        numbers: dict[str, list[int]] = {}
        found: dict[str, SeenKey] = {}
        for host in self.hosts:
            for key in host.seen.host_keys or ():
                if key.signature_verified is not False:
                    numbers.setdefault(key.fingerprint, []).append(host.number)
                    found[key.fingerprint] = key
        return {
            fingerprint: (found[fingerprint], self.bits(hosts))
            for fingerprint, hosts in numbers.items()
            if len({(self.hosts[number].address, self.hosts[number].name) for number in hosts}) > 1
        }

    def with_key(self, fingerprint: str) -> int:
        """Return the hosts with a key."""
        return self.bits(
            host.number
            for host in self.hosts
            if any(key.fingerprint == fingerprint for key in host.seen.host_keys or ())
        )


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


def _severities(verdict: JudgedVerdict) -> tuple[int, ...]:
    """Return minus the number of counting findings of each severity, worst first."""
    numbers = [0] * len(SEVERITIES)
    for finding in verdict.findings:
        if finding.counts:
            numbers[SEVERITIES.index(finding.severity)] -= 1
    return tuple(numbers)


def _sort_key(host: Host, sort: str, severities: tuple[int, ...] | None, score: int) -> tuple[object, ...]:
    if sort == "worst":
        return (severities is None, score, severities or (), host.number)
    if sort == "best":
        return (severities is None, -score, tuple(-number for number in severities or ()), host.number)
    if sort == "software":
        return (not host.software, host.software, host.number)
    return (host.scan.started_at, host.number) if sort == "seen" else (host.number,)
