"""Writes files safely: a new file is made next to the old one and renamed to it, by one process at a time.

The old content is kept as `FILE~` if the caller wants that. FILE is always the old file or the new one, even if the
process is killed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from sshprobe.compression import Codec, codec_of_name, compressing
from sshprobe.platform.file_access import copy_owner_and_mode
from sshprobe.platform.signals import delaying_interrupts
from sshprobe.store.backups import back_up, backup_name, interrupted_backup_name
from sshprobe.store.locks import locked
from sshprobe.store.paths import PART, descriptor_path, errors_named, hidden, unwritable, writable_path

Say = Callable[[str], None]
"""Takes a message for the user."""

_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.ENOSYS}


@contextlib.contextmanager
def writing(name: str, say: Say | None = None) -> Iterator[None]:
    """Hold the lock for writing a file during the block. Only a regular file has a lock.

    Raises:
        InputError: another process writes to it, or it cannot be written.
    """
    path = writable_path(name)
    if path is None:
        yield
        return
    with locked(path, name, say):
        _tidy(path)
        yield


@contextlib.contextmanager
def replacing(name: str, *, keeping: Say | None = None, private: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that replaces `name` when the block ends without an exception; otherwise it is removed.

    A FIFO or a device cannot be replaced: it is written directly.
    `keeping`: keep the old content as `name~`, and call this with a message.
    `private`: a new file has mode 0600. One that is replaced keeps owner and mode.

    Raises:
        InputError: the file cannot be written, or another process writes it.
    """
    with _new_file(name, keeping, private) as new:
        yield new.stream
        new.stream.flush()
        new.appear()


class Kept(NamedTuple):
    """The part of a file of lines to which lines are appended."""

    size: int = 0
    """Bytes of the file; 0: it is replaced."""
    ending: bytes = b""
    """Bytes that end a compressed frame there."""
    codec: Codec | None = None
    """How the file is compressed."""


@contextlib.contextmanager
def appending_lines(name: str, kept: Kept = Kept(), *, keeping: Say | None = None) -> Iterator[IO[bytes]]:  # noqa: B008 - immutable
    """Open a file to append lines after the kept part; the rest is cut off.

    A new file is compressed if its suffix says so. It replaces the old one at the first flush, so that it never begins
    with half a line. `keeping`: keep the old content as `name~`, and call this with a message.

    Raises:
        InputError: the file cannot be written, or another process writes it.
    """
    if kept.size:
        with writing(name, keeping), _cut_off(name, kept) as stream:
            with compressing(stream, kept.codec) as lines:
                yield lines
            with errors_named(name):
                _sync(stream)
        return
    with _new_file(name, keeping, private=True) as new:
        new.stream.appear = new.appear
        with compressing(new.stream, codec_of_name(name)) as lines:
            yield lines
        new.stream.flush()
        if not new.direct:
            with errors_named(name):
                _sync(new.stream)


@contextlib.contextmanager
def _cut_off(name: str, kept: Kept) -> Iterator[IO[bytes]]:
    """Open a file to append after the part that is kept."""
    with errors_named(name):
        raw = _Raw(os.open(name, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)), name)
        try:
            raw.truncate(kept.size)
            raw.seek(kept.size)
            if kept.ending:
                raw.write(kept.ending)
        except BaseException:
            raw.close()
            raise
    stream = _Lines(raw)
    try:
        yield stream
    except BaseException:
        raw.close()  # not flushed: that could fail or block again
        raise
    stream.close()


class _Raw(io.FileIO):
    """A file that has its name in errors."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, "wb")
        self._user_name = name

    def write(self, data: Any) -> int:
        """Write part of the data."""
        try:  # called for each host, so without the generator of `errors_named`
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable(self._user_name, error) from None


class _Lines(io.BufferedWriter):
    """A stream that calls `appear` after its first flush."""

    appear: Callable[[], None] | None = None

    def flush(self) -> None:
        """Write what is buffered."""
        super().flush()
        if self.appear is not None:
            appear, self.appear = self.appear, None
            appear()


class _NewFile:
    """A file while it is written, before it replaces the old one."""

    def __init__(self, name: str, path: Path | None, stream: _Lines, part: Path | None, keeping: Say | None) -> None:
        self.stream = stream
        self.direct = part is None
        """Whether it is written in place, without a rename."""
        self._name = name
        self._path = path
        self._part = part
        self._keeping = keeping

    def appear(self) -> None:
        """Replace the old file, after a backup if requested."""
        self.stream.appear = None
        if self._part is None or self._path is None:
            return
        with errors_named(self._name):
            _sync(self.stream)
            message = None if self._keeping is None else back_up(self._path, self._name)
            self._part.replace(self._path)
        self._part = None
        if message is not None and self._keeping is not None:
            self._keeping(message)

    def discard(self) -> None:
        """Remove the file, unless it has replaced the old one."""
        self.stream.appear = None
        if self._part is not None:
            self._part.unlink(missing_ok=True)


@contextlib.contextmanager
def _new_file(name: str, keeping: Say | None, private: bool) -> Iterator[_NewFile]:
    path = writable_path(name)
    with contextlib.ExitStack() as stack:
        if path is not None:
            stack.enter_context(writing(name, keeping))
        part: Path | None = None
        raw: _Raw | None = None
        try:
            if path is None:
                raw = _Raw(_opened_directly(name), name)  # waits for a reader, if it is a FIFO
            else:
                with delaying_interrupts():  # so that the file is removed at the end
                    number, part = _opened_beside(path, name, keeping, private)
                    raw = _Raw(number, name)
            new = _NewFile(name, path, _Lines(raw), part, keeping)
            stack.callback(new.discard)
            yield new
            new.stream.close()
        except BaseException:
            if raw is not None:
                raw.close()  # not flushed: that could fail or block again
            if part is not None:
                part.unlink(missing_ok=True)
            raise


def _opened_directly(name: str) -> int:
    try:
        descriptor = descriptor_path(name)
        if descriptor is not None and descriptor.parent == Path(os.path.realpath("/dev/fd")):
            return os.dup(int(descriptor.name))  # shares its position: `>> FILE` is appended to
        emptied = os.O_TRUNC if descriptor is None else os.O_APPEND
        return os.open(name, os.O_WRONLY | os.O_CREAT | emptied | getattr(os, "O_CLOEXEC", 0), 0o600)
    except (OSError, ValueError) as error:
        raise unwritable(name, error) from None


def _opened_beside(path: Path, name: str, keeping: Say | None, private: bool) -> tuple[int, Path | None]:
    """Open a new file next to the old one, with its owner and mode."""
    part = hidden(path, PART)
    try:
        part.unlink(missing_ok=True)  # left by a killed process: we have the lock
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.is_file():
            raise unwritable(name, error) from None
        number = _opened_directly(name)  # our file in a folder without write permission
        if keeping is not None:
            keeping(f"{name} is replaced, and what it held could not be kept: its folder cannot be written to")
        return number, None
    try:
        with errors_named(name):
            copy_owner_and_mode(number, path, private=private)
    except BaseException:
        os.close(number)
        part.unlink(missing_ok=True)
        raise
    return number, part


def _tidy(path: Path) -> None:
    """Remove unfinished files of a killed process: we have the lock."""
    for each in (path, Path(backup_name(str(path))), Path(interrupted_backup_name(str(path)))):
        with contextlib.suppress(OSError):
            hidden(each, PART).unlink()


def _sync(stream: IO[bytes]) -> None:
    """Flush to the disk, if the file system supports it."""
    stream.flush()
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
