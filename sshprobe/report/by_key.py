"""Which host key is on which hosts, and what is wrong with it."""

from __future__ import annotations

import msgspec

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.report.aliases import name_beside
from sshprobe.report.fleet_table import few, fleet_table, place_of
from sshprobe.report.terminal import Terminal
from sshprobe.report.words import count


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
        self._names: dict[str, str] = {}
        """What hosts are called beside their addresses."""

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

    def table(self, summary: SummaryRecord, terminal: Terminal, *, servers: int, verbose: bool = False) -> str:
        """Return the report for people: keys with findings, and with `verbose` all."""
        keys = self.document(summary).keys
        shown = [key for key in keys if key.findings or verbose]
        hidden = len(keys) - len(shown)
        rows = [
            [
                escape_unprintable(key.fingerprint),
                escape_unprintable(key.type),
                "" if key.bits is None else str(key.bits),
                str(len(key.hosts)),
                ", ".join(_words(id, key.agree) for id in key.findings),
                few(key.hosts, self._names, verbose=verbose),
            ]
            for key in shown
        ]
        headers = ["fingerprint", "type", "bits", "hosts", "findings", "which"]
        sentence = (
            f"{count(hidden, 'host key')} without a finding: {'it is' if hidden == 1 else 'they are'} listed with -v."
        )
        return fleet_table(
            headers, rows, summary, terminal, servers=servers, right=(2, 3), left_out=sentence if hidden else ""
        )


def _words(id: str, agree: bool | None) -> str:
    reason = id.partition(".")[2].replace("_", " ")
    return f"{reason} (one machine or clones)" if reason == "shared" and agree else reason
