"""Targets from standard input, each scanned as soon as its line arrives: `masscan ... | sshprobe scan -`.

A thread reads, so that nothing else waits for a line. The scan takes a target when it can start one; little is read
ahead. A line that is not a target is reported and skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.targets.exclusions import address_value
from sshprobe.targets.host_names import ipv4_value
from sshprobe.targets.sources import GZIP, UTF_16_MARKS, decode_line, refuse_nothing
from sshprobe.targets.space import TargetSpace
from sshprobe.targets.specification import parse_specification, quote, refuse_unspecified
from sshprobe.targets.specs import HostSpec, Spec, Target, joined, labels_of_comment

if TYPE_CHECKING:
    from sshprobe.targets.inventories.source import Source

STANDARD_INPUT = "standard input"

REMEMBERED = 1_000_000
"""The number of last targets that are remembered and not scanned again. They take about 80 MB."""

REPORTED = 10
"""The first bad lines are reported one by one, the others are counted."""

_CHUNK = 65_536
_CHUNKS_AHEAD = 4
_LONGEST_LINE = 2**20
_OTHER_PROGRAMS = ("{", "[{", ",", "open ", "closed ", "banner ", "Discovered open port ")
"""The beginnings of lines that scanners write, except for plain lists."""


class LiveTargets(Iterator[Target | None]):
    """The targets of lines that arrive one by one, after those of `first`.

    As an iterator it returns None while no line is there; as an async iterator it waits.
    """

    total = None
    """The number of targets: not known."""
    seed = None
    """A stream keeps its order."""

    def __init__(
        self,
        stdin: IO[bytes],
        ports: Sequence[int],
        *,
        first: Iterator[Target] = iter(()),  # noqa: B008 - empty
        most_of_a_line: int | None = None,
        takes_names: bool = True,
        labels: Sequence[str] = (),
        note: Callable[[str], None] = lambda words: None,
    ) -> None:
        """`most_of_a_line`: targets of one line; `takes_names`: whether a line can be a host name; `labels`: of all."""
        self.bad_lines = 0
        """The number of lines so far that were not a target."""
        self.note = note
        """Called with a message for people."""
        self.takes_names = takes_names
        self._ports = ports
        self._labels = labels
        self._most_of_a_line = most_of_a_line
        self._ready: Iterator[Target] = first
        self._first: Target | None = None  # the target that `wait` waited for
        self._lines: deque[bytes] = deque()
        self._line = 0
        self._has_ended = False
        self._has_target = False
        self._seen: set[object] = set()
        self._order: deque[object] = deque()
        self._is_forgetting = False
        self._source: Source | None = None
        self._chunks: queue.Queue[bytes | InputError] = queue.Queue(_CHUNKS_AHEAD)
        self._rest = b""
        self._wake: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._read, args=(stdin,), name="targets", daemon=True)
        self._thread.start()

    def __next__(self) -> Target | None:
        if self._first is not None:
            target, self._first = self._first, None
            return target
        while True:
            for target in self._ready:
                if self._is_new(target):
                    return target
            if self._has_ended:
                raise StopIteration
            if not self._lines and not self._take_chunk(block=False):
                return None
            self._take_line()

    def __aiter__(self) -> LiveTargets:
        return self

    async def __anext__(self) -> Target:
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        while True:
            try:
                target = next(self)
            except StopIteration:
                raise StopAsyncIteration from None
            if target is not None:
                return target
            self._wake = partial(loop.call_soon_threadsafe, arrived.set)
            if self._chunks.empty():
                await arrived.wait()
            arrived.clear()

    def wait(self) -> None:
        """Wait for the first target. Raises `InputError` if standard input ends without one, or is not text."""
        try:
            while (target := next(self)) is None:
                self._take_chunk(block=True)
        except StopIteration:
            raise InputError("has no target", source=STANDARD_INPUT) from None
        self._first = target

    @property
    def has_names(self) -> bool:
        """Whether a target can be a name, which has to be resolved."""
        return self.takes_names

    def stop(self) -> None:
        """Return no further targets: the scan is to end."""
        self._ready = iter(())
        self._lines.clear()
        self._has_ended = True
        self._wake()

    def summary(self) -> list[str]:
        """Return messages for people about the whole stream, at its end. A stream without a target counts as bad."""
        messages = []
        if not self.bad_lines and not self._has_target:
            self.bad_lines = 1
            messages.append(f"{STANDARD_INPUT}: has no target")
        if self.bad_lines > REPORTED:
            messages.append(f"{STANDARD_INPUT}: {self.bad_lines:,} lines were not a target and are not scanned")
        left_out = () if self._source is None else self._source.left_out.items()
        return messages + [f"{STANDARD_INPUT}: {count:,} left out: {reason}" for reason, count in left_out]

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self, stdin: IO[bytes]) -> None:
        """Run in the thread: read chunks until the end, which is an empty one."""
        try:
            number = stdin.fileno()
        except (OSError, AttributeError, io.UnsupportedOperation):
            number = -1
        while True:
            chunk: bytes | InputError
            try:
                # The file object is not used: its lock, held by this thread at exit, would crash the process.
                chunk = stdin.read(_CHUNK) if number < 0 else os.read(number, _CHUNK)
            except (OSError, ValueError) as error:
                chunk = InputError(f"cannot be read: {getattr(error, 'strerror', error)}", source=STANDARD_INPUT)
            self._chunks.put(chunk)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._wake()
            if not chunk or isinstance(chunk, InputError):
                return

    def _take_chunk(self, *, block: bool) -> bool:
        """Split the next chunk into lines. Return False if there is none yet."""
        try:
            chunk = self._chunks.get(block)
        except queue.Empty:
            return False
        if isinstance(chunk, InputError):
            self._report(chunk)
            chunk = b""
        if not self._line and not self._rest and chunk.startswith((GZIP, *UTF_16_MARKS)):
            what = "is compressed" if chunk.startswith(GZIP) else "is UTF-16 text"
            raise InputError(f"{what}, and a stream must be UTF-8 text: name a file with `-f`", source=STANDARD_INPUT)
        if not chunk:
            self._lines.extend([self._rest] if self._rest else [])
            self._rest = b""
            self._chunks.put(b"")  # the next call ends here too
            if not self._lines:
                self._has_ended = True
            return True
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = self._rest + lines[0]
            self._rest = rest
            self._lines.extend(lines)
        else:
            self._rest = (self._rest + rest)[: _LONGEST_LINE + 1]  # the line is refused when it ends
        return True

    def _take_line(self) -> None:
        """Make the targets of the next line ready, if there is one."""
        if not self._lines:
            return
        line = self._lines.popleft()
        self._line += 1
        try:
            specs = list(self._specs(line))
            space = TargetSpace(specs, self._ports)
            if self._most_of_a_line is not None and space.total > self._most_of_a_line:
                words = f"has {space.total:,} targets, more than {self._most_of_a_line:,}: add `--yes` to scan them"
                raise InputError(words, source=STANDARD_INPUT, line=self._line)
        except InputError as error:
            self._report(error)
        else:
            self._has_target = self._has_target or space.total > 0
            self._ready = map(space.__getitem__, range(space.total))

    def _report(self, error: InputError) -> None:
        self.bad_lines += 1
        if self.bad_lines <= REPORTED:
            self.note(str(error))

    def _specs(self, line: bytes) -> Iterator[Spec]:
        if len(line) > _LONGEST_LINE:
            raise InputError(f"is longer than {_LONGEST_LINE:,} bytes", source=STANDARD_INPUT, line=self._line)
        text = decode_line(line, STANDARD_INPUT, self._line).strip()
        specs: Iterator[Spec]
        if text.startswith(_OTHER_PROGRAMS) or " -> [" in text:
            specs = self._of_program(text)
        elif text in ("[", "]"):  # around objects, one a line
            return
        else:
            text, _, comment = text.partition("#")
            text = text.strip()
            refuse_nothing(text, STANDARD_INPUT, self._line)
            own = labels_of_comment(comment)
            specs = iter(
                [parse_specification(text, source=STANDARD_INPUT, line=self._line, labels=own)] if text else ()
            )
        for spec in specs:
            refuse_unspecified(spec, source=STANDARD_INPUT, line=self._line)
            if not self.takes_names and isinstance(spec, HostSpec) and address_value(spec.host) is None:
                words = f"{quote(spec.text)} is a name: several workers take addresses only; omit `--workers`"
                raise InputError(words, source=STANDARD_INPUT, line=self._line)
            labels = joined(self._labels, spec.labels, source=STANDARD_INPUT, line=self._line)
            yield msgspec.structs.replace(spec, labels=labels)

    def _of_program(self, text: str) -> Iterator[Spec]:
        from sshprobe.targets.inventories.scan_lists import read_line
        from sshprobe.targets.inventories.source import Source

        if self._source is None:
            self._source = Source(STANDARD_INPUT, io.BytesIO(), False, self._ports)
        return read_line(self._source, self._line, text)

    def _is_new(self, target: Target) -> bool:
        """Return whether a host and port is not one of the last `REMEMBERED`."""
        value = ipv4_value(target.host)
        key: object = (target.host, target.port) if value is None else value << 16 | target.port
        if key in self._seen:
            return False
        self._seen.add(key)
        self._order.append(key)
        if len(self._order) > REMEMBERED:
            self._seen.remove(self._order.popleft())
            if not self._is_forgetting:
                self._is_forgetting = True
                self.note(
                    f"{STANDARD_INPUT}: more than {REMEMBERED:,} targets: a duplicate after as many others is "
                    "scanned again"
                )
        return True
