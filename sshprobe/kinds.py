"""Lines and records of hosts that are alike, from one template (`sshprobe.probe.lists` says who is alike).

A line of 19 kB is put together from parts, and all but those in brackets are the same for every host of a kind:

    [target, host, address, port]  status, error, stage, depth  [started_at, duration_ms]  connections
    [identification]  lists and what follows from them  verdicts

Whoever only counts looks at `counted`, or at `example`, the record of the first of them: it agrees with all others in
everything but who, when, and random comments of the identification, on which no verdict depends (`sshprobe.judging`).
Where verdicts depend on who and when, because a profile has waivers, no host takes the short cut (`scan.scanner`).

What came from another process is a line: its record is decoded if it is asked for, which of most hosts nobody does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sshprobe.judging import END_OF_LINE, UNJUDGED, Judged, line_of, record_of
from sshprobe.model.observation import Identification, Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.timestamps import encode_seconds
from sshprobe.probe.lists import Host
from sshprobe.views.host_stats import HostStats, Place, host_stats

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(HostRecord).decode
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


_NOBODY = _encode(_Who("", "", "", 0))[1:-1]
_NEVER = _encode(_When("", 0))[1:-1]


class Cut(NamedTuple):
    """A line up to its verdicts, cut where hosts of one kind differ."""

    first: bytes
    between: bytes
    then: bytes
    identification: bytes
    """That of the first of them."""
    rest: bytes

    def head(self, who: bytes, when: bytes, identification: bytes | None) -> bytes:
        """Return the line of a host up to its verdicts. `who` and `when` are members of JSON."""
        said = self.identification if identification is None else identification
        return b"".join((self.first, who, self.between, when, self.then, said, self.rest))


class Template:
    """The record of one kind of host, encoded, with holes for what differs."""

    __slots__ = ("_example", "counted", "cut", "judged", "number", "weight")

    def __init__(self, cut: Cut, counted: HostStats, judged: Judged, example: HostRecord | None = None) -> None:
        self.number = next(_numbers)
        """Different for each template of this process."""
        self.cut = cut
        self.counted = counted
        self.judged = judged
        self.weight = 1000 + len(cut.rest) + len(judged.encoded)
        self._example = example

    @property
    def example(self) -> HostRecord:
        """See the module."""
        if self._example is None:
            seen = _decode(line_of(self.cut.head(_NOBODY, _NEVER, None), UNJUDGED.encoded))
            self._example = msgspec.structs.replace(seen, verdicts=self.judged.verdicts)
        return self._example

    def line(self, alike: Alike) -> bytes:
        """Return the line of a host of this kind, with its line end."""
        host = alike.host
        who = _encode(_Who(host.target, host.host, host.address.ip, host.port))
        when = _encode(_When(encode_seconds(alike.started_at), alike.duration_ms))
        said = None if alike.identification is None else _encode(alike.identification)
        return b"".join((self.cut.head(who[1:-1], when[1:-1], said), self.judged.encoded, END_OF_LINE, b"\n"))

    def record(self, alike: Alike) -> HostRecord:
        """Return the record of a host of this kind. Its lists are those of the example: they are not to be changed."""
        host, example = alike.host, self.example
        return msgspec.structs.replace(
            example,
            target=host.target,
            host=host.host,
            address=host.address.ip,
            port=host.port,
            started_at=encode_seconds(alike.started_at),
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
    def counted(self) -> HostStats:
        """What of it is counted: the same object for all of its kind."""
        return self.template.counted

    @property
    def example(self) -> HostRecord:
        """See the module."""
        return self.template.example

    def observation(self) -> Observation:
        """Return what was seen of it. Its lists are those of others too: they are not to be changed."""
        return self.template.record(self)

    def line(self) -> bytes:
        """Return its line, with its line end."""
        return self.template.line(self)

    def record(self) -> HostRecord:
        """Return its record. Its lists are those of others too: they are not to be changed."""
        return self.template.record(self)


class Whole:
    """What came of one host that was asked in the usual way."""

    __slots__ = ("_record", "counted", "head", "host", "judged")

    def __init__(
        self, host: Place, head: bytes, counted: HostStats, judged: Judged, record: HostRecord | None = None
    ) -> None:
        self.host = host
        self.head = head
        """Its line up to its verdicts."""
        self.counted = counted
        """What of it is counted."""
        self.judged = judged
        self._record = record

    @property
    def example(self) -> HostRecord:
        """Its record."""
        if self._record is None:
            self._record = msgspec.structs.replace(self._seen(), verdicts=self.judged.verdicts)
        return self._record

    def observation(self) -> Observation:
        """Return what was seen of it."""
        return self._seen() if self._record is None else self._record

    def line(self) -> bytes:
        """Return its line, with its line end."""
        return line_of(self.head, self.judged.encoded) + b"\n"

    def record(self) -> HostRecord:
        """Return its record."""
        return self.example

    def _seen(self) -> HostRecord:
        return _decode(line_of(self.head, UNJUDGED.encoded))


class Ready:
    """What came of one host of which another process has made the line."""

    __slots__ = ("_line", "_record", "counted", "host")

    def __init__(self, host: Place, line: bytes, counted: HostStats) -> None:
        self.host = host
        self._line = line
        self.counted = counted
        """What of it is counted."""
        self._record: HostRecord | None = None

    @property
    def example(self) -> HostRecord:
        """Its record."""
        if self._record is None:
            self._record = _decode(self._line)
        return self._record

    def observation(self) -> Observation:
        """Return what was seen of it: its record."""
        return self.example

    def line(self) -> bytes:
        """Return its line, with its line end."""
        return self._line

    def record(self) -> HostRecord:
        """Return its record."""
        return self.example


def template(observation: Observation, judged: Judged) -> Template:
    """Return the template of hosts that are like one that was judged."""
    record = record_of(observation, judged)
    cut = Cut(
        b'{"type":"host",' + _members(record, _between("", "target")) + b",",
        b"," + _members(record, _between("port", "started_at")) + b",",
        b"," + _members(record, _between("duration_ms", "identification")) + b',"identification":',
        _encode(record.identification),
        b"," + _members(record, _between("identification", "verdicts")) + b',"verdicts":',
    )
    return Template(cut, host_stats(observation, judged.counted), judged, record)


def whole(observation: Observation, judged: Judged, head: bytes) -> Whole:
    """Return what came of a host that was judged. `head` is its line up to its verdicts."""
    record = record_of(observation, judged)
    return Whole(record, head, host_stats(observation, judged.counted), judged, record)


def _between(after: str, before: str) -> Sequence[str]:
    """Return the fields behind one and before another, in the order of a record."""
    start = _FIELDS.index(after) + 1 if after else 0
    return _FIELDS[start : _FIELDS.index(before)]


def _members(record: HostRecord, fields: Sequence[str]) -> bytes:
    return b",".join(b'"%s":%s' % (field.encode(), _encode(getattr(record, field))) for field in fields)
