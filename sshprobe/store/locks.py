"""Locks on output files, so that two processes never write one file.

The lock of FILE is flock(2) on `.FILE.lock` next to it, which exists only during a write. FILE itself cannot have the
lock: a new file replaces it by a rename, and before the first run it does not exist. `FILE~` and `FILE.interrupted~`
share the lock of FILE, because a writer of FILE moves them. A killed process leaves its lock file, but no lock: the
next process that writes FILE reuses and removes it. The existing FILE is locked too, because `--resume` writes to it in
place, and it may have another name by a hard link.

Readers take no lock. If the file system has no locks, the run continues without one, with a note.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sshprobe.model.errors import InputError
from sshprobe.platform.file_access import OPEN_SAFELY, locks_stop_readers, read_beginning, try_lock
from sshprobe.platform.signals import delaying_interrupts
from sshprobe.platform.system import after_fork
from sshprobe.store.paths import hidden

ATTEMPTS = 100
"""The most lock files that may vanish between our open and our lock, each because its owner just ended."""

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}

_held: dict[Path, list[int]] = {}
"""The lock files of this process, and the descriptors of nested ones."""

_contents: dict[Path, int] = {}
"""The descriptors of the existing FILE, by its lock file."""


def _forget_in_child() -> None:
    """Close the locks of the parent: a worker that outlives it must not keep its files locked."""
    for numbers in (*_held.values(), list(_contents.values())):
        for number in numbers:
            with contextlib.suppress(OSError):
                os.close(number)
    _held.clear()
    _contents.clear()


after_fork(_forget_in_child)


@contextlib.contextmanager
def locked(path: Path, name: str, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of the file at `path` during the block. This process may take it again inside.

    Args:
        path: the file, without symbolic links.
        name: the user's name for it.
        say: called with a note if the file system has no locks.

    Raises:
        InputError: another process holds the lock, or it cannot be made.
    """
    place = lock_place(path)
    taken = False
    try:
        with delaying_interrupts():  # so that cleanup runs
            if place in _held:
                _held[place].append(os.open(os.devnull, os.O_RDONLY))
            else:
                _held[place] = [_acquired(place, path, name, say)]
                try:
                    _lock_content(place, path, name)
                except InputError:
                    _release(place)
                    raise
            taken = True
        yield
    finally:
        if taken:
            with delaying_interrupts():
                _release(place)


def _release(place: Path) -> None:
    numbers = _held[place]
    if len(numbers) == 1:
        del _held[place]
        content = _contents.pop(place, None)
        if content is not None:
            os.close(content)
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(numbers[0]), place.lstat()):
                place.unlink()  # before the lock is released, so that nobody locks a file without a name
    with contextlib.suppress(OSError):
        os.close(numbers.pop())


def _lock_content(place: Path, path: Path, name: str) -> None:
    """Lock the file at the path, under any of its names. Raises `InputError` if another process holds it."""
    if locks_stop_readers() or _is_at(_held[place][0], path):
        return
    try:
        number = os.open(path, os.O_RDWR | os.O_NONBLOCK | OPEN_SAFELY)
    except OSError:  # the file does not exist yet
        return
    try:
        free = try_lock(number)
    except OSError:  # the file system has no locks, and a note has been printed
        free = True
    if not free:
        os.close(number)
        raise InputError("another process writes to it: wait for it, or name another file", source=name)
    _contents[place] = number


def is_locked(path: Path) -> bool:
    """Return whether a process is writing to a file."""
    try:
        number = os.open(lock_place(path.resolve()), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError, RuntimeError):
        return False
    try:
        return not try_lock(number)
    except OSError:
        return False
    finally:
        os.close(number)


def lock_place(path: Path) -> Path:
    """Return the lock file of a file, which its backups share."""
    name = path.name
    while name.endswith("~") and name != "~":
        name = name[:-1].removesuffix(".interrupted")
    return hidden(path.with_name(name), ".lock")


def _acquired(place: Path, path: Path, name: str, say: Callable[[str], None] | None) -> int:
    try:
        for _ in range(ATTEMPTS):
            number = _opened(place, path)
            try:
                free = try_lock(number)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    os.close(number)
                    raise
                if say is not None:
                    say(f"{name} cannot be locked here: let no second process write to it")
                return number
            if not free:
                words = _owner(number)
                os.close(number)
                raise InputError(f"another process{words} writes to it: wait for it, or name another file", source=name)
            if not _is_at(number, place) and not _is_at(number, path):
                os.close(number)
                continue
            if _is_at(number, place):
                with contextlib.suppress(OSError):
                    os.ftruncate(number, 0)
                    os.write(number, str(os.getpid()).encode())
            return number
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):  # something of another program is in its place
            words = f"cannot be locked: {place} is not a file ({error.strerror}). Remove it, or name another file"
            raise InputError(words, source=name) from None
        raise InputError(f"cannot be written: {error.strerror}", source=name) from None
    raise InputError("cannot be locked: other processes take and release it all the time", source=name)


def _opened(place: Path, path: Path) -> int:
    """Open the lock file, or the file itself if no file can be made next to it."""
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | OPEN_SAFELY, 0o644)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        for other in (place, path):  # the lock file of another user, or a file in a folder that is not ours
            with contextlib.suppress(OSError):
                return os.open(other, os.O_RDONLY | OPEN_SAFELY)
        raise


def _is_at(number: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), place.stat())
    except OSError:
        return False


def _owner(number: int) -> str:
    try:
        text = read_beginning(number, 20)
    except OSError:
        return ""
    return f" ({int(text)})" if text.isdigit() else ""
