"""Read records from files: lines (the native format) or one document; the beginning of the file shows which."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.model.observation import SCHEMA
from sshprobe.model.records import HostRecord, Record, SweepDocument, SweepRecord
from sshprobe.small_files import MEBIBYTE, read_at_most
from sshprobe.store.latest import LatestRecords
from sshprobe.store.locks import is_locked


class Records(Iterator[Record]):
    """Records as they are read, and the place of the last one."""

    def __init__(self, sources: list[_Source], latest: LatestRecords | None, opened: contextlib.ExitStack) -> None:
        self.source: str | None = None
        """Its file."""
        self.line: int | None = None
        """Its line there; None in a document."""
        self._opened = opened
        self._records = self._read(sources, latest, opened)

    def __next__(self) -> Record:
        return next(self._records)

    def close(self) -> None:
        """Close the files: no more records come."""
        self._records.close()
        self._opened.close()

    def _read(
        self, sources: list[_Source], latest: LatestRecords | None, opened: contextlib.ExitStack
    ) -> Generator[Record, None, None]:
        with opened:
            yield from _records(sources, latest, at=self._at)

    def _at(self, source: _Source) -> None:
        self.source, self.line = source.name, source.line


LONGEST_RECORD = 32 * MEBIBYTE
"""Bytes of a line. A host that sends as much as we read makes a tenth of that."""

LARGEST_DOCUMENT = 512 * MEBIBYTE
"""Bytes of a document, which is read as a whole."""

MOST_OF_A_PIPE = 1 << 34
"""Bytes that are copied from a pipe, which can be read only once."""

MOST_BLANK_LINES = 10_000
"""Blank lines in a row after which a pipe is not read any further."""

_CUT_OFF = "input data was truncated"
"""The message of msgspec for a value that is cut off."""

_DOCUMENT = re.compile(rb'\s*\{\s*("(sweep|hosts|summary)"\s*:|$)')


def read_records(
    names: Iterable[str],
    *,
    stdin: IO[bytes] | None = None,
    first_pass: Callable[[Record], None] | None = None,
    several: Callable[[LatestRecords], None] | None = None,
    silence: Callable[[HostRecord], None] | None = None,
    silence_counts: bool = False,
) -> Records:
    """Return the records of all files, in order. `-` is `stdin`.

    If several scans have records of one target, those of its latest informative scan are returned, or with
    `silence_counts` those of its latest scan (`sshprobe.store.latest`). Before this returns, `several` is called with
    the choice, and `silence` with the last record of each target whose latest scan was not informative.

    All files are read and checked before the first record is returned, and then read again: a broken file raises, and
    a large one does not fill the memory. `first_pass` is called with each record before this returns.

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
            records = -1
            for records, record in enumerate(source.records()):
                sweeps += records == 0 or isinstance(record, SweepRecord)
            if records < 0:
                raise InputError("holds no records", source=source.name)
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
    def __init__(self, name: str, stdin: IO[bytes] | None) -> None:
        self.name = "standard input" if name == "-" else name
        self.line: int | None = None
        """The line of the last record."""
        self._end: int | None = None
        """The end of the last whole line, in a file that another process writes to. None: read to the end."""
        try:
            if name == "-":
                if stdin is None:
                    raise InputError("is closed", source=self.name)
                self._stream: IO[bytes] = _spool(stdin, self.name)
                return
            self._stream = Path(name).open("rb")  # noqa: SIM115 - read twice, then closed by close()
            if not self._stream.seekable():
                with self._stream as pipe:
                    self._stream = _spool(pipe, self.name)
            elif is_locked(Path(name)):
                self._end = _end_of_lines(self._stream)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=self.name) from None
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError("is not a file name", source=name) from None

    def close(self) -> None:
        self._stream.close()

    def records(self) -> Iterator[Record]:
        try:
            self._stream.seek(0)
            first = self._stream.readline(LONGEST_RECORD + 1)
            self._stream.seek(0)
            if _is_document(first):
                advice = "records as lines (`--format jsonl`) may be larger"
                yield from self._document(read_at_most(self._stream, LARGEST_DOCUMENT, source=self.name, advice=advice))
            else:
                yield from self._lines()
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=self.name) from None

    def _lines(self) -> Iterator[Record]:
        decoder = msgspec.json.Decoder(Record)
        at = 0
        for number, line in enumerate(lines_of(self._stream), start=1):
            at += len(line)
            if self._end is not None and at > self._end:
                return
            if len(line) > LONGEST_RECORD:
                words = f"the line is longer than {LONGEST_RECORD // MEBIBYTE} MiB, the most of a record"
                raise InputError(words, source=self.name, line=number)
            if not line.strip():
                continue
            try:
                record: Record = decoder.decode(line)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                words = _one_line(error) if line.lstrip().startswith(b"{") else "a record is a JSON object"
                if words == _CUT_OFF and number > 1 and not line.endswith(b"\n"):
                    words = "it is cut off; resume the scan with `scan --resume`, or remove the line"
                raise InputError(f"is not a record: {words}", source=self.name, line=number) from None
            self._check_schema(record, number)
            self.line = number
            yield record

    def _document(self, data: bytes) -> Iterator[Record]:
        try:
            document = msgspec.json.decode(data, type=SweepDocument)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            found = re.search(r"\(byte (\d+)\)", str(error))
            line = data.count(b"\n", 0, int(found[1])) + 1 if found else None
            raise InputError(f"is not a document of records: {_one_line(error)}", source=self.name, line=line) from None
        records: list[Record] = [document.sweep, *document.hosts, document.summary]
        for record in records:
            self._check_schema(record, None)
            yield record

    def _check_schema(self, record: Record, line: int | None) -> None:
        major = record.schema.partition(".")[0]
        ours = SCHEMA.partition(".")[0]
        if major != ours:
            raise InputError(
                f"has records of schema {record.schema[:20]!r}, this version reads {ours}.x",
                source=self.name,
                line=line,
            )


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines. A line that is too long is cut, and is the last."""
    while line := stream.readline(LONGEST_RECORD + 1):
        yield line
        if len(line) > LONGEST_RECORD:
            return


def _spool(stream: IO[bytes], name: str) -> IO[bytes]:
    """Copy a pipe to a file that can be read twice, up to a line that is too long for a record."""
    spool = tempfile.SpooledTemporaryFile(max_size=2**24)  # noqa: SIM115 - closed by _Source.close()
    try:
        size = blank = 0
        known = False
        for number, line in enumerate(lines_of(stream)):
            spool.write(line)
            if number == 0 and _is_document(line):
                _copy(stream, spool, LARGEST_DOCUMENT + 1)
                break
            size += len(line)
            blank = 0 if line.strip() else blank + 1
            known = known or (blank == 0 and _is_record(line))
            # The error is certain by now, and the rest may be endless.
            if blank > MOST_BLANK_LINES or (blank == 0 and not known):
                break
            if size > MOST_OF_A_PIPE:
                words = f"is longer than {MOST_OF_A_PIPE >> 30} GiB: write it into a file first"
                raise InputError(words, source=name)
    except BaseException:  # such as Ctrl-C while waiting for the pipe
        spool.close()
        raise
    return spool


def _end_of_lines(stream: IO[bytes]) -> int:
    """Return where the last whole line ends."""
    end = stream.seek(0, 2)
    while end:
        start = max(0, end - 2**20)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _copy(stream: IO[bytes], to: IO[bytes], most: int) -> None:
    while most > 0 and (data := stream.read(min(most, MEBIBYTE))):
        to.write(data)
        most -= len(data)


def _is_record(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _is_document(first_line: bytes) -> bool:
    try:
        value = msgspec.json.decode(first_line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _DOCUMENT.match(first_line) is not None
    return isinstance(value, dict) and "type" not in value and not value.keys().isdisjoint({"sweep", "hosts"})


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error).splitlines()[0][:200]
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]
