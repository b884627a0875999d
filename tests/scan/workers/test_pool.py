"""Several processes and one stream: every target once, even if processes die."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sshprobe.scan.workers.pool import Pool, PoolError, exclusive_key
from sshprobe.scan.workers.worker import FLUSH_BYTES
from sshprobe.targets import Target
from tests.scan.workers.crashing import (
    CONCURRENCY,
    GARBAGE,
    SETTINGS,
    dies_at_once,
    raises,
    result,
    sends_garbage_once,
    squares,
)


def pool_of(
    workers: int,
    *,
    window: int = 20,
    crash: int | None = None,
    crashed: Path | None = None,
    later: frozenset[int] = frozenset(),
    size: int = 0,
) -> Pool:
    return pool_with(
        partial(squares, crash=crash, crashed=crashed, later=later, size=size), workers=workers, window=window
    )


def pool_with(serve: Callable[[socket.socket], None], *, workers: int = 1, window: int = 10, **more: Any) -> Pool:
    return Pool(
        serve, SETTINGS, workers=workers, window=window, lost=lambda target: result(target, -target.port), **more
    )


def batches(pool: Pool, numbers: Iterable[int], host: Callable[[int], object] = int) -> Iterator[list[int]]:
    """Return the received numbers. `host` gives the host of each target."""
    targets = (Target(str(number), f"host{host(number)}", number) for number in numbers)
    for batch in pool.batches(targets):
        yield [int(each.line()) for each in batch.results]


def run(pool: Pool, numbers: Iterable[int]) -> Iterator[int]:
    for batch in batches(pool, numbers):
        yield from batch


def test_every_target_gives_one_result() -> None:
    pool = pool_of(2)
    assert sorted(run(pool, iter(range(1000)))) == [number**2 for number in range(1000)]
    assert (pool.progress.started, pool.progress.done, pool.progress.waiting) == (1000, 1000, 0)


def test_large_results_do_not_wait_for_more() -> None:
    found = list(batches(pool_of(2, window=200, size=FLUSH_BYTES // 2), range(1000)))
    assert max(map(len, found)) <= 2 * CONCURRENCY  # targets of a worker at once
    assert sum(map(len, found)) == 1000


def test_nothing_to_do() -> None:
    assert list(run(pool_of(2), iter(()))) == []


def test_deferred_targets_come_last_and_use_no_slot() -> None:
    later = frozenset(range(0, 100, 2))
    results = list(run(pool_of(1, window=10, later=later), iter(range(200))))
    assert sorted(results) == [number**2 for number in range(200)]
    assert {number**2 for number in later} == set(results[-50:])


def test_a_killed_worker_loses_and_repeats_nothing() -> None:
    pool = pool_of(2)
    results = []
    for each in run(pool, iter(range(2000))):
        results.append(each)
        if len(results) in (100, 700):
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
    assert sorted(results) == [number**2 for number in range(2000)]


def test_a_target_that_kills_once_is_done_again(tmp_path: Path) -> None:
    pool = pool_of(2, crash=77, crashed=tmp_path / "crashed")
    assert sorted(run(pool, iter(range(300)))) == [number**2 for number in range(300)]


def test_a_deadly_target_is_abandoned_alone() -> None:
    results = sorted(run(pool_of(2, window=1, crash=77), iter(range(100))))
    assert results == sorted([-77, *(number**2 for number in range(100) if number != 77)])


def test_stop_finishes_running_targets() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    pool = pool_of(2)
    results = []
    for each in run(pool, endless()):
        results.append(each)
        if len(results) == 50:
            pool.stop()
    assert 50 <= len(results) <= taken < 1000
    assert len(results) == len(set(results)) == pool.progress.done == pool.progress.started


def test_a_signal_may_stop_the_pool_in_the_middle_of_a_batch() -> None:
    """A signal can arrive between any two steps of Python: here while targets leave the queue."""
    pool = pool_of(1)

    class Queue(deque[tuple[int, Target]]):
        def popleft(self) -> tuple[int, Target]:
            pool.stop()
            return super().popleft()

    pool._slots[0].pending = Queue()
    results = list(run(pool, iter(range(1000))))
    assert len(results) == pool.progress.done == pool.progress.started <= 20


def test_targets_are_read_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    pool = pool_of(2)
    for seen, _ in enumerate(run(pool, endless())):
        assert taken <= seen + 2 * (20 + 64) + 64
        if seen == 500:
            break
    pool.kill()


def test_workers_that_keep_dying_are_reported() -> None:
    pool = pool_with(dies_at_once)
    with pytest.raises(PoolError, match="exit code 7"):
        # each target is abandoned after three deaths; the pool gives up before it has tried all
        list(run(pool, iter(range(100_000))))


@pytest.mark.parametrize(
    ("what", "lives"),
    [*((what, False) for what in GARBAGE), *((what, True) for what in GARBAGE if what != "half a frame")],
)
def test_a_worker_that_sends_garbage_is_replaced(what: str, lives: bool, tmp_path: Path) -> None:
    pool = pool_with(partial(sends_garbage_once, what=what, sent=tmp_path / "sent", lives=lives))
    assert sorted(run(pool, range(50))) == [number**2 for number in range(50)]
    assert (tmp_path / "sent").exists()


def test_the_error_of_a_worker_is_noted() -> None:
    noted: list[str] = []
    with pytest.raises(PoolError, match="exit code 1"):
        list(run(pool_with(raises, note=noted.append), range(100)))
    assert set(noted) == {noted[0]}
    assert noted[0].startswith("a worker ends: internal error in workers/")
    assert "ValueError: of ours" in noted[0]


def test_no_process_is_left() -> None:
    for _ in run(pool_of(2), iter(range(50))):
        break
    assert all(not child.is_alive() for child in multiprocessing.active_children())


def test_a_slow_worker_gets_fewer_targets() -> None:
    """If one worker stands still, another does everything except the targets of the first."""
    pool = pool_of(2)
    slow, _ = multiprocessing.active_children()
    assert slow.pid is not None
    results = []
    for each in run(pool, iter(range(1000))):
        results.append(each)
        if len(results) == 100:
            os.kill(slow.pid, signal.SIGSTOP)
        if len(results) == 1000 - 20:
            os.kill(slow.pid, signal.SIGCONT)
    assert sorted(results) == [number**2 for number in range(1000)]


@pytest.mark.parametrize("kill", [False, True])
def test_targets_of_one_host_are_never_with_two_workers(kill: bool) -> None:
    def host(number: int) -> int:
        return number % 5 if number % 2 else number

    pool = pool_of(3)
    results = []
    for batch in batches(pool, range(2000), host):
        results += batch
        held = [
            {exclusive_key(target) for target in [*slot.under_way.values(), *dict(slot.pending).values()]}
            for slot in pool._slots
        ]
        assert sum(map(len, held)) == len(set().union(*held))
        if kill and len(results) > 1000:
            kill = False
            for child in multiprocessing.active_children():
                child.kill()
    assert sorted(results) == [number**2 for number in range(2000)]
    assert not pool._claims


def test_a_signal_to_all_processes_is_handled_by_the_pool() -> None:
    """A terminal sends SIGINT to a process group, and systemd sends SIGTERM to all processes of a service."""
    pool = pool_of(2)
    before = {child.pid for child in multiprocessing.active_children()}
    results = []
    for each in run(pool, iter(range(1000))):
        results.append(each)
        if len(results) in (100, 200):
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGTERM if len(results) == 100 else signal.SIGINT)
        if len(results) == 900:
            assert {child.pid for child in multiprocessing.active_children()} == before
    assert sorted(results) == [number**2 for number in range(1000)]


NEVER_RUN = """
from tests.scan.workers.test_pool import pool_of

pool = pool_of(2)
raise SystemExit(7)
"""


def test_a_pool_that_never_ran_holds_no_process_at_its_end() -> None:
    assert subprocess.run([sys.executable, "-c", NEVER_RUN], timeout=60).returncode == 7


def start_methods() -> list[str]:
    """Return how the running workers were started: "fork" or "spawn"."""
    return sorted(str(getattr(child, "_start_method", None)) for child in multiprocessing.active_children())


SUCCESSORS = """
import multiprocessing
from tests.scan.workers.test_pool import pool_of, run, start_methods

pool = pool_of(2)
results = []
assert start_methods() == ["fork", "fork"]
for each in run(pool, iter(range(1000))):
    results.append(each)
    if len(results) == 100:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
    if len(results) == 900:
        assert start_methods() == ["spawn", "spawn"]
assert sorted(results) == [number**2 for number in range(1000)]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are workers copies of this process")
def test_first_workers_are_forked_and_replacements_started() -> None:
    # In a process of its own: the test runner may have other threads.
    done = subprocess.run([sys.executable, "-c", SUCCESSORS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_workers_are_not_forked_beside_another_thread() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        pool = pool_of(2)
        assert start_methods() == ["spawn", "spawn"]
        assert sorted(run(pool, iter(range(100)))) == [number**2 for number in range(100)]
    finally:
        ended.set()
        thread.join()


ORPHANS = """
import multiprocessing, sys
from tests.scan.workers.test_pool import pool_of, run

pool = pool_of(3)
for number, result in enumerate(run(pool, iter(range(10**9)))):
    if number == 100:
        print("running", flush=True)
"""


def test_workers_end_when_the_pool_is_killed() -> None:
    """Each worker sees the end of its own pipe, so no other process may have a copy. All share this standard output."""
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.kill()
        process.wait()
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready
        assert process.stdout.read() == b""  # the end of the pipe, after the last worker exits
