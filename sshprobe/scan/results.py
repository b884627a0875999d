"""The result of one host, as its line of JSON in pieces.

    chunks[0]     the host's own: names, times, and the observation up to where hosts can be alike
    chunks[1:]    pieces that other hosts have too, as the same objects: lists, verdicts and the end of the line

So a fleet of equal hosts is graded and encoded once, and a piece is sent to another process once (`workers.channel`).
With `--depth lists`, a `RecordTemplate` makes the results of all hosts that sent the same greeting. A record is decoded
only on access, which is rare in a large scan.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from typing import Protocol

import msgspec

from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Identification, Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.timestamps import encode_seconds
from sshprobe.model.verdict import Finding
from sshprobe.net import Address
from sshprobe.probe.host_state import unprobed
from sshprobe.scan.verdict_cache import END_OF_LINE, EncodedVerdicts, VerdictCache, decoder_of, new_key
from sshprobe.views.host_names import Place
from sshprobe.views.host_stats import HostStats, host_stats, record_stats, subjects_of

_log = logging.getLogger("sshprobe")

_encode = msgspec.json.Encoder().encode
_FIELDS = HostRecord.__struct_fields__

NO_VERDICTS = EncodedVerdicts([])

_NO_VERDICTS = b'[],"fleet_findings":[]}'

STATS_WEIGHT = 500
"""The approximate size of the stats of a host in bytes."""


class HostResult:
    """The result of one host. Its record shares lists with other records: do not change them."""

    __slots__ = ("_chunks", "_example", "_graded", "_record", "key", "stats", "target")

    def __init__(
        self,
        target: Place,
        key: Hashable,
        stats: HostStats,
        chunks: tuple[bytes, ...] = (),
        *,
        record: HostRecord | None = None,
        graded: tuple[Observation, EncodedVerdicts, list[Finding]] | None = None,
        example: HostRecord | None = None,
    ) -> None:
        """Use `chunks` or `record`; the other one is derived.

        `graded`: the parts of the record, if this process has them. `example`: a record of the same template.
        """
        self.target = target
        self.key = key
        """Hosts with the same key have the same verdicts, and the same findings across the fleet."""
        self.stats = stats
        """The stats of the host: one object for all equal ones of a scan."""
        self._chunks = chunks
        self._record = record
        self._graded = graded
        self._example = example

    @classmethod
    def of_record(cls, record: HostRecord) -> HostResult:
        """Return the result of a host with a record, for example from a file."""
        return cls(record, object(), record_stats(record), record=record)

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """The line of the host in pieces, the last with the line end. Equal pieces are the same object."""
        if not self._chunks:
            self._chunks = (_encode(self._record) + b"\n",)
        return self._chunks

    def line(self) -> bytes:
        """Return the line of the host, with its line end."""
        return b"".join(self.chunks)

    @property
    def record(self) -> HostRecord:
        """The record of the host."""
        if self._record is None:
            if self._graded is not None:
                self._record = _record_of(*self._graded)
            elif self._example is None:
                self._record = decoder_of(HostRecord)(self.line())
            else:
                own = msgspec.json.decode(self._chunks[0] + b"}", type=_OwnFields)
                self._record = msgspec.structs.replace(self._example, **msgspec.structs.asdict(own))
        return self._record

    @property
    def observation(self) -> Observation:
        """The record, without verdicts if that is cheaper."""
        if self._graded is not None:
            return self._graded[0]
        return decoder_of(Observation)(self.line()) if self._record is None and self._example is None else self.record


Result = Observation | HostResult
"""The engine's result for one host: an observation, or a result from a template."""


class Host(Place, Protocol):
    """A host that answers on one address."""

    @property
    def address(self) -> Address:
        """The address that was probed."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels of its target."""


class _OwnFields(msgspec.Struct):
    """The fields of a record that differ between hosts of one template."""

    target: str
    host: str
    address: str
    port: int
    labels: list[str]
    started_at: str
    duration_ms: float
    identification: Identification | None


class RecordTemplate:
    """The encoded record of one kind of host, with gaps for names, times and identification."""

    __slots__ = ("_before_when", "_before_who", "_example", "_identification", "_key", "_middle", "_shared", "_stats")

    def __init__(self, observation: Observation, verdicts: EncodedVerdicts, stats: HostStats) -> None:
        """Use the first observation of this kind, with its verdicts and stats."""
        record = _record_of(observation, verdicts)
        self._before_who = b'{"type":"host",' + _members(record, _between("", "target")) + b","
        self._before_when = b"," + _members(record, _between("labels", "started_at")) + b","
        self._middle = b"," + _members(record, _between("duration_ms", "identification")) + b',"identification":'
        self._identification = _encode(record.identification)
        rest = b"," + _members(record, _between("identification", "verdicts")) + b',"verdicts":'
        self._shared = (rest, verdicts.chunk)
        self._key = verdicts.key
        self._stats = stats
        self._example = record

    @property
    def weight(self) -> int:
        """Its approximate size in bytes."""
        return 1000 + sum(map(len, self._shared))

    def result(
        self, host: Host, identification: Identification | None, started_at: float, duration_ms: float
    ) -> HostResult:
        """Return the result of a host of this kind.

        `identification`: None if it is the first host's. `started_at` is in seconds since 1970-01-01 UTC.
        """
        who = {
            "target": host.target,
            "host": host.host,
            "address": host.address.ip,
            "port": host.port,
            "labels": host.labels,
        }
        when = {"started_at": encode_seconds(started_at), "duration_ms": duration_ms}
        own = b"".join(
            (
                self._before_who,
                _encode(who)[1:-1],
                self._before_when,
                _encode(when)[1:-1],
                self._middle,
                self._identification if identification is None else _encode(identification),
            )
        )
        return HostResult(host, self._key, self._stats, (own, *self._shared), example=self._example)


class ResultEncoder:
    """Grades and encodes the observations of a scan."""

    def __init__(self, cache: VerdictCache) -> None:
        self._cache = cache
        self._stats: LruCache[HostStats, HostStats] = LruCache()

    def template(self, observation: Observation) -> RecordTemplate:
        """Return the template for hosts similar to an observed one."""
        verdicts = self._cache.verdicts_for(observation)
        return RecordTemplate(observation, verdicts, self._stats_of(observation, verdicts))

    def result(self, observation: Observation) -> HostResult:
        """Return the result of a host.

        After an internal error, which is logged, the host has no verdicts and a new status. The record keeps the
        observation if that can be encoded. `sshprobe grade` does not grade it either.
        """
        try:
            return self._encoded(observation, self._cache.verdicts_for(observation))
        except Exception as error:
            _log.exception("internal error while grading %s port %d", observation.host, observation.port)
            words = f"internal error: {type(error).__name__}"
        try:
            known = msgspec.structs.replace(observation, status="protocol_error", error=words)
            return self._encoded(known, NO_VERDICTS)
        except Exception:
            _log.exception("internal error while encoding %s port %d", observation.host, observation.port)
        host, port, depth = observation.host, observation.port, observation.depth
        bare = unprobed(observation.target, host, port, depth, "protocol_error", words, labels=observation.labels)
        names = ("address", "stage", "started_at", "duration_ms", "connections")
        fields = {name: getattr(observation, name) for name in names}
        return self._encoded(msgspec.structs.replace(bare, **fields), NO_VERDICTS)

    def regraded(self, record: HostRecord, verdicts: EncodedVerdicts, fleet_findings: list[Finding]) -> HostResult:
        """Return the result of a saved record with new verdicts, and with `fleet_findings` instead of its own."""
        bare = msgspec.structs.replace(record, verdicts=[], fleet_findings=[])
        own, chunk = _encode(bare).removesuffix(_NO_VERDICTS), verdicts.chunk
        key, stats = verdicts.key, host_stats(record, verdicts.stats)
        if fleet_findings:
            key = new_key()  # the findings are about this host's keys
            chunk = chunk.removesuffix(END_OF_LINE) + b',"fleet_findings":' + _encode(fleet_findings) + b"}\n"
            stats = stats._replace(fleet=subjects_of(fleet_findings))
        return HostResult(record, key, self._shared(stats), (own, chunk), graded=(bare, verdicts, fleet_findings))

    def _encoded(self, observation: Observation, verdicts: EncodedVerdicts) -> HostResult:
        own = b'{"type":"host",' + _encode(observation)[1:-1] + b',"verdicts":'
        stats = self._stats_of(observation, verdicts)
        return HostResult(observation, verdicts.key, stats, (own, verdicts.chunk), graded=(observation, verdicts, []))

    def _stats_of(self, observation: Observation, verdicts: EncodedVerdicts) -> HostStats:
        """Return the stats of a host: equal ones are the same object."""
        return self._shared(host_stats(observation, verdicts.stats))

    def _shared(self, stats: HostStats) -> HostStats:
        known = self._stats.get(stats)
        if known is None:
            self._stats.put(stats, stats, STATS_WEIGHT)
            return stats
        return known


def _record_of(
    observation: Observation, verdicts: EncodedVerdicts, fleet_findings: Sequence[Finding] = ()
) -> HostRecord:
    judged = {"verdicts": verdicts.verdicts, "fleet_findings": list(fleet_findings)}
    return HostRecord(**(msgspec.structs.asdict(observation) | judged))


def _between(after: str, before: str) -> Sequence[str]:
    """Return the fields behind one and before another, in the order of a record."""
    start = _FIELDS.index(after) + 1 if after else 0
    return _FIELDS[start : _FIELDS.index(before)]


def _members(record: HostRecord, fields: Sequence[str]) -> bytes:
    return b",".join(b'"%s":%s' % (field.encode(), _encode(getattr(record, field))) for field in fields)


class HostBatch:
    """Results that arrived together."""

    def __init__(self, results: Sequence[HostResult]) -> None:
        self.results = results
        self._groups: list[list[HostResult]] | None = None

    @property
    def groups(self) -> list[list[HostResult]]:
        """The results, grouped by stats."""
        if self._groups is None:
            groups: dict[int, list[HostResult]] = {}
            for result in self.results:
                groups.setdefault(id(result.stats), []).append(result)
            self._groups = list(groups.values())
        return self._groups
