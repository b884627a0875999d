"""Writes a folder of files safely: a new folder is made next to the old one and renamed to it.

Only a folder of the same kind of files is replaced, so that a mistake of the user deletes nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sshprobe.model.errors import InputError
from sshprobe.platform.signals import delaying_interrupts
from sshprobe.store.locks import locked
from sshprobe.store.paths import PART, errors_named, hidden, unwritable

_OLD = ".old"
"""The ending of a folder that is being replaced."""


@contextlib.contextmanager
def replacing_folder(name: str, ending: str) -> Iterator[str]:
    """Make a folder that replaces `name` when the block ends without an exception; otherwise it is removed.

    `ending`: of the names of all files in it, such as ".parquet". The folder has mode 0700. Yields its path.

    Raises:
        InputError: it cannot be written, another process writes it, or `name` is something else.
    """
    try:
        path = Path(name).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise unwritable(name, error) from None
    with locked(path, name), errors_named(name):
        _check(path, name, ending)
        part, old = hidden(path, PART), hidden(path, _OLD)
        for left in (part, old):  # left by a killed process: we have the lock
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(mode=0o700)
        try:
            yield str(part)
            with delaying_interrupts():
                if path.exists():
                    path.rename(old)
                part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _check(path: Path, name: str, ending: str) -> None:
    """Raise `InputError` if something is at `path` that is not a folder of such files."""
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise InputError("is not a folder: name another one with `-o`", source=name)
    for each in path.iterdir():
        if not each.name.endswith(ending) or not each.is_file():
            raise InputError(f"has other files than *{ending}: name another folder with `-o`", source=name)
