"""Several sweeps read together: a target counts once, as it was seen last."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from sshprobe.cli import main
from sshprobe.records import HostRecord, Record, SweepRecord
from sshprobe.report.reading import read_records
from tests.sample_records import captured, failed

MONDAY, TUESDAY = "2026-11-16T03:00:00.000Z", "2026-11-17T03:00:00.000Z"


def host(name: str, day: str, **changes: object) -> HostRecord:
    return msgspec.structs.replace(captured("openssh-9.9p2"), host=name, target=name, started_at=day, **changes)


def header() -> bytes:
    return b'{"type":"sweep","schema":"1.0","tool":"sshprobe 0","arguments":[],"profiles":[],"started_at":"%s"}\n' % (
        MONDAY.encode()
    )


def lines(*hosts: HostRecord) -> bytes:
    return header() + b"".join(msgspec.json.encode(record) + b"\n" for record in hosts)


def read(tmp_path: Path, *files: bytes) -> tuple[list[tuple[str, str]], list[int]]:
    names = []
    for number, data in enumerate(files):
        names.append(str(tmp_path / f"{number}.jsonl"))
        Path(names[-1]).write_bytes(data)
    left_out: list[int] = []
    first: list[Record] = []
    found = list(read_records(names, first_pass=first.append, left_out=left_out.append))
    assert first == found
    hosts = [(record.host, record.started_at) for record in found if isinstance(record, HostRecord)]
    assert sum(isinstance(record, SweepRecord) for record in found) == b"".join(files).count(b'"type":"sweep"')
    return hosts, left_out


def test_the_same_file_twice_is_one_fleet(tmp_path: Path) -> None:
    monday = lines(host("a", MONDAY), host("b", MONDAY))
    assert read(tmp_path, monday, monday) == ([("a", MONDAY), ("b", MONDAY)], [2])


@pytest.mark.parametrize("order", [1, -1])
def test_the_latest_record_counts_whatever_the_order_of_the_files(order: int, tmp_path: Path) -> None:
    files = [lines(host("a", MONDAY), host("b", MONDAY)), lines(host("A", TUESDAY), host("c", TUESDAY))]
    hosts, left_out = read(tmp_path, *files[::order])
    assert sorted(hosts) == [("A", TUESDAY), ("b", MONDAY), ("c", TUESDAY)]
    assert left_out == [1]


def test_another_port_is_another_target(tmp_path: Path) -> None:
    files = lines(host("a", MONDAY)), lines(host("a", TUESDAY, port=2222))
    assert read(tmp_path, *files) == ([("a", MONDAY), ("a", TUESDAY)], [])


def test_all_addresses_of_a_name_count(tmp_path: Path) -> None:
    """One sweep has a record for each; it takes the place of all those of an earlier one."""
    both = [host("a", day, address=f"192.0.2.{last}") for day in (MONDAY, TUESDAY) for last in (1, 2)]
    assert read(tmp_path, lines(*both[:2])) == ([("a", MONDAY)] * 2, [])
    assert read(tmp_path, lines(*both[:2]), lines(*both[2:])) == ([("a", TUESDAY)] * 2, [2])
    assert read(tmp_path, lines(*both[:2]) + lines(*both[2:])) == ([("a", TUESDAY)] * 2, [2])


def test_a_host_that_is_down_today_is_down(tmp_path: Path) -> None:
    down = msgspec.structs.replace(failed("refused", "no", "a"), started_at=TUESDAY, port=22)
    assert read(tmp_path, lines(down), lines(host("a", MONDAY))) == ([("a", TUESDAY)], [1])


def test_report_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "monday.jsonl"
    path.write_bytes(lines(host("a", MONDAY), host("b", MONDAY)))
    assert main(["report", str(path), str(path)]) == 0
    said = capsys.readouterr()
    assert "2 targets" in said.out
    assert said.err == "note: 2 records are left out: a later one of the same target counts\n"
    assert main(["grade", str(path), str(path), "--format", "jsonl"]) == 0
    assert capsys.readouterr().out.count('"type":"host"') == 2


def test_standard_input_may_be_two_sweeps() -> None:
    data = io.BytesIO(lines(host("a", MONDAY)) + lines(host("a", TUESDAY)))
    hosts = [record for record in read_records(["-"], stdin=data) if isinstance(record, HostRecord)]
    assert [record.started_at for record in hosts] == [TUESDAY]
