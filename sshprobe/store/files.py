"""Files that a command writes: beside their place and moved there when they may be seen, one process at a time.

What stood there before is kept beside it, under its name and a `~`, where the caller asks for that: one back-up, as
editors make them. At every moment FILE is what it was or what it becomes, also where the process is killed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sshprobe.interrupts import delaying_interrupts
from sshprobe.model.errors import InputError
from sshprobe.store.backups import Held, held_in
from sshprobe.store.locks import hidden, locked

Say = Callable[[str], None]

_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.ENOSYS}


MAX_LINKS = 40
"""Symbolic links that are followed from one name: as many as Linux follows (path_resolution(7))."""

_DESCRIPTOR = re.compile(r"/proc/[^/]+(/task/\d+)?/fd/\d+|/dev/fd/\d+")
"""Where Linux and macOS have the open files of processes: /dev/stdout and the like are links to there."""

PART = ".part"
"""The ending of files on their way to their place."""


@contextlib.contextmanager
def writing(name: str, say: Say | None = None) -> Iterator[None]:
    """Hold the lock of a file that is to be written, during the block. What is no regular file needs none.

    Raises:
        InputError: another process writes to it, or it cannot be written.
    """
    path = _writable(name)
    if path is None:
        yield
        return
    with locked(path, name, say):
        _tidy(path)
        yield


@contextlib.contextmanager
def replacing(name: str, *, keeping: Say | None = None, private: bool = True) -> Iterator[IO[bytes]]:
    """Open a file to write that takes the place of `name` when the block ends well; else nothing is left.

    What is no regular file (a FIFO, /dev/null) is written to directly: it cannot be replaced.
    `keeping`: what the file held before is kept as `name~`, and this is told so in words.
    `private`: a new file is for its owner alone. One that is replaced keeps owner and mode.

    Raises:
        InputError: the file cannot be written, or another process does that.
    """
    with _new_file(name, keeping, private) as new:
        yield new.stream
        new.stream.flush()
        new.appear()


@contextlib.contextmanager
def appending_lines(name: str, keep: int = 0, *, keeping: Say | None = None) -> Iterator[IO[bytes]]:
    """Open a file that is written line by line as results come, after its first `keep` bytes; the rest is cut off.

    A file of which nothing stays is there with the first flush, so that it never begins with half a line.
    `keeping`: where nothing stays, what the file held is kept as `name~`, and this is told so in words.

    Raises:
        InputError: the file cannot be written, or another process does that.
    """
    if keep:
        with writing(name, keeping), _cut_off(name, keep) as stream:
            yield stream
            with _errors_named(name):
                _sync(stream)
        return
    with _new_file(name, keeping, private=True) as new:
        new.appear_with_flush()
        yield new.stream
        new.stream.flush()
        if not new.direct:
            with _errors_named(name):
                _sync(new.stream)


def kept_name(name: str) -> str:
    """Return under which name `keeping` keeps what a file held."""
    return f"{_real_name(name)}~"


def kept_interrupted_name(name: str) -> str:
    """Return the same for an interrupted sweep where a finished one is kept already."""
    return f"{_real_name(name)}.interrupted~"


def unwritable(name: str, error: Exception) -> InputError:
    """Return the error of a file that cannot be written."""
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is no file name"
    return InputError(f"cannot be written: {reason}", source=name)


def _real_name(name: str) -> str:
    path = Path(name)
    try:
        return str(path.resolve()) if path.is_symlink() else name
    except (OSError, RuntimeError):  # a loop of links
        return name


@contextlib.contextmanager
def _cut_off(name: str, keep: int) -> Iterator[IO[bytes]]:
    """Open a file to write on after its first `keep` bytes."""
    with _errors_named(name):
        raw = _Raw(os.open(name, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)), name)
        try:
            raw.truncate(keep)
            raw.seek(keep)
        except BaseException:
            raw.close()
            raise
    stream = _Lines(raw)
    try:
        yield stream
    except BaseException:
        raw.close()  # what is buffered is lost: to write it could fail, or block, once more
        raise
    stream.close()


class _Raw(io.FileIO):
    """A file whose errors name it."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, "wb")
        self._user_name = name

    def write(self, data: Any) -> int:
        """Write some of the data."""
        try:  # for each host, so without the generator of `_errors_named`
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
    """A file on its way to its place."""

    def __init__(self, name: str, path: Path | None, stream: _Lines, part: Path | None, keeping: Say | None) -> None:
        self.stream = stream
        self.direct = part is None
        """Whether there is nothing to move: it is written in its place."""
        self._name = name
        self._path = path
        self._part = part
        self._keeping = keeping

    def appear_with_flush(self) -> None:
        """Take the place of the old file after the first flush, and not at the end."""
        self.stream.appear = self.appear

    def appear(self) -> None:
        """Take the place of the old file, which is kept if that is wanted."""
        self.stream.appear = None
        if self._part is None or self._path is None:
            return
        with _errors_named(self._name):
            _sync(self.stream)
            told = None if self._keeping is None else _keep(self._path, self._name)
            self._part.replace(self._path)
        self._part = None
        if told is not None and self._keeping is not None:
            self._keeping(told)

    def discard(self) -> None:
        """Leave nothing that did not appear."""
        self.stream.appear = None
        if self._part is not None:
            self._part.unlink(missing_ok=True)


@contextlib.contextmanager
def _new_file(name: str, keeping: Say | None, private: bool) -> Iterator[_NewFile]:
    path = _writable(name)
    with contextlib.ExitStack() as stack:
        if path is not None:
            stack.enter_context(writing(name, keeping))
        part: Path | None = None
        raw: _Raw | None = None
        try:
            if path is None:
                raw = _Raw(_opened_directly(name), name)  # which waits for a reader, if it is a FIFO
            else:
                with delaying_interrupts():  # so that what was made is put away
                    number, part = _opened_beside(path, name, keeping, private)
                    raw = _Raw(number, name)
            new = _NewFile(name, path, _Lines(raw), part, keeping)
            stack.callback(new.discard)
            yield new
            new.stream.close()
        except BaseException:
            if raw is not None:
                raw.close()  # what is buffered is lost: to write it could fail, or block, once more
            if part is not None:
                part.unlink(missing_ok=True)
            raise


def _opened_directly(name: str) -> int:
    try:
        descriptor = _descriptor(name)
        if descriptor is not None and descriptor.parent == Path(os.path.realpath("/dev/fd")):
            return os.dup(int(descriptor.name))  # with its place in the file: `>> FILE` is written on
        emptied = os.O_TRUNC if descriptor is None else os.O_APPEND
        return os.open(name, os.O_WRONLY | os.O_CREAT | emptied | getattr(os, "O_CLOEXEC", 0), 0o600)
    except (OSError, ValueError) as error:
        raise unwritable(name, error) from None


def _opened_beside(path: Path, name: str, keeping: Say | None, private: bool) -> tuple[int, Path | None]:
    """Open a new file beside its place, with the owner and mode that it shall have there."""
    part = hidden(path, PART)
    try:
        part.unlink(missing_ok=True)  # of a process that was killed: the lock is ours
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not path.is_file():
            raise unwritable(name, error) from None
        number = _opened_directly(name)  # a folder in which nothing can be made, and a file of ours in it
        if keeping is not None:
            keeping(f"{name} is replaced, and what it held could not be kept: its folder cannot be written to")
        return number, None
    try:
        with _errors_named(name):
            _dress(number, path, private)
    except BaseException:
        os.close(number)
        part.unlink(missing_ok=True)
        raise
    return number, part


def _dress(number: int, path: Path, private: bool) -> None:
    """Give a new file the owner and mode of the one that it replaces."""
    try:
        before = path.stat()
    except FileNotFoundError:
        if not private:
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(number, 0o666 & ~mask)
        return
    now = os.fstat(number)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid) and hasattr(os, "fchown"):
        for owner in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
            with contextlib.suppress(PermissionError):  # only root gives files away
                os.fchown(number, *owner)
                break
    os.fchmod(number, stat.S_IMODE(before.st_mode))


def _writable(name: str) -> Path | None:
    """Return the place of a file without symbolic links, or None if it can only be written directly."""
    try:
        try:
            there: os.stat_result | None = Path(name).stat()
        except FileNotFoundError:
            there = None
        if there is not None and (not stat.S_ISREG(there.st_mode) or _descriptor(name) is not None):
            return None
        path = Path(name).resolve()  # a symbolic link stays one
        if there is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except RuntimeError:
        raise unwritable(name, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from None
    except (OSError, ValueError) as error:
        raise unwritable(name, error) from None
    return path


def _descriptor(name: str) -> Path | None:
    """Return the open file of a process that a name means, such as /dev/stdout: what is behind it is not replaced."""
    place = os.path.abspath(name)  # noqa: PTH100 - links are followed one by one
    for _ in range(MAX_LINKS):
        folder, last = os.path.split(place)
        place = os.path.join(os.path.realpath(folder), last)  # noqa: PTH118
        if _DESCRIPTOR.fullmatch(place):
            return Path(place)
        try:
            place = os.path.join(os.path.dirname(place), os.readlink(place))  # noqa: PTH115, PTH118, PTH120
        except OSError:
            return None
    return None


def _keep(path: Path, name: str) -> str | None:
    """Keep a file under the name of its back-up too, and return what to say of that. None: it held nothing.

    An interrupted sweep never takes the place of a finished one.
    """
    try:
        held = held_in(path)
    except FileNotFoundError:
        return None
    if held is None:
        return None
    kept = Path(kept_name(name))
    if not held.finished and _holds_finished(kept):
        kept = Path(kept_interrupted_name(name))
    words, was = _told(held)
    try:
        _keep_as(path, kept)
    except (IsADirectoryError, NotADirectoryError) as error:  # a scheduled sweep goes on all the same
        return f"{name} is replaced, and {words} could not be kept as {kept}: {error.strerror}"
    with contextlib.suppress(OSError):
        kept.chmod(0o600)
    return f"{name} is replaced: {words} {was} in {kept}"


def _tidy(path: Path) -> None:
    """Remove what a killed process left on its way: the lock is ours."""
    for each in (path, Path(f"{path}~"), Path(f"{path}.interrupted~")):
        with contextlib.suppress(OSError):
            hidden(each, PART).unlink()


def _holds_finished(kept: Path) -> bool:
    try:
        held = held_in(kept)
    except FileNotFoundError:
        return False
    except OSError:
        return not kept.is_dir()
    return held is not None and held.finished


def _told(held: Held) -> tuple[str, str]:
    if held.hosts is None:
        return "what it held", "is"
    return ("its 1 record", "is") if held.hosts == 1 else (f"its {held.hosts:,} records", "are")


def _keep_as(path: Path, kept: Path) -> None:
    """Give a file a second name, which another file may have now; or where there are no links, that name alone."""
    if kept.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    link = hidden(kept, PART)
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except (OSError, AttributeError, NotImplementedError):
        path.replace(kept)
        return
    try:
        link.replace(kept)
    except BaseException:
        link.unlink(missing_ok=True)
        raise
    link.unlink(missing_ok=True)  # rename(2) does nothing where both are the same file already


def _sync(stream: IO[bytes]) -> None:
    """Have what was written on the disk, where the file system can do that."""
    stream.flush()
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


@contextlib.contextmanager
def _errors_named(name: str) -> Iterator[None]:
    """Turn errors of the system into those of the file that the user named. That a reader has gone stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(name, error) from None
