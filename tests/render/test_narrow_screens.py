"""A terminal of 80 columns: text fits, columns stay columns, and left-out columns are named."""

import msgspec
import pytest

from sshprobe.grading import FleetFacts
from sshprobe.model.records import HostRecord
from sshprobe.render.text.fleet_table import fleet_table
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fleet import FleetBuilder
from sshprobe.views.summary import SummaryBuilder
from tests.render.blocks import block_of
from tests.sample_records import CLEAN, WANTING, captured, debian12, finding, judged

FINDINGS = [
    finding("authentication.unlisted", "medium", "password", "the profile wants publickey or gssapi-keyex"),
    finding("authentication.unlisted", "medium", "keyboard-interactive", "the profile wants publickey or gssapi-keyex"),
    finding("kex.weak", "medium", "diffie-hellman-group-exchange-sha256", "SHA-1 as exchange hash; not in the profile"),
    finding("mac.weak", "low", "hmac-sha1", "SHA-1"),
    finding("mac.weak", "low", "hmac-sha1-etm@openssh.com", "SHA-1"),
]


def block(width: int) -> list[str]:
    record = judged(debian12(), msgspec.structs.replace(WANTING, findings=FINDINGS))
    lines = block_of(record, Terminal(width)).splitlines()
    return lines[lines.index("") + 1 :]


def test_messages_have_a_column_where_each_fits_a_line_and_else_follow_the_names() -> None:
    assert block(80)[:4] == [
        "  medium  auth  password, keyboard-interactive: the profile wants publickey or",
        "                gssapi-keyex",
        "  medium  kex   diffie-hellman-group-exchange-sha256: SHA-1 as exchange hash",
        "  low     mac   hmac-sha1, hmac-sha1-etm@openssh.com: SHA-1",
    ]
    assert block(120)[:3] == [
        "  medium  auth  password, keyboard-interactive        the profile wants publickey or gssapi-keyex",
        "  medium  kex   diffie-hellman-group-exchange-sha256  SHA-1 as exchange hash; not in the profile",
        "  low     mac   hmac-sha1, hmac-sha1-etm@openssh.com  SHA-1",
    ]


@pytest.mark.parametrize("width", [45, 60, 72, 80, 90])
def test_no_line_of_a_finding_is_wider_than_the_screen(width: int) -> None:
    lines = block(width)
    assert max(map(len, lines[: lines.index("")])) <= max(width, 56)  # a name alone may take more
    assert "SHA-1 as exchange hash" in " ".join(" ".join(lines).split())


def table(records: list[HostRecord], width: int, *, cuts: bool = True) -> list[str]:
    fleet, summary = FleetBuilder(), SummaryBuilder()
    for record in records:
        fleet.add(record)
        summary.add(record)
    view = fleet.build(summary.build(duration_ms=1, fleet=FleetFacts().report()))
    return fleet_table(view, Terminal(width, cuts=cuts)).splitlines()


def graded(*profiles: str) -> list[HostRecord]:
    further = [msgspec.structs.replace(CLEAN, profile=profile) for profile in profiles]
    return [judged(captured("openssh-debian12-9.2p1", "192.0.2.10"), WANTING, *further)]


def test_headers_of_further_profiles_take_lines_before_columns_are_cut() -> None:
    lines = table(graded("mozilla-intermediate", "alibaba-ecs"), 90)
    assert [line.split()[-2:] for line in lines[:2]] == [["mozilla", "alibaba"], ["intermediate", "ecs"]]
    assert "OpenSSH 9.2p1" in lines[2]
    assert max(map(len, lines)) <= 90


def test_columns_that_have_no_room_are_left_out_and_named() -> None:
    profiles = ("mozilla-intermediate", "alibaba-ecs", "cis-debian-12", "bsi-tr-02102-4")
    lines = table(graded(*profiles), 80)
    assert max(map(len, lines)) <= 80
    assert [line.count("A+ 100") for line in lines[:5]] == [0, 0, 0, 0, 4]
    assert "Grade, score and worst are those of mozilla-modern." in lines
    assert "This terminal is too narrow for the column software." in lines
    narrower = table(graded(*profiles), 70)
    assert "Grade and score are those of mozilla-modern." in narrower
    assert "This terminal is too narrow for the columns software and worst." in narrower
    whole = table(graded(*profiles), 80, cuts=False)
    assert "OpenSSH 9.2p1 (Debian 12)" in whole[1]
    assert not any("too narrow" in line for line in whole)


def test_a_command_is_never_broken_where_it_fits_a_line() -> None:
    text = "249 targets gave no SSH answer; `sshprobe report monday.jsonl --status refused` lists them."
    assert Terminal(60).wrap(text, indent="") == [
        "249 targets gave no SSH answer;",
        "`sshprobe report monday.jsonl --status refused` lists them.",
    ]
    assert max(map(len, Terminal(40).wrap(text, indent=""))) <= 40
