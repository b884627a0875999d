"""What a file holds that is about to be replaced: how many hosts, and whether it is the record of a finished sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_HEADER = b'{"type":"sweep",'
_HOST = b'{"type":"host",'
_SUMMARY = b'{"type":"summary",'
_INTERRUPTED = re.compile(rb'"interrupted"\s*:\s*true\b|\bInterrupted: the rest was not scanned')

TAIL = 2**20
"""Bytes at the end of a document or report in which it says whether its sweep was interrupted."""


_DOCUMENT = b'{"sweep":'


def holds_sweep(name: str) -> bool:
    """Whether a file begins as records do, as lines or as one document. False too for one that cannot be read."""
    try:
        if not Path(name).is_file():
            return False
        with Path(name).open("rb") as stream:
            return stream.read(len(_HEADER)).startswith((_HEADER, _DOCUMENT))
    except (OSError, ValueError):
        return False


class Held(NamedTuple):
    """What a file holds."""

    hosts: int | None
    """Its records of hosts. None: it is not a file of lines."""
    finished: bool
    """Whether a sweep in it came to its end. True too for what is no sweep: it may be somebody's work."""


def held_in(path: Path) -> Held | None:
    """Return what a file holds; None if that is nothing worth keeping. Raises `OSError`."""
    with path.open("rb") as stream:
        first = stream.readline(TAIL)
        if not first:
            return None
        if not first.startswith(_HEADER):
            end = stream.seek(0, 2)
            stream.seek(max(0, end - TAIL))
            return Held(None, _INTERRUPTED.search(stream.read(TAIL)) is None)
        hosts, finished = 0, False
        whole = first.endswith(b"\n")
        while line := stream.readline(TAIL):  # the beginning of a line says what it is
            hosts += whole and line.startswith(_HOST)
            finished = finished or (whole and line.startswith(_SUMMARY) and _INTERRUPTED.search(line) is None)
            whole = line.endswith(b"\n")
    return Held(hosts, finished) if hosts else None
