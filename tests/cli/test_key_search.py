"""Many RSA keys are shared among processes, and oversized ones skip the search for shared primes."""

import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sshprobe.cli import key_search
from sshprobe.cli.key_search import search_in_processes
from sshprobe.grading import FleetFacts
from sshprobe.grading.fleet import comparison
from sshprobe.grading.fleet.comparison import Test
from sshprobe.grading.keys.batch_gcd import shared_factors
from sshprobe.grading.keys.primes import has_small_factor
from sshprobe.render.text.fleet_phrases import key_sentences
from sshprobe.views.summary import SummaryBuilder
from tests.cli.test_cli_commands import sshprobe, write
from tests.cli.test_cli_report import with_keys
from tests.grading.rsa_keys import rsa_host_key

MODULI = [number.to_bytes(2, "big") for number in range(1000)]
_TESTER = os.getpid()


def _is_odd(number: int) -> bool:
    return number % 2 == 1


def _dies_elsewhere(number: int) -> bool:
    if number == 500 and os.getpid() != _TESTER:
        os.kill(os.getpid(), signal.SIGKILL)
    return number % 2 == 1


@pytest.mark.parametrize("test", [_is_odd, _dies_elsewhere])
def test_each_key_is_tested_once_even_if_a_process_dies(test: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # pytest-xdist has one more
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    steps: list[tuple[int, int]] = []
    found = search_in_processes(MODULI, test, lambda done, total: steps.append((done, total)))
    assert found == {modulus for modulus in MODULI if modulus[1] % 2}
    assert steps[-1] == (1000, 1000)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_few_keys_are_tested_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", None)
    assert len(search_in_processes(MODULI[: key_search.FEW], _is_odd)) == key_search.FEW // 2


def test_without_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fork() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr(os, "fork", no_fork)
    assert len(search_in_processes(MODULI, _is_odd)) == 500


def _long(bits: int) -> int:
    n = random.Random(bits).getrandbits(bits) | 1 | 1 << (bits - 1)
    while has_small_factor(n):
        n += 2
    return n


def test_keys_that_no_software_makes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []

    def search(moduli: Sequence[int]) -> dict[int, list[int]]:
        searched.extend(moduli)
        return shared_factors(moduli)

    monkeypatch.setattr(comparison, "shared_factors", search)
    facts = FleetFacts()
    for number, bits in enumerate((270_000, 16_385, 16_384, 2048)):
        facts.add(with_keys(f"192.0.2.{number}", rsa_host_key(_long(bits))))
    report = facts.report(thorough=False)
    assert sorted(n.bit_length() for n in searched) == [2048, 16_384]
    assert report.moduli_left_out == 2
    summary = SummaryBuilder().build(duration_ms=1, fleet=report)
    assert summary.moduli_left_out == 2
    assert "2 RSA keys of over 16,384 bits were left out of the search for shared primes." in key_sentences(summary)


def test_a_report_counts_untested_keys(tmp_path: Path) -> None:
    write(tmp_path / "saved.jsonl", [with_keys("192.0.2.1", rsa_host_key(_long(20_000)))])
    for command in ("grade", "report"):
        run = sshprobe(command, "saved.jsonl", "-v", cwd=tmp_path)
        assert run.returncode == 0
    assert "1 RSA key of over 16,384 bits was left out" in " ".join(run.stdout.decode().split())
