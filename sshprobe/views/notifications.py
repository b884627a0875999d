"""The content of `--notify`: the changes between two scans, or a summary of one, and the new changes among them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from sshprobe.model.verdict import Grade
from sshprobe.views.change_kinds import ChangedHost
from sshprobe.views.changes import Changes, got_worse
from sshprobe.views.host_stats import HostStats

SCHEMA = "1.0"
"""Version of this format, "major.minor"."""


class WorstHost(msgspec.Struct, frozen=True, kw_only=True):
    """One of the worst hosts of a scan."""

    host: str
    """"192.0.2.7:22"."""
    grade: Grade
    """The letter under the first profile."""
    score: int
    """The score under the first profile."""
    finding: str
    """Its worst finding under the first profile: the id, and the algorithm if it is about one."""
    message: str
    """That finding in a few words."""


class ScanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One scan in numbers, and its worst hosts."""

    scan_id: str | None
    """The id in its header."""
    started_at: str
    """When it began; RFC 3339, UTC."""
    hosts: int
    """Hosts that were scanned."""
    statuses: dict[str, int]
    """Status to hosts."""
    grades: dict[str, dict[str, int]]
    """Profile id to letter to hosts."""
    compliant: dict[str, dict[str, int]]
    """Profile id to "true", "false", "null" to hosts."""
    worst: list[WorstHost]
    """The ten worst hosts with a finding, the worst first."""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The document that `--notify` posts."""

    schema: str = SCHEMA
    """Version of this format."""
    kind: Literal["changes", "scan"]
    """Its kind: changes or a summary."""
    id: str
    """Identifies it: the same in each try."""
    sent_at: str
    """The time of its creation; RFC 3339, UTC."""
    title: str
    """The notification in one sentence."""
    changes: Changes | None = None
    """The changes, without those that this URL got before."""
    scan: ScanSummary | None = None
    """The scan, if there is no other to compare it with."""


_IDENTITY: dict[str, tuple[str, ...]] = {
    "host_keys": ("host", "type", "new", "since"),
    "grades": ("host", "profile", "new", "since"),
    "compliance": ("host", "profile", "new", "since"),
    "new_hosts": ("host", "since"),
    "missing_hosts": ("host", "kind", "last_seen"),
    "moved_hosts": ("host", "new", "since"),
    "flapping": ("host", "what"),
    "waivers": ("profile", "until", "pattern", "reason"),
    "findings": ("profile", "id", "algorithm", "severity", "is_against"),
    "algorithms": ("type", "direction"),
    "facts": ("fact", "about", "new"),
}
"""Fields of `Changes`, and the identity of a change in them. The old value is not part of it, because it depends on the
scan of the comparison."""

_GROUPED = ("findings", "algorithms", "facts")
"""Those whose items have hosts, each with its own change."""


def worst_host(host: str, stats: HostStats) -> WorstHost:
    """Return the entry of a host with a finding in a summary."""
    verdict = stats.verdicts[0]
    worst = verdict.worst
    assert worst is not None
    algorithm = next(filter(None, worst.algorithms), "")
    return WorstHost(
        host=host,
        grade=verdict.grade,
        score=verdict.score,
        finding=f"{worst.id} {algorithm}".strip(),
        message=worst.message,
    )


def change_keys(changes: Changes) -> set[bytes]:
    """Return sixteen bytes for each change: the same in all comparisons that find it."""
    found: set[bytes] = set()

    def take(key: bytes) -> bool:
        found.add(key)
        return False

    only(changes, take)
    return found


def only(changes: Changes, is_known: Callable[[bytes], bool]) -> Changes | None:
    """Return the changes whose keys are not known, without hosts that were not seen; None if there are none."""
    kept: dict[str, list[Any]] = {}
    for name in _IDENTITY:
        kept[name] = found = []
        for each in getattr(changes, name):
            if name in _GROUPED:
                hosts = [host for host in each.hosts if not is_known(_key(name, each, host))]
                if hosts:
                    found.append(msgspec.structs.replace(each, hosts=hosts))
            elif (name != "missing_hosts" or each.kind == "gone") and not is_known(_key(name, each)):
                found.append(each)
    if not any(kept.values()):
        return None
    new = msgspec.structs.replace(changes, **kept)
    return msgspec.structs.replace(new, worse=got_worse(new))


def _key(name: str, each: Any, host: ChangedHost | None = None) -> bytes:
    at = None if host is None else {"host": host.host, "since": host.since}
    values = [name, *(getattr(each, field) for field in _IDENTITY[name]), at]
    return blake2b(msgspec.json.encode(values), digest_size=16).digest()
