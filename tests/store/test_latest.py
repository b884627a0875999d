"""Several scans read together: a target counts once, by its last informative record."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from sshprobe.cli import main
from sshprobe.grading import is_gradeable
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, Record, SweepRecord
from sshprobe.store.latest import LatestRecords, is_informative
from sshprobe.store.reading import read_records
from tests.grading.observations import modern
from tests.sample_records import WANTING, captured, failed

MONDAY, TUESDAY, WEDNESDAY = (f"2026-11-{day}T03:00:00.000Z" for day in (16, 17, 18))


def host(name: str, day: str, **changes: object) -> HostRecord:
    return msgspec.structs.replace(captured("openssh-9.9p2"), host=name, target=name, started_at=day, **changes)


def clean(name: str, day: str) -> HostRecord:
    """A server without findings under a profile."""
    good = HostRecord(**msgspec.structs.asdict(modern()))
    return msgspec.structs.replace(good, host=name, target=name, started_at=day)


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

    def several(latest: LatestRecords) -> None:
        left_out.extend([latest.left_out] if latest.left_out else [])

    found = list(read_records(names, first_pass=first.append, several=several))
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
    """A scan has a record per address, and they replace all those of an earlier scan."""
    both = [host("a", day, address=f"192.0.2.{last}") for day in (MONDAY, TUESDAY) for last in (1, 2)]
    assert read(tmp_path, lines(*both[:2])) == ([("a", MONDAY)] * 2, [])
    assert read(tmp_path, lines(*both[:2]), lines(*both[2:])) == ([("a", TUESDAY)] * 2, [2])
    assert read(tmp_path, lines(*both[:2]) + lines(*both[2:])) == ([("a", TUESDAY)] * 2, [2])


def test_a_host_that_is_down_today_is_down(tmp_path: Path) -> None:
    down = msgspec.structs.replace(failed("refused", "no", "a"), started_at=TUESDAY, port=22)
    assert read(tmp_path, lines(down), lines(host("a", MONDAY))) == ([("a", TUESDAY)], [1])


def silent(status: str, day: str, name: str = "a") -> HostRecord:
    return msgspec.structs.replace(failed(status, "no", name), started_at=day)


SILENT = ["timeout", "unreachable", "dns_error", "reset", "throttled", "protocol_error", "excluded", "partial"]


@pytest.mark.parametrize("status", SILENT)
def test_silence_replaces_no_informative_record(status: str, tmp_path: Path) -> None:
    """Findings on Monday and silence on Tuesday: the server is not fixed."""
    monday, tuesday = lines(host("a", MONDAY)), lines(silent(status, TUESDAY))
    for files in itertools.permutations([monday, tuesday]):
        assert read(tmp_path, *files) == ([("a", MONDAY)], [])
    # The later informative record counts; without one, the latest.
    for files in itertools.permutations([monday, tuesday, lines(host("a", WEDNESDAY))]):
        assert read(tmp_path, *files) == ([("a", WEDNESDAY)], [2])
    for files in itertools.permutations([monday, tuesday, lines(silent(status, WEDNESDAY))]):
        assert read(tmp_path, *files) == ([("a", MONDAY)], [1])
    for files in itertools.permutations([tuesday, lines(silent("timeout", WEDNESDAY))]):
        assert read(tmp_path, *files) == ([("a", WEDNESDAY)], [1])


def test_one_of_all_addresses_is_enough(tmp_path: Path) -> None:
    monday = [host("a", MONDAY, address=f"192.0.2.{last}") for last in (1, 2)]
    tuesday = [silent("timeout", TUESDAY), host("a", TUESDAY)]
    for of_tuesday in itertools.permutations(tuesday):
        assert read(tmp_path, lines(*monday), lines(*of_tuesday)) == ([("a", TUESDAY)] * 2, [2])


def test_informative_records_are_gradable_or_show_no_server() -> None:
    for status in get_args(Status):
        for lists in ({}, {"kex_algorithms": ["curve25519-sha256"]}):
            record = msgspec.structs.replace(failed(status, None), **lists)
            expected = is_gradeable(record) or status in ("refused", "not_ssh")
            assert is_informative(record) is expected, (status, lists)


def test_a_threshold_is_not_passed_by_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = lines(msgspec.structs.replace(host("a", MONDAY), mac_algorithms_client_to_server=["hmac-md5"]))

    def grade(*files: bytes) -> tuple[int, str]:
        names = [str(tmp_path / f"{number}.jsonl") for number in range(len(files))]
        for name, data in zip(names, files, strict=True):
            Path(name).write_bytes(data)
        code = main(["grade", *names, "--fail-on", "medium", "--format", "jsonl", "--profile", "mozilla-modern"])
        return code, capsys.readouterr().err

    said = "note: a:22 did not answer when it was last scanned: its record of 2026-11-16 counts\n"
    assert grade(bad, lines(silent("timeout", TUESDAY))) == (1, said)
    assert grade(bad, lines(silent("refused", TUESDAY))) == (
        3,
        "note: 1 record is left out: the same target has a later one\n",
    )
    two = lines(silent("timeout", TUESDAY), silent("timeout", TUESDAY, "2001:db8::1"))
    more = bad + lines(msgspec.structs.replace(host("2001:db8::1", "2026-11-15T00:00:00Z")))
    others = said.replace("a:22", "a:22 and 1 more").replace("it was", "they were")
    others = others.replace("its record of 2026-11-16 counts", "earlier records count, the oldest of 2026-11-15")
    assert grade(more, two)[1] == others

    # As for a server that cannot be judged in one scan: passing needs a judgement.
    good = lines(clean("a", MONDAY))
    assert grade(good, lines(silent("timeout", TUESDAY))) == (0, said)
    counts = "note: a:22 answered last time but could not be judged: `--fail-on` counts that\n"
    assert grade(good, lines(silent("throttled", TUESDAY))) == (1, said + counts)


def test_from_records_by_status_uses_the_last_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / name) for name in ("monday.jsonl", "tuesday.jsonl")]
    bad = msgspec.structs.replace(WANTING, grade="F")
    Path(names[0]).write_bytes(lines(msgspec.structs.replace(host("a", MONDAY), verdicts=[bad]), host("b", MONDAY)))
    Path(names[1]).write_bytes(lines(silent("timeout", TUESDAY), host("b", TUESDAY)))

    def count(*words: str) -> str:
        records = [word for name in names for word in ("--from-records", name)]
        main(["scan", "--count", *records, *words])
        return capsys.readouterr().out

    assert count("--status", "timeout") == "1\n"
    assert count("--status", "ok") == "1\n"
    assert count("--grade", "F") == "1\n"
    assert count() == "2\n"


def test_several_hosts_of_several_files_are_a_list_for_importers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records that do not count were once subtracted twice, so two hosts counted as one."""
    path = tmp_path / "monday.jsonl"
    path.write_bytes(lines(host("a", MONDAY), host("b", MONDAY)))
    assert main(["report", str(path), str(path), "--format", "ssh-audit"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_report_notes_superseded_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "monday.jsonl"
    path.write_bytes(lines(host("a", MONDAY), host("b", MONDAY)))
    assert main(["report", str(path), str(path)]) == 0
    said = capsys.readouterr()
    assert "2 targets" in said.out
    assert said.err == "note: 2 records are left out: the same target has a later one\n"
    assert main(["grade", str(path), str(path), "--format", "jsonl"]) == 0
    assert capsys.readouterr().out.count('"type":"host"') == 2


def test_standard_input_may_be_two_sweeps() -> None:
    data = io.BytesIO(lines(host("a", MONDAY)) + lines(host("a", TUESDAY)))
    hosts = [record for record in read_records(["-"], stdin=data) if isinstance(record, HostRecord)]
    assert [record.started_at for record in hosts] == [TUESDAY]
