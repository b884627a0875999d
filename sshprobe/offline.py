"""The Python API for saved records: read them and grade them again, without connections."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from functools import lru_cache, partial
from types import TracebackType
from typing import Self

from sshprobe import remedy
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile, is_built_in, load_profile
from sshprobe.store import reading


class SavedRecords(Iterator[HostRecord]):
    """The host records of a file, in order. `close`, or reading the last record, closes the file."""

    def __init__(self, records: reading.Records) -> None:
        self._records = records

    def __next__(self) -> HostRecord:
        for record in self._records:
            if isinstance(record, HostRecord):
                return record
        raise StopIteration

    def close(self) -> None:
        """Close the file. Iteration ends."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def read_records(path: str | os.PathLike[str]) -> SavedRecords:
    """Return the host records of a file, in its order.

    `path`: a file of `--format jsonl` or `json`. From a file with several scans, only the latest record of each host is
    returned, as in `sshprobe grade`. The whole file is checked first, so a broken one raises before the first record.
    A file that is cut off, or has fewer hosts than its summary counts, causes a `UserWarning`. Memory does not grow
    with the file, unless it is one document (`json`).

    Raises:
        InputError: the file cannot be read, or something in it is not a record; the message names file and line.
    """
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"a path is a string or a `Path`, not {type(path).__name__}")
    file = os.path.join(".", name) if name == "-" else name  # noqa: PTH118 - `Path` drops the "."
    return SavedRecords(reading.read_records([file], on_missing=partial(warnings.warn, stacklevel=4)))


def grade(observation: Observation, profile: Profile | str | os.PathLike[str], *, strict: bool = False) -> Verdict:
    """Return the verdict of a profile on an observation. A `HostRecord` is an observation with verdicts.

    `profile`: from `load_profile`, an id ("mozilla-modern"), or the path of a file. `strict`: an algorithm that the
    profile does not name is a deviation, even if it is strong. A host that could not be reached scores 0, with a cap
    that names the reason, and is not compliant.

    Raises:
        InputError: the profile is unknown, malformed, or for clients.
        TypeError: an argument has another type.
    """
    if isinstance(profile, (str, os.PathLike)):
        profile = _loaded(os.fspath(profile))
    for value, type_ in ((observation, Observation), (profile, Profile)):
        if not isinstance(value, type_):
            raise TypeError(f"`grade` takes an observation and a profile, not {type(value).__name__}")
    return remedy.grade(observation, profile, strict=strict)


def _loaded(name_or_path: str) -> Profile:
    # Built-in profiles are cached. A file may change between two calls.
    return _built_in(name_or_path) if is_built_in(name_or_path) else load_profile(name_or_path)


@lru_cache(maxsize=64)
def _built_in(id: str) -> Profile:
    return load_profile(id)
