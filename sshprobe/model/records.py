"""The lines of a scan: a header, one record per host, a summary.

A `HostRecord` is an observation with its verdicts, and can be graded again. A major version of `SCHEMA` only ever adds
fields. All types are frozen `msgspec.Struct`s: `msgspec.json.encode` writes them, `msgspec.json.decode` validates.
"""

from __future__ import annotations

import msgspec

from sshprobe.model.fleet import SharedKey, SharedPrime
from sshprobe.model.observation import SCHEMA, Depth, Observation
from sshprobe.model.verdict import Finding, Verdict


class HostRecord(Observation, frozen=True, kw_only=True, tag="host", tag_field="type"):
    """A line of a scan: the observation of one host with its verdicts."""

    verdicts: list[Verdict] = []
    """One verdict per profile. Empty: there was nothing to grade."""
    fleet_findings: list[Finding] = []
    """Findings that depend on keys of other hosts: a shared or listed key, a shared prime. One of each id at most,
    worst first. They never change score, grade or compliance. `sshprobe grade` writes them. A scan knows them only at
    its end (`SummaryRecord.fleet_findings`)."""

    def to_json(self) -> str:
        """Return the record as one line of JSON without line end: a line of `--format jsonl`."""
        return msgspec.json.encode(self).decode("utf-8")


class ProfileReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile of a scan."""

    id: str
    """Id of the profile."""
    version: str
    """Version of the profile."""
    extends: list[str] = []
    """The profiles that it extends, nearest first: "mozilla-modern 2022-07"."""
    unverified: str = ""
    """Parts that were not checked against the document. Left out if all were checked."""
    digest: str = ""
    """SHA-256 in hex of the profile's content (`Profile.digest`). Left out in records older than this field."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with targets of a scan."""

    name: str
    """Its name from the user. "-" is standard input."""
    digest: str | None
    """SHA-256 of its bytes in hex. None: it can be read only once, like standard input."""


class PaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Speed and timeouts of a scan, in seconds. They change no record of a host."""

    concurrency: int
    """Hosts at once."""
    rate: float | None
    """Hosts started per second. None: no limit."""
    connect_timeout: float
    """For the lookup of a name and for each TCP connection."""
    timeout: float
    """For one question."""
    host_timeout: float
    """For all questions to a host together."""
    throttle_wait: float
    """Before the second try of a host that refused or closed connections."""


class SweepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a scan that change its records, without output: `scan --resume FILE` needs them."""

    targets: list[str]
    """Words of the command line."""
    files: list[SourceFile]
    """Files of targets (`-f`)."""
    inventories: list[SourceFile]
    """Inventories (`--inventory`)."""
    inventory_format: str | None
    """Their format, if the user named it."""
    records: list[SourceFile]
    """Saved records with targets (`--from-records`)."""
    statuses: list[str]
    """Only hosts with these statuses of those records."""
    grades: list[str]
    """Only hosts with these grades of those records."""
    ports: list[int]
    """Ports for targets without one."""
    exclude: list[str]
    """Hosts and networks that are never contacted."""
    exclude_files: list[SourceFile]
    """Files of such hosts."""
    profiles: list[str]
    """Ids or files from the user. `SweepRecord.profiles` has their digests."""
    depth: Depth
    """How much is queried."""
    auth_methods: bool
    """Whether authentication methods are queried."""
    auth_users: list[str]
    """The users whose authentication methods are queried."""
    client_id: str | None
    """The identification string that servers see. None: our own."""
    family: int | None
    """4 or 6: only addresses of that family. None: both."""
    all_addresses: bool
    """Whether every address of a name is scanned."""
    labels: list[str] = []
    """Labels of all targets (`--label`)."""
    skip_silent: bool = False
    """Whether hosts that take no connection have no record (`--skip-silent`)."""
    pace: PaceSettings | None = None
    """Speed and timeouts. None: the record is older than this field."""


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True, tag="sweep", tag_field="type"):
    """The first line of a scan."""

    schema: str = SCHEMA
    """Version of the record format."""
    tool: str
    """"sshprobe 0.1.0"."""
    arguments: list[str]
    """The command line of the scan."""
    profiles: list[ProfileReference]
    """The profiles of the verdicts."""
    started_at: str
    """When the scan began; RFC 3339, UTC."""
    seed: int | None = None
    """The seed for the order of the hosts: `--seed` with it and the same targets repeats the order."""
    strict: bool | None = None
    """Whether the verdicts used `--strict`. None: the record is older than this field."""
    settings: SweepSettings | None = None
    """The options of the scan. None: the record is older than this field."""
    scan_id: str | None = None
    """Identifies the scan, here and in a history: 16 random hex digits. None: in records of before this field."""
    saved: str | None = None
    """The name of its saved options (`--saved`). None: it had none."""


class WaivedCount(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of waivers in a scan, under one profile."""

    findings: int
    """Findings that were waived."""
    hosts: int
    """Hosts with any."""
    compliant: int
    """Those of them with `compliant` true: without the waivers some would not be."""


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True, tag="summary", tag_field="type"):
    """The last line of a scan."""

    schema: str = SCHEMA
    """Version of the record format."""
    hosts: int
    """Host records in the file."""
    statuses: dict[str, int]
    """Status to hosts."""
    grades: dict[str, dict[str, int]]
    """Profile id to letter to hosts."""
    compliant: dict[str, dict[str, int]]
    """Profile id to "true", "false", "null" to hosts."""
    shared_host_keys: list[SharedKey]
    """Host keys on more than one address."""
    connections: int
    """TCP connections of the whole scan."""
    duration_ms: float
    """Milliseconds of the scan, resumed parts included."""
    interrupted: bool = False
    """True: the scan ended early, so hosts are missing."""
    shared_primes: list[SharedPrime] | None = None
    """Primes that host keys share. None: not searched."""
    weak_keys: dict[str, int] | None = None
    """Id of a finding, such as "host_key.roca", to distinct host keys. None: not searched."""
    known_keys_checked: bool = False
    """Whether the keys were looked up in a list of keys whose private half is known (`--weak-keys`)."""
    moduli_tested: bool = False
    """Whether each RSA modulus was tested for being prime or easy to factor."""
    moduli_left_out: int = 0
    """Distinct RSA keys of more than 16,384 bits, without a search for shared primes."""
    fleet_findings: dict[str, int] = {}
    """Id of a finding across the fleet, such as "host_key.shared", to hosts with it above a note. A host counts once,
    whatever the number of its keys."""
    waived: dict[str, WaivedCount] = {}
    """Profile id to the effect of its waivers. Profiles without a waived finding are left out."""
    silent: dict[str, int] = {}
    """Status to hosts that took no connection and have no record (`--skip-silent`). `hosts` and `statuses` are without
    them."""

    @property
    def targets(self) -> int:
        """The number of hosts with and without a record."""
        return self.hosts + sum(self.silent.values())

    @property
    def all_statuses(self) -> dict[str, int]:
        """Status to hosts with and without a record."""
        both = self.statuses.keys() | self.silent.keys()
        return {status: self.statuses.get(status, 0) + self.silent.get(status, 0) for status in sorted(both)}


class SilentRecord(msgspec.Struct, frozen=True, kw_only=True, tag="silent", tag_field="type"):
    """A line of `--skip-silent` for hosts that have no record. `--resume` reads it, other commands skip it."""

    schema: str = SCHEMA
    """Version of the record format."""
    hosts: dict[str, list[str]]
    """Status to hosts that took no connection: "192.0.2.7:22"."""


Record = SweepRecord | HostRecord | SummaryRecord
"""Any line of the native format (`--format jsonl`), but `SilentRecord`."""


class SweepDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A whole scan as one document (`--format json`)."""

    sweep: SweepRecord
    """The header."""
    hosts: list[HostRecord]
    """All hosts."""
    summary: SummaryRecord
    """The summary."""
