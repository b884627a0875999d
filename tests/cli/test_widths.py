"""All commands on pseudo-terminals of 80, 120 and 200 columns: no line is wider, and no host is missing."""

import json
import re
import sys

import msgspec
import pytest

from sshprobe import grade
from sshprobe.cli import main
from sshprobe.model.records import HostRecord
from sshprobe.profiles import available_profiles
from tests.sample_records import HEADER, captured
from tests.screens import on_a_screen

PLACE = re.compile(r"\[2001:[0-9a-f:]+\]:2222")
HOSTS = 12

REPORTS = (
    "report FILE --by algorithm",
    "report FILE --by algorithm -v",
    "report FILE --by key",
    "report FILE --by key -v",
    "report FILE --by host -v",
    "report FILE --weakness sha1",
    "report FILE --weakness sha1 --by algorithm",
)
OTHERS = (
    "grade FILE",
    "grade ONE",
    "grade ONE -v",
    "scan 127.0.0.1:1",
    "scan 127.0.0.1-12 -p 1",
    "report FILE --by label",
    "report FILE --by deadline --at 2031-01-01",
    "explain hmac-sha1",
    "explain kex.terrapin",
    "profiles list",
    "profiles show mozilla-modern",
    "grade ONE --profile nosuch",
    "report FILE --status nosuch",
)
NEVER_WRAPPED = re.compile(r"    (?!# )\S|.*\S{40}|  sshprobe ")
"""Lines to paste, and words that have no place to break."""

CODE = """
import json, os, sys
from sshprobe.cli import main
for command in json.loads(sys.argv[1]):
    if "nosuch" in command:
        os.dup2(1, 2)  # errors too
    main(command)
    print("-- end --", flush=True)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hosts that share keys, with long names and addresses; and a single one."""
    folder = tmp_path_factory.mktemp("records")
    hosts: list[HostRecord] = []
    for number in range(1, HOSTS + 1):
        name = ("openssh-6.7p1", "openssh-debian12-9.2p1", "dropbear-2022.83")[number % 3]
        seen = captured(name, f"2001:db8:1234:5678:9abc:def0:1234:{number:x}")
        seen = msgspec.structs.replace(
            seen,
            target=f"database-{number}-of-the-second-hall.example.org",
            port=2222,
            labels=[f"team=the-team-of-the-second-hall-in-the-{number % 2}-building"],
        )
        hosts.append(msgspec.structs.replace(seen, verdicts=[grade(seen, "mozilla-modern")]))
    for file, some in (("fleet", hosts), ("one", hosts[:1])):
        lines = (msgspec.json.encode(each) + b"\n" for each in (HEADER, *some))
        (folder / f"{file}.jsonl").write_bytes(b"".join(lines))
    return {"FILE": str(folder / "fleet.jsonl"), "ONE": str(folder / "one.jsonl")}


@pytest.fixture(scope="module", params=[80, 120, 200])
def screen(request: pytest.FixtureRequest, saved: dict[str, str]) -> tuple[int, dict[str, list[str]]]:
    """The width of a terminal, and the lines that each command prints there."""
    commands = [[saved.get(word, word) for word in command.split()] for command in (*REPORTS, *OTHERS)]
    text = on_a_screen([sys.executable, "-c", CODE, json.dumps(commands)], request.param)
    parts = re.sub(r"\x1b\[[\d;]*m", "", text).split("-- end --\n")
    return request.param, {
        command: part.splitlines() for command, part in zip((*REPORTS, *OTHERS), parts[:-1], strict=True)
    }


def test_no_line_is_wider_than_the_terminal(screen: tuple[int, dict[str, list[str]]]) -> None:
    width, printed = screen
    for command, lines in printed.items():
        assert lines, command
        too_wide = [line for line in lines if len(line) > width and not NEVER_WRAPPED.match(line)]
        assert not too_wide, command


def test_a_report_has_all_hosts_that_a_pipe_gets(
    screen: tuple[int, dict[str, list[str]]], saved: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, printed = screen
    for command in REPORTS:
        assert main([saved.get(word, word) for word in command.split()]) == 0
        piped, lines = capsys.readouterr().out, printed[command]
        assert max(map(len, piped.splitlines())) > 80
        found, whole = set(PLACE.findall("\n".join(lines))), set(PLACE.findall(piped))
        assert found == whole if "-v" in command or "sha1" in command else found >= whole, command


def test_a_table_uses_the_full_width(screen: tuple[int, dict[str, list[str]]]) -> None:
    width, printed = screen
    table = printed["grade FILE"][:HOSTS]
    complete = [line for line in table if line.rstrip().endswith("profile asks for 3072")]
    assert bool(complete) == (width == 200)
    assert max(map(len, table)) > min(width - 12, 150)
    assert all("2001:db8:1234:5678:9abc:def0:1234:" in line for line in table[1:])
    used = [len(line) for line in printed["report FILE --by algorithm"]]
    assert max(used) > width - 45
    lines = printed["profiles list"]
    assert any("CIS Benchmark for Debian Linux 12, sshd, Level 1" in line for line in lines)
    assert len(lines) < (1.2 if width == 200 else 3) * len(available_profiles())
