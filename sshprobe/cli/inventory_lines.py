"""Finds the line of a target in the files of targets of a scan."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from sshprobe.cli.sweep_header import digest_of
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.model.records import SourceFile

_WORD = re.compile(r"""[^\s"'<>=,;#]+""")
"""A target in a list, and a value in a file of another tool: `addr="192.0.2.1"`, `Host web1`, `"web1": {`."""

_COMMENT = re.compile(r"(^|\s)#.*")


class Line(NamedTuple):
    """A line of a file."""

    file: str
    number: int
    """The first line is 1."""


def find_lines(files: Iterable[SourceFile], targets: Collection[str]) -> dict[str, Line]:
    """Return the first line of each target that is found. `targets`: the values of records, or hosts.

    A file that changed since the scan, or cannot be read, is skipped: its line numbers would be wrong.
    """
    found: dict[str, Line] = {}
    for file in files:
        if len(found) == len(targets):
            break
        if file.digest is None or digest_of(file.name) != file.digest:
            continue
        for number, line in _lines(file.name):
            for word in _WORD.findall(_COMMENT.sub("", line)):
                if word in targets:
                    found.setdefault(word, Line(file.name, number))
    return found


def _lines(name: str) -> Iterable[tuple[int, str]]:
    from sshprobe.small_files import open_named, reading

    try:
        with reading(name), open_named(name) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.decode("utf-8-sig", "replace")
    except InputError:  # it existed a moment ago
        return
