"""Which host an observation belongs to, and whether two observations are equal.

Two observations are equal if they differ only in what changes by itself: times, durations, numbers of connections, the
modulus and its generator that a server draws for a group exchange (their size and findings count), the key exchange in
which a key was seen, and comments that are random (TinySSH). The host is not part of an observation, so two hosts can
share one.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, NamedTuple

import msgspec

from sshprobe.model.observation import Identification, Observation
from sshprobe.model.records import HostRecord, SweepRecord

HASH_SIZE = 16
"""Bytes of a hash: two of a billion different observations have the same one with a chance below 1 in 10**20."""


class HostIdentity(NamedTuple):
    """What stays the same of a host over scans."""

    via: str
    """The network segment or bastion through which it is scanned, else ""."""
    name: str
    """The name that the user gave, in lower case, else the address."""
    port: int


class StoredObservation(Observation, frozen=True, kw_only=True, omit_defaults=True):
    """An observation as it is stored and hashed: fields with their default are left out.

    So a field that a later version adds does not change the hash of hosts that do not have it.
    """


_encode = msgspec.json.Encoder(order="deterministic").encode

_NOT_STORED: dict[str, Any] = {
    "target": "",
    "host": "",
    "address": None,
    "port": 0,
    "started_at": "",
    "duration_ms": 0.0,
    "connections": 0,
    "labels": [],
}
"""Fields that other tables have, or that change by themselves. Labels are the user's, and no change of a server."""

_SHARED = tuple(field for field in Observation.__struct_fields__ if field not in _NOT_STORED)


def identity_of(record: Observation) -> HostIdentity:
    """Return which host a record is of."""
    return HostIdentity("", record.host.lower(), record.port)


def scan_id_of(header: SweepRecord) -> str:
    """Return the id of a scan: the `scan_id` of its header, or a hash of a header of before this field."""
    return header.scan_id or _digest(_encode(header))[:8].hex()


def encode_observation(record: Observation) -> bytes:
    """Return an observation as JSON without its host, its times and its number of connections."""
    return _encode(_stored(record))


def observation_hash(record: Observation) -> bytes:
    """Return `HASH_SIZE` bytes that are the same for equal observations."""
    found = sorted(_found_in_groups(record)) if isinstance(record, HostRecord) else []
    return _digest(_encode(normalised(record)) + (_encode(found) if found else b""))


def _found_in_groups(record: HostRecord) -> set[tuple[str, str]]:
    """Return the findings about moduli and generators: a host that has them gets no modulus of a host without."""
    return {
        (finding.id, finding.observed)
        for verdict in record.verdicts
        for finding in verdict.findings
        if finding.id.startswith("group_exchange.") and finding.id != "group_exchange.modulus"
    }


def normalised(record: Observation) -> StoredObservation:
    """Return an observation without what changes by itself: equal for equal observations."""
    keys, groups = record.host_keys, record.group_exchange
    if keys is not None:
        keys = [msgspec.structs.replace(key, kex_algorithm="") for key in keys]
        keys.sort(key=lambda key: (key.type, key.blob, key.signature_algorithm))
    if groups is not None:
        groups = [msgspec.structs.replace(group, modulus=None, generator=None) for group in groups]
        groups.sort(key=lambda group: (group.algorithm, group.min, group.n, group.max))
    return msgspec.structs.replace(
        _stored(record),
        schema="",
        host_keys=keys,
        group_exchange=groups,
        identification=_lasting(record.identification),
    )


def encode_verdicts(record: HostRecord) -> bytes:
    """Return the judgement on a host, and its labels, as JSON."""
    fields = {"verdicts": record.verdicts, "fleet_findings": record.fleet_findings, "labels": record.labels}
    return _encode({name: value for name, value in fields.items() if value or name == "verdicts"})


def verdicts_hash(encoded: bytes) -> bytes:
    """Return `HASH_SIZE` bytes for the result of `encode_verdicts`."""
    return _digest(encoded)


def decode_record(observation: bytes, verdicts: bytes, **fields: Any) -> HostRecord:
    """Return the record of what the tables of observations and verdicts have (compressed), with `fields` of a host."""
    stored = {
        **msgspec.json.decode(zlib.decompress(observation)),
        **msgspec.json.decode(zlib.decompress(verdicts)),
    }
    return msgspec.convert({"type": "host", **_NOT_STORED, **stored, **fields}, HostRecord)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=HASH_SIZE).digest()


def _stored(record: Observation) -> StoredObservation:
    return StoredObservation(**_NOT_STORED, **{field: getattr(record, field) for field in _SHARED})


def _lasting(found: Identification | None) -> Identification | None:
    """Return an identification without random comments."""
    if found is None or found.comments == found.lasting_comments:
        return found
    return msgspec.structs.replace(found, raw=found.raw.partition(" ")[0], comments=found.lasting_comments)
