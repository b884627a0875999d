"""One scan in several processes: targets go out in batches, results come back in one stream.

Rules:

1. Every target gives its results once and all together. It is this process's until a worker has answered for it; a
   worker that dies, or sends what is not a message, is replaced, and what it had not answered is done again.
2. A target goes to the worker that has the fewest, so that all are busy to the end, however unlike targets and
   processors are. But targets with one `exclusive_key` are never with two workers at once: so there is one connection
   at a time to an address over all workers.
3. What is under way is bounded: `window` targets for each worker, and a batch waiting in this process.
4. A target that was under way in `MAX_DEATHS_PER_TARGET` dying workers is given up, with the result of `lost`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from sshprobe.model.errors import MachineError, bug_line, is_debugging
from sshprobe.net.outage import MAX_WITNESSES
from sshprobe.platform import may_fork
from sshprobe.scan.job import Progress
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.workers import channel
from sshprobe.scan.workers.slot import WorkerSlot
from sshprobe.targets import Target

BATCH = 128
"""Targets sent at once."""

MAX_DEATHS_PER_TARGET = 3
"""Workers that may die under a target before it is taken for the reason."""

MAX_IDLE_DEATHS = 10
"""Workers that may die in a row without an answer before the pool gives up: it is not the targets."""

READ_AHEAD = 1024
"""Targets read for a busy worker whose keys they have, so that it does not idle the others."""

READY_SECONDS = 30.0
"""How long all workers together may take to be ready. A slow one is taken to become ready later."""

POLL_INTERVAL = 0.2
"""Seconds after which a waiting parent looks whether it was stopped."""


class PoolError(MachineError):
    """Workers cannot be kept alive."""


def exclusive_key(target: Target) -> str:
    """Return a key that all targets of one host share, so that no two workers are connected to it at once."""
    return target.host.lower()


@dataclass(slots=True, eq=False)
class _Claim:
    """A key that no second worker may have meanwhile."""

    slot: WorkerSlot
    targets: int = 0
    """Targets with this key that are not answered."""


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

        `note` is called with a line where this machine has room for fewer, or where one fails. `on_resource_error` is
        called with a line where one pauses because this machine is short of something. Raises `PoolError` where no
        worker can be started.
        """
        self.progress = Progress()
        self._serve = serve
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
                self._slots.append(WorkerSlot(*self._new_process(copy=may_fork())))
            except (OSError, RuntimeError) as error:  # no process, descriptor, memory or thread is left for another
                if not self._slots:
                    raise PoolError(f"no worker process can be started: {_reason(error)}") from error
                self._note_fewer(workers, _reason(error))
                break
        self._drop_unusable()
        for slot in self._slots:
            slot.send(channel.Configure(settings))
        atexit.register(self.kill)  # before multiprocessing asks its children to end, which they do not do for SIGTERM

    def _note_fewer(self, wanted: int, reason: str) -> None:
        number = len(self._slots)
        words = "1 worker" if number == 1 else f"{number} workers"
        self._note(f"{words}, not {wanted}: no more can be started: {reason}")

    def _drop_unusable(self) -> None:
        """Go on without the workers that this machine has no room for. Raises `PoolError` if those are all."""
        wanted, reason = len(self._slots), ""
        until = time.monotonic() + READY_SECONDS
        for slot in list(self._slots):
            if not wait([slot.connection], max(0.0, until - time.monotonic())):
                continue
            try:
                messages = slot.receive() or ()  # one that is gone is replaced later
            except channel.ChannelError:
                slot.process.kill()
                continue
            for message in messages:
                if isinstance(message, channel.OutOfResources):
                    reason = message.reason
                    slot.process.join()
                    slot.connection.close()
                    self._slots.remove(slot)
        if not self._slots:
            raise PoolError(f"no worker process can be used: {reason}")
        if reason:
            self._note_fewer(wanted, reason)

    # -- for the caller ------------------------------------------------------------------------------------------

    def batches(self, targets: Iterator[Target]) -> Iterator[HostBatch]:
        """Yield the results of every target, those that came together in one batch. Ends all workers at the end."""
        try:
            source: Iterator[Target] | None = targets
            is_told_to_stop = False
            while True:
                if self._is_stopping and not is_told_to_stop:
                    is_told_to_stop = True
                    self._drop_pending()
                if source is not None and (self._is_stopping or not self._read(source)):
                    source = None
                for slot in self._slots:
                    self._feed(slot, last=source is None)
                if source is None and all(slot.is_closed for slot in self._slots):
                    return
                yield from self._listen()
        finally:
            self.kill()

    def stop(self) -> None:
        """Start no other host; what is under way is finished and still comes out of `batches`.

        A handler of signals may call it, in the middle of anything that is done here: `batches` does the rest.
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
            slot.process.join()
            slot.connection.close()

    # -- targets out ---------------------------------------------------------------------------------------------

    def _read(self, source: Iterator[Target]) -> bool:
        """Read targets while a worker has room. Returns False at their end."""
        while True:
            slot = max(self._slots, key=self._wanted)
            wanted = self._wanted(slot)
            if wanted <= 0:
                return True
            for _ in range(min(BATCH, wanted)):
                target = next(source, None)
                if target is None:
                    return False
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
        """Release the key of a target that is answered."""
        key = exclusive_key(target)
        claim = self._claims[key]
        claim.targets -= 1
        if not claim.targets:
            del self._claims[key]

    def _feed(self, slot: WorkerSlot, *, last: bool) -> None:
        while slot.pending and (room := min(BATCH, slot.room(self._window))) > 0:
            batch = [slot.pending.popleft() for _ in range(min(room, len(slot.pending)))]
            slot.under_way.update(batch)
            slot.send(channel.Probe(batch))
        if last and not slot.pending and not slot.is_ended and not slot.is_closed:
            slot.is_ended = True
            slot.send(channel.End())

    # -- results in ----------------------------------------------------------------------------------------------

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
        elif isinstance(message, channel.OutOfResources):
            raise PoolError(f"a worker died, and no other can be started: {message.reason}")
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
        """Take targets off what is under way, and return their results."""
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
        """Replace a worker, and give what it had not answered to its successor. Returns what is given up."""
        slot.process.join()
        slot.connection.close()
        again = list(slot.under_way.items())
        self.progress.waiting -= len(slot.deferred)
        slot.under_way.clear()
        slot.deferred.clear()
        if self._is_stopping or (slot.is_ended and not again):
            self.progress.started -= len(again)
            slot.is_closed = True
            return HostBatch(())
        slot.idle_deaths += 1
        if slot.idle_deaths > MAX_IDLE_DEATHS:
            raise PoolError(f"worker processes end at once, with exit code {slot.process.exitcode}")
        try:
            slot.connect(*self._new_process())
        except (OSError, RuntimeError) as error:
            raise PoolError(f"a worker died, and no other can be started: {_reason(error)}") from error
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

    def _new_process(self, *, copy: bool = False) -> tuple[BaseProcess, socket.socket]:
        """Start one that serves. A `copy` of this process has imported everything, where a new one takes 0.3 s of CPU.

        A successor is never a copy: by then there are output files, handlers of signals and a thread for the progress.
        """
        context = multiprocessing.get_context("fork") if copy else multiprocessing.get_context("spawn")
        ours, theirs = socket.socketpair()
        # A copy has this side of all connections too. While it is open, the worker at its other end sees no end.
        copied = [ours, *(slot.connection for slot in self._slots)] if copy else []
        process = context.Process(target=_run, args=(self._serve, theirs, copied), daemon=True)
        try:
            process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _run(serve: Callable[[socket.socket], None], connection: socket.socket, copied: list[socket.socket]) -> None:
    for each in copied:
        each.close()
    try:
        serve(connection)
    except Exception as error:
        if is_debugging():
            raise
        words = _reason(error) if isinstance(error, OSError) else bug_line(error)
        try:
            connection.sendall(channel.frame(channel.Failed(" ".join(words.split()))))
        except OSError:
            pass  # the pool is gone
        raise SystemExit(1) from None
