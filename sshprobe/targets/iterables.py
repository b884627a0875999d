"""Targets of a Python program: one, or any iterable of them, checked before a host is contacted.

Up to `READ_AHEAD` entries are read first and treated as on the command line: networks are expanded, and a host that is
named twice is scanned once. A longer iterator, or an async iterable, is a stream: each entry is read when hosts can be
started, and expanded separately.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import chain, islice
from typing import Any

from sshprobe.model.errors import InputError
from sshprobe.targets.specification import quote
from sshprobe.targets.specs import Target, is_label
from sshprobe.targets.stream import TargetStream, parse_targets

READ_AHEAD = 65_536
"""Entries of an iterator that are read and checked before the first host is contacted."""

TargetLike = Target | str | IPv4Address | IPv6Address | IPv4Network | IPv6Network
"""One entry: a string as on the command line, an object of `ipaddress`, or a `Target`."""

Targets = TargetLike | Iterable[TargetLike] | AsyncIterable[TargetLike]
"""What `Scanner.scan` takes."""

ADDRESSES = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)
_ONE = (Target, str, *ADDRESSES)
_BYTES = (bytes, bytearray, memoryview)
_END = object()


class TargetSource(AsyncIterator[Target]):
    """The targets of one scan. An error of the caller's iterable ends it, and is kept in `error`."""

    def __init__(
        self,
        ready: Iterator[Target],
        *,
        total: int | None,
        rest: Iterator[Any] | None = None,
        async_rest: AsyncIterator[Any] | None = None,
    ) -> None:
        self.total = total
        """The number of targets. None: a stream."""
        self.error: Exception | None = None
        """The error of the iterable, or of an entry of a stream."""
        self.on_error: Callable[[], None] | None = None
        """Called when `error` is set."""
        self._ready = ready
        self._rest: Iterator[Any] = rest or iter(())
        self._async_rest = async_rest

    async def __anext__(self) -> Target:
        try:
            while (target := next(self._ready, None)) is None:
                self._ready = _expanded([await self._next_entry()])[0]
            return target
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.error = error
            if self.on_error is not None:
                self.on_error()
            raise StopAsyncIteration from None

    async def _next_entry(self) -> Any:
        if self._async_rest is not None:
            return await anext(self._async_rest)
        entry = next(self._rest, _END)
        if entry is _END:
            raise StopAsyncIteration
        return entry

    async def aclose(self) -> None:
        """Close the caller's async generator."""
        close = getattr(self._async_rest, "aclose", None)
        if close is not None:
            await close()


def open_targets(targets: Targets) -> TargetSource:
    """Read and check the targets of a scan.

    Raises:
        InputError: a string is malformed. Whatever the iterable raises is raised too.
        TypeError: `targets`, or an entry, is not of a type that names targets.
    """
    if isinstance(targets, TargetStream):
        return TargetSource(targets, total=targets.total)
    if isinstance(targets, _ONE):
        return _all_of([targets])
    if isinstance(targets, AsyncIterable):
        return TargetSource(iter(()), total=None, async_rest=aiter(targets))
    if isinstance(targets, _BYTES) or not isinstance(targets, Iterable):
        raise TypeError(f"targets are a string or an iterable of strings, not {type(targets).__name__}")
    if isinstance(targets, Collection):
        return _all_of(targets)
    entries = iter(targets)
    first = list(islice(entries, READ_AHEAD))
    if len(first) < READ_AHEAD:
        return _all_of(first)
    return TargetSource(_expanded(first)[0], total=None, rest=entries)


def open_target(target: TargetLike) -> Target:
    """Return the host that `target` names. Raises as `open_targets`, and `InputError` if it names several."""
    expanded, total = _expanded([target])
    if total != 1:
        raise InputError(f"{quote(str(target))} names {total:,} hosts: `scan` takes them")
    return next(expanded)


def _all_of(entries: Iterable[Any]) -> TargetSource:
    expanded, total = _expanded(entries)
    return TargetSource(expanded, total=total)


def _expanded(entries: Iterable[Any]) -> tuple[Iterator[Target], int]:
    """Return the targets of entries, and their number."""
    ready: list[Target] = []
    words: list[str] = []
    for entry in entries:
        if isinstance(entry, Target):
            ready.append(_checked(entry))
        else:
            words.append(word_of(entry))
    if not words:
        return iter(ready), len(ready)
    stream = parse_targets(words)
    return chain(ready, stream), len(ready) + stream.total


def word_of(entry: object) -> str:
    """Parse a string or an object of `ipaddress` like a word of the command line. Raises as `open_targets`."""
    if isinstance(entry, str):
        if entry == "-":
            raise InputError('"-" is not a host: give the lines of standard input, as in `map(str.strip, sys.stdin)`')
        return entry
    if isinstance(entry, (IPv4Interface, IPv6Interface)):  # "192.0.2.7/24" would be its network
        return str(entry.ip)
    if isinstance(entry, ADDRESSES):
        return str(entry)
    raise TypeError(f"hosts are strings, objects of `ipaddress` or `Target`s, not {_name(entry)}")


def _checked(target: Target) -> Target:
    """Return a target that a program made. Its host is checked when it is resolved."""
    fields: tuple[object, ...] = target  # callers may not be type-checked
    text, host, port, labels = fields
    if not isinstance(labels, tuple) or not all(isinstance(each, str) and is_label(each) for each in labels):
        raise InputError(f'labels of a `Target` are a tuple of strings such as "env=prod", not {_name(labels)}')
    for value in (text, host):
        if not isinstance(value, str):
            raise TypeError(f"text and host of a `Target` are strings, not {_name(value)}")
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"the port of a `Target` is a number, not {_name(port)}")
    if not target.host:
        raise InputError("a `Target` has no host")
    if not 1 <= port <= 65535:
        raise InputError(f"{quote(target.host)} has no port {port}: ports are 1 to 65535")
    return target


def _name(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__} ({value!r:.80})"
