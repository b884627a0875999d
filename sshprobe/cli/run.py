"""Runs a scan from the command line: the number of processes, the limits, and the effect of Ctrl-C.

Ctrl-C (or SIGTERM, SIGHUP, SIGQUIT) once: no new hosts, those under way are finished. Twice: stop at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sshprobe.cli.output_file import note
from sshprobe.cli.standard_streams import abandon_writes, is_blocked
from sshprobe.model.errors import MachineError, log_in_one_line
from sshprobe.platform.signals import on_interrupt
from sshprobe.platform.sockets import loop_factory
from sshprobe.platform.system import (
    FILES_OF_A_LOOP,
    FILES_OF_A_WORKER,
    affordable_workers,
    allow_open_sockets,
    cores,
    free_files,
)

if TYPE_CHECKING:
    from sshprobe.cli.output import ScanOutput
    from sshprobe.model.observation import Depth
    from sshprobe.scan.job import Progress
    from sshprobe.scan.scan_context import ScanContext
    from sshprobe.scan.settings import ScanSettings
    from sshprobe.targets import LiveTargets, Target, TargetStream

Result = TypeVar("Result")

INTERRUPTED = "interrupted: finishing the hosts under way; once more stops at once"

SAME_PAUSE = 5.0
"""Equal messages of several workers within this many seconds are shown once."""


class _Remaining:
    """Targets to scan, which know whether all were taken: a scan that lost none was not interrupted."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = iter(targets)
        self._taken = 0

    def __iter__(self) -> Iterator[Target]:
        return self

    def __next__(self) -> Target:
        target = next(self._targets)
        self._taken += 1
        return target

    def are_done(self, progress: Progress) -> bool:
        """Return whether all targets have results, after the scan."""
        return progress.done == self._taken and next(self._targets, None) is None


class Ending(NamedTuple):
    """How a scan ended."""

    interrupted: bool
    """The user interrupted it."""
    complete: bool
    """All hosts have results. A scan can be both: the interrupt came when the last hosts were under way."""


class OneProcess:
    """A scan on this process's event loop."""

    def __init__(self, settings: ScanSettings, hosts: int | None) -> None:
        from sshprobe.scan.scan_context import ScanContext

        self._context = ScanContext(settings)
        self._hosts = hosts

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._context.progress

    def run(self, targets: Iterator[Target] | LiveTargets, output: ScanOutput, say: Callable[[str], None]) -> Ending:
        """Scan all targets. `output` gets the hosts that finished."""
        return on_loop(scan_here(self._context, targets, output, say), hosts=self._hosts)


async def scan_here(
    context: ScanContext,
    targets: Iterable[Target] | LiveTargets,
    output: ScanOutput,
    say: Callable[[str], None] = lambda words: None,
) -> Ending:
    """Scan all targets on the running loop, or those that finish after Ctrl-C or SIGTERM."""
    from sshprobe.targets import LiveTargets

    remaining = targets if isinstance(targets, LiveTargets) else _Remaining(targets)
    task = asyncio.current_task()
    assert task is not None
    interrupts = 0

    def interrupted() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts == 1:
            context.stop()
            if isinstance(remaining, LiveTargets):
                remaining.stop()  # it may wait for a line
            say(INTERRUPTED)
        else:
            task.cancel()

    ahead = asyncio.create_task(_import_ahead(context.settings.depth))
    found = context.batches(remaining, on_resource_error=say)
    try:
        # Closed here because a sink may raise: the loop would close all nested generators at once.
        with on_interrupt(interrupted, is_blocked=is_blocked, unblock=abandon_writes):
            async with aclosing(found) as batches:
                async for batch in batches:
                    output.add(batch)
    except asyncio.CancelledError:
        if not interrupts:
            raise
        task.uncancel()
    finally:
        ahead.cancel()
    return _ending(interrupts, remaining, context.progress)


def _ending(interrupts: int, remaining: _Remaining | LiveTargets, progress: Progress) -> Ending:
    complete = not interrupts or (isinstance(remaining, _Remaining) and remaining.are_done(progress))
    return Ending(interrupts > 0, complete)


_CRYPTOGRAPHY = ("sshprobe.wire.kex.ecdh", "sshprobe.wire.signatures", "sshprobe.wire.ciphers")
_AT_THE_END = ("sshprobe.grading", "sshprobe.remedy", "sshprobe.cli.neutral_profile", "sshprobe.render.text.host_block")

IMPORTED_AHEAD = (*_CRYPTOGRAPHY, *_AT_THE_END)
"""The modules of a full scan, in their order."""

_DIALLED = 0.001
"""Seconds after which the first connections are on their way."""


async def _import_ahead(depth: Depth) -> None:
    """Import modules for the first hosts while we wait for them. Events of connections come first.

    A server takes 10 ms and more for an answer, and these imports 30 ms.
    """
    await asyncio.sleep(_DIALLED)
    for name in _AT_THE_END if depth == "lists" else IMPORTED_AHEAD:
        import_module(name)
        await asyncio.sleep(0)


def need_files(number: int) -> None:
    """Raise `MachineError` if fewer than `number` files can still be opened."""
    free = free_files()
    if free is not None and free < number:
        raise MachineError(
            f"this machine: too few open files are allowed: raise `ulimit -n` by {number - free} or more"
        )


HOSTS_WITHOUT_UVLOOP = 8
"""The import of uvloop pays off from this many hosts on."""


def on_loop(work: Coroutine[Any, Any, Result], *, hosts: int | None) -> Result:
    """Run `work` on the fastest loop for this many hosts. None: for any number."""
    log_in_one_line()
    try:
        need_files(FILES_OF_A_LOOP)
        few = hosts is not None and hosts <= HOSTS_WITHOUT_UVLOOP
        with asyncio.Runner(loop_factory=None if few else loop_factory()) as runner:
            return runner.run(work)
    finally:
        work.close()  # it never began if there was no descriptor for a loop


class SeveralProcesses:
    """A scan in worker processes."""

    def __init__(self, settings: ScanSettings, workers: int) -> None:
        from sshprobe.scan.workers.runner import scan_pool

        self._say: Callable[[str], None] = note
        self._pool = scan_pool(settings, workers=workers, on_resource_error=self._pausing, note=note)
        self._interrupts = 0
        self._paused_at: dict[str, float] = {}  # the last time a worker reported it

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._pool.progress

    def run(self, targets: Iterator[Target] | LiveTargets, output: ScanOutput, say: Callable[[str], None]) -> Ending:
        """Scan all targets, as `OneProcess.run` does."""
        from sshprobe.targets import LiveTargets

        log_in_one_line()
        self._say = say
        remaining = targets if isinstance(targets, LiveTargets) else _Remaining(targets)
        writing = False  # the second Ctrl-C must not split a batch: it is written and counted as a whole

        def interrupted() -> None:
            self._interrupts += 1
            if self._interrupts == 1:
                self._pool.stop()
                say(INTERRUPTED)
            elif not writing:
                raise _StopAtOnce

        try:
            with on_interrupt(interrupted, is_blocked=is_blocked, unblock=abandon_writes):
                for batch in self._pool.batches(remaining):
                    writing = True
                    output.add(batch)
                    writing = False
                    if self._interrupts > 1:
                        raise _StopAtOnce
        except _StopAtOnce:
            self._pool.kill()
        return _ending(self._interrupts, remaining, self.progress)

    def _pausing(self, words: str) -> None:
        from sshprobe.scan.pauses import NETWORK_BACK

        now = time.monotonic()
        has_own_hosts = words.startswith(f"{NETWORK_BACK}:")
        if has_own_hosts or now - self._paused_at.get(words, -SAME_PAUSE) >= SAME_PAUSE:
            self._say(words)
        self._paused_at[words] = now


class _StopAtOnce(BaseException):
    """The second Ctrl-C. Not an Exception, so that no `except Exception` catches it."""


PARALLEL_FROM = 4096
"""From this many targets on, several processes save more time than they take to start."""


def new_run(settings: ScanSettings, workers: int, hosts: int | None) -> OneProcess | SeveralProcesses:
    """Return the runner of a scan of this many hosts. Raises `InputError` for settings that cannot be used."""
    if workers > 1:
        try:
            return SeveralProcesses(settings, workers)
        except MachineError as error:
            note(f"one process, not {workers}: {error}")
    return OneProcess(settings, hosts)


def affordable(wanted: int) -> int:
    """Return how many workers fit the limit on open files, and note if fewer. Raises `MachineError` for none."""
    need_files(FILES_OF_A_LOOP + FILES_OF_A_WORKER)
    if wanted == 1:
        return 1
    allow_open_sockets(FILES_OF_A_WORKER * wanted)  # raises the limit
    workers = affordable_workers(wanted)
    if workers < wanted:
        note(
            f"{'1 worker' if workers == 1 else f'{workers} workers'}, not {wanted}: the limit on open files is too low"
        )
    return workers


def usable_workers(wanted: int | None, stream: TargetStream | LiveTargets, *, follows: bool = False) -> int:
    """Return the number of processes of a scan, with a note if it is not the number that the user gave.

    `follows`: this process logs every step.

    Names need one process: two names, or a name and an address, can be one host, and workers do not share state.
    """
    if follows:
        if wanted is not None and wanted > 1:
            note(f"one process, not {wanted}: `-vv` and `--trace` follow each step here")
        return 1
    if stream.has_names:
        if wanted is not None and wanted > 1:
            note(f"one process, not {wanted}: some targets are names, and two could be one address")
        return 1
    return wanted or (cores() if stream.total is not None and stream.total >= PARALLEL_FROM else 1)


def fit_to_limits(settings: ScanSettings, workers: int) -> tuple[ScanSettings, str | None]:
    """Raise the limit on open files as far as needed. Return settings that fit it, and a note on any change."""
    import msgspec

    wanted = settings.concurrency
    each = -(-wanted // workers)
    allowed = allow_open_sockets(each)
    if allowed >= each:
        return settings, None
    lowered = msgspec.structs.replace(settings, concurrency=allowed * workers)
    return lowered, f"concurrency lowered from {wanted:,} to {allowed * workers:,}: the limit on open files is too low"
