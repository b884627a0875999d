"""The demo's report on scanned hosts. tests/live/test_fleet.py has the servers."""

import msgspec

from sshprobe.cli.demo import DemoReport
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import captured


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
