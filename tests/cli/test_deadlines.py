"""Deadlines on the command line: `grade --at` and `report --by deadline`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.cli import main
from tests.cli.test_cli_commands import write
from tests.profiles.sample_profile import HEAD
from tests.sample_records import captured, failed

HOSTS = [
    captured("openssh-debian12-9.2p1", "192.0.2.1"),
    captured("tinysshd-20250501", "192.0.2.2"),
    msgspec.structs.replace(captured("openssh-6.7p1", "192.0.2.3"), kex_algorithms=None),
    failed("timeout", "no answer", "192.0.2.4"),
]


PLAN = f"""\
{HEAD}
[[deadline]]
section = "mac"
names = ["hmac-sha1"]
until = 2026-01-31
document = "Plan"
where = "page 1"
"""


@pytest.fixture
def saved(tmp_path: Path) -> str:
    write(tmp_path / "r.jsonl", HOSTS)
    return str(tmp_path / "r.jsonl")


def read(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["report", *words, "--by", "deadline", "--format", "json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def of(report: dict[str, Any], profile: str, category: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (each for each in report["deadlines"] if (each["profile"], each["category"]) == (profile, category))
    return found


def test_hosts_are_counted_for_each_date(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = read(capsys, saved)
    assert [each["until"] for each in report["deadlines"]] == sorted(each["until"] for each in report["deadlines"])
    order = of(report, "us-eo-14412", "kex")
    assert order["until"] == "2030-12-31"
    assert order["hosts"] == ["192.0.2.1:22", "192.0.2.2:22"]
    assert order["algorithms"]["curve25519-sha256"] == 2
    assert (order["late"], order["not_seen"], order["checked"]) == (0, 1, False)
    assert not any("sntrup" in name for name in order["algorithms"])
    late = read(capsys, saved, "--at", "2031-01-01")
    assert of(late, "us-eo-14412", "kex")["late"] == 2
    assert of(late, "us-eo-14412", "host_key")["late"] == 0  # a year more
    assert (report["at"], late["at"]) == (None, "2031-01-01")
    assert late["mandates"] == report["mandates"]


def test_the_mandates_contradict_each_other_on_hybrids(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = read(capsys, saved)
    assert {each["profile"]: list(each["kinds"].values()) for each in report["mandates"]} == {
        "asd-ism": ["not recommended", "yes", "until 2030-12-31"],
        "bsi-tr-02102-4": ["yes", "no", "until 2031-12-31"],
        "cnsa-2.0": ["no", "yes", "no"],
        "nist-ir-8547": ["yes", "yes", "until 2035-12-31"],
        "us-eo-14412": ["yes", "yes", "until 2030-12-31"],
    }
    best = report["exchanges"][0]
    assert best["accepted_for_ever_by"] == ["asd-ism", "bsi-tr-02102-4", "nist-ir-8547", "us-eo-14412"]
    assert (best["algorithm"], best["in_openssh"]) == ("mlkem1024nistp384-sha384", False)
    assert best["not_recommended_by"] == ["asd-ism"]
    assert main(["report", saved, "--by", "deadline"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Of those that an OpenSSH has, mlkem768x25519-sha256 (all but asd-ism and cnsa-2.0) and sntrup761x" in text
    assert "mlkem1024nistp384-sha384 (all but cnsa-2.0; asd-ism does not recommend it) and mlkem1024-sha384" in text
    assert "satisfy 3 of 5 mandates after all dates. 1 server did not show all lists." in text


def test_the_dates_of_a_company(saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(PLAN)
    report = read(capsys, saved, "--profile", str(ours))
    (found,) = report["deadlines"]
    assert (found["hosts"], found["late"]) == (["192.0.2.1:22", "192.0.2.3:22"], 2)
    assert [each["profile"] for each in report["mandates"]] == ["ours"]


def test_a_grade_as_of_another_day(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["grade", saved, "--profile", "us-eo-14412", "--host", "192.0.2.1", "--fail-on", "noncompliant"]
    assert main(words) == 0
    seen = capsys.readouterr()
    assert "accepted until 2030-12-31" in seen.out
    assert seen.err == "note: us-eo-14412: only the dates of the order are judged, and nothing else that it asks for\n"
    assert main([*words, "--at", "2031-01-01"]) == 1
    assert "no longer accepted: its last day was 2030-12-31" in " ".join(capsys.readouterr().out.split())
    assert main(["grade", saved, "--profile", "cnsa-2.0"]) == 0
    assert capsys.readouterr().err == "note: cnsa-2.0: it is for inventory, and no OpenSSH meets it today\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["report", "FILE", "--at", "2031-01-01"],
            "`--profile` and `--at` of `report` are for `--by deadline`: `sshprobe grade` has both",
        ),
        (
            ["report", "FILE", "--profile", "cnsa-2.0"],
            "`--profile` and `--at` of `report` are for `--by deadline`: `sshprobe grade` has both",
        ),
        (
            ["report", "FILE", "--by", "deadline", "--profile", "dev-sec"],
            "profile `dev-sec` has no deadlines. These have: asd-ism, ",
        ),
        (["grade", "FILE", "--at", "soon"], "'soon' is not a date such as 2031-01-01"),
        (["grade", "FILE", "--at", "2031-02-30"], "'2031-02-30' is not a date such as 2031-01-01"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([saved if word == "FILE" else word for word in words]) == 2
    assert message in capsys.readouterr().err


def test_a_profile_is_shown_and_checked_with_its_deadlines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "show", "us-eo-14412"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["until", "2030-12-31"] in lines
    assert ["checked", "no"] in lines
    assert lines.index([]) > next(number for number, line in enumerate(lines) if line[:1] == ["remark"])
    assert main(["profiles", "show", "us-eo-14412", "--format", "sshd_config"]) == 0
    line = (
        "# classical key exchange methods: until 2030-12-31 (US executive order 14412 (FR 2026-12909), section 4(b): "
    )
    assert any(each.startswith(line) for each in capsys.readouterr().out.splitlines())
    ours = tmp_path / "ours.toml"
    ours.write_text(PLAN)
    assert main(["profiles", "check", "--strict", str(ours)]) == 2
    assert "note: the deadline of mac (page 1) passed on 2026-01-31\n" in capsys.readouterr().out
