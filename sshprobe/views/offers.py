"""The offers of a host by type, with the strength of each algorithm and the reasons for weakness."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from sshprobe.model.name_lists import FIELDS, AlgorithmType
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES, Finding, Severity
from sshprobe.views.host_stats import OF_ALGORITHMS

Strength = Severity | Literal["good", "marker"]
"""The strength of an algorithm: the severity of its worst weakness, "good", or "marker" for a name such as
"kex-strict-s-v00@openssh.com"."""


class AlgorithmNotes(NamedTuple):
    """The notes of the catalogue on one algorithm, under no profile."""

    severity: Severity | None = None
    """Of its weakness. None: it has none."""
    weakness: str = ""
    facts: tuple[str, ...] = ()
    marker: bool = False
    """Whether it is a marker in a list, not an algorithm to negotiate."""


Describe = Callable[[AlgorithmType, str], AlgorithmNotes]
"""Type and name of an algorithm to its notes."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One algorithm that a host offers."""

    name: str
    strength: Strength
    reasons: list[str]
    """Messages of the findings about it, worst first; without one, its weakness."""
    facts: list[str]
    """Further facts: "in OpenSSH since 7.4"."""
    direction: str
    """"client to server" or "server to client" if it is offered only in that direction."""


def offers_of(record: Observation, findings: Iterable[Finding], describe: Describe) -> dict[AlgorithmType, list[Offer]]:
    """Return the offers of a host, in the server's order. `findings`: those of the verdict to show."""
    names = offered_names(record)
    found: dict[tuple[AlgorithmType, str], list[Finding]] = {}
    for finding in findings:
        for place in offers_meant(finding, record, names):
            found.setdefault(place, []).append(finding)
    return {
        category: [
            _offer(name, describe(category, name), found.get((category, name), []), direction)
            for name, direction in directions.items()
        ]
        for category, directions in names.items()
    }


def offered_names(record: Observation) -> dict[AlgorithmType, dict[str, str]]:
    """Return each observed type and its names, with the direction of names that are in only one."""
    offered: dict[AlgorithmType, dict[str, str]] = {}
    for category, fields in FIELDS.items():
        lists = [(direction, getattr(record, field)) for direction, field in fields]
        if any(names is not None for _, names in lists):
            found = offered[category] = {}
            for direction, names in lists:
                for name in names or ():
                    found[name] = direction if found.get(name, direction) == direction else ""
    return offered


def _offer(name: str, notes: AlgorithmNotes, findings: list[Finding], direction: str) -> Offer:
    severities: list[Severity] = [each.severity for each in findings if each.severity != "note"]
    if notes.severity is not None:
        severities.append(notes.severity)
    strength: Strength = "marker" if notes.marker else "good"
    reasons = list(dict.fromkeys(each.message for each in findings))
    return Offer(
        name=name,
        strength=min(severities, key=SEVERITIES.index, default=strength),
        reasons=reasons or [notes.weakness] * bool(notes.weakness),
        facts=list(notes.facts),
        direction=direction,
    )


def offers_meant(
    finding: Finding, record: Observation, offered: Mapping[AlgorithmType, Collection[str]]
) -> Iterator[tuple[AlgorithmType, str]]:
    """Yield type and name of each `offered` algorithm of a finding: for a short RSA key, each of its signature
    algorithms."""
    category = finding.category
    if finding.id == "kex.terrapin":
        yield from _open_to_terrapin(record)
    elif category == "group_exchange":
        yield from (("kex", name) for name in offered.get("kex", ()) if is_group_exchange(name))
    elif category == "host_key" and finding.id.partition(".")[2] not in OF_ALGORITHMS:
        names = signature_names(finding.algorithm or "")
        yield from (("host_key", name) for name in offered.get("host_key", ()) if name in names)
    elif category in FIELDS and finding.algorithm is not None and finding.algorithm in offered.get(category, ()):
        yield category, finding.algorithm


def is_group_exchange(name: str) -> bool:
    """Return whether a key exchange method is a group exchange of RFC 4419, RFC 4462 or RFC 8732."""
    return "group-exchange" in name or name.startswith("gss-gex-")


_RSA = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
"""The names under which one RSA key signs (RFC 8332)."""
_CERTIFICATE = "-cert-v01@openssh.com"


def signature_names(key_type: str) -> tuple[str, ...]:
    """Return the names of the algorithms by which a key of a type signs."""
    if key_type == "ssh-rsa":
        return _RSA
    if key_type == f"ssh-rsa{_CERTIFICATE}":
        return tuple(name + _CERTIFICATE for name in _RSA)
    return (key_type,)


def _open_to_terrapin(record: Observation) -> Iterator[tuple[AlgorithmType, str]]:
    """Yield the algorithms that Terrapin needs, as its authors describe, for each direction."""
    found: dict[tuple[AlgorithmType, str], None] = {}
    for (_, ciphers), (_, macs) in zip(FIELDS["cipher"], FIELDS["mac"], strict=True):
        cbc = [name for name in getattr(record, ciphers) or () if name.endswith("-cbc")]
        etm = [name for name in getattr(record, macs) or () if name.endswith("-etm@openssh.com")]
        found |= {("cipher", name): None for name in getattr(record, ciphers) or () if name.startswith("chacha20-poly")}
        if cbc and etm:
            found |= {("cipher", name): None for name in cbc} | {("mac", name): None for name in etm}
    yield from found
