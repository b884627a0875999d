"""The lasting part of a host from scan to scan: its identity, and an observation without values that change by
themselves.

These values change by themselves: times, durations, numbers of connections, the modulus and generator that a server
draws for a group exchange (but not their size), the key exchange in which a key was seen, the order of keys, and random
comments (TinySSH).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sshprobe.model.observation import Identification, Observation


class HostIdentity(NamedTuple):
    """The lasting identity of a host."""

    via: str
    """The network segment or bastion through which it is scanned, else ""."""
    name: str
    """The name that the user gave, in lower case, else the address."""
    port: int


def identity_of(record: Observation) -> HostIdentity:
    """Return the identity of the host of a record."""
    return HostIdentity("", record.host.lower(), record.port)


class StoredObservation(Observation, frozen=True, kw_only=True, omit_defaults=True):
    """An observation as a history stores and hashes it: fields with their default are left out.

    So a field that a later version adds does not change the hash of hosts that do not have it.
    """


NOT_STORED: dict[str, Any] = {
    "target": "",
    "host": "",
    "address": None,
    "port": 0,
    "started_at": "",
    "duration_ms": 0.0,
    "connections": 0,
    "labels": [],
}
"""Fields that belong to one scan of a host, with neutral values. Labels belong to the user and are not a change of a
server."""

_STORED = tuple(field for field in Observation.__struct_fields__ if field not in NOT_STORED)


def stored(record: Observation) -> StoredObservation:
    """Return an observation without its host, its times and its number of connections."""
    return StoredObservation(**NOT_STORED, **{field: getattr(record, field) for field in _STORED})


def normalised(record: Observation) -> StoredObservation:
    """Return an observation without values that change by themselves: equal for equal observations."""
    keys, groups = record.host_keys, record.group_exchange
    if keys is not None:
        keys = [msgspec.structs.replace(key, kex_algorithm="") for key in keys]
        keys.sort(key=lambda key: (key.type, key.blob, key.signature_algorithm))
    if groups is not None:
        groups = [msgspec.structs.replace(group, modulus=None, generator=None) for group in groups]
        groups.sort(key=lambda group: (group.algorithm, group.min, group.n, group.max))
    return msgspec.structs.replace(
        stored(record),
        schema="",
        host_keys=keys,
        group_exchange=groups,
        identification=_lasting(record.identification),
    )


def _lasting(found: Identification | None) -> Identification | None:
    """Return an identification without random comments."""
    if found is None or found.comments == found.lasting_comments:
        return found
    return msgspec.structs.replace(found, raw=found.raw.partition(" ")[0], comments=found.lasting_comments)
