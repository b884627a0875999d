"""Decodes lines of records. Similar hosts share most of a line: that part is decoded once."""

from __future__ import annotations

import msgspec

from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import SCHEMA, Depth, Stage, Status
from sshprobe.model.records import HostRecord, Record

_BEGIN = b'{"type":"host",'
_FIRST_SHARED = b',"connections":'
"""The beginning of the part that hosts can share. Inside a string its quotes would be escaped, so it is a key."""


class _OwnFields(msgspec.Struct, tag="host", tag_field="type", forbid_unknown_fields=True):
    """The fields of `HostRecord` before the shared part, which differ between similar hosts."""

    target: str
    host: str
    address: str | None
    port: int
    status: Status
    started_at: str
    duration_ms: float
    schema: str = SCHEMA
    error: str | None = None
    stage: Stage = "done"
    depth: Depth = "full"
    labels: list[str] = []


_OWN = _OwnFields.__struct_fields__
_own_values = msgspec.structs.astuple
_decode = msgspec.json.Decoder(Record).decode
_decode_own = msgspec.json.Decoder(_OwnFields).decode
_decode_names = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class RecordDecoder:
    """Decodes lines. Its records share lists with each other: do not change them."""

    def __init__(self) -> None:
        self._known: LruCache[bytes, HostRecord] = LruCache()
        """A record by the shared part of its line."""

    def decode(self, line: bytes) -> Record:
        """Return the record of a line. Raises what `msgspec.json.decode` raises, and `RecursionError`."""
        at = line.find(_FIRST_SHARED)
        if at < 0 or not line.startswith(_BEGIN):
            return _decode(line)
        shared = line[at:]
        alike = self._known.get(shared)
        if alike is not None:
            try:
                own = _decode_own(line[:at] + b"}")
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                return _decode(line)
            return msgspec.structs.replace(alike, **dict(zip(_OWN, _own_values(own), strict=True)))
        record = _decode(line)
        if isinstance(record, HostRecord) and _decode_names(b"{" + shared[1:]).keys().isdisjoint(("type", *_OWN)):
            self._known.put(shared, record, len(shared))
        return record
