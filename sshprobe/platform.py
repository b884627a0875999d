"""What differs between Linux, macOS and Windows, and what is done where something is not there.

Nothing else in the package asks which system it runs on.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address
from pathlib import Path
from types import FrameType

from sshprobe.interrupts import handling

RESERVED_FILES = 64
"""Descriptors kept for everything that is no target: files, pipes, the event loop, the resolver."""

FILES_OF_A_WORKER = 3
"""Descriptors that a worker process takes in its parent: of the pipe for targets, and two by which its end is seen."""

SPARE_FILES = 16
"""Descriptors kept for files, modules that are imported late, and the event loop of a worker."""

FILES_OF_A_LOOP = 15
"""Descriptors without which an event loop and one connection cannot be: libuv aborts the process for want of one."""

POLL_READABLE = POLL_FAILED = POLL_TO_THE_END = POLL_EVERYTHING = MORE_COMES = 0
STREAM_NONBLOCKING: int = socket.SOCK_STREAM
if sys.platform == "linux":
    POLL_FAILED = select.EPOLLHUP | select.EPOLLERR
    """Events of a `poll_set`: a socket has an error, or both sides have ended."""
    POLL_READABLE = select.EPOLLIN | POLL_FAILED
    POLL_TO_THE_END = select.EPOLLRDHUP | select.EPOLLPRI | POLL_FAILED
    """There may be more where little was read at once: the end, or what stands behind urgent data (tcp(7))."""
    POLL_EVERYTHING = select.EPOLLIN | select.EPOLLOUT | POLL_TO_THE_END | select.EPOLLET
    """To be told of each change once (edge-triggered)."""
    STREAM_NONBLOCKING = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    """The type of a TCP socket that never waits."""
    MORE_COMES = socket.MSG_MORE
    """A flag for send: what follows, or the end, may travel in the same segment."""

WINDOWS_SOCKETS = 8192
"""Sockets we open at most where there is no limit to ask for (Windows)."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where there is a uvloop; None is asyncio's own (Windows)."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def has_poll_set() -> bool:
    """Whether there is a `poll_set`: on Linux. Elsewhere every connection is one of asyncio's."""
    return hasattr(select, "epoll")


def poll_set() -> select.epoll:
    """Return a new poll set for many sockets, which itself can be polled: Linux's epoll(7)."""
    return select.epoll()


def allow_open_sockets(wanted: int) -> int:
    """Raise this process's limit on open files as far as it may and `wanted` sockets need; return how many it takes.

    The soft limit is 256 on macOS and 1024 on most Linux systems; the hard one is far above.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return min(wanted, WINDOWS_SOCKETS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        best = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
            soft = best
        except (ValueError, OSError):
            pass  # macOS refuses more than its kernel's own limit, which it does not tell
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - RESERVED_FILES))


def free_files() -> int | None:
    """Return how many files this process can still open. None: there is no limit, or it cannot be found out."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    try:
        return soft - len(list(Path("/proc/self/fd").iterdir()))
    except OSError:
        return soft - SPARE_FILES


def affordable_workers(wanted: int) -> int:
    """Return how many worker processes the limit on open files takes, `wanted` at most and 1 at least."""
    free = free_files()
    return wanted if free is None else max(1, min(wanted, (free - SPARE_FILES) // FILES_OF_A_WORKER))


def cores() -> int:
    """Return the number of processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def may_fork() -> bool:
    """Whether a copy of this process is as good as a new one: on Linux, while it has no second thread.

    Of another thread a copy has the locks and not who would give them back. On macOS the system's own libraries start
    threads, and Windows cannot copy a process.
    """
    if sys.platform != "linux":
        return False
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:  # no /proc
        return False


def config_directory() -> Path:
    """Return where a user's settings of all programs are: $XDG_CONFIG_HOME, %APPDATA% on Windows, else ~/.config.

    macOS has ~/.config too: that is where command line programs look there. Raises `RuntimeError` without a home.
    """
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(chosen).is_absolute():  # a relative one is to be ignored, says the XDG Base Directory Specification
        return Path(chosen)
    roaming = os.environ.get("APPDATA") if sys.platform == "win32" else None
    return Path(roaming) if roaming else Path.home() / ".config"


def ipv6_text(address: IPv6Address) -> str:
    """Return the one text of an address: its zone (RFC 4007 section 11) by one of its names, if it has any meaning.

    A zone is an interface, by name or by number. Of an address that is not link-local, systems ignore it.
    """
    if address.scope_id is None:
        return str(address)
    text = str(IPv6Address(int(address)))
    return f"{text}%{_zone(address.scope_id)}" if address.is_link_local else text


def _zone(text: str) -> str:
    """Return an interface by its name, on Windows, which takes no other, by its number; as it is, if there is none."""
    try:
        number = socket.if_nametoindex(text)  # before numbers, as getaddrinfo does: a name may be one
    except (OSError, ValueError):
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            return text
        number = int(text)
    try:
        return str(number) if sys.platform == "win32" else socket.if_indextoname(number)
    except (OSError, OverflowError):
        return text


def interface_number(zone: str) -> int:
    """Return the number of the interface that the zone of an `ipv6_text` names. Raises `OSError` if there is none."""
    try:
        return socket.if_nametoindex(zone)
    except (OSError, ValueError):
        if sys.platform != "win32" or not (zone.isascii() and zone.isdigit() and len(zone) < 10):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
        return int(zone)


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


@contextmanager
def on_interrupt(
    handler: Callable[[], None], *, is_blocked: Callable[[], bool] = _never, unblock: Callable[[], None] = _nothing
) -> Iterator[None]:
    """Call `handler`, in the main thread, for each Ctrl-C, SIGTERM, SIGHUP and SIGQUIT during the block.

    Works with and without an event loop; without one only between two steps of Python. SIGHUP and SIGQUIT stay ignored
    where they were (nohup).

    `is_blocked`: whether the main thread waits for somebody to read what it writes. Then the second signal, and any but
    Ctrl-C at once, counts twice, and ends with `unblock`, which may raise.
    """
    try:
        loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    times = 0

    def called(number: int, frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        blocked = is_blocked() and (times > 1 or number != signal.SIGINT)
        for _ in range(2 if blocked and times == 1 else 1):
            if loop is None:
                handler()
            else:
                loop.call_soon_threadsafe(handler)
        if blocked:
            times += 1
            unblock()

    with handling(called):
        yield
