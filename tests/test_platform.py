"""Differences between platforms: each fallback runs with the usual way removed."""

from __future__ import annotations

import asyncio
import builtins
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sshprobe import platform
from sshprobe.net import EpollNetwork


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
from sshprobe.platform import allow_open_sockets
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
    assert platform.allow_open_sockets(100) == 100
    assert platform.allow_open_sockets(5000) == 256 - platform.RESERVED_FILES


def test_an_unlimited_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert platform.allow_open_sockets(100_000) == 100_000


def test_windows_has_no_such_limit(without: Callable[[str], None]) -> None:
    without("resource")
    assert platform.allow_open_sockets(100) == 100
    assert platform.allow_open_sockets(100_000) == platform.WINDOWS_SOCKETS


def test_asyncio_replaces_a_missing_uvloop(without: Callable[[str], None]) -> None:
    without("uvloop")
    assert platform.loop_factory() is None
    with asyncio.Runner(loop_factory=platform.loop_factory()) as runner:
        assert runner.run(asyncio.sleep(0, "ran")) == "ran"


def test_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "linux":
        assert platform.cores() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert platform.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert platform.cores() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_without_a_loop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    seen: list[int] = []
    with platform.on_interrupt(lambda: seen.append(threading.get_ident())):
        signal.raise_signal(number)
        signal.raise_signal(number)
    assert seen == [threading.get_ident()] * 2
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("factory", [None, platform.loop_factory()])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_on_a_loop(number: signal.Signals, factory: Any) -> None:
    """The handler runs as a callback of the loop, and wakes an idle loop."""

    async def wait() -> str:
        interrupted = asyncio.Event()
        with platform.on_interrupt(interrupted.set):
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
    assert platform.config_directory() == tmp_path / "xdg"
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CONFIG_HOME", unusable)
        assert platform.config_directory() == tmp_path / ".config"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert platform.config_directory() == tmp_path / ".config"
    monkeypatch.setattr(sys, "platform", "win32")
    assert platform.config_directory() == tmp_path / "Roaming"
    monkeypatch.delenv("APPDATA")
    assert platform.config_directory() == tmp_path / ".config"


def test_the_fast_path_needs_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/probe/test_fast_lists.py checks the records."""
    assert platform.has_poll_set() is (sys.platform == "linux")
    monkeypatch.delattr(select, "epoll", raising=False)
    assert not platform.has_poll_set()
    assert not EpollNetwork.works()


def test_workers_are_forked_on_linux_with_one_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading; from sshprobe.platform import may_fork; print(may_fork());"
    code += "e = threading.Event(); threading.Thread(target=e.wait).start(); print(may_fork()); e.set()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(sys.platform == "linux"), "False"]
    for other in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", other)
        assert not platform.may_fork()
