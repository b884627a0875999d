"""Finds the last time that host keys changed, in a history."""

from __future__ import annotations

import zlib
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from sshprobe.lru_cache import LruCache
from sshprobe.model import timestamps
from sshprobe.store.history.database import Database
from sshprobe.store.history.tables import HOST, OBSERVATION, SCAN, SIGHTING


class _Key(msgspec.Struct):
    type: str
    fingerprint: str
    signature_verified: bool | None = None


class _Keys(msgspec.Struct):
    """The required part of an observation."""

    host_keys: list[_Key] | None = None


Keys = dict[str, frozenset[str]]
"""Type to fingerprints."""


def key_changes(database: Database) -> dict[tuple[str, int], int]:
    """Return host name in lower case, and port, to when its keys last changed, in seconds since 1970-01-01 UTC.

    That is the start of the first scan with another key of a type that an earlier scan saw at the same address. An
    unseen type did not change. Hosts whose keys never changed are left out.
    """
    several = (
        select(SIGHTING.c.host, SIGHTING.c.address)
        .group_by(SIGHTING.c.host, SIGHTING.c.address)
        .having(func.count(SIGHTING.c.observation.distinct()) > 1)
        .subquery()
    )
    query = (
        select(HOST.c.name, HOST.c.port, SIGHTING.c.address, SCAN.c.started_at, SIGHTING.c.observation)
        .join(several, (SIGHTING.c.host == several.c.host) & (SIGHTING.c.address == several.c.address))
        .join(HOST, SIGHTING.c.host == HOST.c.id)
        .join(SCAN, SIGHTING.c.scan == SCAN.c.id)
        .order_by(HOST.c.name, HOST.c.port, SIGHTING.c.host, SIGHTING.c.address, SCAN.c.started_at, SCAN.c.id)
    )
    found: dict[tuple[str, int], int] = {}
    known: LruCache[int, Keys] = LruCache()
    with database.reading() as connection:
        rows = connection.execute(query).all()
        for (name, port, _), sightings in groupby(rows, key=lambda row: tuple(row[:3])):
            before: Keys = {}
            for *_, started_at, observation in sightings:
                now = _keys(connection, observation, known)
                at = timestamps.parse(started_at)
                if at is not None and any(before.get(type_, now[type_]) != now[type_] for type_ in now):
                    found[name, port] = max(at, found.get((name, port), at))
                before |= now
    return found


def _keys(connection: Connection, observation: int, known: LruCache[int, Keys]) -> Keys:
    keys = known.get(observation)
    if keys is None:
        stored: Any = connection.execute(select(OBSERVATION.c.record).where(OBSERVATION.c.id == observation)).scalar()
        seen = msgspec.json.decode(zlib.decompress(stored), type=_Keys).host_keys or ()
        proven = [key for key in seen if key.signature_verified is not False]
        keys = {key.type: frozenset(each.fingerprint for each in proven if each.type == key.type) for key in proven}
        known.put(observation, keys, 100)
    return keys
