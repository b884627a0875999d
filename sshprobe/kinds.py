"""Lines and records of hosts that are alike, from one template (`sshprobe.probe.lists` says who is alike).

A line of 19 kB is put together from parts, and all but those in brackets are the same for every host of a kind:

    [target, host, address, port]  status, error, stage, depth  [started_at, duration_ms]  connections
    [identification]  lists and what follows from them  verdicts

Whoever only counts looks at `example`, the record of the first of them: it agrees with all others in everything but
who, when, and random comments of the identification, on which no verdict depends (`sshprobe.judging`). Where verdicts
depend on who and when, because a profile has waivers, no host takes the short cut (`sshprobe.scanner`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sshprobe.judging import Judge, Judged, line_of, record_of
from sshprobe.probe.lists import Host
from sshprobe.probe.unasked import rfc3339_at
from sshprobe.records import HostRecord, Identification, Observation

_encode = msgspec.json.Encoder().encode
_FIELDS = HostRecord.__struct_fields__


_numbers = itertools.count(1)


class _Who(msgspec.Struct):
    target: str
    host: str
    address: str
    port: int


class _When(msgspec.Struct):
    started_at: str
    duration_ms: float


class Template:
    """The record of one kind of host, encoded, with holes for what differs."""

    __slots__ = ("_between", "_first", "_identification", "_rest", "_then", "example", "judged", "number", "weight")

    def __init__(self, observation: Observation, judged: Judged) -> None:
        self.example = record = record_of(observation, judged)
        self.number = next(_numbers)
        """Different for each template of this process."""
        self.judged = judged
        self._first = b'{"type":"host",' + _members(record, _between("", "target")) + b","
        self._between = b"," + _members(record, _between("port", "started_at")) + b","
        self._then = b"," + _members(record, _between("duration_ms", "identification")) + b',"identification":'
        self._identification = _encode(record.identification)
        self._rest = b"," + _members(record, _between("identification", "verdicts")) + b',"verdicts":'
        self.weight = 1000 + len(self._rest) + len(judged.encoded)

    def line(self, alike: Alike) -> bytes:
        """Return the line of a host of this kind, with its line end."""
        host = alike.host
        who = _encode(_Who(host.target, host.host, host.address.ip, host.port))
        when = _encode(_When(rfc3339_at(alike.started_at), alike.duration_ms))
        said = self._identification if alike.identification is None else _encode(alike.identification)
        verdicts = self.judged.encoded
        return b"".join(
            (self._first, who[1:-1], self._between, when[1:-1], self._then, said, self._rest, verdicts, b"}\n")
        )

    def record(self, alike: Alike) -> HostRecord:
        """Return the record of a host of this kind. Its lists are those of the example: they are not to be changed."""
        host, example = alike.host, self.example
        return msgspec.structs.replace(
            example,
            target=host.target,
            host=host.host,
            address=host.address.ip,
            port=host.port,
            started_at=rfc3339_at(alike.started_at),
            duration_ms=alike.duration_ms,
            identification=example.identification if alike.identification is None else alike.identification,
        )


class Alike(NamedTuple):
    """What came of one host that went by the short cut."""

    host: Host
    template: Template
    identification: Identification | None
    """Where it is not that of the template."""
    started_at: float
    """Seconds since 1970-01-01 UTC."""
    duration_ms: float

    @property
    def example(self) -> HostRecord:
        """See the module."""
        return self.template.example

    def line(self) -> bytes:
        """Return its line, with its line end."""
        return self.template.line(self)

    def record(self) -> HostRecord:
        """Return its record. Its lists are those of others too: they are not to be changed."""
        return self.template.record(self)


class Whole(NamedTuple):
    """What came of one host that was asked in the usual way."""

    example: HostRecord
    """Its record."""
    judged: Judged
    head: bytes

    @property
    def host(self) -> HostRecord:
        """Who it is: its record says it."""
        return self.example

    def line(self) -> bytes:
        """Return its line, with its line end."""
        return line_of(self.head, self.judged.encoded) + b"\n"

    def record(self) -> HostRecord:
        """Return its record."""
        return self.example


def whole(observation: Observation, judge: Judge) -> Whole:
    """Judge an observation."""
    judged = judge.judged(observation)
    return Whole(record_of(observation, judged), judged, judge.head(observation))


def _between(after: str, before: str) -> Sequence[str]:
    """Return the fields behind one and before another, in the order of a record."""
    start = _FIELDS.index(after) + 1 if after else 0
    return _FIELDS[start : _FIELDS.index(before)]


def _members(record: HostRecord, fields: Sequence[str]) -> bytes:
    return b",".join(b'"%s":%s' % (field.encode(), _encode(getattr(record, field))) for field in fields)
