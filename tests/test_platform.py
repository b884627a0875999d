"""Differences between platforms: each fallback runs with the usual way removed.

All of docs/reference/platforms.md is shown here, on Linux: nothing has run on a real macOS or Windows.
"""

from __future__ import annotations

import asyncio
import builtins
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.platform import file_access, signals, sockets, system

ROOT = Path(__file__).parents[1]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a module look missing."""
    real = builtins.__import__

    def without(missing: str) -> None:
        def fails(
            name: str,
            globals: Mapping[str, object] | None = None,
            locals: Mapping[str, object] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if name == missing:
                raise ImportError(name)
            return real(name, globals, locals, fromlist, level)

        monkeypatch.setattr(builtins, "__import__", fails)

    return without


LIMITS = """
import resource, sys
from sshprobe.platform.system import allow_open_sockets
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(allow_open_sockets(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "allowed", "soft_after"),
    [
        (256, 1000, 100, 100, 256),  # enough
        (100, 1000, 500, 500, 564),  # raised as far as needed
        (100, 400, 500, 336, 400),  # raised as far as allowed, and clamped
        (100, 100, 500, 36, 100),  # cannot be raised
        (40, 40, 500, 1, 40),  # less than our own reserve
    ],
)
def test_the_limit_on_open_files(soft: int, hard: int, wanted: int, allowed: int, soft_after: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITS, str(soft), str(hard), str(wanted)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        check=True,
    )
    assert run.stdout.split() == [str(number).encode() for number in (allowed, soft_after, hard)]


def test_a_kernel_that_refuses_its_own_hard_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS reports an infinite hard limit, but grants at most kern.maxfilesperproc."""

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert system.allow_open_sockets(100) == 100
    assert system.allow_open_sockets(5000) == 256 - system.RESERVED_FILES


def test_an_unlimited_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert system.allow_open_sockets(100_000) == 100_000


def test_windows_has_no_such_limit(without: Callable[[str], None]) -> None:
    without("resource")
    assert system.allow_open_sockets(100) == 100
    assert system.allow_open_sockets(100_000) == system.WINDOWS_SOCKETS


def test_asyncio_replaces_a_missing_uvloop(without: Callable[[str], None]) -> None:
    without("uvloop")
    assert sockets.loop_factory() is None
    with asyncio.Runner(loop_factory=sockets.loop_factory()) as runner:
        assert runner.run(asyncio.sleep(0, "ran")) == "ran"


def test_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "linux":
        assert system.cores() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert system.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert system.cores() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_without_a_loop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    seen: list[int] = []
    with signals.on_interrupt(lambda: seen.append(threading.get_ident())):
        signal.raise_signal(number)
        signal.raise_signal(number)
    assert seen == [threading.get_ident()] * 2
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("factory", [None, sockets.loop_factory()])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_on_a_loop(number: signal.Signals, factory: Any) -> None:
    """The handler runs as a callback of the loop, and wakes an idle loop."""

    async def wait() -> str:
        interrupted = asyncio.Event()
        with signals.on_interrupt(interrupted.set):
            threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
            async with asyncio.timeout(30):
                await interrupted.wait()
        return "woken"

    before = signal.getsignal(number)
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(wait()) == "woken"
    assert signal.getsignal(number) is before


def test_the_folder_of_saved_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert system.config_directory() == tmp_path / "xdg"
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CONFIG_HOME", unusable)
        assert system.config_directory() == tmp_path / ".config"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert system.config_directory() == tmp_path / ".config"
    monkeypatch.setattr(sys, "platform", "win32")
    assert system.config_directory() == tmp_path / "Roaming"
    monkeypatch.delenv("APPDATA")
    assert system.config_directory() == tmp_path / ".config"


def test_the_fast_path_needs_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/probe/test_fast_lists.py checks the records."""
    assert sockets.has_poll_set() is (sys.platform == "linux")
    monkeypatch.delattr(select, "epoll", raising=False)
    assert not sockets.has_poll_set()


def test_workers_are_forked_on_linux_with_one_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading; from sshprobe.platform.system import may_fork; print(may_fork());"
    code += "e = threading.Event(); threading.Thread(target=e.wait).start(); print(may_fork()); e.set()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(sys.platform == "linux"), "False"]
    for other in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", other)
        assert not system.may_fork()


def test_windows_knows_two_of_the_signals() -> None:
    code = (
        "import signal; del signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP\n"
        "from sshprobe.platform.signals import ENDING_SIGNALS, around_stops\n"
        "with around_stops(print, print): print(*ENDING_SIGNALS)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(signal.SIGINT.value), str(signal.SIGTERM.value)]


def test_windows_locks_the_first_byte(
    without: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locked: set[int] = set()

    class Module(ModuleType):
        LK_NBLCK = 2

        @staticmethod
        def locking(number: int, mode: int, size: int) -> None:
            inode = os.fstat(number).st_ino
            if inode in locked:
                raise PermissionError
            assert (mode, size) == (2, 1)
            locked.add(inode)

    monkeypatch.setitem(sys.modules, "msvcrt", Module("msvcrt"))
    without("fcntl")
    with (tmp_path / "file").open("w") as ours, (tmp_path / "file").open("w") as theirs:
        assert file_access.try_lock(ours.fileno())
        assert not file_access.try_lock(theirs.fileno())
    assert not file_access.locks_stop_readers()
    monkeypatch.setattr(sys, "platform", "win32")
    assert file_access.locks_stop_readers()


def test_windows_has_no_owners_and_modes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("12")
    old.chmod(0o640)
    with new.open("wb+") as file:
        new.chmod(0o600)
        with monkeypatch.context() as patch:
            for name in ("fchmod", "fchown", "pread"):
                patch.delattr(os, name)
            file_access.copy_owner_and_mode(file.fileno(), old, private=True)
            assert not file_access.others_can_read(old)
            assert (new.stat().st_mode & 0o777, file_access.read_beginning(file.fileno(), 9)) == (0o600, b"")
        file_access.copy_owner_and_mode(file.fileno(), old, private=True)
    assert new.stat().st_mode & 0o777 == 0o640


def test_the_user_of_this_process(without: Callable[[str], None]) -> None:
    assert system.user_name() != ""
    without("pwd")
    assert system.user_name() == ""


def test_network_facts_of_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/net/test_outage.py and tests/network check what follows."""
    with socket.socket() as unconnected:
        assert sockets.queued_errors(unconnected) == []
        monkeypatch.delattr(socket, "MSG_ERRQUEUE")
        assert sockets.queued_errors(unconnected) == []
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert not sockets.has_netlink()


def test_windows_names_zones_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    number = socket.if_nametoindex("lo")
    zoned = IPv6Address(f"fe80::1%{number}")
    assert sockets.ipv6_text(zoned) == "fe80::1%lo"
    with pytest.raises(OSError, match="No such device"):
        sockets.interface_number(str(number + 1000))
    monkeypatch.setattr(sys, "platform", "win32")
    assert sockets.ipv6_text(IPv6Address("fe80::1%lo")) == sockets.ipv6_text(zoned) == f"fe80::1%{number}"
    assert sockets.interface_number(str(number + 1000)) == number + 1000


def test_a_process_that_cannot_be_copied_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    system.after_fork(pytest.fail)


WINDOWS = """
import asyncio, os, select, signal, socket, subprocess, sys, types
import click, msgspec
from sshprobe.cli import main
for module, names in (
    (os, "fchmod fchown fork getuid geteuid pread register_at_fork sched_getaffinity O_CLOEXEC O_NOFOLLOW O_NONBLOCK"),
    (select, "epoll poll"),
    (signal, "SIGHUP SIGQUIT SIGTSTP"),
    (socket, "AF_NETLINK MSG_ERRQUEUE"),
):
    for name in names.split():
        delattr(module, name)
for name in ("fcntl", "pwd", "resource", "termios", "uvloop"):
    sys.modules[name] = None
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=lambda number, mode, size: None)
sys.platform = "win32"
sys.exit(main(sys.argv[1:]))
"""
"""A process without the features that Windows lacks. Its files and its loop are still those of Linux."""


async def test_a_scan_without_what_windows_lacks(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    async with AsyncSSHServer("hardened") as server:
        arguments = ["scan", f"{server.host}:{server.port}", "-o", "records.jsonl", "--no-progress"]
        for more in (["-q"], ["-q"]):  # the second run replaces the file of the first
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", WINDOWS, *arguments, *more),
                cwd=tmp_path,
                env=environment,
                stderr=asyncio.subprocess.PIPE,
            )
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
    [host] = (line for line in (tmp_path / "records.jsonl").read_text().splitlines() if '"type":"host"' in line)
    assert '"status":"ok"' in host
    assert (tmp_path / "records.jsonl~").exists()


def test_no_other_module_asks_for_the_system() -> None:
    """The lab's servers are for Linux and macOS: they are for demos and tests."""
    asks = re.compile(
        r"sys\.platform|\bos\.name\b|\b(fcntl|msvcrt|termios)\b|hasattr\((os|socket|select|signal), "
        r"|^\s*(import|from) (pwd|resource)\b|sched_getaffinity|^import platform\b",
        re.MULTILINE,
    )
    modules = [path for path in (ROOT / "sshprobe").rglob("*.py") if not {"platform", "lab"} & set(path.parts)]
    assert len(modules) > 100
    assert [str(path) for path in modules if asks.search(path.read_text())] == []


ROWS = {
    "Event loop": test_asyncio_replaces_a_missing_uvloop,
    "Connections": test_the_fast_path_needs_epoll,
    "Open files": test_windows_has_no_such_limit,
    "Processors": test_the_number_of_cores,
    "Workers": test_workers_are_forked_on_linux_with_one_thread_only,
    "Lost networks": test_network_facts_of_linux_only,
    "Firewall of this machine": test_network_facts_of_linux_only,
    "IPv6 zones": test_windows_names_zones_by_number,
    "Signals": test_windows_knows_two_of_the_signals,
    "Locks": test_windows_locks_the_first_byte,
    "Owner and mode of a file": test_windows_has_no_owners_and_modes,
    "User in `ssh_config`": test_the_user_of_this_process,
    "Saved options": test_the_folder_of_saved_options,
}


def test_each_row_of_the_page_is_simulated_here() -> None:
    page = (ROOT / "docs" / "reference" / "platforms.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|(?:[^|]+\|){3}$", page, re.MULTILINE)
    assert rows[1:] == list(ROWS)
