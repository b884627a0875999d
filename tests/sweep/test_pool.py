"""Several processes, one stream: every target once, whatever dies."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sshprobe.sweep.pool import Pool, PoolError
from sshprobe.sweep.worker import FLUSH_BYTES
from tests.sweep.crashing import CONCURRENCY, dies_at_once, squares


def pool_of(
    workers: int,
    *,
    window: int = 20,
    crash: int | None = None,
    crashed: Path | None = None,
    later: frozenset[int] = frozenset(),
    weight: int = 0,
) -> Pool[int, int]:
    return Pool(
        partial(squares, crash=crash, crashed=crashed, later=later, weight=weight),
        workers=workers,
        window=window,
        lost=lambda number: -number,
    )


def itself(number: int) -> int:
    return number


def test_every_target_gives_one_result() -> None:
    pool = pool_of(2)
    assert sorted(pool.run(iter(range(1000)), itself)) == [number**2 for number in range(1000)]
    assert (pool.progress.started, pool.progress.done, pool.progress.waiting) == (1000, 1000, 0)


def test_results_that_weigh_much_do_not_wait_for_more() -> None:
    batches = list(pool_of(2, window=200, weight=FLUSH_BYTES).batches(iter(range(1000)), itself))
    assert max(map(len, batches)) <= 2 * CONCURRENCY  # what the sweep of a worker has at once
    assert sum(map(len, batches)) == 1000


def test_nothing_to_do() -> None:
    assert list(pool_of(2).run(iter(()), itself)) == []


def test_what_is_put_off_comes_last_and_takes_no_room() -> None:
    later = frozenset(range(0, 100, 2))
    results = list(pool_of(1, window=10, later=later).run(iter(range(200)), itself))
    assert sorted(results) == [number**2 for number in range(200)]
    assert {number**2 for number in later} == set(results[-50:])


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost_or_given_twice() -> None:
    pool = pool_of(2)
    results = []
    for result in pool.run(iter(range(2000)), itself):
        results.append(result)
        if len(results) in (100, 700):
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
    assert sorted(results) == [number**2 for number in range(2000)]


def test_a_target_that_kills_once_is_done_again(tmp_path: Path) -> None:
    pool = pool_of(2, crash=77, crashed=tmp_path / "crashed")
    assert sorted(pool.run(iter(range(300)), itself)) == [number**2 for number in range(300)]


def test_a_target_that_always_kills_is_given_up_and_costs_its_neighbours_nothing() -> None:
    results = sorted(pool_of(2, window=1, crash=77).run(iter(range(100)), itself))
    assert results == sorted([-77, *(number**2 for number in range(100) if number != 77)])


def test_stop_ends_with_what_is_under_way() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    pool = pool_of(2)
    results = []
    for result in pool.run(endless(), itself):
        results.append(result)
        if len(results) == 50:
            pool.stop()
    assert 50 <= len(results) <= taken < 1000
    assert len(results) == len(set(results)) == pool.progress.done == pool.progress.started


def test_a_signal_may_say_stop_in_the_middle_of_a_batch() -> None:
    """Between two steps of Python it can come anywhere: here while targets are taken off the queue to be sent."""
    pool = pool_of(1)

    class Queue(deque[tuple[int, int]]):
        def popleft(self) -> tuple[int, int]:
            pool.stop()
            return super().popleft()

    pool._slots[0].pending = Queue()
    results = list(pool.run(iter(range(1000)), itself))
    assert len(results) == pool.progress.done == pool.progress.started <= 20


def test_targets_are_read_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    pool = pool_of(2)
    for seen, _ in enumerate(pool.run(endless(), itself)):
        assert taken <= seen + 2 * (20 + 64) + 64
        if seen == 500:
            break
    pool.kill()


def test_workers_that_cannot_live_are_said_so() -> None:
    pool: Pool[int, int] = Pool(dies_at_once, workers=1, window=10, lost=lambda number: -number)
    with pytest.raises(PoolError, match="exit code 7"):
        # each target is given up after three deaths; the pool itself gives up before it has gone through them all
        list(pool.run(iter(range(100_000)), itself))


def test_no_process_is_left() -> None:
    for _ in pool_of(2).run(iter(range(50)), itself):
        break
    assert all(not child.is_alive() for child in multiprocessing.active_children())


def test_who_is_slow_gets_fewer() -> None:
    """All but what a worker has in hand is done beside it, if it stands still."""
    pool = pool_of(2)
    slow, _ = multiprocessing.active_children()
    assert slow.pid is not None
    results = []
    for result in pool.run(iter(range(1000)), itself):
        results.append(result)
        if len(results) == 100:
            os.kill(slow.pid, signal.SIGSTOP)
        if len(results) == 1000 - 20:
            os.kill(slow.pid, signal.SIGCONT)
    assert sorted(results) == [number**2 for number in range(1000)]


@pytest.mark.parametrize("kill", [False, True])
def test_targets_of_one_claim_are_never_with_two_workers(kill: bool) -> None:
    def claim(number: int) -> int:
        return number % 5 if number % 2 else number

    pool = pool_of(3)
    results = []
    for batch in pool.batches(iter(range(2000)), claim):
        results += [result for _, result in batch]
        held = [
            {claim(number) for number in [*slot.under_way.values(), *dict(slot.pending).values()]}
            for slot in pool._slots
        ]
        assert sum(map(len, held)) == len(set().union(*held))
        if kill and len(results) > 1000:
            kill = False
            for child in multiprocessing.active_children():
                child.kill()
    assert sorted(results) == [number**2 for number in range(2000)]
    assert not pool._claims


def test_what_asks_all_processes_to_end_is_for_the_pool_to_judge() -> None:
    """A terminal sends SIGINT to all of a group, and systemd SIGTERM to all of a service."""
    pool = pool_of(2)
    before = {child.pid for child in multiprocessing.active_children()}
    results = []
    for result in pool.run(iter(range(1000)), itself):
        results.append(result)
        if len(results) in (100, 200):
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGTERM if len(results) == 100 else signal.SIGINT)
        if len(results) == 900:
            assert {child.pid for child in multiprocessing.active_children()} == before
    assert sorted(results) == [number**2 for number in range(1000)]


NEVER_RUN = """
from tests.sweep.test_pool import pool_of

pool = pool_of(2)
raise SystemExit(7)
"""


def test_a_pool_that_never_ran_holds_no_process_at_its_end() -> None:
    assert subprocess.run([sys.executable, "-c", NEVER_RUN], timeout=60).returncode == 7


def start_methods() -> list[str]:
    """How the workers that run were started: "fork" or "spawn"."""
    return sorted(str(getattr(child, "_start_method", None)) for child in multiprocessing.active_children())


SUCCESSORS = """
import multiprocessing
from tests.sweep.test_pool import itself, pool_of, start_methods

pool = pool_of(2)
results = []
assert start_methods() == ["fork", "fork"]
for result in pool.run(iter(range(1000)), itself):
    results.append(result)
    if len(results) == 100:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()
    if len(results) == 900:
        assert start_methods() == ["spawn", "spawn"]
assert sorted(results) == [number**2 for number in range(1000)]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are workers copies of this process")
def test_the_first_workers_are_copies_of_this_process_and_their_successors_new_ones() -> None:
    # In a process of its own: the test runner may have other threads.
    done = subprocess.run([sys.executable, "-c", SUCCESSORS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_beside_another_thread_no_worker_is_a_copy() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        pool = pool_of(2)
        assert start_methods() == ["spawn", "spawn"]
        assert sorted(pool.run(iter(range(100)), itself)) == [number**2 for number in range(100)]
    finally:
        ended.set()
        thread.join()


ORPHANS = """
import multiprocessing, sys
from tests.sweep.test_pool import itself, pool_of

pool = pool_of(3)
for number, result in enumerate(pool.run(iter(range(10**9)), itself)):
    if number == 100:
        print("running", flush=True)
"""


def test_workers_end_when_the_pool_is_killed() -> None:
    """Each sees the end of its pipe, of which no other may have a copy. All have this pipe as their standard output."""
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.kill()
        process.wait()
        ready, _, _ = select.select([process.stdout], [], [], 60)
        assert ready
        assert process.stdout.read() == b""  # the end, which comes when the last of them is gone
