"""Records in the format of `ssh-audit -j`, for programs that import it: DefectDojo, secureCodeBox.

Keys, types and order are those of `build_struct` in ssh-audit 3.9.0 (MIT, 2026-07-04); the notes on algorithms are our
own. One host is an object, several are a list, as with `ssh-audit -T`. A key is left out where ssh-audit leaves it out:
without name-lists there is no "kex", since an empty one would read as a host without a fault.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import IO, Any, Literal

import msgspec

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.name_lists import FIELDS, AlgorithmType
from sshprobe.model.observation import HostKey
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import SEVERITIES, Finding, Severity
from sshprobe.render.formats.format import HostFormat, HostWriter, ReportContext
from sshprobe.render.text.terminal import printable
from sshprobe.views.offers import is_group_exchange, offered_names, offers_meant, signature_names

List = Literal["kex", "key", "enc", "mac"]
"""The lists of algorithms by ssh-audit's names."""

_CLASSES: dict[List, AlgorithmType] = {"kex": "kex", "key": "host_key", "enc": "cipher", "mac": "mac"}
_LISTS = {type_: list_ for list_, type_ in _CLASSES.items()}
_FIELDS = {list_: tuple(field for _, field in reversed(FIELDS[type_])) for list_, type_ in _CLASSES.items()}
"""ssh-audit lists server to client only. Names that stand in the other direction alone must not be lost."""
_COMPRESSION = tuple(field for _, field in reversed(FIELDS["compression"]))

_CERTIFICATE = "-cert-v01@openssh.com"

_STRICT = "all that it offers: update to a release with strict key exchange"
_OTHERS = "all that it offers: offer a better one, then take it out"
_LARGER = "increase modulus size to 3072 bits or larger"


class SshAuditWriter(HostWriter):
    """Writes hosts one by one, as a list if there are several, without hosts that sent nothing, like ssh-audit."""

    def __init__(self, stream: IO[bytes], context: ReportContext) -> None:
        self._stream = stream
        self._context = context
        self._encode = msgspec.json.Encoder(order="sorted").encode
        self._written = self._left_out = 0

    def add(self, host: HostRecord) -> None:
        """Write one host."""
        if host.identification is None and host.kex_algorithms is None:
            self._left_out += 1
            return
        if self._context.several:
            self._stream.write(b", " if self._written else b"[")
        self._written += 1
        self._stream.write(self._encode(ssh_audit_document(host, self._context)))

    def finish(self, summary: SummaryRecord) -> None:
        """End the list, and note how many hosts were left out."""
        self._stream.write(b"[]\n" if not self._written else b"]\n" if self._context.several else b"\n")
        if self._left_out:
            words = "1 host is" if self._left_out == 1 else f"{self._left_out:,} hosts are"
            self._context.note(f"{words} left out: no SSH server was seen there")


def ssh_audit_document(record: HostRecord, context: ReportContext) -> dict[str, Any]:
    """Return one host as ssh-audit's standard audit has it."""
    findings = context.findings(record)
    record = printable(record)
    identification = record.identification
    document: dict[str, Any] = {
        "banner": {
            "raw": identification.raw if identification else "",
            "protocol": identification.protocol if identification else None,
            "software": identification.software if identification else None,
            "comments": identification.comments if identification else None,
        },
        "target": f"{record.host}:{record.port}",
        "cves": [],  # always, since 3.3.0
    }
    marks = _Marks()
    offered = {list_: _both(record, fields) for list_, fields in _FIELDS.items()}
    by_type = offered_names(record)
    for finding in findings:
        marks.take(finding, record, by_type)
    if record.kex_algorithms is not None:
        document["compression"] = _both(record, _COMPRESSION)
        for list_, names in offered.items():
            document[list_] = [_entry(list_, name, record, context, marks) for name in names]
        document["fingerprints"] = _fingerprints(record.host_keys or ())
        marks.leave_something(record)
    document["recommendations"] = marks.recommendations()
    document["additional_notes"] = [*marks.additional, *_not_seen(record)]
    return document


def _not_seen(record: HostRecord) -> Iterator[str]:
    """Yield notes on what was not observed, which must not read as a host without findings."""
    if record.status != "ok":
        yield f"not all was seen: {record.error or record.status}"
    if record.kex_algorithms is None:
        return
    if record.host_keys is None:
        yield "host keys were not asked for"
    groups = [name for name in record.kex_algorithms if is_group_exchange(name)]
    if groups and not any(each.modulus_bits for each in record.group_exchange or ()):
        yield f"the size of the groups of {', '.join(groups)} was not seen"
    if record.several_servers:
        yield "several servers answer at this address; others may that were not met"


class _Marks:
    """Notes on entries of the lists, and notes without an entry."""

    def __init__(self) -> None:
        self.notes: dict[tuple[List, str], list[tuple[Severity, str]]] = {}
        self.additional: list[str] = []
        self.terrapin: set[tuple[List, str]] = set()
        """Entries with no finding but Terrapin."""
        self.signals: set[str] = set()
        self._worst: dict[tuple[List, str], int] = {}
        self._advice: dict[tuple[str, str, List, str], str] = {}
        """Level, action ("chg" or "del"), list and name to the change."""

    def take(self, finding: Finding, record: HostRecord, offered: Mapping[AlgorithmType, Collection[str]]) -> None:
        """Attach a finding to its entries. Findings on single names come from `describe`."""
        if finding.id.endswith(".weak"):
            return
        text = escape_unprintable(f"{finding.message} ({finding.severity})")
        places = [(_LISTS[type_], name) for type_, name in offers_meant(finding, record, offered) if type_ in _LISTS]
        if finding.id == "kex.terrapin":
            self.terrapin.update(places)
        if not places or finding.id == "kex.terrapin":
            self.additional.append(f"{escape_unprintable(finding.algorithm)}: {text}" if finding.algorithm else text)
        for list_, name in places:
            self.notes.setdefault((list_, name), []).append((finding.severity, text))
            larger = finding.id in ("host_key.size", "group_exchange.modulus")
            self.recommend(list_, name, finding.severity, _LARGER if larger else "")

    def recommend(self, list_: List, name: str, severity: Severity, change: str = "") -> None:
        """Recommend to remove `name` from a list, or the `change` that it needs."""
        rank = SEVERITIES.index(severity)
        self._worst[list_, name] = min(rank, self._worst.get((list_, name), rank))
        level = _level(severity)
        if level != "info":
            key = ({"fail": "critical", "warn": "warning"}[level], "chg" if change else "del", list_, name)
            self._advice.setdefault(key, change)

    def leave_something(self, record: HostRecord) -> None:
        """If a whole list would be removed, recommend a change for its best entries: else nobody could log in."""
        for list_, fields in _FIELDS.items():
            gone = {name for _, action, where, name in self._advice if action == "del" and where == list_}
            for field in fields:
                names = [name for name in getattr(record, field) or () if name not in self.signals]
                if names and gone.issuperset(names):
                    # Open to Terrapin alone: sound with strict key exchange. Else the least bad ones are kept.
                    mildest = max(self._worst[list_, name] for name in names)
                    sound = [name for name in names if (list_, name) in self.terrapin]
                    self._keep(list_, sound or [name for name in names if self._worst[list_, name] == mildest])

    def _keep(self, list_: List, names: Collection[str]) -> None:
        for level, action, where, name in list(self._advice):
            if action == "del" and where == list_ and name in names:
                del self._advice[level, action, where, name]
                change = _STRICT if (list_, name) in self.terrapin else _OTHERS
                self._advice[level, "chg", where, name] = change

    def recommendations(self) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
        """Return level to action to list to entries. Empty ones are left out: importers act on all that is there."""
        found: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = {}
        for (level, action, list_, name), change in self._advice.items():
            entries = found.setdefault(level, {}).setdefault(action, {}).setdefault(list_, [])
            entries.append({"name": name, "notes": change})
        return found


def _level(severity: Severity) -> Literal["fail", "warn", "info"]:
    """Return ssh-audit's level: importers read "fail" as High and "warn" as Medium, and ignore others."""
    if severity in ("critical", "high"):
        return "fail"
    return "info" if severity == "note" else "warn"


def _both(record: HostRecord, fields: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(name for field in fields for name in getattr(record, field) or ()))


def _entry(list_: List, name: str, record: HostRecord, context: ReportContext, marks: _Marks) -> dict[str, Any]:
    about = context.describe(_CLASSES[list_], name)
    if about.marker:
        marks.signals.add(name)
    texts: dict[str, list[str]] = {}
    if about.severity is not None:
        texts.setdefault(_level(about.severity), []).append(f"{about.weakness} ({about.severity})")
        marks.recommend(list_, name, about.severity)
        marks.terrapin.discard((list_, name))
    for severity, text in marks.notes.get((list_, name), ()):
        texts.setdefault(_level(severity), []).append(text)
    said = ["a marker, not an algorithm"] if about.marker else []
    said += [*about.facts, *_direction(list_, name, record)]
    if said:
        texts.setdefault("info", []).extend(said)
    entry: dict[str, Any] = {"algorithm": name, "notes": texts}
    if list_ == "kex":
        sizes = [each.modulus_bits for each in record.group_exchange or () if each.algorithm == name]
        entry |= {"keysize": min(known)} if (known := [size for size in sizes if size is not None]) else {}
    elif list_ == "key":
        entry |= _of_key(name, record.host_keys or ())
    return entry


def _direction(list_: List, name: str, record: HostRecord) -> Iterable[str]:
    if list_ in ("enc", "mac"):
        to_client, to_server = (getattr(record, field) or () for field in _FIELDS[list_])
        if name not in to_client:
            yield "client to server only"
        elif name not in to_server:
            yield "server to client only"


def _of_key(name: str, keys: Iterable[HostKey]) -> dict[str, Any]:
    """Return the size of an RSA key, and who signed a certificate."""
    found: dict[str, Any] = {}
    for key in sorted(keys, key=lambda key: key.bits or 0):
        if name not in signature_names(key.type):
            continue
        if key.bits is not None and key.type.startswith("ssh-rsa"):
            found.setdefault("keysize", key.bits)
        if key.certificate is not None and key.certificate.ca_bits:
            found.setdefault("ca_algorithm", key.certificate.ca_type)
            found.setdefault("casize", key.certificate.ca_bits)
    return found


def _fingerprints(keys: Iterable[HostKey]) -> list[dict[str, str]]:
    """Return SHA-256 and MD5 of each key, by type. ssh-audit has no certificates there."""
    found = []
    for key in sorted(keys, key=lambda key: (key.type, key.fingerprint)):
        if _CERTIFICATE in key.type or key.type.endswith("-cert"):
            continue
        found.append({"hostkey": key.type, "hash_alg": "SHA256", "hash": key.fingerprint.removeprefix("SHA256:")})
        try:
            blob = base64.b64decode(key.blob, validate=True)
        except (ValueError, binascii.Error):  # a record can come from anywhere
            continue
        if blob:
            digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
            pairs = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
            found.append({"hostkey": key.type, "hash_alg": "MD5", "hash": pairs})
    return found


FORMAT = HostFormat(SshAuditWriter)
