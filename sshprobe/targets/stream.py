"""All targets of a scan, read and checked first, then expanded one by one in random order, each host and port once."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Protocol

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, Record
from sshprobe.model.verdict import Grade
from sshprobe.targets.exclusions import Exclusions
from sshprobe.targets.sources import STANDARD_INPUT, read_words, refuse_header, refuse_nothing
from sshprobe.targets.space import TargetSpace
from sshprobe.targets.specification import (
    host_specification,
    parse_specification,
    quote,
    refuse_unspecified,
    with_port,
)
from sshprobe.targets.specs import HostSpec, Spec, Target, joined

_64_BITS = 2**64 - 1
_ROUNDS = 4


def parse_targets(
    arguments: Iterable[str],
    *,
    files: Iterable[str] = (),
    inventories: Iterable[str] = (),
    inventory_format: str | None = None,
    more: Iterable[Spec] = (),
    labels: Sequence[str] = (),
    port: int | Sequence[int] = 22,
    stdin: IO[bytes] | None = None,
    seed: int | None = None,
) -> TargetStream:
    """Read all targets of the user and return them as a lazy stream. Nothing is resolved here.

    `port`, one or several, is for targets without one. `-` among `arguments`, `files` or `inventories` is `stdin`.
    `inventories` are files of other programs; without `inventory_format` their content shows the format. `more` are
    targets that were read elsewhere. `labels` are for all targets, in addition to their own labels. Each host and port
    comes once, even if networks overlap: the first one counts.

    With a `seed` (0 or more) the order is a permutation of all targets, the same for the same targets and seed. Without
    one, addresses come in ascending order, those without a port first, then names in the order given.

    Raises:
        InputError: if a target is malformed, a file is unreadable or empty, or no target is named.
    """
    arguments, files, inventories = list(arguments), list(files), list(inventories)
    if STANDARD_INPUT in inventories and [*arguments, *files, *inventories].count(STANDARD_INPUT) > 1:
        raise InputError("is an inventory and can be read only once", source="standard input")
    notices: list[str] = []
    ambiguous = Counter[str]()

    def specs() -> Iterator[Spec]:
        source: str | None = None
        for word in read_words(arguments, files, stdin, what="target"):
            if word.source != source:
                source = word.source
                refuse_header(word.text, source, word.line)
            refuse_nothing(word.text, source, word.line)
            spec = parse_specification(word.text, source=word.source, line=word.line, labels=word.labels)
            refuse_unspecified(spec, source=word.source, line=word.line)
            joined((), spec.labels, source=word.source, line=word.line)
            yield spec
            if word.text.count(":") > 1 and (meant := with_port(word.text)) is not None:
                first = next(iter(ambiguous), f"{word.text} is read as an address: for a port write {meant}")
                ambiguous[first] += 1
        if inventories:
            from sshprobe.targets.inventories import read_inventory  # parsers that most scans do not need

            for name in inventories:
                yield from read_inventory(name, format_=inventory_format, stdin=stdin, ports=ports, notices=notices)
        for spec in more:
            refuse_unspecified(spec)
            yield spec

    ports = (port,) if isinstance(port, int) else tuple(port)
    space = TargetSpace(specs() if not labels else _labelled(specs(), labels), ports)
    if not space.total:
        raise InputError("no target: name a host, a network or, with `-f`, a file of them")
    for notice, times in ambiguous.items():  # only the first is shown
        notices.append(notice + (f" ({times - 1:,} more like it)" if times > 1 else ""))
    return TargetStream(space, seed=seed, notices=notices)


def _labelled(specs: Iterable[Spec], labels: Sequence[str]) -> Iterator[Spec]:
    for spec in specs:
        try:
            yield msgspec.structs.replace(spec, labels=joined(labels, spec.labels))
        except InputError as error:
            raise InputError(f"{quote(spec.text)} {error}") from None


class TargetStream(Iterator[Target]):
    """The targets of a scan, created on iteration. Memory depends on the number of words, not of targets."""

    def __init__(self, space: TargetSpace, *, seed: int | None = None, notices: Sequence[str] = ()) -> None:
        self._space = space
        self._order = None if seed is None else Permutation(space.total, seed)
        self._positions = iter(range(space.total))
        self.seed = seed
        self.notices = list(notices)
        """Messages for people: entries of inventories that were left out, and words with a second meaning."""
        self.total = space.total
        """The exact number of targets."""

    @property
    def has_names(self) -> bool:
        """Whether a target is a name, which has to be resolved."""
        return self._space.has_names

    def __next__(self) -> Target:
        return self.at(next(self._positions))

    def at(self, position: int) -> Target:
        """Return the target at `position` of the order. Raises IndexError if there is none."""
        return self._space[position if self._order is None else self._order[position]]

    def count(self, exclusions: Exclusions) -> int:
        """Return how many of all targets are not excluded. A name counts once, whatever it resolves to."""
        return self._space.count(exclusions)


class Permutation:
    """A permutation of the numbers 0 to `size` - 1, the same for the same size and seed (0 or more), without memory.

    An index is split into two digits, one of base `a` (low) and one of base `b` (high). In turn, a keyed hash of one is
    added to the other: a Feistel network over Z_a x Z_b (Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
    CT-RSA 2002, section 5). Each round can be undone, so no two indices meet. a * b is a little above the size of the
    space; results outside are encrypted again until they are inside (cycle walking, section 4 there).

    Neighbours in the space are far apart in time, so the connections to every subnet are spread over the whole scan.
    The purpose is politeness, not secrecy.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._low_base = math.isqrt(max(size - 1, 0)) + 1
        self._high_base = max(-(-size // self._low_base), 1)
        digest = hashlib.blake2b(b"sshprobe order %d" % seed, digest_size=8 * _ROUNDS).digest()
        self._keys = [int.from_bytes(digest[start : start + 8], "big") for start in range(0, 8 * _ROUNDS, 8)]

    def __getitem__(self, position: int) -> int:
        """Return the index at `position`. Raises IndexError if there is none."""
        if not 0 <= position < self.size:
            raise IndexError(position)
        low_base, high_base = self._low_base, self._high_base
        first, second, third, fourth = self._keys
        index = position
        while True:
            high, low = divmod(index, low_base)
            low = (low + _mix(high, first)) % low_base
            high = (high + _mix(low, second)) % high_base
            low = (low + _mix(high, third)) % low_base
            high = (high + _mix(low, fourth)) % high_base
            index = high * low_base + low
            if index < self.size:
                return index


def _mix(value: int, key: int) -> int:
    """Return 64 bits that look random: the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    value = ((value ^ value >> 64) + key) & _64_BITS  # half an index of an IPv6 space can be longer than 64 bits
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & _64_BITS
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & _64_BITS
    return value ^ value >> 31


class PlacedRecords(Iterable[Record], Protocol):
    """Records as they are read, with the place of the last one."""

    @property
    def source(self) -> str | None:
        """Its file."""

    @property
    def line(self) -> int | None:
        """Its line there, if it has its own."""


def targets_of_records(
    records: PlacedRecords, *, statuses: Collection[Status] = (), grades: Collection[Grade] = (), name: str
) -> Iterator[HostSpec]:
    """Yield the host and port of each record, to be scanned again, with the user's original text.

    With `statuses`, only hosts with one of these; with `grades`, only those with such a grade from any profile.
    `name` names the source of all records, for the error.

    Raises:
        InputError: if a record has an invalid host or port, or no host is left.
    """
    seen = found = 0
    for record in records:
        if not isinstance(record, HostRecord):
            continue
        seen += 1
        letters = {verdict.grade for verdict in record.verdicts}
        if (not statuses or record.status in statuses) and (not grades or not letters.isdisjoint(grades)):
            found += 1
            source, line = records.source, records.line
            if not 1 <= record.port <= 65535:
                raise InputError(f'"{record.port}" is not a port: ports are 1 to 65535', source=source, line=line)
            spec = host_specification(record.host, record.port, text=record.target, source=source, line=line)
            refuse_unspecified(spec, source=source, line=line)
            yield msgspec.structs.replace(spec, labels=tuple(record.labels))
    if not found:
        raise InputError(f"no target: none of {seen:,} hosts in the records has that status or grade", source=name)
