"""Which host key is on which hosts, and what is wrong with it."""

from __future__ import annotations

import msgspec

from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.views.host_names import name_beside, place_of


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One host key and the hosts that have it."""

    fingerprint: str
    type: str
    bits: int | None
    findings: list[str]
    """Ids of findings, sorted: "host_key.shared"."""
    agree: bool | None
    """As in `SharedKey`: True if its hosts may be one machine. None: the key is not shared."""
    hosts: list[str]
    """"address:port", sorted."""


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by key --format json`."""

    by: str = "key"
    keys: list[KeyUse]
    """Keys with findings first, then those of most hosts."""
    summary: SummaryRecord


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """The report for programs, and what people see besides."""

    report: KeyReport
    names: dict[str, str]
    """ "address:port" to the further name of the host, if it has one."""
    servers: int
    """Hosts that sent an identification."""


class KeyBuilder:
    """Takes hosts one by one and keeps where each key was seen, but for keys whose signature was wrong."""

    def __init__(self, fleet: FleetReport) -> None:
        self._shared = {each.fingerprint: each for each in fleet.shared_host_keys}
        self._findings: dict[str, set[str]] = {each.fingerprint: set(each.findings) for each in fleet.weak_keys}
        for fingerprint in self._shared:
            self._findings.setdefault(fingerprint, set()).add("host_key.shared")
        for prime in fleet.shared_primes or ():
            for fingerprint in prime.fingerprints:
                self._findings.setdefault(fingerprint, set()).add("host_key.shared_prime")
        self._keys: dict[str, tuple[str, int | None, set[str]]] = {}
        self._names: dict[str, str] = {}

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        name = name_beside(record)
        if name is not None:
            self._names.setdefault(place_of(record), name)
        for key in record.host_keys or ():
            if key.signature_verified is not False:
                type_, bits, places = self._keys.get(key.fingerprint, (key.type, key.bits, set()))
                places.add(place_of(record))
                self._keys[key.fingerprint] = min(type_, key.type), bits, places

    def build(self, summary: SummaryRecord, *, servers: int) -> KeyView:
        """Return the view of all hosts so far."""
        keys = [
            KeyUse(
                fingerprint=fingerprint,
                type=type_,
                bits=bits,
                findings=sorted(self._findings.get(fingerprint, ())),
                agree=self._shared[fingerprint].agree if fingerprint in self._shared else None,
                hosts=sorted(places),
            )
            for fingerprint, (type_, bits, places) in self._keys.items()
        ]
        keys.sort(key=lambda key: (not key.findings, -len(key.hosts), key.fingerprint))
        return KeyView(report=KeyReport(keys=keys, summary=summary), names=self._names, servers=servers)
