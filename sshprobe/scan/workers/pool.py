"""A pool of worker processes: it sends targets in batches, and receives results in one stream.

Rules:

1. Every target yields its results once and all together. A worker that dies or sends an invalid message is replaced,
and its unanswered targets are sent again. 2. A target goes to the worker with the fewest targets, so that all are busy
to the end, however much targets and processors differ. But two workers never have targets with the same `exclusive_key`
at once, so there is only one connection at a time to an address. 3. The number of running targets is limited: `window`
for each worker, and a batch that waits in this process. 4. A target that was running in `MAX_DEATHS_PER_TARGET` dying
workers is abandoned, with the result of `lost`.
"""

from __future__ import annotations

import atexit
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait

from sshprobe.model.errors import MachineError
from sshprobe.net.outage import MAX_WITNESSES
from sshprobe.platform.system import may_fork
from sshprobe.scan.job import Progress
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.workers import channel
from sshprobe.scan.workers.slot import BATCH, WorkerSlot, reason_of
from sshprobe.targets import Target

MAX_DEATHS_PER_TARGET = 3
"""After this many workers died with a target, it is abandoned: it may be the reason."""

MAX_IDLE_DEATHS = 10
"""After this many workers in a row died without an answer, the pool gives up: the targets are not the reason."""

READ_AHEAD = 1024
"""The most targets that wait for a busy worker with their keys, while others are read for idle workers."""

POLL_INTERVAL = 0.2
"""Seconds between two checks of a waiting parent for a stop."""


class PoolError(MachineError):
    """Workers cannot be kept alive."""


def exclusive_key(target: Target) -> str:
    """Return a key that all targets of one host share, so that no two workers connect to it at once."""
    return target.host.lower()


@dataclass(slots=True, eq=False)
class _Claim:
    """A worker's claim to all targets with one key."""

    slot: WorkerSlot
    targets: int = 0
    """Unanswered targets with this key."""


class Pool:
    """`workers` processes. Each runs `serve(connection)` of `sshprobe.scan.workers.worker`."""

    def __init__(
        self,
        serve: Callable[[socket.socket], None],
        settings: bytes,
        *,
        workers: int,
        window: int,
        lost: Callable[[Target], HostResult],
        on_resource_error: Callable[[str], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """Start the workers, and send each its `settings`.

        `note(line)` is called if this machine allows only fewer workers, or if one fails. `on_resource_error(line)` is
        called if one pauses because this machine ran out of resources. Raises `PoolError` if no worker can be started.
        """
        self.progress = Progress()
        self._settings = settings
        self._window = window
        self._lost = lost
        self._on_resource_error = on_resource_error or (lambda words: None)
        self._note = note or (lambda words: None)
        self._is_stopping = False
        self._deaths: Counter[int] = Counter()
        self._next_number = 0
        self._claims: dict[str, _Claim] = {}
        self._witnesses: deque[channel.Witness] = deque(maxlen=MAX_WITNESSES)
        self._slots: list[WorkerSlot] = []
        for _ in range(workers):
            try:
                self._slots.append(WorkerSlot(serve, copy=may_fork(), copied=self._slots))
            except (OSError, RuntimeError) as error:
                if not self._slots:
                    raise PoolError(f"no worker process can be started: {reason_of(error)}") from error
                fewer = "1 worker" if len(self._slots) == 1 else f"{len(self._slots)} workers"
                self._note(f"{fewer}, not {workers}: no more can be started: {reason_of(error)}")
                break
        for slot in self._slots:
            slot.send(channel.Configure(settings))
        atexit.register(self.kill)  # before multiprocessing sends SIGTERM to its children, which ignore it

    def batches(self, targets: Iterator[Target | None]) -> Iterator[HostBatch]:
        """Yield the results of every target, in the batches in which they arrive. Ends all workers at the end."""
        try:
            source: Iterator[Target | None] | None = targets
            is_told_to_stop = False
            while True:
                if self._is_stopping and not is_told_to_stop:
                    is_told_to_stop = True
                    self._drop_pending()
                if source is not None and (self._is_stopping or not self._read(source)):
                    source = None
                for slot in self._slots:
                    slot.feed(self._window, last=source is None)
                if source is None and all(slot.is_closed for slot in self._slots):
                    return
                yield from self._listen()
        finally:
            self.kill()

    def stop(self) -> None:
        """Start no other host; running hosts are finished, and `batches` still yields them.

        A signal handler may call this at any moment, so `batches` does the rest.
        """
        self._is_stopping = True

    def _drop_pending(self) -> None:
        for slot in self._slots:
            self.progress.started -= len(slot.pending)
            slot.pending.clear()
            slot.send(channel.Stop())

    def kill(self) -> None:
        """End all workers at once."""
        atexit.unregister(self.kill)
        for slot in self._slots:
            slot.process.kill()
        for slot in self._slots:
            slot.close()

    def _read(self, source: Iterator[Target | None]) -> bool:
        """Read targets while a worker has capacity. Returns False at their end. None: a stream has no target yet."""
        while True:
            slot = max(self._slots, key=self._wanted)
            wanted = self._wanted(slot)
            if wanted <= 0:
                return True
            for _ in range(min(BATCH, wanted)):
                try:
                    target = next(source)
                except StopIteration:
                    return False
                if target is None:
                    return True
                claim = self._claims.setdefault(exclusive_key(target), _Claim(slot))
                claim.targets += 1
                claim.slot.pending.append((self._next_number, target))
                self._next_number += 1
                self.progress.started += 1
                if len(claim.slot.pending) >= READ_AHEAD:
                    return True

    def _wanted(self, slot: WorkerSlot) -> int:
        return slot.room(self._window) - len(slot.pending)

    def _release(self, target: Target) -> None:
        """Release the claim of an answered target."""
        key = exclusive_key(target)
        claim = self._claims[key]
        claim.targets -= 1
        if not claim.targets:
            del self._claims[key]

    def _listen(self) -> Iterator[HostBatch]:
        slots = {slot.connection: slot for slot in self._slots if not slot.is_closed}
        for ready in wait(list(slots), timeout=POLL_INTERVAL):
            slot = slots[ready]  # type: ignore[index] # a socket that it was given
            try:
                messages = slot.receive()
                for message in messages or ():
                    if isinstance(message, channel.Results):
                        yield self._answered(slot, message)
                    else:
                        self._heard(slot, message)
            except channel.ChannelError:
                slot.process.kill()
                messages = None
            if messages is None:
                yield self._died(slot)

    def _heard(self, slot: WorkerSlot, message: channel.ToParent) -> None:
        if isinstance(message, channel.Deferred):
            if message.number in slot.under_way:
                slot.deferred.add(message.number)
                self.progress.waiting += 1
        elif isinstance(message, channel.ResourceError):
            self._on_resource_error(message.message)
        elif isinstance(message, channel.Witness):
            self._witnesses.append(message)
            for other in self._slots:
                if other is not slot and not other.is_closed:
                    other.send(message)
        elif isinstance(message, channel.Failed):
            self._note(f"a worker ends: {message.message}")

    def _answered(self, slot: WorkerSlot, message: channel.Results) -> HostBatch:
        """Count targets as done, and return their results."""
        found: list[HostResult] = []
        for number, results in slot.results.unpack(message, slot.under_way):
            target = slot.under_way.pop(number, None)
            if target is None:
                continue  # a second answer in one message
            if self._deaths:
                self._deaths.pop(number, None)
            if number in slot.deferred:
                slot.deferred.discard(number)
                self.progress.waiting -= 1
            self._release(target)
            self.progress.done += 1
            found += results
        slot.idle_deaths = 0
        return HostBatch(found)

    def _died(self, slot: WorkerSlot) -> HostBatch:
        """Replace a worker, and send its unanswered targets again. Return the results of abandoned ones."""
        slot.close()
        self.progress.waiting -= len(slot.deferred)
        again = slot.lose()
        if self._is_stopping or (slot.is_ended and not again):
            self.progress.started -= len(again)
            slot.is_closed = True
            return HostBatch(())
        slot.idle_deaths += 1
        if slot.idle_deaths > MAX_IDLE_DEATHS:
            raise PoolError(f"worker processes end at once, with exit code {slot.process.exitcode}")
        try:
            slot.start()
        except (OSError, RuntimeError) as error:
            raise PoolError(f"a worker died, and no other can be started: {reason_of(error)}") from error
        slot.send(channel.Configure(self._settings))
        for witness in self._witnesses:
            slot.send(witness)
        given_up = []
        for number, target in again:
            self._deaths[number] += 1
            if self._deaths[number] < MAX_DEATHS_PER_TARGET:
                slot.pending.append((number, target))
                continue
            del self._deaths[number]
            self._release(target)
            self.progress.done += 1
            given_up.append(self._lost(target))
        return HostBatch(given_up)
