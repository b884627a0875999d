"""Runners for the worker processes of test_pool.py; they are imported there by name."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from sshprobe.net import Network, open_network
from sshprobe.net.outage import SharedWitnesses
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
STATS = HostStats("ok", True, 1, False, ())


def result(target: Target, line: int, size: int = 0) -> HostResult:
    """The result of a host, with one number as its line, behind `size` blanks."""
    return HostResult(target, 1, STATS, (b" " * size + b"%d\n" % line, b"\n"))


class Squares:
    """Answers the port n with n squared. For single numbers it can crash, or put them off.

    `size`: bytes that each result takes.
    """

    def __init__(
        self, settings: bytes, *, crash: int | None, crashed: Path | None, later: frozenset[int], size: int
    ) -> None:
        assert settings == SETTINGS
        self._crash = crash
        self._crashed = crashed
        self._later = later
        self._size = size
        self._engine: Engine[Numbered, int] | None = None

    async def batches(
        self,
        targets: AsyncIterator[Numbered],
        *,
        on_deferred: Callable[[Numbered], None],
        on_resource_error: Callable[[str], None],
        shared: SharedWitnesses,
    ) -> AsyncIterator[list[tuple[int, list[HostResult]]]]:
        self._engine = Engine(
            self._jobs,
            open_network,
            concurrency=CONCURRENCY,
            throttle_wait=0.05,
            on_deferred=on_deferred,
            on_resource_error=on_resource_error,
            shared=shared,
        )
        async for batch in self._engine.batches(targets):
            yield [
                (number, [result(target, each.results[0], self._size)])
                for each in batch
                for number, target in [each.target]
            ]

    def stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()

    def _jobs(self, numbered: Numbered) -> list[Job[int]]:
        number = numbered.target.port
        if number == self._crash and (self._crashed is None or not self._crashed.exists()):
            if self._crashed is not None:
                self._crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [_Square(number, put_off=number in self._later)]


class _Square:
    resource_error = None
    unanswered = False

    def __init__(self, number: int, *, put_off: bool) -> None:
        self.addresses = (str(number),)
        self._number = number
        self._put_off = put_off
        self._runs = 0

    @property
    def retry_later(self) -> bool:
        return self._put_off and self._runs < 2

    def start(self, network: Network, slot: Slot, done: Callable[[int], None]) -> None:
        self._runs += 1
        network.call_later(0.001, partial(done, self._number**2))

    def failed_internally(self, error: Exception) -> None:
        raise error


def squares(
    connection: socket.socket, *, crash: int | None, crashed: Path | None, later: frozenset[int], size: int
) -> None:
    serve(connection, partial(Squares, crash=crash, crashed=crashed, later=later, size=size))


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
    """The first worker: sends garbage when it gets targets, and ends or, if it `lives`, waits. Then: answer all."""
    if sent.exists():
        squares(connection, crash=None, crashed=None, later=frozenset(), size=0)
        return
    sent.touch()
    connection.sendall(channel.frame(channel.Ready()))
    connection.recv(100_000)
    connection.sendall(GARBAGE[what])
    if lives:
        time.sleep(60)
