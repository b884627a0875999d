"""Scans of two servers, and short descriptions of their `Changes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from sshprobe import grade
from sshprobe.model.observation import Certificate, HostKey
from sshprobe.model.records import HostRecord, SweepRecord, SweepSettings
from sshprobe.model.verdict import Verdict, Waived
from sshprobe.views.change_builder import ChangesBuilder
from sshprobe.views.changes import Changes
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import captured, finding

TODAY = "2026-11-30"
Scan = Sequence[HostRecord]

PLAIN = msgspec.structs.replace(
    captured("openssh-debian12-9.2p1", "192.0.2.1"),
    extensions={"server-sig-algs": "ssh-ed25519,rsa-sha2-512"},
    authentication_by_user=None,
)
"""A server before it is graded."""

STEADY = msgspec.structs.replace(captured("dropbear-2022.83", "192.0.2.2"), verdicts=[])


def judged(record: HostRecord, **changes: Any) -> HostRecord:
    """Return a record with changed fields, graded by sshprobe's own profile."""
    changed = msgspec.structs.replace(record, **changes)
    return msgspec.structs.replace(changed, verdicts=[grade(changed, "sshprobe-2026")])


SERVER = judged(PLAIN)
OTHER = judged(STEADY)
CURVES = next(key for key in PLAIN.host_keys or () if key.type == "ssh-ed25519")


def key(type: str, name: str, **changes: Any) -> HostKey:
    """Return a host key whose fingerprint has a name."""
    return msgspec.structs.replace(CURVES, type=type, fingerprint=f"SHA256:{name}", blob=name, **changes)


def keys(name: str = "", *, without: str = "", types: Iterable[str] = ()) -> list[HostKey]:
    """Return the keys of the server, with different keys of `types`."""
    return [
        key(each.type, name) if each.type in types else each for each in PLAIN.host_keys or () if each.type != without
    ]


def certificate(authority: str, serial: int) -> HostKey:
    return key(
        "ssh-ed25519-cert-v01@openssh.com",
        "certified",
        certificate=Certificate(
            serial=serial,
            kind="host",
            key_id="web1",
            principals=[],
            valid_after=0,
            valid_before=2**64 - 1,
            critical_options=[],
            extensions=[],
            ca_type="ssh-ed25519",
            ca_bits=256,
            ca_fingerprint=f"SHA256:{authority}",
            signature_algorithm="ssh-ed25519",
            ca_signature_verified=True,
        ),
    )


def certified(authority: str, serial: int) -> HostRecord:
    """Return the server with one certificate as its only key."""
    shown = certificate(authority, serial)
    blob = msgspec.structs.replace(shown, blob=f"{authority} {serial}")
    return msgspec.structs.replace(PLAIN, host_keys=[blob], server_host_key_algorithms=[blob.type])


def verdict(letter: str = "A", *, compliant: bool | None = True, **changes: Any) -> Verdict:
    """Return a verdict written by hand."""
    score = {"A+": 100, "A": 90, "B": 80, "C": 70, "F": 0}[letter]
    fields: dict[str, Any] = {
        "profile": "corp",
        "profile_version": "1",
        "compliant": compliant,
        "not_observed": [],
        "raw_score": score,
        "cap": None,
        "cap_reasons": [],
        "score": score,
        "grade": letter,
        "categories": {},
        "findings": [],
    }
    return msgspec.convert({**fields, **{name: msgspec.to_builtins(each) for name, each in changes.items()}}, Verdict)


def with_verdict(letter: str = "A", record: HostRecord = PLAIN, **changes: Any) -> HostRecord:
    """Return a record with one verdict written by hand."""
    return msgspec.structs.replace(record, verdicts=[verdict(letter, **changes)])


WEAK = finding("mac.weak", "medium", "hmac-sha1", "SHA-1")
SMALL = finding("host_key.size", "high", "ssh-rsa", "1024 bits")


def waived(until: str) -> Any:
    """Return the weak MAC, waived until a date."""
    effect = WEAK.effect
    return msgspec.structs.replace(
        WEAK, waived=Waived(reason="old client", until=until, hosts="*", effect=effect, deviation=True)
    )


def compare(
    *scans: Scan,
    old: int = 0,
    headers: Sequence[dict[str, Any]] = (),
    silent: Sequence[tuple[int, str, str]] = (),
    gone_after: int = 3,
) -> Changes:
    """Return the changes from scan `old` to the last one. The scans begin a day after each other.

    `headers`: fields of the headers. `silent`: number of a scan, address and status of hosts without a record.
    """
    builder = ChangesBuilder()
    for number, hosts in enumerate(scans):
        counted = SummaryBuilder()
        for host in hosts:
            counted.add(host)
        fields: dict[str, Any] = {
            "tool": "sshprobe 0.1.0",
            "arguments": [],
            "profiles": [],
            "started_at": day(number),
            "strict": False,
        }
        header = SweepRecord(**{**fields, **(headers[number] if headers else {})})
        builder.open(f"{number}.jsonl")
        builder.read(header)
        for host in hosts:
            builder.read(host)
        for scan, address, status in silent:
            if scan == number:
                builder.add_silent(address, 22, status)
        builder.read(counted.build(duration_ms=1.0))
    return builder.build(today=TODAY, old=old, gone_after=gone_after)


def settings(**changes: Any) -> SweepSettings:
    """Return the settings of a scan of a network."""
    lists = ("files", "inventories", "records", "statuses", "grades", "ports", "exclude", "exclude_files", "profiles")
    fields: dict[str, Any] = {
        **{name: [] for name in (*lists, "auth_users")},
        **dict.fromkeys(("inventory_format", "client_id", "family")),
        "targets": ["192.0.2.0/24"],
        "depth": "full",
        "auth_methods": True,
        "all_addresses": False,
    }
    return msgspec.convert({**fields, **changes}, SweepSettings)


def day(number: int) -> str:
    """Return the start of a scan."""
    return f"2026-11-{number + 1:02}T12:00:00.000Z"


def words_of(changes: Changes) -> set[str]:
    """Return a short description of each change. Hosts other than 192.0.2.1 are named."""
    return {words.strip() for words in _words_of(changes)}


def _words_of(changes: Changes) -> Iterator[str]:
    for key in changes.host_keys:
        yield f"key {key.kind} {key.type}{' seen before' if key.seen_before else ''}"
    for letter in changes.grades:
        yield f"grade {letter.old} to {letter.new}"
    for each in changes.compliance:
        yield f"compliant {each.old} to {each.new}"
    for found in changes.findings:
        yield f"finding {found.kind} {found.id} {found.algorithm or ''}"
    for new in changes.new_hosts:
        yield f"host {new.kind} {new.host} {new.status_before or ''}"
    for missing in changes.missing_hosts:
        yield f"host {missing.kind} {missing.host} {missing.status or 'absent'} {missing.missed}"
    for moved in changes.moved_hosts:
        yield f"host moved {moved.old} to {moved.new}"
    for list_ in changes.algorithms:
        names = [f"+{name}" for name in list_.added] + [f"-{name}" for name in list_.removed]
        yield f"{list_.type} {list_.direction} {' '.join(names) or 'order'}".replace("  ", " ")
    for fact in changes.facts:
        yield f"{fact.fact} {fact.about}: {fact.old} to {fact.new}".replace(" :", ":")
    for flapping in changes.flapping:
        yield f"flapping {' '.join(flapping.what)}"
    for waiver in changes.waivers:
        yield f"waiver until {waiver.until}"
    for part in changes.not_compared:
        yield f"not compared {part.part} {part.about} {part.reason}".replace("  ", " ")
