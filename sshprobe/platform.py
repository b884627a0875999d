"""Differences between Linux, macOS and Windows. No other module checks which system it runs on."""

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
"""Descriptors reserved for everything except targets: files, pipes, the event loop, the resolver."""

FILES_OF_A_WORKER = 3
"""Descriptors that a worker process uses in its parent: the pipe for targets, and two that show its end."""

SPARE_FILES = 16
"""Descriptors reserved for files, late imports, and the event loop of a worker."""

FILES_OF_A_LOOP = 15
"""Descriptors that an event loop and one connection need. libuv aborts the process if it lacks one."""

POLL_READABLE = POLL_FAILED = POLL_TO_THE_END = POLL_EVERYTHING = MORE_COMES = 0
STREAM_NONBLOCKING: int = socket.SOCK_STREAM
if sys.platform == "linux":
    POLL_FAILED = select.EPOLLHUP | select.EPOLLERR
    """Events of a `poll_set`: a socket has an error, or both sides have ended."""
    POLL_READABLE = select.EPOLLIN | POLL_FAILED
    POLL_TO_THE_END = select.EPOLLRDHUP | select.EPOLLPRI | POLL_FAILED
    """There may be more to read after a short read: the end, or data behind urgent data (tcp(7))."""
    POLL_EVERYTHING = select.EPOLLIN | select.EPOLLOUT | POLL_TO_THE_END | select.EPOLLET
    """All changes, each reported once (edge-triggered)."""
    STREAM_NONBLOCKING = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    """The type of a TCP socket that never waits."""
    MORE_COMES = socket.MSG_MORE
    """A flag for send: the next data, or the end, may go into the same segment."""

WINDOWS_SOCKETS = 8192
"""The most sockets that we open on Windows, which has no limit on open files to read."""


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory, or None without uvloop (Windows): then asyncio's own loop is used."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def has_poll_set() -> bool:
    """Return whether `poll_set` works: on Linux. Elsewhere asyncio makes every connection."""
    return hasattr(select, "epoll")


def poll_set() -> select.epoll:
    """Return a new epoll(7) set for many sockets, which can itself be polled."""
    return select.epoll()


def allow_open_sockets(wanted: int) -> int:
    """Raise this process's limit on open files for `wanted` sockets, as far as allowed. Return how many may be open.

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
            pass  # macOS refuses more than its kernel's own limit, which cannot be read
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, soft - RESERVED_FILES))


def free_files() -> int | None:
    """Return how many files this process can still open. None: there is no limit, or it is unknown."""
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
    """Return how many worker processes the limit on open files allows: from 1 to `wanted`."""
    free = free_files()
    return wanted if free is None else max(1, min(wanted, (free - SPARE_FILES) // FILES_OF_A_WORKER))


def cores() -> int:
    """Return the number of processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def may_fork() -> bool:
    """Return whether a fork of this process is safe: on Linux, while it has one thread.

    A fork copies the locks of other threads, which nothing would release. On macOS the system's own libraries start
    threads, and Windows cannot fork.
    """
    if sys.platform != "linux":
        return False
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:  # no /proc
        return False


def config_directory() -> Path:
    """Return the user's configuration folder: $XDG_CONFIG_HOME, %APPDATA% on Windows, else ~/.config (macOS too).

    Raises `RuntimeError` without a home.
    """
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(chosen).is_absolute():  # the XDG Base Directory Specification ignores relative ones
        return Path(chosen)
    roaming = os.environ.get("APPDATA") if sys.platform == "win32" else None
    return Path(roaming) if roaming else Path.home() / ".config"


def ipv6_text(address: IPv6Address) -> str:
    """Return the canonical text of an address. A zone (RFC 4007 section 11) is written as `_zone` returns it.

    A zone is an interface, by name or number. Systems ignore the zone of an address that is not link-local.
    """
    if address.scope_id is None:
        return str(address)
    text = str(IPv6Address(int(address)))
    return f"{text}%{_zone(address.scope_id)}" if address.is_link_local else text


def _zone(text: str) -> str:
    """Return the name of an interface, on Windows its number; `text` if there is no such interface."""
    try:
        number = socket.if_nametoindex(text)  # before numbers, as in getaddrinfo: a name may be a number
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

    Works with and without an event loop; without one, only between two steps of Python. SIGHUP and SIGQUIT stay ignored
    if they were (nohup).

    `is_blocked`: whether the main thread waits for a reader of its output. Then the second Ctrl-C, or the first of
    another signal, counts twice and calls `unblock`, which may raise.
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
