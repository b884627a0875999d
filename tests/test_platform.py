"""What differs by platform: each fallback, with what it falls back from taken away."""

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
    """Make a module one that is not there."""
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
        (40, 40, 500, 1, 40),  # less than is kept for ourselves
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


def test_a_kernel_that_refuses_what_its_hard_limit_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS: the hard limit is infinite, and yet no more than kern.maxfilesperproc is granted."""

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert platform.allow_open_sockets(100) == 100
    assert platform.allow_open_sockets(5000) == 256 - platform.RESERVED_FILES


def test_no_limit_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert platform.allow_open_sockets(100_000) == 100_000


def test_windows_has_no_such_limit(without: Callable[[str], None]) -> None:
    without("resource")
    assert platform.allow_open_sockets(100) == 100
    assert platform.allow_open_sockets(100_000) == platform.WINDOWS_SOCKETS


def test_without_uvloop_it_is_asyncio(without: Callable[[str], None]) -> None:
    without("uvloop")
    assert platform.loop_factory() is None
    with asyncio.Runner(loop_factory=platform.loop_factory()) as runner:
        assert runner.run(asyncio.sleep(0, "ran")) == "ran"


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
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
    """The handler runs as a callback of the loop, and wakes one that waits for nothing else."""

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


def test_where_settings_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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


def test_without_epoll_nothing_takes_the_short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the records are then: tests/probe/test_lists.py."""
    assert platform.has_poll_set() is (sys.platform == "linux")
    monkeypatch.delattr(select, "epoll", raising=False)
    assert not platform.has_poll_set()
    assert not EpollNetwork.works()


def test_a_copy_of_this_process_is_made_on_linux_only_and_of_one_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading; from sshprobe.platform import may_fork; print(may_fork());"
    code += "e = threading.Event(); threading.Thread(target=e.wait).start(); print(may_fork()); e.set()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(sys.platform == "linux"), "False"]
    for other in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", other)
        assert not platform.may_fork()
