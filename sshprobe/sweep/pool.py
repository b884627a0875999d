"""One sweep over several processes: targets go out in batches, results come back in one stream.

Rules:

1. Every target gives exactly one result. It is this process's until a worker has answered for it; a worker that dies
   is replaced, and what it had not answered is done again. Answers are whole, so nothing is given twice.
2. A target goes to the worker that has the fewest, so that all are busy to the end, however unlike targets and
   processors are. But targets of one claim are never with two workers at once: who claims by address keeps "one
   connection at a time to an address" true over all workers.
3. What is under way is bounded: `window` targets for each worker, and a batch waiting in this process.
4. A target that was under way in `DEATHS` dying workers is given up, with the result of `lost`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from sshprobe.model.errors import MachineError, bug_line, is_debugging
from sshprobe.platform import may_fork
from sshprobe.sweep.engine import Progress

T = TypeVar("T")
R = TypeVar("R")

BATCH = 128
"""Targets sent at once."""

DEATHS = 3
"""Workers that may die under a target before it is taken for the reason."""

BARREN = 10
"""Workers that may die in a row without an answer before the pool gives up: it is not the targets."""

AHEAD = 1024
"""Targets read ahead for a busy worker whose claims they are, so that it does not idle the others."""

READY_SECONDS = 30.0
"""How long all workers together may take to be ready. One that is slow is taken to become ready later."""

TICK = 0.2
"""Seconds after which a waiting parent looks whether it was stopped."""


class PoolError(MachineError):
    """Workers cannot be kept alive."""


@dataclass(slots=True, eq=False)
class _Slot(Generic[T]):
    """One worker, and its successors."""

    process: BaseProcess
    connection: Connection
    pending: deque[tuple[int, T]] = field(default_factory=deque)
    """Meant for it, not sent yet."""
    under_way: dict[int, T] = field(default_factory=dict)
    """Sent and not answered."""
    deferred: set[int] = field(default_factory=set)
    """Of those: put off by the worker to the end, so that they take no room."""
    barren: int = 0
    """Workers of this slot that died in a row without an answer."""
    ended: bool = False
    """The worker was told that nothing more comes."""
    closed: bool = False
    """It is gone, and nothing is left for it to do."""

    def room(self, window: int) -> int:
        return window - (len(self.under_way) - len(self.deferred))


@dataclass(slots=True, eq=False)
class _Claim(Generic[T]):
    """What no second worker may have meanwhile."""

    slot: _Slot[T]
    targets: int = 0
    """Those of it that are not answered."""


class Pool(Generic[T, R]):
    """`workers` processes, each running `serve(connection)`; see `sshprobe.sweep.worker` for what that does."""

    def __init__(
        self,
        serve: Callable[[Connection], None],
        *,
        workers: int,
        window: int,
        lost: Callable[[T], R],
        trouble: Callable[[str], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """Start the workers, or as many as this machine has room for: `note` is told so. None is a `PoolError`."""
        self.progress = Progress()
        self._serve = serve
        self._window = window
        self._lost = lost
        self._trouble = trouble
        self._stopping = False
        self._deaths: Counter[int] = Counter()
        self._next_number = 0
        self._claim_of: Callable[[T], Hashable] = id
        self._claims: dict[Hashable, _Claim[T]] = {}
        self._slots: list[_Slot[T]] = []
        for _ in range(workers):
            try:
                self._slots.append(_Slot(*self._new_process(copy=may_fork())))
            except (OSError, RuntimeError) as error:  # no process, descriptor, memory or thread is left for another
                if not self._slots:
                    raise PoolError(f"no worker process can be started: {_reason(error)}") from error
                self._fewer(workers, _reason(error), note)
                break
        self._drop_those_that_are_short(note)
        atexit.register(self.kill)  # before multiprocessing asks its children to end, which they do not do for SIGTERM

    def _fewer(self, wanted: int, reason: str, note: Callable[[str], None] | None) -> None:
        if note is not None:
            number = len(self._slots)
            words = "1 worker" if number == 1 else f"{number} workers"
            note(f"{words}, not {wanted}: no more can be started: {reason}")

    def _drop_those_that_are_short(self, note: Callable[[str], None] | None) -> None:
        """Go on without the workers that this machine has no room for. Raises `PoolError` if those are all."""
        wanted, reason = len(self._slots), ""
        until = time.monotonic() + READY_SECONDS
        for slot in list(self._slots):
            try:
                if not slot.connection.poll(max(0.0, until - time.monotonic())):
                    continue
                kind, data = slot.connection.recv()
            except (EOFError, OSError):
                continue  # `_died` replaces it
            if kind == "short":
                reason = data
                slot.process.join()
                slot.connection.close()
                self._slots.remove(slot)
        if not self._slots:
            raise PoolError(f"no worker process can be used: {reason}")
        if reason:
            self._fewer(wanted, reason, note)

    # -- for the caller ------------------------------------------------------------------------------------------

    def run(self, targets: Iterator[T], claim: Callable[[T], Hashable]) -> Iterator[R]:
        """Yield the result of every target, in the order in which they come. Ends all workers at the end.

        Targets of which `claim` says the same are never with two workers at once.
        """
        for batch in self.batches(targets, claim):
            for _, result in batch:
                yield result

    def batches(self, targets: Iterator[T], claim: Callable[[T], Hashable]) -> Iterator[list[tuple[T, R]]]:
        """Yield every target with its result, those that came together in one list. See `run`."""
        self._claim_of = claim
        try:
            source: Iterator[T] | None = targets
            told_to_stop = False
            while True:
                if self._stopping and not told_to_stop:
                    told_to_stop = True
                    self._drop_pending()
                if source is not None and (self._stopping or not self._read(source)):
                    source = None
                for slot in self._slots:
                    self._feed(slot, last=source is None)
                if source is None and all(slot.closed for slot in self._slots):
                    return
                yield from self._listen()
        finally:
            self.kill()

    def stop(self) -> None:
        """Start nothing new; what is under way is finished and still comes out of `run`.

        A handler of signals may call it, in the middle of anything that is done here: `batches` does the rest.
        """
        self._stopping = True

    def _drop_pending(self) -> None:
        for slot in self._slots:
            self.progress.started -= len(slot.pending)
            slot.pending.clear()
            self._tell(slot, ("stop", None))

    def kill(self) -> None:
        """End all workers at once."""
        atexit.unregister(self.kill)
        for slot in self._slots:
            slot.process.kill()
        for slot in self._slots:
            slot.process.join()
            slot.connection.close()

    # -- targets out ---------------------------------------------------------------------------------------------

    def _read(self, source: Iterator[T]) -> bool:
        """Take targets while a worker wants some. Returns False at their end."""
        while True:
            slot = max(self._slots, key=self._wanted)
            wanted = self._wanted(slot)
            if wanted <= 0:
                return True
            for _ in range(min(BATCH, wanted)):
                target = next(source, None)
                if target is None:
                    return False
                claim = self._claims.setdefault(self._claim_of(target), _Claim(slot))
                claim.targets += 1
                claim.slot.pending.append((self._next_number, target))
                self._next_number += 1
                self.progress.started += 1
                if len(claim.slot.pending) >= AHEAD:
                    return True

    def _wanted(self, slot: _Slot[T]) -> int:
        return slot.room(self._window) - len(slot.pending)

    def _let_go(self, target: T) -> None:
        """Give back the claim of a target that is answered."""
        key = self._claim_of(target)
        claim = self._claims[key]
        claim.targets -= 1
        if not claim.targets:
            del self._claims[key]

    def _feed(self, slot: _Slot[T], *, last: bool) -> None:
        while slot.pending and (room := min(BATCH, slot.room(self._window))) > 0:
            batch = [slot.pending.popleft() for _ in range(min(room, len(slot.pending)))]
            slot.under_way.update(batch)
            self._tell(slot, ("targets", batch))
        if last and not slot.pending and not slot.ended and not slot.closed:
            slot.ended = True
            self._tell(slot, ("end", None))

    def _tell(self, slot: _Slot[T], message: tuple[str, Any]) -> None:
        try:
            slot.connection.send(message)
        except OSError:
            pass  # it died; `_listen` finds out and sends all of it again

    # -- results in ----------------------------------------------------------------------------------------------

    def _listen(self) -> Iterator[list[tuple[T, R]]]:
        connections = {slot.connection: slot for slot in self._slots if not slot.closed}
        for ready in wait(list(connections), timeout=TICK):
            assert isinstance(ready, Connection)
            slot = connections[ready]
            try:
                kind, data = ready.recv()
            except (EOFError, OSError):
                yield self._died(slot)
                continue
            if kind == "results":
                yield self._answered(slot, data)
            elif kind == "deferred":
                slot.deferred.add(data)
                self.progress.waiting += 1
            elif kind == "short":
                raise PoolError(f"a worker died, and no other can be started: {data}")
            elif kind == "trouble" and self._trouble is not None:
                self._trouble(data)

    def _answered(self, slot: _Slot[T], results: list[tuple[int, R]]) -> list[tuple[T, R]]:
        """Take results off what is under way."""
        answered = []
        for number, result in results:
            target = slot.under_way.pop(number, None)
            if target is None:
                continue
            if self._deaths:
                self._deaths.pop(number, None)
            if number in slot.deferred:
                slot.deferred.discard(number)
                self.progress.waiting -= 1
            self._let_go(target)
            answered.append((target, result))
        slot.barren = 0
        self.progress.done += len(answered)
        return answered

    def _died(self, slot: _Slot[T]) -> list[tuple[T, R]]:
        """Replace a worker, and give what it had not answered to its successor. Returns what is given up."""
        slot.process.join()
        slot.connection.close()
        again = list(slot.under_way.items())
        self.progress.waiting -= len(slot.deferred)
        slot.under_way.clear()
        slot.deferred.clear()
        if self._stopping or (slot.ended and not again):
            self.progress.started -= len(again)
            slot.closed = True
            return []
        slot.barren += 1
        if slot.barren > BARREN:
            raise PoolError(f"worker processes end at once, with exit code {slot.process.exitcode}")
        try:
            process, connection = self._new_process()
        except (OSError, RuntimeError) as error:
            raise PoolError(f"a worker died, and no other can be started: {_reason(error)}") from error
        slot.ended = False
        slot.process, slot.connection = process, connection
        given_up = []
        for number, target in again:
            self._deaths[number] += 1
            if self._deaths[number] < DEATHS:
                slot.pending.append((number, target))
                continue
            del self._deaths[number]
            self._let_go(target)
            self.progress.done += 1
            given_up.append((target, self._lost(target)))
        return given_up

    def _new_process(self, *, copy: bool = False) -> tuple[BaseProcess, Connection]:
        """Start one that serves. A `copy` of this process has imported everything, where a new one takes 0.3 s of CPU.

        A successor is never a copy: by then there are output files, handlers of signals and a thread for the progress.
        """
        context = multiprocessing.get_context("fork") if copy else multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # A copy has this side of all pipes too. While one is open, the worker at its other end never sees this end.
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


def _run(serve: Callable[[Connection], None], connection: Connection, copied: list[Connection]) -> None:
    for each in copied:
        each.close()
    try:
        serve(connection)
    except Exception as error:
        if is_debugging():
            raise
        words = _reason(error) if isinstance(error, OSError) else bug_line(error)
        print(f"error: a worker ends: {' '.join(words.split())}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
