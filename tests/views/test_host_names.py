"""The name of a host in an inventory stands beside its address in all text for people."""

import msgspec
import pytest

from sshprobe.model.fleet import FleetReport
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.render.fix.comments import ungraded
from sshprobe.render.formats.table import FORMAT
from sshprobe.render.text.terminal import Terminal
from sshprobe.targets import Target
from sshprobe.views.fixes import Plan
from sshprobe.views.host_names import alias_of, name_beside
from sshprobe.views.report import AlgorithmBuilder, AlgorithmReport, HostBuilder, KeyBuilder
from tests.render.blocks import block_of
from tests.render.test_text import render
from tests.sample_records import CLEAN, WANTING, captured, failed, finding, judged

SUMMARY = SummaryRecord(
    hosts=1, statuses={}, grades={}, compliant={}, shared_host_keys=[], connections=0, duration_ms=0
)


def called(target: str, record: HostRecord, port: int = 22) -> HostRecord:
    return msgspec.structs.replace(record, target=target, port=port)


WEB = called("web1", judged(captured("openssh-debian12-9.2p1", "192.0.2.10"), WANTING), 2222)
OTHER = judged(captured("openssh-9.9p2", "192.0.2.1"), CLEAN)


@pytest.mark.parametrize(
    ("target", "host", "port", "expected"),
    [
        ("web1", "192.0.2.1", 22, "web1"),
        ("web1", "web1.example.org", 22, "web1"),
        ("10-0-0-1", "10.0.0.1", 22, "10-0-0-1"),
        ("cafe", "2001:db8::1", 22, "cafe"),
        ("gitlab/prod", "192.0.2.1", 22, "gitlab/prod"),
        ("müller.example", "xn--mller-kva.example", 22, "müller.example"),
        ("192.0.2.1", "192.0.2.1", 22, None),
        ("192.0.2.1:2222", "192.0.2.1", 2222, None),
        ("web1:2222", "web1", 2222, None),
        ("WEB1.", "web1", 22, None),
        ("192.0.2.0/24", "192.0.2.1", 22, None),
        ("192.0.2.0/24:24", "192.0.2.1", 24, None),
        ("192.0.2.1-9", "192.0.2.1", 22, None),
        ("10.0.1-5.*", "10.0.1.7", 22, None),
        ("*.1.1.1:22", "10.1.1.1", 22, None),
        ("2001:db8::/120", "2001:db8::1", 22, None),
        ("[2001:db8:0::1]:22", "2001:db8::1", 22, None),
        ("::ffff:192.0.2.1", "192.0.2.1", 22, None),
        ("fe80::1%2", "fe80::1%eth0", 22, None),
        ("", "192.0.2.1", 22, None),
    ],
)
def test_texts_that_are_names(target: str, host: str, port: int, expected: str | None) -> None:
    assert alias_of(Target(target, host, port)) == expected


def test_a_name_that_was_resolved_stands_beside_its_address() -> None:
    assert name_beside(captured("openssh-9.9p2", "192.0.2.1", "web1.example.org")) == "web1.example.org"
    assert name_beside(captured("openssh-9.9p2", "192.0.2.1")) is None
    assert name_beside(WEB) == "web1"


def test_the_table_has_a_column_of_names_where_there_are_any() -> None:
    silent = called("db1", failed("refused", "connection refused"))
    lines = render([WEB, OTHER, silent]).splitlines()
    assert lines[0].split()[:5] == ["grade", "score", "host", "name", "software"]
    assert "  192.0.2.10:2222  web1  " in lines[1]
    assert "  192.0.2.200      db1   " in lines[3]
    assert lines[3].endswith("  connection refused")
    assert "name" not in render([OTHER]).splitlines()[0]


def test_eighty_columns_have_room_for_names() -> None:
    long = finding("kex.no_post_quantum", "medium", None, "no post-quantum key exchange, which the profile")
    wanting = msgspec.structs.replace(WANTING, findings=[long])
    hosts = [
        called(f"database-{number}.cluster.example.org", judged(captured("openssh-debian12-9.2p1", address), wanting))
        for number, address in enumerate(("192.0.2.10", "192.0.2.11", "198.51.100.200"))
    ]
    lines = render(hosts, terminal=Terminal(80, cuts=True)).splitlines()[:4]
    assert max(map(len, lines)) <= 80
    assert all(host.host in line and "  databas" in line for host, line in zip(hosts, lines[1:], strict=True))
    assert "  database-0.cluster.example.org  " in render(hosts).splitlines()[1]


def test_the_block_of_a_host_has_its_name() -> None:
    assert block_of(WEB, Terminal()).startswith("192.0.2.10:2222 (web1)  OpenSSH 9.2p1")
    silent = called("db\x1b[1m1", failed("refused", "connection refused"))
    assert block_of(silent, Terminal()).startswith("192.0.2.200:22 (db\\x1b[1m1)  ")


def test_reports_of_a_fleet_have_names() -> None:
    fleet = FleetReport(shared_host_keys=[], shared_primes=None, weak_keys=[], known_keys_checked=True)
    by_host = HostBuilder(lambda record: [finding("host_key.shared", "medium", "ssh-rsa", "shared")])
    by_key, by_algorithm = KeyBuilder(fleet), AlgorithmBuilder(lambda *_: (None, "", False))
    for record in (WEB, OTHER):
        for builder in (by_host, by_key, by_algorithm):
            builder.add(record)
    table = FORMAT.render(by_host.build(SUMMARY, servers=2), Terminal(), True)
    assert table.splitlines()[0].split()[:2] == ["host", "name"]
    assert "192.0.2.10:2222  web1  " in table
    assert table.index("192.0.2.1:22") < table.index("192.0.2.10:2222"), "in the order of addresses"
    assert "192.0.2.10:2222 (web1)" in FORMAT.render(by_key.build(SUMMARY, servers=2), Terminal(), True)
    algorithms = by_algorithm.build(SUMMARY, servers=2)
    assert "192.0.2.10:2222 (web1), 192.0.2.1:22" in FORMAT.render(algorithms, Terminal(), False)
    # Programs get only the address.
    assert isinstance(algorithms.report, AlgorithmReport)
    assert {host for use in algorithms.report.algorithms for host in use.hosts} == {"192.0.2.1:22", "192.0.2.10:2222"}
    alone = HostBuilder(lambda record: [finding("host_key.shared", "medium", "ssh-rsa", "shared")])
    alone.add(OTHER)
    assert "name" not in FORMAT.render(alone.build(SUMMARY, servers=1), Terminal(), False).splitlines()[0].split()


def test_hosts_without_a_grade_are_named_by_fix() -> None:
    plan = Plan()
    plan.add(called("db1", failed("refused", "connection refused")), None)
    assert list(ungraded(plan)) == ["Not graded: 192.0.2.200:22 (db1), refused."]
