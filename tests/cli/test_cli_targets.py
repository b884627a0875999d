"""Options that choose targets: the count, the order, inventories, hosts of an earlier scan."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from sshprobe.cli.options import targets as target_options
from sshprobe.cli.run import usable_workers
from sshprobe.model.observation import Status
from sshprobe.model.records import Record, SummaryRecord
from sshprobe.model.verdict import GRADES, Grade
from sshprobe.platform.system import cores
from sshprobe.targets import parse_targets
from sshprobe.targets.inventories import FORMATS
from tests.cli.test_cli_commands import sshprobe
from tests.sample_records import CLEAN, HEADER, captured, failed, judged

SUMMARY = SummaryRecord(
    hosts=1, statuses={}, grades={}, compliant={}, shared_host_keys=[], connections=0, duration_ms=0
)


def test_choices_equal_those_of_the_packages() -> None:
    assert target_options._INVENTORY_FORMATS == FORMATS
    assert get_args(Status) == target_options._STATUSES
    assert target_options._GRADES == GRADES == get_args(Grade)


def count(*arguments: str, cwd: Path, stdin: bytes = b"") -> int:
    run = sshprobe("scan", "--count", *arguments, cwd=cwd, stdin=stdin)
    assert (run.returncode, run.stderr) == (0, b"")
    return int(run.stdout)


def test_count(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web1\nweb2:2222\n10.0.0.5\n")
    (tmp_path / "out").write_text("10.0.0.128/25\nWEB1\n")
    for arguments, number in (
        (("10.0.0.0/8",), 2**24 - 2),
        (("10.0.0.0/24", "-f", "hosts"), 256),
        (("10.0.0.0/24", "-f", "hosts", "-p", "22,2222,8000-8010"), 13 * 255 + 1),
        (("10.0.0.0/24", "-f", "hosts", "--exclude-file", "out"), 128),
        (("10.0.1-5.*", "--exclude", "10.0.3.*"), 4 * 256),
        (("10.0.0.1", "--exclude", "10.0.0.1"), 0),
        (("2001:db8::/32", "-p", "1-65535", "--seed", "1"), 2**96 * 65535),
    ):
        assert count(*arguments, cwd=tmp_path) == number, arguments
    assert count("-f", "/dev/stdin", cwd=tmp_path, stdin=b"192.0.2.1\n192.0.2.1\n192.0.2.0/30\n") == 2


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port without a listener during the test."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def hosts_of(output: bytes) -> list[str]:
    return [record["host"] for record in map(json.loads, output.splitlines()) if record["type"] == "host"]


def test_a_large_scan_requires_yes(tmp_path: Path, closed_port: int) -> None:
    words = ("127.0.0.1", "10.0.0.0/15", "-p", str(closed_port), "--format", "jsonl")
    run = sshprobe("scan", *words, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr == b"error: 131,071 targets are more than 65,536: add `--yes` to scan them\n"
    # Exclusions do not count, and standard input is not read.
    run = sshprobe("scan", *words, "--exclude", "10.0.0.0/8", "--count", cwd=tmp_path)
    assert run.stdout == b"1\n"
    run = sshprobe("scan", "127.0.0.1-3", "-p", str(closed_port), "--format", "jsonl", "--yes", cwd=tmp_path)
    assert len(hosts_of(run.stdout)) == 3


def test_the_seed_in_the_header_repeats_the_order(tmp_path: Path, closed_port: int) -> None:
    words = ("127.0.0.1-40", "-p", str(closed_port), "-c", "1", "--format", "jsonl", "--no-progress")
    first = sshprobe("scan", *words, cwd=tmp_path).stdout
    seed = json.loads(first.splitlines()[0])["seed"]
    assert 0 <= seed < 2**32
    again = sshprobe("scan", *words, "--seed", str(seed), cwd=tmp_path).stdout
    other = sshprobe("scan", *words, "--seed", str(seed + 1), cwd=tmp_path).stdout
    assert json.loads(again.splitlines()[0])["seed"] == seed
    assert hosts_of(first) == hosts_of(again) != hosts_of(other)
    assert sorted(hosts_of(first)) == sorted(hosts_of(other)) != hosts_of(first)
    (tmp_path / "saved.jsonl").write_bytes(first)
    graded = sshprobe("grade", "saved.jsonl", "--format", "jsonl", cwd=tmp_path).stdout
    assert json.loads(graded.splitlines()[0])["seed"] == seed


def test_inventories_count_skipped_entries(tmp_path: Path, closed_port: int) -> None:
    (tmp_path / "known_hosts").write_text(
        f"[127.0.0.2]:{closed_port},*.example ssh-ed25519 AAAA\n|1|a|b ssh-rsa AAAA\n"
    )
    (tmp_path / "masscan").write_text(
        f"#masscan\nopen tcp {closed_port} 127.0.0.3 17\nopen tcp {closed_port} 127.0.0.9 1\n"
    )
    run = sshprobe(
        *("scan", "--inventory", "known_hosts", "--inventory", "masscan", "--exclude", "127.0.0.9"),
        *("--format", "jsonl", "--no-progress"),
        cwd=tmp_path,
    )
    assert run.stderr.decode().splitlines() == [
        "note: known_hosts: 1 left out: patterns, which are not hosts",
        "note: known_hosts: 1 left out: hashed host names, which cannot be read",
    ]
    records = [record for record in map(json.loads, run.stdout.splitlines()) if record["type"] == "host"]
    assert sorted((record["target"], record["status"]) for record in records) == [
        (f"127.0.0.2:{closed_port}", "refused"),
        (f"127.0.0.3:{closed_port}", "refused"),
        (f"127.0.0.9:{closed_port}", "excluded"),
    ]
    assert count("--inventory", "masscan", "--inventory", "-", cwd=tmp_path, stdin=b"192.0.2.1\n") == 3
    # A given format is not checked.
    (tmp_path / "odd").write_text("Host\n")
    run = sshprobe("scan", "--inventory", "odd", "--inventory-format", "ssh-config", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, b"error: odd:1: `host` has no argument\n")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    bad = msgspec.structs.replace(CLEAN, grade="F")
    hosts: list[Record] = [
        HEADER,
        judged(captured("openssh-9.9p2", "192.0.2.1"), CLEAN),
        judged(captured("openssh-5.3p1", "192.0.2.2"), bad),
        judged(captured("openssh-6.7p1", "192.0.2.3", "old.example.org"), CLEAN, bad),
        msgspec.structs.replace(failed("timeout", "no answer"), host="192.0.2.4", target="192.0.2.0/24", port=2222),
        msgspec.structs.replace(failed("refused", "refused"), host="192.0.2.5"),
    ]
    (tmp_path / "saved.jsonl").write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in hosts))
    return tmp_path


def test_from_records(records: Path) -> None:
    for arguments, number in (
        ((), 5),
        (("--status", "timeout"), 1),
        (("--status", "timeout", "--status", "refused"), 2),
        (("--grade", "F"), 2),
        (("--grade", CLEAN.grade), 2),
        (("--grade", "F", "--status", "ok"), 2),
        (("192.0.2.0/24",), 256),  # one host has a name, another one another port
        (("--exclude", "192.0.2.0/24"), 1),
    ):
        assert count("--from-records", "saved.jsonl", *arguments, "-p", "22", cwd=records) == number, arguments
    assert count("--from-records", "-", cwd=records, stdin=(records / "saved.jsonl").read_bytes()) == 5
    run = sshprobe("scan", "--from-records", "saved.jsonl", "--status", "reset", cwd=records)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr == b"error: saved.jsonl: no target: none of 5 hosts in the records has that status or grade\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "0xcafe"}, '"0xcafe" is not an IPv4 address, which has four numbers'),
        ({"host": "web 1"}, '"web 1" is not a host name: '),
        ({"host": ""}, '"" is not a host: '),
        ({"host": "0.0.0.0", "target": "0.0.0.0"}, '"0.0.0.0" is not a host: it is the unspecified address'),
        ({"port": 70_000}, '"70000" is not a port: ports are 1 to 65535'),
    ],
)
def test_a_bad_target_in_records_is_named_with_its_line(records: Path, change: dict[str, Any], words: str) -> None:
    whole = (records / "saved.jsonl").read_bytes()
    broken = msgspec.structs.replace(failed("refused", "refused"), **change)
    (records / "more.jsonl").write_bytes(b"\n" + msgspec.json.encode(HEADER) + b"\n" + msgspec.json.encode(broken))
    for files, options, place in (
        (["more.jsonl"], [], "more.jsonl:3: "),
        (["saved.jsonl", "more.jsonl"], ["--status", "refused"], "more.jsonl:3: "),
        (["-"], [], f"standard input:{len(whole.splitlines()) + 1}: "),
    ):
        arguments = [word for file in files for word in ("--from-records", file)]
        stdin = whole + msgspec.json.encode(broken)
        run = sshprobe("scan", "--count", *arguments, *options, cwd=records, stdin=stdin)
        assert (run.returncode, run.stdout) == (2, b"")
        assert run.stderr.decode().splitlines()[-1].startswith(f"error: {place}{words}")
    document = {"sweep": HEADER, "hosts": [broken], "summary": SUMMARY}
    (records / "whole.json").write_bytes(msgspec.json.encode(document))
    run = sshprobe("scan", "--count", "--from-records", "whole.json", cwd=records)
    assert run.stderr.decode().startswith(f"error: whole.json: {words}")


def test_hosts_of_records_keep_the_user_s_names(tmp_path: Path, closed_port: int) -> None:
    first = sshprobe("scan", f"127.0.0.0/30:{closed_port}", "--format", "jsonl", "-o", "a.jsonl", cwd=tmp_path)
    assert first.returncode == 3
    run = sshprobe("scan", "--from-records", "a.jsonl", "--format", "jsonl", cwd=tmp_path)
    again = [record for record in map(json.loads, run.stdout.splitlines()) if record["type"] == "host"]
    assert {(record["target"], record["host"], record["port"]) for record in again} == {
        (f"127.0.0.0/30:{closed_port}", f"127.0.0.{last}", closed_port) for last in (1, 2)
    }


def test_the_help_names_every_format(tmp_path: Path) -> None:
    run = sshprobe("scan", "--help", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, b"")
    for name in FORMATS:
        assert name in run.stdout.decode()


def test_names_are_scanned_by_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Two workers do not know that two names, or a name and an address, are one address."""
    networks = ["10.0.0.0/16", "2001:db8::/112"]
    assert usable_workers(None, parse_targets(networks)) == cores()
    assert usable_workers(None, parse_targets(["10.0.0.0/24"])) == 1
    assert usable_workers(3, parse_targets(["10.0.0.0/24"])) == 3
    for name in ("web1.example.org", "web1.example.org:2222"):
        assert usable_workers(None, parse_targets([*networks, name])) == 1
    assert capsys.readouterr().err == ""
    assert usable_workers(1, parse_targets(["web1"])) == 1
    assert usable_workers(2, parse_targets(["10.0.0.1", "web1"])) == 1
    said = "one process, not 2: some targets are names, and two could be one address"
    assert capsys.readouterr().err == f"note: {said}\n"
