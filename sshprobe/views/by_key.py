"""Which host key is on which hosts, and what is wrong with it."""

from __future__ import annotations

import msgspec

from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.views.host import place_of
from sshprobe.views.host_names import name_beside


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """One host key and the hosts that have it."""

    fingerprint: str
    type: str
    bits: int | None
    findings: list[str]
    """Ids of findings, sorted: "host_key.shared"."""
    agree: bool | None
    """Of a shared key, as in `SharedKey`: True where its hosts may be one machine. None: it is not shared."""
    hosts: list[str]
    """"address:port", sorted."""


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by key --format json`."""

    by: str = "key"
    keys: list[KeyUse]
    """Those with findings first, then those of most hosts."""
    summary: SummaryRecord


class ByKey:
    """Takes hosts one by one; keeps where each key was seen. A key whose signature was wrong may be anybody's."""

    def __init__(self, fleet: FleetReport) -> None:
        self._shared = {each.fingerprint: each for each in fleet.shared_host_keys}
        self._findings: dict[str, set[str]] = {each.fingerprint: set(each.findings) for each in fleet.weak_keys}
        for fingerprint in self._shared:
            self._findings.setdefault(fingerprint, set()).add("host_key.shared")
        for prime in fleet.shared_primes or ():
            for fingerprint in prime.fingerprints:
                self._findings.setdefault(fingerprint, set()).add("host_key.shared_prime")
        self._keys: dict[str, tuple[str, int | None, set[str]]] = {}
        self.names: dict[str, str] = {}
        """What hosts are called beside their addresses."""

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        name = name_beside(record)
        if name is not None:
            self.names.setdefault(place_of(record), name)
        for key in record.host_keys or ():
            if key.signature_verified is not False:
                type_, bits, places = self._keys.get(key.fingerprint, (key.type, key.bits, set()))
                places.add(place_of(record))
                self._keys[key.fingerprint] = min(type_, key.type), bits, places

    def document(self, summary: SummaryRecord) -> KeyReport:
        """Return the report for programs."""
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
        return KeyReport(keys=keys, summary=summary)
