"""Read records from files: lines (the native format) or one document; the beginning of the file shows which."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from sshprobe.compression import Decompressed, codec_of, plain
from sshprobe.model.errors import InputError
from sshprobe.model.observation import SCHEMA
from sshprobe.model.records import HostRecord, Record, SilentRecord, SummaryRecord, SweepDocument, SweepRecord
from sshprobe.small_files import open_named, read_at_most, reading
from sshprobe.store.latest import LatestRecords
from sshprobe.store.locks import is_locked
from sshprobe.store.pipes import LARGEST_DOCUMENT, LONGEST_RECORD, is_document, numbered_lines, spool
from sshprobe.store.record_decoder import RecordDecoder


class Records(Iterator[Record]):
    """Records as they are read, and the place of the last one."""

    def __init__(self, sources: list[_Source], latest: LatestRecords | None, opened: contextlib.ExitStack) -> None:
        self.source: str | None = None
        """Its file."""
        self.line: int | None = None
        """Its line there; None in a document."""
        self.is_cut_off = any(source.is_cut_off for source in sources)
        """Whether one of the files ends inside a line or, compressed, inside a frame."""
        self._opened = opened
        self._records = self._read(sources, latest, opened)

    def __next__(self) -> Record:
        return next(self._records)

    def close(self) -> None:
        """Close the files: no more records follow."""
        self._records.close()
        self._opened.close()

    def _read(
        self, sources: list[_Source], latest: LatestRecords | None, opened: contextlib.ExitStack
    ) -> Generator[Record, None, None]:
        with opened:
            yield from _records(sources, latest, at=self._at)

    def _at(self, source: _Source) -> None:
        self.source, self.line = source.name, source.line


_CUT_OFF = "input data was truncated"
"""The message of msgspec for a value that is cut off."""

_SILENT = b'{"type":"silent",'
_decode_silent = msgspec.json.Decoder(SilentRecord).decode


def read_records(
    names: Iterable[str],
    *,
    stdin: IO[bytes] | None = None,
    first_pass: Callable[[Record], None] | None = None,
    several: Callable[[LatestRecords], None] | None = None,
    silence: Callable[[HostRecord], None] | None = None,
    silence_counts: bool = False,
    on_missing: Callable[[str], None] | None = None,
) -> Records:
    """Return the records of all files, in order. `-` is `stdin`. Compressed files are recognised by their first bytes.

    If several scans have records of one target, those of its latest informative scan are returned, or with
    `silence_counts` those of its latest scan (`sshprobe.store.latest`). Before this returns, `several` is called with
    the choice, and `silence` with the last record of each target whose latest scan was not informative.

    All files are read and checked before the first record is returned, and then read again: a broken file raises, and
    a large one does not fill the memory. `first_pass` is called with each record before this returns. Of lines that are
    cut off, the records before the cut are returned. `on_missing` is called with a message for each file that is cut
    off, or has fewer hosts than a summary in it counts.

    Records share lists with each other: do not change them.

    Raises:
        InputError: a file cannot be read, or something in it is not a record; the message names file and line.
    """
    names = list(names)
    if not names:
        raise InputError("no records: name a file of them, or `-` for standard input")
    with contextlib.ExitStack() as checking:
        sources = [checking.enter_context(contextlib.closing(_Source(name, stdin))) for name in names]
        sweeps = 0
        for source in sources:
            sweeps += _check(source, on_missing)
        latest = None
        if sweeps > 1:
            latest = LatestRecords(silence_counts=silence_counts)
            latest.learn(_numbered(sources))
            if several is not None:
                several(latest)
        if first_pass is not None or silence is not None:
            for record in _records(sources, latest, silence):
                if first_pass is not None:
                    first_pass(record)
        opened = checking.pop_all()
    return Records(sources, latest, opened)


def _check(source: _Source, on_missing: Callable[[str], None] | None) -> int:
    """Read a file to its end and return how many scans are in it. Raises `InputError` for a broken or empty file."""
    count, sweeps = _Count(), 0
    for record in source.records():
        sweeps += count.records == 0 or isinstance(record, SweepRecord)
        count.add(record)
    if not count.records:
        cut = "is cut off before the end of its first record"
        raise InputError(cut if source.is_cut_off else "has no records", source=source.name)
    words = count.words(is_cut_off=source.is_cut_off)
    if words and on_missing is not None:
        on_missing(f"{source.name} {words}")
    return sweeps


class _Count:
    """Counts the records of one file, and the hosts of each scan in it."""

    def __init__(self) -> None:
        self.records = self._hosts = self._of_scan = self._counted = 0

    def add(self, record: Record) -> None:
        """Count a record. A scan ends with its summary, or with the header of the next."""
        self.records += 1
        if isinstance(record, HostRecord):
            self._hosts += 1
            self._of_scan += 1
            return
        if isinstance(record, SummaryRecord):
            self._counted += max(record.hosts, self._of_scan)
        else:
            self._counted += self._of_scan
        self._of_scan = 0

    def words(self, *, is_cut_off: bool) -> str:
        """Describe what is missing in the file. Empty: nothing, as far as known."""
        if is_cut_off:
            return f"is cut off: hosts read before the cut: {self._hosts:,}"
        counted = self._counted + self._of_scan
        return (
            f"lacks hosts: its summary counts {counted:,}, the file has {self._hosts:,}"
            if counted > self._hosts
            else ""
        )


def scans_in(
    name: str,
    *,
    stdin: IO[bytes] | None = None,
    on_missing: Callable[[str], None] | None = None,
    on_silent: Callable[[SilentRecord], None] | None = None,
) -> Iterator[Record]:
    """Yield all records of one file in their order, every scan with its header. `-` is `stdin`.

    The whole file is checked before the first record. `on_missing`, and `InputError`, as of `read_records`.
    `on_silent` is called with each line of hosts without a record (`--skip-silent`), between the records.
    """
    with contextlib.closing(_Source(name, stdin)) as source:
        _check(source, on_missing)
        source.on_silent = on_silent
        yield from source.records()


def _records(
    sources: list[_Source],
    latest: LatestRecords | None,
    silence: Callable[[HostRecord], None] | None = None,
    at: Callable[[_Source], None] | None = None,
) -> Iterator[Record]:
    every = _numbered(sources, at)
    return (record for _, record in every) if latest is None else latest.pick(every, silence=silence)


def _numbered(sources: list[_Source], at: Callable[[_Source], None] | None = None) -> Iterator[tuple[int, Record]]:
    """Yield each record with the number of its scan: one begins with each file, and with each header in it.

    `at` is called with the source of each record.
    """
    sweep = 0
    for source in sources:
        for number, record in enumerate(source.records()):
            sweep += number == 0 or isinstance(record, SweepRecord)
            if at is not None:
                at(source)
            yield sweep, record


class _Source:
    """One file, or standard input."""

    def __init__(self, name: str, stdin: IO[bytes] | None) -> None:
        self.name = "standard input" if name == "-" else name
        self.line: int | None = None
        """The line of the last record."""
        self.on_silent: Callable[[SilentRecord], None] | None = None
        """Called with lines of hosts without a record."""
        self.is_cut_off = False
        """Whether the file ends inside a line or, compressed, inside a frame; known after reading it."""
        self._is_locked = False
        """Whether another process writes to it."""
        self._decode = RecordDecoder().decode
        self._end: int | None = None
        """The end of the last whole line, in a plain file to which another process writes. None: read to the end."""
        with reading(self.name):
            self._stream = plain(self._opened(name, stdin))

    def _opened(self, name: str, stdin: IO[bytes] | None) -> IO[bytes]:
        if name == "-":
            if stdin is None:
                raise InputError("is closed", source=self.name)
            return spool(stdin, self.name)
        stream = open_named(name)
        if not stream.seekable():
            with stream as pipe:
                return spool(pipe, self.name)
        self._is_locked = is_locked(Path(name))
        if self._is_locked and codec_of(stream.read(4)) is None:
            self._end = _end_of_lines(stream)
        stream.seek(0)
        return stream

    def close(self) -> None:
        self._stream.close()

    def records(self) -> Iterator[Record]:
        with reading(self.name):
            self._stream.seek(0)
            first = self._stream.readline(LONGEST_RECORD + 1)
            self._stream.seek(0)
            if is_document(first):
                advice = "records as lines (`--format jsonl`) may be larger"
                yield from self._document(read_at_most(self._stream, LARGEST_DOCUMENT, source=self.name, advice=advice))
            else:
                yield from self._lines()

    def _lines(self) -> Iterator[Record]:
        at, is_torn = 0, False
        for number, line in numbered_lines(self._stream, self.name):
            at += len(line)
            if self._end is not None and at > self._end:
                return
            if not line.strip():
                continue
            if not line.endswith(b"\n") and isinstance(self._stream, Decompressed) and self._stream.is_cut_off:
                break
            try:
                record = _decode_silent(line) if line.startswith(_SILENT) else self._decode(line)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                words = _one_line(error) if line.lstrip().startswith(b"{") else "a record is a JSON object"
                if words == _CUT_OFF and not line.endswith(b"\n"):
                    is_torn = True
                    break
                raise InputError(f"is not a record: {words}", source=self.name, line=number) from None
            self._check_schema(record, number)
            self.line = number
            if not isinstance(record, SilentRecord):
                yield record
            elif self.on_silent is not None:
                self.on_silent(record)
        ends_early = is_torn or (isinstance(self._stream, Decompressed) and self._stream.is_cut_off)
        self.is_cut_off = ends_early and not self._is_locked

    def _document(self, data: bytes) -> Iterator[Record]:
        try:
            document = msgspec.json.decode(data, type=SweepDocument)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            found = re.search(r"\(byte (\d+)\)", str(error))
            line = data.count(b"\n", 0, int(found[1])) + 1 if found else None
            words = _one_line(error)
            if words == _CUT_OFF:
                words = "it is cut off, and a document is only read whole"
            raise InputError(f"is not a document of records: {words}", source=self.name, line=line) from None
        records: list[Record] = [document.sweep, *document.hosts, document.summary]
        for record in records:
            self._check_schema(record, None)
            yield record

    def _check_schema(self, record: Record | SilentRecord, line: int | None) -> None:
        major = record.schema.partition(".")[0]
        ours = SCHEMA.partition(".")[0]
        if major != ours:
            raise InputError(
                f"has records of schema {record.schema[:20]!r}, this version reads {ours}.x",
                source=self.name,
                line=line,
            )


def _end_of_lines(stream: IO[bytes]) -> int:
    """Return the end of the last complete line."""
    end = stream.seek(0, 2)
    while end:
        start = max(0, end - 2**20)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error).splitlines()[0][:200]
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]
