"""`grade` and `report` for chosen hosts, the worst first."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from sshprobe.cli.saved_sweeps import WorkLine
from sshprobe.model.records import HostRecord
from tests.cli.test_cli_commands import sshprobe, write
from tests.sample_records import captured, failed

HOSTS = 24
SHA1 = "hmac-sha1"


def host(address: str, *, sha1: bool = False, weak: tuple[str, ...] = ()) -> HostRecord:
    record = captured("openssh-debian12-9.2p1", address)
    macs = ["hmac-sha2-256-etm@openssh.com", *([SHA1] if sha1 else [])]
    return msgspec.structs.replace(
        record,
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
        kex_algorithms=["curve25519-sha256", "kex-strict-s-v00@openssh.com", *weak],
        server_host_key_algorithms=["ssh-ed25519"],
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    hosts = [host(f"192.0.2.{number}", sha1=number % 2 == 0) for number in range(HOSTS)]
    write(tmp_path / "saved.jsonl", [*hosts, host("2001:db8::7"), failed("timeout", "no answer")])
    return tmp_path


def hosts_of(output: bytes) -> set[str]:
    table, _, _ = output.decode().partition("\n\n")
    return {line.split()[0] for line in table.splitlines()[1:] if line.startswith(("192.", "[2001"))}


def test_one_command_lists_every_host_with_sha1(saved: Path) -> None:
    expected = {f"192.0.2.{number}:22" for number in range(0, HOSTS, 2)}
    for arguments in (["--weakness", "sha1"], ["--offers", SHA1], ["--offers", SHA1, "--weakness", "sha1"]):
        run = sshprobe("report", "saved.jsonl", *arguments, cwd=saved)
        assert (run.returncode, run.stderr) == (0, b"")
        assert hosts_of(run.stdout) == expected
        assert f"{HOSTS // 2} targets, {HOSTS // 2} SSH servers" in run.stdout.decode()
    run = sshprobe("report", "saved.jsonl", "--offers", SHA1, "--by", "algorithm", cwd=saved)
    assert all(place in run.stdout.decode() for place in expected)


def test_a_table_of_chosen_hosts_has_no_empty_columns(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", [host("192.0.2.1", sha1=True), failed("timeout", "no answer")])
    offers = sshprobe("report", "one.jsonl", "--offers", SHA1, cwd=tmp_path).stdout.decode().splitlines()
    assert offers[0].split() == ["host", "answer"]
    assert offers[1].split("  ")[-1] == "OpenSSH 9.2p1 (Debian 12)"
    silent = sshprobe("report", "one.jsonl", "--status", "timeout", cwd=tmp_path).stdout.decode().splitlines()
    assert [line.split()[-1] for line in silent[:2]] == ["answer", "timeout"]
    weak = sshprobe("report", "one.jsonl", "--weakness", "sha1", cwd=tmp_path).stdout.decode().splitlines()
    assert weak[0].split() == ["host", "severity", "finding", "algorithm"]
    assert weak[1].split()[1:] == ["low", "mac.weak", SHA1]  # the offer is named once


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (["--host", "192.0.2.1"], 1),
        (["--host", "192.0.2.1", "--host", "192.0.2.2:22"], 2),
        (["--host", "192.0.2.0/30"], 4),
        (["--host", "192.0.2.*"], HOSTS + 1),
        (["--host", "2001:db8::7"], 1),
        (["--host", "[2001:db8::7]:22"], 1),
        (["--status", "ok"], HOSTS + 1),
        (["--status", "timeout"], 1),
        (["--status", "timeout", "--status", "ok"], HOSTS + 2),
        (["--status", "ok", "--host", "192.0.2.0/30", "--weakness", "sha1"], 2),
        (["--weakness", "terrapin"], 0),
        (["--offers", "curve25519-sha256@libssh.org"], HOSTS + 1),
        (["--offers", "ssh-dss"], 0),
        (["--offers", "ssh-dss", "--offers", SHA1], HOSTS // 2),
    ],
)
def test_a_filter(arguments: list[str], number: int, saved: Path) -> None:
    for command in ("report", "grade"):
        run = sshprobe(command, "saved.jsonl", *arguments, "--format", "json", cwd=saved)
        assert run.stderr == b""
        assert json.loads(run.stdout)["summary"]["hosts"] == number


def test_of_a_verdict(saved: Path) -> None:
    assert sshprobe("grade", "saved.jsonl", "-o", "graded.jsonl", cwd=saved).returncode == 0
    lines = [json.loads(line) for line in (saved / "graded.jsonl").read_text().splitlines()]
    graded = [each for each in lines if each["type"] == "host" and each["verdicts"]]
    letters = {each["verdicts"][0]["grade"] for each in graded}
    ids = {finding["id"] for each in graded for finding in each["verdicts"][0]["findings"]}
    for option, values in (("--grade", letters), ("--finding", ids)):
        for value in values:
            run = sshprobe("report", "graded.jsonl", option, value, "--format", "json", cwd=saved)
            again = sshprobe("grade", "saved.jsonl", option, value, "--format", "json", cwd=saved)
            numbers = {json.loads(each.stdout)["summary"]["hosts"] for each in (run, again)}
            assert len(numbers) == 1
            assert 0 < numbers.pop() <= HOSTS + 1


@pytest.mark.parametrize(
    ("arguments", "lists"),
    [
        (["--weakness", "sha-1"], "sha1"),
        (["--finding", "kex.wek"], "kex.weak"),
        (["--grade", "E"], "A+"),
        (["--status", "dead"], "timeout"),
        (["--offers", "hmac-sha9"], SHA1),
        (["--host", "198.51.100.7"], "192.0.2.3:22"),
        (["--host", "10.*"], "192.0.2.3:22"),
    ],
)
def test_an_unknown_value_lists_the_known_ones(arguments: list[str], lists: str, saved: Path) -> None:
    for command in ("report", "grade"):
        run = sshprobe(command, "saved.jsonl", *arguments, cwd=saved)
        assert (run.returncode, run.stdout, run.stderr.count(b"\n")) == (2, b"", 1)
        assert arguments[1] in run.stderr.decode()
        assert lists in run.stderr.decode()


def test_a_report_in_a_file(saved: Path) -> None:
    on_screen = sshprobe("report", "saved.jsonl", "--weakness", "sha1", cwd=saved)
    for name in ("report.txt", "report.json"):
        run = sshprobe("report", "saved.jsonl", "--weakness", "sha1", "-o", name, cwd=saved)
        assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
    assert (saved / "report.txt").read_bytes() == on_screen.stdout
    assert len(json.loads((saved / "report.json").read_bytes())["hosts"]) == HOSTS // 2
    assert sshprobe("report", "saved.jsonl", "-o", "report.xml", cwd=saved).returncode == 2
    assert sshprobe("report", "saved.jsonl", "-o", "saved.jsonl", cwd=saved).returncode == 2
    assert sshprobe("report", "saved.jsonl", "-o", "saved.jsonl", "--format", "table", cwd=saved).returncode == 2


def test_the_worst_comes_first_among_those_with_no_points_left(tmp_path: Path) -> None:
    some = ("diffie-hellman-group1-sha1",)
    more = (*some, "rsa1024-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1")
    hosts = [
        host("192.0.2.1"),
        host("192.0.2.2", weak=some),
        host("192.0.2.3", weak=more),
        host("192.0.2.4", weak=some, sha1=True),
        failed("timeout", "no answer"),
    ]
    zero = [msgspec.structs.replace(each, names_left_out=1) for each in hosts[:4]]  # the score of all is 0
    for name, records in (("few", [*zero, hosts[4]]), ("many", [*zero, *[host(f"10.0.0.{n}") for n in range(9)]])):
        write(tmp_path / f"{name}.jsonl", records)
    order = ["192.0.2.3", "192.0.2.4", "192.0.2.2", "192.0.2.1"]
    for arguments in (["few.jsonl"], ["many.jsonl", "-v"]):
        text = sshprobe("grade", *arguments, cwd=tmp_path).stdout.decode()
        blocks = [line.split()[0] for line in text.splitlines() if re.match(r"192\.0\.2\.\d\S* .* F\?? ", line)]
        assert [place.partition(":")[0] for place in blocks][:4] == order
    text = sshprobe("grade", "many.jsonl", cwd=tmp_path).stdout.decode()
    rows = [line.split()[2] for line in text.splitlines() if line.startswith("F")]
    assert rows == order


def test_the_progress_line_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = WorkLine()
    line.show("comparing keys", now=True)
    line.end()
    assert capsys.readouterr().err == ""
    line._wanted, line._next = True, 0
    line.count("records read")
    line.keys(3, 5)
    with line.pause():
        assert capsys.readouterr().err == "\r\x1b[K1 records read\r\x1b[K"
    line.keys(3, 5)
    line.end()
    assert capsys.readouterr().err in ("", "\r\x1b[K3 of 5 RSA keys tested\r\x1b[K")
