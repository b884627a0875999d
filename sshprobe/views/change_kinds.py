"""The kinds of changes between two scans, as structs: of hosts, keys, verdicts and facts."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from sshprobe.model.observation import Status
from sshprobe.model.verdict import GRADES, SEVERITIES, Grade, Severity

KeyKind = Literal["changed", "replaced", "authority", "passing", "added", "removed", "certificate"]

FindingKind = Literal["new", "back", "worse", "unwaived", "waived", "milder", "fixed"]

_COUNTED: tuple[Severity, ...] = ("critical", "high", "medium")
"""Severities of findings that make a host worse."""

_AGAINST: tuple[FindingKind, ...] = ("new", "back", "worse", "unwaived")

KEY_KINDS, FINDING_KINDS = get_args(KeyKind), get_args(FindingKind)


def finding_kind(
    old: tuple[str, Severity] | None, new: tuple[str, Severity] | None, *, seen_before: bool
) -> FindingKind | None:
    """Return the kind of a change; None: not a change that counts.

    `old`, `new`: "there" or "waived", and the severity; None without the finding. `seen_before`: whether an earlier
    scan had the new one.
    """
    if old == new:
        return None
    if new is None:
        return "fixed"
    if old is None:
        return None if new[0] == "waived" else "back" if seen_before else "new"
    if old[0] != new[0]:
        return "waived" if new[0] == "waived" else "unwaived"
    if new[0] == "waived":
        return None
    return "worse" if SEVERITIES.index(new[1]) < SEVERITIES.index(old[1]) else "milder"


def makes_worse(kind: FindingKind | None, severity: Severity) -> bool:
    """Return whether a change of a finding makes its host worse for `--fail-on worse`."""
    return kind in _AGAINST and severity in _COUNTED


class ChangedHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host with a change, and since when."""

    host: str
    """"192.0.2.7:22"."""
    since: str
    """When the first scan with the new answer began; RFC 3339, UTC."""
    seen_on: list[str] = []
    """If the answers alternate: when earlier scans began to see the new one; RFC 3339, UTC."""


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the host keys of one host."""

    host: str
    """"192.0.2.7:22"."""
    kind: KeyKind
    """`changed`: the key of a type is another one. `replaced`: no key is the same, and the types differ.
    `authority`: another authority signed its certificate. `passing`: between the two scans there was another key.
    `added`, `removed`: of a type that was, or is, not offered. `certificate`: a new certificate of the same key."""
    type: str
    """Key types, "ssh-ed25519"."""
    old: list[str]
    """Fingerprints before; of `authority` and `certificate` those of the authorities."""
    new: list[str]
    """Fingerprints now. Of `passing`: those of the scans between."""
    since: str
    """When the first scan with the new answer began; RFC 3339, UTC."""
    seen_before: bool
    """Whether an earlier scan saw the new key. Of `passing`: whether the keys are those of the old scan again."""
    seen_on: list[str] = []
    """If the keys alternate: when earlier scans began to see the new one; RFC 3339, UTC."""

    @property
    def is_alarming(self) -> bool:
        """Whether a client that knows the old key would warn."""
        return self.kind in ("changed", "replaced", "authority", "passing")


class NewHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host that answers now, and did not in the old scan."""

    host: str
    """"192.0.2.7:22"."""
    kind: Literal["new", "back"]
    """`back`: a scan before the old one saw it."""
    status_before: Status | None
    """Its status in the old scan. None: that scan has no record of it."""
    software: str
    """Software and comments of its identification; "" without one."""
    grades: dict[str, Grade]
    """Profile id to letter."""
    findings: dict[Severity, int]
    """Severity to findings that count."""
    since: str
    """When the first scan with an answer began; RFC 3339, UTC."""

    @property
    def is_worse(self) -> bool:
        """Whether `--fail-on worse` counts it: it is new, and has a finding of medium severity or above."""
        return self.kind == "new" and not self.findings.keys().isdisjoint(_COUNTED)


class MissingHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host that did not answer in the new scan."""

    host: str
    """"192.0.2.7:22"."""
    kind: Literal["gone", "not seen"]
    """`gone`: it missed as many scans in a row as `Changes.gone_after`."""
    status: Status | None
    """Its status in the new scan. None: that scan has no record of it."""
    last_seen: str
    """When the last scan with an answer began; RFC 3339, UTC."""
    missed: int
    """Scans in a row that it missed. 0: the new scan may not have had it as a target."""


class MovedHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host with the same host keys at another address, or a name with another address."""

    host: str
    """The host now, "192.0.2.7:22"."""
    old: str
    """Where it was."""
    new: str
    """Where it is."""
    since: str
    """When the first scan with the new address began; RFC 3339, UTC."""


class GradeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another letter under one profile."""

    host: str
    """"192.0.2.7:22"."""
    profile: str
    """Id of the profile."""
    old: Grade
    new: Grade
    old_score: int
    new_score: int
    since: str
    """When the first scan with the new grade began; RFC 3339, UTC."""
    seen_on: list[str] = []
    """If the grades alternate: when earlier scans began to see the new one; RFC 3339, UTC."""

    @property
    def fell(self) -> bool:
        """Whether the new letter is worse."""
        return GRADES.index(self.new) > GRADES.index(self.old)


class ComplianceChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another answer of one profile to the question whether a host complies."""

    host: str
    """"192.0.2.7:22"."""
    profile: str
    """Id of the profile."""
    old: bool
    """Whether it complied."""
    new: bool | None
    """Whether it complies. None: a fact that the profile needs was not observed."""
    since: str
    """When the first scan with the new answer began; RFC 3339, UTC."""
    seen_on: list[str] = []
    """If the answers alternate: when earlier scans began to see the new one; RFC 3339, UTC."""


class FindingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that is new or fixed, on all hosts where it is."""

    kind: FindingKind
    """`back`: it was there before, and fixed meanwhile. `worse`, `milder`: another severity. `unwaived`: its waiver ran
    out or was removed."""
    profile: str
    """Id of the profile. "fleet": a finding across the fleet."""
    id: str
    """"kex.weak"."""
    algorithm: str | None
    """The algorithm, key type or method, if it is about one."""
    severity: Severity
    """Its severity; of a fixed one, before."""
    message: str
    """The finding in a few words."""
    hosts: list[ChangedHost]
    """Sorted by host."""

    @property
    def is_against(self) -> bool:
        """Whether the host is worse by it."""
        return self.kind in _AGAINST

    @property
    def is_worse(self) -> bool:
        """Whether `--fail-on worse` counts it: the host is worse by it, and its severity is medium or above."""
        return makes_worse(self.kind, self.severity)


class AlgorithmChange(msgspec.Struct, frozen=True, kw_only=True):
    """The same change of a name-list on all hosts that have it."""

    type: str
    """"kex", "host_key", "cipher", "mac", "compression" or "language"."""
    direction: Literal["", "client to server", "server to client"]
    """"": both, or the list has no direction."""
    added: list[str]
    """Names that are new, in the server's order."""
    removed: list[str]
    """Names that are gone. Neither added nor removed: the same names in another order."""
    hosts: list[ChangedHost]
    """Sorted by host."""


class FactChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another change of an observed fact, on all hosts that have it."""

    fact: Literal[
        "software",
        "protocol",
        "service",
        "authentication_methods",
        "authentication_banner",
        "group_exchange",
        "extension",
        "first_kex_packet_follows",
        "lines_before_identification",
    ]
    """The fact. `service`: "SSH", "SSH-1 only" or "not SSH"."""
    about: str
    """The user of `authentication_methods`, the name of an `extension`, the request of `group_exchange`; else ""."""
    old: str
    """Before; "" for nothing."""
    new: str
    """Now; "" for nothing."""
    hosts: list[ChangedHost]
    """Sorted by host."""


class FlappingHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host whose answers alternate, as behind a load balancer. Here are only answers that are not worse."""

    host: str
    """"192.0.2.7:22"."""
    what: list[str]
    """What alternates: types of host keys, fields of an observation, or "verdicts" alone. Sorted."""


class EndingWaiver(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver in the new scan that ends soon."""

    profile: str
    """Id of the profile."""
    until: str
    """Its last day, in UTC: "2027-01-31"."""
    pattern: str
    """Its pattern for hosts."""
    reason: str
    """Its reason."""
    findings: list[str]
    """Ids of the findings that it covers, with their algorithm, sorted."""
    hosts: list[str]
    """The hosts that have them, sorted."""
