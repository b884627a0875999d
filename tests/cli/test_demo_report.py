"""The demo's report on scanned hosts. tests/live/test_fleet.py has the servers."""

import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe.cli.demo import DemoReport, write_page
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import HEADER, captured


def test_the_worst_host_is_first_among_equal_scores() -> None:
    profile = load_profile("sshprobe-2026")
    weak = captured("openssh-5.3p1", "192.0.2.1")
    macs = ["none", *(weak.mac_algorithms_client_to_server or ())]
    worse = msgspec.structs.replace(
        captured("openssh-5.3p1", "192.0.2.9"),
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
    )
    hosts = [msgspec.structs.replace(each, verdicts=[grade(each, profile)]) for each in (weak, worse)]
    assert [each.verdicts[0].score for each in hosts] == [0, 0]
    report, summary = DemoReport([profile]), SummaryBuilder()
    report._hosts += hosts
    for each in hosts:
        summary.add(each)
    report.finish(summary.build(duration_ms=1))
    text = report.text(Terminal())
    table, _, block = text.partition("The worst of them:")
    assert table.index("192.0.2.9") < table.index("192.0.2.1 ")
    assert block.lstrip().startswith("192.0.2.9:22")


def test_the_demo_writes_a_page_or_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile("sshprobe-2026")
    host = captured("openssh-5.3p1")
    report, summary = DemoReport([profile]), SummaryBuilder()
    report._hosts.append(msgspec.structs.replace(host, verdicts=[grade(host, profile)]))
    summary.add(report._hosts[0])
    report.finish(summary.build(duration_ms=1))
    assert write_page(tmp_path / "report.html", HEADER, report, [profile]) == str(tmp_path / "report.html")
    assert "OpenSSH 5.3" in (tmp_path / "report.html").read_text()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "sshprobe.render.formats.html.page")
    found = write_page(tmp_path / "other.html", HEADER, report, [profile])
    assert found == f"not written: needs jinja2: {sys.executable} -m pip install 'sshprobe[report]'"
    assert not (tmp_path / "other.html").exists()
