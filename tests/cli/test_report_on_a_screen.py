"""`sshprobe report` in a terminal of 80 columns: no line is wider, and nothing of a pipe's output is missing."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe import grade
from sshprobe.model.records import HostRecord
from tests.sample_records import HEADER, captured
from tests.screens import ENVIRONMENT, ROOT, on_a_screen

WIDTH = 80
PLACE = re.compile(r"\[2001:[0-9a-f:]+\]:2222")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hosts that share keys, with long names and addresses."""
    path = tmp_path_factory.mktemp("records") / "fleet.jsonl"
    hosts: list[HostRecord] = []
    for number in range(1, 13):
        name = ("openssh-6.7p1", "openssh-debian12-9.2p1", "dropbear-2022.83")[number % 3]
        seen = captured(name, f"2001:db8:1234:5678:9abc:def0:1234:{number:x}")
        seen = msgspec.structs.replace(seen, target=f"database-{number}-of-the-second-hall.example.org", port=2222)
        hosts.append(msgspec.structs.replace(seen, verdicts=[grade(seen, "mozilla-modern")]))
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in (HEADER, *hosts)))
    return path


@pytest.mark.parametrize(
    "options",
    [
        ("--by", "algorithm"),
        ("--by", "algorithm", "-v"),
        ("--by", "key"),
        ("--by", "key", "-v"),
        ("--by", "host", "-v"),
        ("--weakness", "sha1"),
        ("--weakness", "sha1", "--by", "algorithm"),
    ],
    ids=" ".join,
)
def test_a_report_fits_80_columns(options: tuple[str, ...], records: Path) -> None:
    command = [sys.executable, "-m", "sshprobe", "report", str(records), *options]
    lines = on_a_screen(command).splitlines()
    assert len(lines) > 10
    assert max(map(len, lines)) <= WIDTH
    whole = subprocess.run(command, capture_output=True, env=ENVIRONMENT, cwd=ROOT, check=True).stdout.decode()
    assert max(map(len, whole.splitlines())) > WIDTH
    assert set(PLACE.findall("\n".join(lines))) == set(PLACE.findall(whole))
