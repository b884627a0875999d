"""A small soak: every host has one record, also with workers, and after a kill and a resume."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.soaking import EXPECTED, FIRST, HONEST, Sample, behaviour_of, behaviours, check_records, memory
from tests.installed import need_program

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes a host of every address of 127.0.0.0/8")
@pytest.mark.parametrize("run", ["two-workers", "killed"])
def test_a_small_soak(run: str) -> None:
    need_program("cc", "gcc libc6-dev")
    soak = [sys.executable, str(ROOT / "bench" / "soak"), "--hosts", "2000", "--only", run]
    scan = "--rate 0 -c 500 --timeout 5 --throttle-wait 1"
    done = subprocess.run([*soak, "--scan", scan], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stderr.count("killed with")) == (0, run == "killed"), done.stdout + done.stderr
    assert "| 2,000     | 200 " in done.stdout


Lines = list[dict[str, object]]


def lines(hosts: int) -> Lines:
    """Return correct records of `hosts` hosts, each at the index of its number; the first is 1."""
    names = behaviours()
    records: Lines = [{"type": "sweep"}]
    statuses: dict[str, int] = {}
    for number in range(hosts):
        status, words = EXPECTED.get(behaviour_of(int(FIRST) + number, names), ("ok", ""))
        verdicts = [{"grade": "F", "compliant": False}] if status in ("ok", "ssh1_only") else []
        error = None if status == "ok" else f"{words}, we say"
        host = str(FIRST + number)
        records.append({"type": "host", "host": host, "status": status, "error": error, "verdicts": verdicts})
        statuses[status] = statuses.get(status, 0) + 1
    return [*records, {"type": "summary", "hosts": hosts, "statuses": statuses}]


def written(records: Lines, tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


def test_correct_records_pass_the_check(tmp_path: Path) -> None:
    found = check_records(written(lines(250), tmp_path), 250)
    assert found.wrong == []
    assert found.behaviours == {HONEST: 225, **dict.fromkeys(EXPECTED, 1)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda records: records.pop(17), "1 hosts have no record"),
        (lambda records: records.insert(17, records[18]), "1 more than one"),
        (lambda records: records.pop(), "['sweep']"),
        (lambda records: records.append(records.pop(4)), "the last record is 'host'"),
        (lambda records: records[17].update(host="127.17.0.1"), "was not asked for"),
        (lambda records: records[17].update(status="timeout", error="no answer"), "timeout, 'no answer'"),
        (lambda records: records[17].update(verdicts=[]), "0 verdicts"),
        (lambda records: records[9].update(error="another"), "'another'"),
        (lambda records: records[-1].update(hosts=249), "counts 249 hosts"),
    ],
)
def test_wrong_records_fail_the_check(change: Callable[[Lines], object], words: str, tmp_path: Path) -> None:
    records = lines(250)
    change(records)
    assert words in " / ".join(check_records(written(records, tmp_path), 250).wrong)


def test_a_compliant_hostile_host_fails_the_check(tmp_path: Path) -> None:
    names = behaviours()
    number = next(n for n in range(250) if behaviour_of(int(FIRST) + n, names) == "names and software of its own")
    records = lines(250)
    records[number + 1]["verdicts"] = [{"grade": "A", "compliant": True}]
    assert "compliant" in check_records(written(records, tmp_path), 250).wrong[0]


@pytest.mark.parametrize(("late", "flat"), [(68.0, True), (69.0, False)])
def test_growing_memory_is_not_flat(late: float, flat: bool) -> None:
    samples = [
        Sample(0, 20),
        Sample(150, 80),
        Sample(300, 49),
        Sample(399, 48),
        Sample(500, 90),
        Sample(950, late),
        Sample(1000, 40),
    ]
    assert memory(samples, 1000).flat is flat
