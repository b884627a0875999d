"""Targets as a stream: everything is read and checked first, then expanded one by one, each host and port once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from sshprobe.model.errors import InputError
from sshprobe.targets.exclusions import Exclusions
from sshprobe.targets.permutation import Permutation
from sshprobe.targets.sources import STANDARD_INPUT, read_words, refuse_header, refuse_nothing
from sshprobe.targets.space import TargetSpace
from sshprobe.targets.specification import Spec, Target, parse_specification, refuse_unspecified, with_port


def parse_targets(
    arguments: Iterable[str],
    *,
    files: Iterable[str] = (),
    inventories: Iterable[str] = (),
    inventory_format: str | None = None,
    more: Iterable[Spec] = (),
    port: int | Sequence[int] = 22,
    stdin: IO[bytes] | None = None,
    seed: int | None = None,
) -> TargetStream:
    """Read all targets that the user named and return them as a lazy stream.

    `port`, one or several, is for those that name none. `-` among `arguments`, `files` or `inventories` is `stdin`.
    `inventories` are files that other programs wrote: `inventory_format` says which, otherwise their content does.
    `more` are targets that were read elsewhere. A host and port that was named twice, be it inside a network, comes
    once. Nothing is resolved here.

    With a `seed` (0 or more) the order is a permutation of all targets, the same for the same targets and seed. Without
    one, addresses come in ascending order, those that name no port first, and names after them in the order given.

    Raises:
        InputError: something is malformed, a file is unreadable or empty, or there is no target at all.
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
            spec = parse_specification(word.text, source=word.source, line=word.line)
            refuse_unspecified(spec, source=word.source, line=word.line)
            yield spec
            if word.text.count(":") > 1 and (meant := with_port(word.text)) is not None:
                first = next(iter(ambiguous), f"{word.text} is read as an address: for a port write {meant}")
                ambiguous[first] += 1
        if inventories:
            from sshprobe.targets.inventories import read_inventory  # parsers that most scans have no use for

            for name in inventories:
                yield from read_inventory(name, format_=inventory_format, stdin=stdin, ports=ports, notices=notices)
        for spec in more:
            refuse_unspecified(spec)
            yield spec

    ports = (port,) if isinstance(port, int) else tuple(port)
    space = TargetSpace(specs(), ports)
    if not space.total:
        raise InputError("no target: name a host, a network or, with `-f`, a file of them")
    for notice, times in ambiguous.items():  # the first of them stands for all
        notices.append(notice + (f" ({times - 1:,} more like it)" if times > 1 else ""))
    return TargetStream(space, seed=seed, notices=notices)


class TargetStream(Iterator[Target]):
    """The targets of a sweep, made as they are read. It takes as much memory as the words that named them."""

    def __init__(
        self,
        space: TargetSpace,
        *,
        seed: int | None = None,
        notices: Sequence[str] = (),
    ) -> None:
        self._space = space
        self._order = None if seed is None else Permutation(space.total, seed)
        self._positions = iter(range(space.total))
        self.seed = seed
        self.notices = list(notices)
        """What was left out of inventories, and why, and what may have been meant otherwise, in lines for people."""
        self.total = space.total
        """How many targets the stream has from its beginning to its end, exactly."""

    @property
    def has_names(self) -> bool:
        """Whether there is a target of which only a resolver knows the address."""
        return self._space.has_names

    def __next__(self) -> Target:
        return self.at(next(self._positions))

    def at(self, position: int) -> Target:
        """Return the target that comes at `position` of the whole order. Raises IndexError where there is none."""
        return self._space[position if self._order is None else self._order[position]]

    def count(self, exclusions: Exclusions) -> int:
        """Return how many targets of the whole space are not excluded. A name is one, whatever it resolves to."""
        return self._space.count(exclusions)
