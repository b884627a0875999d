"""Engines for the worker processes of test_pool.py; they are imported there by name."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sshprobe.net import Network, open_network
from sshprobe.probe.driver import Slot
from sshprobe.scan.engine import Engine
from sshprobe.scan.job import Job
from sshprobe.scan.results import HostResult
from sshprobe.scan.workers import channel
from sshprobe.scan.workers.worker import Numbered, serve
from sshprobe.targets import Target
from sshprobe.views.host_stats import HostStats

CONCURRENCY = 5
SETTINGS = b"settings"
Squared = tuple[Target, int]
STATS = HostStats("ok", True, 1, False, ())


def result(target: Target, line: int, size: int = 0) -> HostResult:
    """Return the result of a host: a number as its line, behind `size` blanks."""
    return HostResult(target, 1, STATS, (b" " * size + b"%d\n" % line, b"\n"))


def make_engine(
    settings: bytes, *, crash: int | None, crashed: Path | None, later: frozenset[int], size: int, **hooks: Any
) -> tuple[Engine[Numbered, Squared], Callable[[Squared], HostResult]]:
    """An engine that answers port n with n squared. For single numbers it can crash, or defer them.

    `size`: bytes that each result takes.
    """
    assert settings == SETTINGS

    def jobs(numbered: Numbered) -> list[Job[Squared]]:
        number = numbered.target.port
        if number == crash and (crashed is None or not crashed.exists()):
            if crashed is not None:
                crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [_Square(numbered.target, put_off=number in later)]

    engine = Engine(jobs, open_network, concurrency=CONCURRENCY, throttle_wait=0.05, **hooks)
    return engine, lambda squared: result(*squared, size)


class _Square:
    resource_error = None
    unanswered = False

    def __init__(self, target: Target, *, put_off: bool) -> None:
        self.addresses = (str(target.port),)
        self._target = target
        self._put_off = put_off
        self._runs = 0

    @property
    def retry_later(self) -> bool:
        return self._put_off and self._runs < 2

    def start(self, network: Network, slot: Slot, done: Callable[[Squared], None]) -> None:
        self._runs += 1
        network.call_later(0.001, partial(done, (self._target, self._target.port**2)))

    def failed_internally(self, error: Exception) -> None:
        raise error


def squares(
    connection: socket.socket, *, crash: int | None, crashed: Path | None, later: frozenset[int], size: int
) -> None:
    serve(connection, partial(make_engine, crash=crash, crashed=crashed, later=later, size=size))


def dies_at_once(connection: socket.socket) -> None:
    os._exit(7)


def raises(connection: socket.socket) -> None:
    raise ValueError("of ours")


GARBAGE = {
    "text": b"Traceback (most recent call last):\n",
    "half a frame": struct.pack(">I", 1000) + bytes(10),
    "an unknown target": channel.frame(channel.Results([(10**6, [])], {}, {})),
    "an unknown piece": channel.frame(
        channel.Results([(0, [channel.PackedResult(1, 0, b"1\n", (5,))])], {}, {0: STATS})
    ),
    "not MessagePack": struct.pack(">I", 4) + b"\xc1" * 4,
}


def sends_garbage_once(connection: socket.socket, *, what: str, sent: Path, lives: bool) -> None:
    """The first worker sends garbage when it gets targets, and exits or, if it `lives`, waits. Later ones work."""
    if sent.exists():
        squares(connection, crash=None, crashed=None, later=frozenset(), size=0)
        return
    sent.touch()
    connection.recv(100_000)
    connection.sendall(GARBAGE[what])
    if lives:
        time.sleep(60)
