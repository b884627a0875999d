"""Metrics of one host, for Prometheus: at most 20 series, and no label with values that a server can invent.

Names follow https://prometheus.io/docs/practices/naming/. A fact that was not observed has no series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sshprobe.model import timestamps
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import FOREVER, Identification, endpoint
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES

MAX_PROFILES = 5
"""The number of first profiles with series: each has two, and a host has ten others."""

MAX_LABELS = 8
"""The number of first labels of the user that become labels of series. A target has at most eight."""

METRICS = {
    "sshprobe_score": "Score of the host under a profile, 0 to 100.",
    "sshprobe_compliant": "1: the host complies with the profile. 0: it does not. Absent: not everything was observed.",
    "sshprobe_findings": "Different findings of the host by severity, without waived ones.",
    "sshprobe_post_quantum_kex": "1: the host offers a post-quantum key exchange. 0: it does not.",
    "sshprobe_host_certificate_expiry_timestamp_seconds": "When the first certificate of a host key expires.",
    "sshprobe_host_key_changed_timestamp_seconds": "When a scan in the history first saw changed host keys.",
    "sshprobe_answered": "1: the host sent an SSH identification. 0: it did not.",
    "sshprobe_scanned_timestamp_seconds": "When the probe of the host began.",
    "sshprobe_info": "1, with the product and release that the host names, as far as the catalogue knows them.",
}
"""Name to help text, in the order of a file. All are gauges."""

OTHER = "other"
"""A product or release that the catalogue does not know."""

_PRODUCTS = {
    "OpenSSH_for_Windows": "OpenSSH for Windows",
    "OpenSSH": "OpenSSH",
    "dropbear": "Dropbear",
    "tinyssh": "TinySSH",
    "libssh": "libssh",
    "AsyncSSH": "AsyncSSH",
    "paramiko": "Paramiko",
    "Twisted": "Twisted Conch",
    "mod_sftp": "ProFTPD mod_sftp",
    "ROSSSH": "RouterOS",
    "Cisco": "Cisco",
    "Go": "Go x/crypto/ssh",
}
"""Beginning of a software name (RFC 4253 section 4.2) to product. The first match counts."""

_NOT_A_LABEL = re.compile(r"[^A-Za-z0-9_]")

FindRelease = Callable[[str], str | None]
"""Software name, "OpenSSH_9.2p1", to its release in the catalogue, "9.2"."""


class Sample(NamedTuple):
    """One series with its value."""

    metric: str
    """A key of `METRICS`."""
    labels: dict[str, str]
    value: float


def host_samples(record: HostRecord, find_release: FindRelease, *, changed_at: float | None = None) -> Iterator[Sample]:
    """Yield the series of one host, each with the labels `host` and `address`, and `label_NAME` for those of the user.

    `changed_at`: when its host keys changed, in seconds since 1970-01-01 UTC. None: not known.
    """
    host, address = place_labels(record)
    labels = {name: escape_unprintable(value) for name, value in _user_labels(record.labels).items()}
    own = {"host": host, "address": address, **labels}

    def sample(metric: str, value: float, **labels: str) -> Sample:
        return Sample(metric, own | labels, value)

    for verdict in record.verdicts[:MAX_PROFILES]:
        profile = escape_unprintable(verdict.profile)
        yield sample("sshprobe_score", verdict.score, profile=profile)
        if verdict.compliant is not None:
            yield sample("sshprobe_compliant", verdict.compliant, profile=profile)
    if record.verdicts:
        for severity, number in _counts(record).items():
            yield sample("sshprobe_findings", number, severity=severity)
    if record.post_quantum_kex is not None:
        yield sample("sshprobe_post_quantum_kex", record.post_quantum_kex)
    ends = [key.certificate.valid_before for key in record.host_keys or () if key.certificate is not None]
    if ends and min(ends) < FOREVER:
        yield sample("sshprobe_host_certificate_expiry_timestamp_seconds", min(ends))
    if changed_at is not None:
        yield sample("sshprobe_host_key_changed_timestamp_seconds", changed_at)
    yield sample("sshprobe_answered", record.identification is not None)
    started_at = timestamps.parse(record.started_at)
    if started_at is not None:
        yield sample("sshprobe_scanned_timestamp_seconds", started_at)
    if record.identification is not None:
        product, release = _product(record.identification, find_release)
        yield sample("sshprobe_info", 1, product=product, release=release)


def place_labels(record: HostRecord) -> tuple[str, str]:
    """Return the labels `host` and `address`. Two records with the same ones would have the same series."""
    return escape_unprintable(endpoint(record.host, record.port)), escape_unprintable(record.address or "")


def _user_labels(labels: list[str]) -> dict[str, str]:
    """Return "env=prod" as {"label_env": "prod"}; a label without a value is "true"."""
    found: dict[str, str] = {}
    for label in labels[:MAX_LABELS]:
        name, equals, value = label.partition("=")
        key = f"label_{_NOT_A_LABEL.sub('_', name)}"
        value = value if equals else "true"
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def _counts(record: HostRecord) -> dict[str, int]:
    """Return severity to findings of all verdicts and across the fleet, one that several profiles have counted once."""
    worst: dict[tuple[str, str | None], int] = {}
    for finding in (*(each for verdict in record.verdicts for each in verdict.findings), *record.fleet_findings):
        if finding.counts:
            key, rank = (finding.id, finding.algorithm), SEVERITIES.index(finding.severity)
            worst[key] = min(rank, worst.get(key, rank))
    ranks = list(worst.values())
    return {severity: ranks.count(rank) for rank, severity in enumerate(SEVERITIES[:-1])}


def _product(found: Identification, find_release: FindRelease) -> tuple[str, str]:
    product = next((name for start, name in _PRODUCTS.items() if found.software.startswith(start)), OTHER)
    release = find_release(found.software) if product != OTHER else None
    return product, release or OTHER
