"""Tests many RSA keys in several processes: 5,000 keys take minutes in one."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

from sshprobe.grading.fleet.comparison import Test, factored_moduli
from sshprobe.platform.signals import ignore
from sshprobe.platform.system import cores, may_fork

FEW = 64
"""Up to this many keys are tested in this process: starting another takes as long."""

_AT_ONCE = 8
"""Keys between two messages of a process."""

OnTested = Callable[[int, int], None]
"""Called with the number of keys tested so far and the number of all keys."""


def search_in_processes(
    moduli: Sequence[bytes], test: Test, on_tested: OnTested = lambda done, total: None
) -> set[bytes]:
    """Return the moduli that `test` factors, like `factored_moduli`, with one process per core.

    This process tests the share of a process that died or could not be started.
    """
    number = cores()
    if len(moduli) <= FEW or number < 2 or not may_fork():
        return _search_here(moduli, test, on_tested, len(moduli))
    shares = [list(moduli[first::number]) for first in range(number)]
    found: set[bytes] = set()
    left: dict[Connection, list[bytes]] = {}
    processes = []
    context = multiprocessing.get_context("fork")
    rest: list[bytes] = []
    try:
        for share in shares:
            try:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, share, test), daemon=True)
                process.start()
            except OSError:  # none left, or no memory for one
                rest += share
                continue
            theirs.close()
            processes.append(process)
            left[ours] = share
        while left:
            for source in wait(list(left)):
                assert isinstance(source, Connection)
                try:
                    number, passed = source.recv()
                except (EOFError, OSError):  # it has ended or was killed
                    rest += left.pop(source)
                    source.close()
                    continue
                left[source] = left[source][number:]
                found |= passed
                on_tested(len(moduli) - sum(map(len, left.values())) - len(rest), len(moduli))
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return found | _search_here(rest, test, on_tested, len(moduli))


def _search_here(moduli: Sequence[bytes], test: Test, on_tested: OnTested, total: int) -> set[bytes]:
    found: set[bytes] = set()
    for start in range(0, len(moduli), _AT_ONCE):
        found |= factored_moduli(moduli[start : start + _AT_ONCE], test)
        on_tested(total - len(moduli) + min(start + _AT_ONCE, len(moduli)), total)
    return found


def _work(results: Connection, moduli: list[bytes], test: Test) -> None:
    ignore([signal.SIGINT])  # the parent ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for start in range(0, len(moduli), _AT_ONCE):
        some = moduli[start : start + _AT_ONCE]
        results.send((len(some), factored_moduli(some, test)))
