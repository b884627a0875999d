"""Hashes of observations and verdicts, which a history stores once, and their JSON.

Two observations are equal if they differ only in what changes by itself (`sshprobe.model.lasting`) and have the same
findings about moduli and generators. The host is not part of an observation, so two hosts can share one.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

from sshprobe.model.lasting import NOT_STORED, normalised, stored
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord, SweepRecord

HASH_SIZE = 16
"""Bytes of a hash: two of a billion different observations have the same one with a chance below 1 in 10**20."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def scan_id_of(header: SweepRecord) -> str:
    """Return the id of a scan: the `scan_id` of its header, or a hash of a header of before this field."""
    return header.scan_id or _digest(_encode(header))[:8].hex()


def encode_observation(record: Observation) -> bytes:
    """Return an observation as JSON without its host, its times and its number of connections."""
    return _encode(stored(record))


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


def encode_verdicts(record: HostRecord) -> bytes:
    """Return the judgement on a host, and its labels, as JSON."""
    fields = {"verdicts": record.verdicts, "fleet_findings": record.fleet_findings, "labels": record.labels}
    return _encode({name: value for name, value in fields.items() if value or name == "verdicts"})


def verdicts_hash(encoded: bytes) -> bytes:
    """Return `HASH_SIZE` bytes for the result of `encode_verdicts`."""
    return _digest(encoded)


def decode_record(observation: bytes, verdicts: bytes, **fields: Any) -> HostRecord:
    """Return the record of what the tables of observations and verdicts have (compressed), with `fields` of a host."""
    found = {
        **msgspec.json.decode(zlib.decompress(observation)),
        **msgspec.json.decode(zlib.decompress(verdicts)),
    }
    return msgspec.convert({"type": "host", **NOT_STORED, **found, **fields}, HostRecord)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=HASH_SIZE).digest()
