"""Backups of files that are replaced: their names, and their contents."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from typing import IO, NamedTuple

from sshprobe.compression import Decompressed, plain
from sshprobe.store.paths import PART, hidden

_HEADER = b'{"type":"sweep",'
_HOST = b'{"type":"host",'
_SUMMARY = b'{"type":"summary",'
_INTERRUPTED = re.compile(
    rb'"interrupted"\s*:\s*true\b|\bInterrupted: the rest was not scanned|\bCut off: the rest was not read'
)

TAIL = 2**20
"""The number of bytes at the end of a document or report that show whether its scan was interrupted."""

_DOCUMENT = b'{"sweep":'


def holds_sweep(name: str) -> bool:
    """Return whether a file begins like records, as lines or as one document. False if it cannot be read."""
    try:
        if not Path(name).is_file():
            return False
        with plain(Path(name).open("rb")) as stream:
            return stream.read(len(_HEADER)).startswith((_HEADER, _DOCUMENT))
    except (OSError, ValueError):
        return False


class FileContents(NamedTuple):
    """The contents of a file."""

    hosts: int | None
    """Number of host records. None: it is not a file of lines."""
    finished: bool
    """Whether its scan was finished. Also true if it is not a scan: it may be a user's work."""


def contents_of(path: Path) -> FileContents | None:
    """Return the contents of a file; None if it is empty or a scan without hosts. Raises `OSError`."""
    with plain(path.open("rb")) as stream:
        try:
            return _contents_of(stream)
        except OSError:
            if isinstance(stream, Decompressed):  # damaged
                return FileContents(None, True)
            raise


def _contents_of(stream: IO[bytes]) -> FileContents | None:
    first = stream.readline(TAIL)
    if not first:
        return None
    if not first.startswith(_HEADER):
        if not isinstance(stream, Decompressed):
            stream.seek(max(0, stream.seek(0, 2) - TAIL))
        tail = first
        while data := stream.read(TAIL):
            tail = (tail + data)[-TAIL:]
        return FileContents(None, _INTERRUPTED.search(tail) is None)
    hosts, finished = 0, False
    whole = first.endswith(b"\n")
    while line := stream.readline(TAIL):  # the beginning of a line shows its type
        hosts += whole and line.startswith(_HOST)
        finished = finished or (whole and line.startswith(_SUMMARY) and _INTERRUPTED.search(line) is None)
        whole = line.endswith(b"\n")
    return FileContents(hosts, finished) if hosts else None


def backup_name(name: str) -> str:
    """Return the name of the backup of a file."""
    return f"{_real_name(name)}~"


def interrupted_backup_name(name: str) -> str:
    """Return the name of an interrupted scan's backup, for a file whose backup is a finished scan."""
    return f"{_real_name(name)}.interrupted~"


def _real_name(name: str) -> str:
    path = Path(name)
    try:
        return str(path.resolve()) if path.is_symlink() else name
    except (OSError, RuntimeError):  # a loop of links
        return name


def back_up(path: Path, name: str) -> str | None:
    """Link a file to the name of its backup, and return a message. None: the file has no content.

    The backup of a finished scan is never replaced by an interrupted one.
    """
    try:
        contents = contents_of(path)
    except FileNotFoundError:
        return None
    if contents is None:
        return None
    kept = Path(backup_name(name))
    if not contents.finished and _holds_finished_scan(kept):
        kept = Path(interrupted_backup_name(name))
    words, was = _phrase(contents)
    try:
        _link_as(path, kept)
    except (IsADirectoryError, NotADirectoryError) as error:  # a scheduled scan must not end here
        return f"{name} is replaced, and {words} could not be kept as {kept}: {error.strerror}"
    with contextlib.suppress(OSError):
        kept.chmod(0o600)
    return f"{name} is replaced: {words} {was} in {kept}"


def _holds_finished_scan(kept: Path) -> bool:
    try:
        contents = contents_of(kept)
    except FileNotFoundError:
        return False
    except OSError:
        return not kept.is_dir()
    return contents is not None and contents.finished


def _phrase(contents: FileContents) -> tuple[str, str]:
    if contents.hosts is None:
        return "what it held", "is"
    return ("its 1 record", "is") if contents.hosts == 1 else (f"its {contents.hosts:,} records", "are")


def _link_as(path: Path, kept: Path) -> None:
    """Link a file to a second name, which may exist; rename it if the file system has no links."""
    if kept.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    link = hidden(kept, PART)
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except (OSError, AttributeError):  # FAT and some network shares; systems without os.link
        path.replace(kept)
        return
    try:
        link.replace(kept)
    except BaseException:
        link.unlink(missing_ok=True)
        raise
    link.unlink(missing_ok=True)  # rename(2) does nothing if both are already the same file
