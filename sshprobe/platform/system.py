"""Open files, processors, forks, the user, and the settings folder of this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

RESERVED_FILES = 64
"""Descriptors reserved for everything except targets: files, pipes, the event loop, the resolver."""


FILES_OF_A_WORKER = 3
"""Descriptors that a worker process uses in its parent: the pipe for targets, and two that show its end."""


SPARE_FILES = 16
"""Descriptors reserved for files, late imports, and the event loop of a worker."""


FILES_OF_A_LOOP = 15
"""Descriptors that an event loop and one connection need. libuv aborts the process if it lacks one."""


WINDOWS_SOCKETS = 8192
"""The most sockets that we open on Windows, which has no limit on open files to read."""


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


def after_fork(callback: Callable[[], None]) -> None:
    """Call `callback` in each copy of this process: there its threads are gone, and its files are still open."""
    if hasattr(os, "register_at_fork"):  # Windows cannot copy a process
        os.register_at_fork(after_in_child=callback)


def user_name() -> str:
    """Return the name of the user of this process; "" if it has none, and on Windows."""
    try:
        from pwd import getpwuid

        return getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return ""


def state_directory() -> Path:
    """Return the user's folder for locks and spools: $XDG_STATE_HOME, %LOCALAPPDATA% on Windows, else ~/.local/state.

    Raises `RuntimeError` without a home.
    """
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if Path(chosen).is_absolute():
        return Path(chosen) / "sshprobe"
    local = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    return Path(local or Path.home() / ".local" / "state") / "sshprobe"


def config_directory() -> Path:
    """Return the user's configuration folder: $XDG_CONFIG_HOME, %APPDATA% on Windows, else ~/.config (macOS too).

    Raises `RuntimeError` without a home.
    """
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(chosen).is_absolute():  # the XDG Base Directory Specification ignores relative ones
        return Path(chosen)
    roaming = os.environ.get("APPDATA") if sys.platform == "win32" else None
    return Path(roaming) if roaming else Path.home() / ".config"
