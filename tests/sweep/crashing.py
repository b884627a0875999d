"""Runners for the worker processes of test_pool.py; they are imported there by name."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from sshprobe.sweep import Job, Sweep
from sshprobe.sweep.worker import Batch, Numbered, serve

CONCURRENCY = 5


class Squares:
    """Answers n with n squared. What it is told about single numbers: to crash on them, or to put them off.

    `weight`: what it says of the bytes that each batch of results takes.
    """

    def __init__(self, crash: int | None, crashed: Path | None, later: frozenset[int], weight: int) -> None:
        self._crash = crash
        self._crashed = crashed
        self._later = later
        self._weight = weight
        self._sweep: Sweep[Numbered[int], int] | None = None

    async def batches(
        self,
        targets: AsyncIterator[Numbered[int]],
        *,
        deferred: Callable[[Numbered[int]], None],
        trouble: Callable[[str], None],
    ) -> AsyncIterator[Batch[int]]:
        self._sweep = Sweep(self._jobs, concurrency=CONCURRENCY, throttle_wait=0.05, deferred=deferred, trouble=trouble)
        async for batch in self._sweep.batches(targets):
            yield Batch([(outcome.target.number, outcome.results[0]) for outcome in batch], self._weight)

    def stop(self) -> None:
        if self._sweep is not None:
            self._sweep.stop()

    async def _jobs(self, numbered: Numbered[int]) -> list[Job[int]]:
        if numbered.target == self._crash and (self._crashed is None or not self._crashed.exists()):
            if self._crashed is not None:
                self._crashed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [_Square(numbered.target, put_off=numbered.target in self._later)]


class _Square:
    local_trouble = None

    def __init__(self, number: int, *, put_off: bool) -> None:
        self.addresses = (str(number),)
        self._number = number
        self._put_off = put_off
        self._runs = 0

    @property
    def come_back_later(self) -> bool:
        return self._put_off and self._runs < 2

    async def run(self) -> int:
        self._runs += 1
        await asyncio.sleep(0.001)
        return self._number**2


def squares(
    connection: Connection, *, crash: int | None, crashed: Path | None, later: frozenset[int], weight: int
) -> None:
    serve(connection, partial(Squares, crash, crashed, later, weight))


def dies_at_once(connection: Connection) -> None:
    os._exit(7)
