"""Locks, modes and owners of files."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

OPEN_SAFELY: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
"""Flags of os.open: not inherited by programs that this process starts, and no symbolic link."""


def try_lock(number: int) -> bool:
    """Lock an open file for this process, or return False if another has it. It is released when the file is closed.

    By flock(2), which on NFS becomes a lock of the server; on Windows by a lock on the first byte. Raises `OSError` if
    the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore] # only on Windows
        except PermissionError:
            return False
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def locks_stop_readers() -> bool:
    """Whether a locked file cannot be read, as on Windows."""
    return sys.platform == "win32"


def read_beginning(number: int, size: int) -> bytes:
    """Return the first bytes of an open file; b"" on Windows, where its position would move."""
    return os.pread(number, size, 0) if hasattr(os, "pread") else b""


def others_can_read(path: Path) -> bool:
    """Whether users other than the owner can read a file, as far as its mode says. False on Windows, without modes."""
    return hasattr(os, "fchmod") and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def copy_owner_and_mode(number: int, path: Path, *, private: bool) -> None:
    """Give an open new file the owner and mode of the file at `path`. Without one, the usual mode unless `private`.

    On Windows a new file has the access rights of its folder, and keeps them.
    """
    if not hasattr(os, "fchmod") or not hasattr(os, "fchown"):
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        if not private:
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(number, 0o666 & ~mask)
        return
    now = os.fstat(number)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        for owner in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
            with suppress(PermissionError):  # only root gives files away
                os.fchown(number, *owner)
                break
    os.fchmod(number, stat.S_IMODE(before.st_mode))
