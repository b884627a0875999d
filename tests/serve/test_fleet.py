"""The index of the fleet of a history, which pages and API read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from sshprobe import grade
from sshprobe.model.records import HostRecord
from sshprobe.serve.fleet import Fleet
from sshprobe.store.history.database import Database, open_history
from sshprobe.store.history.transfer import prune
from sshprobe.views.fleet_index import FleetIndex
from sshprobe.views.host_filter import HostFilter, matching
from sshprobe.views.host_sets import numbers_of
from tests.sample_records import HEADER, captured, failed
from tests.store.history.test_recorder import store

PROFILE = "sshprobe-2026"
CAPTURES = ("openssh-debian12-9.2p1", "dropbear-2022.83", "openssh-debian13-10.0p2")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_history(str(tmp_path / "history.db"), create=True)
    yield opened
    opened.close()


def graded(name: str, address: str, *labels: str, host: str | None = None) -> HostRecord:
    record = msgspec.structs.replace(captured(name, address, host), labels=list(labels))
    return msgspec.structs.replace(record, verdicts=[grade(record, PROFILE)])


def scan(database: Database, day: int, hosts: Sequence[HostRecord]) -> None:
    started_at = f"2026-11-{day:02}T12:00:00.000Z"
    store(database, list(hosts), f"{day:04x}", msgspec.structs.replace(HEADER, started_at=started_at))


def names(index: FleetIndex, wanted: HostFilter) -> list[str]:
    return [index.hosts[number].name for number in numbers_of(matching(index, wanted))]


def test_each_filter_finds_its_hosts(database: Database) -> None:
    debian, dropbear, newer = (
        graded(name, f"10.0.{number}.10", f"env={'prod' if number else 'test'}", "team=a")
        for number, name in enumerate(CAPTURES)
    )
    silent = failed("timeout", "no answer", "2001:db8::9")
    scan(database, 1, [debian, dropbear, newer, silent])
    fleet = Fleet(database)
    fleet.refresh()
    index = fleet.state.index
    by_grade = {record.verdicts[0].grade: record.host for record in (debian, dropbear, newer)}
    assert all(host in names(index, HostFilter(grades=(letter,))) for letter, host in by_grade.items())
    assert names(index, HostFilter(statuses=("timeout",))) == ["2001:db8::9"]
    assert names(
        index,
        HostFilter(
            labels=(
                "env=prod",
                "team=a",
            )
        ),
    ) == ["10.0.1.10", "10.0.2.10"]
    assert (
        names(
            index,
            HostFilter(
                labels=(
                    "env=prod",
                    "team=b",
                )
            ),
        )
        == []
    )
    assert names(index, HostFilter(networks=(ip_network("10.0.0.0/23"),))) == ["10.0.0.10", "10.0.1.10"]
    assert names(index, HostFilter(networks=(ip_network("2001:db8::/32"),))) == ["2001:db8::9"]
    assert names(index, HostFilter(products=("dropbear",))) == ["10.0.1.10"]
    assert names(index, HostFilter(algorithms=("kex:sntrup761x25519-sha512@openssh.com",))) == [
        "10.0.0.10",
        "10.0.2.10",
    ]
    assert names(index, HostFilter(algorithms=("mac:sntrup761x25519-sha512@openssh.com",))) == []
    assert names(index, HostFilter(text="DEBIAN")) == ["10.0.0.10", "10.0.2.10"]
    assert dropbear.host_keys
    assert names(index, HostFilter(key=dropbear.host_keys[0].fingerprint)) == ["10.0.1.10"]
    for record in (debian, dropbear, newer):
        for finding in record.verdicts[0].findings:
            words = f"{finding.id} {finding.algorithm}" if finding.algorithm else finding.id
            assert (record.host in names(index, HostFilter(findings=(words,)))) == finding.counts, words


def test_a_name_has_only_the_addresses_of_its_last_scan(database: Database) -> None:
    """As /metrics: an address of an older scan would otherwise stay forever."""
    old = graded("dropbear-2022.83", "192.0.2.1", host="web1")
    new = [graded("dropbear-2022.83", address, host="web1") for address in ("192.0.2.2", "192.0.2.3")]
    scan(database, 1, [old, graded("openssh-debian12-9.2p1", "192.0.2.9")])
    scan(database, 2, new)
    fleet = Fleet(database)
    fleet.refresh()
    assert [(host.name, host.address) for host in fleet.state.index.hosts] == [
        ("192.0.2.9", "192.0.2.9"),
        ("web1", "192.0.2.2"),
        ("web1", "192.0.2.3"),
    ]
    assert [host.address for host in fleet.state.index.at("WEB1", 22)] == ["192.0.2.2", "192.0.2.3"]
    assert fleet.state.index.at("web1", 23) == []


def test_hosts_of_old_scans_are_in_the_index(database: Database) -> None:
    """More scans than are read as a whole: the rest is looked up host by host."""
    for day in range(1, 10):
        scan(
            database, day, [graded("dropbear-2022.83", f"192.0.2.{day}"), graded(CAPTURES[day % 2 * 2], "192.0.2.100")]
        )
    fleet = Fleet(database)
    fleet.refresh()
    assert {host.name: host.scan_id for host in fleet.state.index.hosts} == {
        **{f"192.0.2.{day}": f"{day:04x}" for day in range(1, 10)},
        "192.0.2.100": "0009",
    }
    assert {host.facts.software for host in fleet.state.index.at("192.0.2.100", 22)} == {"OpenSSH 10.0p2 (Debian 13)"}


def test_pages_of_every_order_show_each_host_once(database: Database) -> None:
    hosts = [graded(CAPTURES[number % 3], f"192.0.2.{number}") for number in range(30)]
    scan(database, 1, [*hosts, failed("timeout", "no answer", "192.0.2.200")])
    fleet = Fleet(database)
    fleet.refresh()
    index = fleet.state.index
    for order in ("", PROFILE):
        after, seen = None, []
        while True:
            page = index.page(index.every, order=order, after=after, limit=7)
            seen += page.hosts
            if not page.more:
                break
            after = msgspec.json.decode(msgspec.json.encode(index.order_key(page.hosts[-1], order)))
        assert len(seen) == 31
        assert {host.name for host in seen} == {host.name for host in index.hosts}
    scores = [verdict.score for host in seen if (verdict := host.verdict_of(PROFILE))]
    assert scores == sorted(scores)
    assert seen[-1].name == "192.0.2.200"
    assert [host.name for host in index.page(index.every, limit=3).hosts] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


def test_a_key_on_two_addresses_is_shared(database: Database) -> None:
    """The names of one address share its key as a matter of course."""
    twice = [graded("dropbear-2022.83", "192.0.2.1", host=name) for name in ("a", "b")]
    scan(database, 1, [*twice, graded("openssh-debian12-9.2p1", "192.0.2.5"), graded(CAPTURES[0], "192.0.2.6")])
    fleet = Fleet(database)
    fleet.refresh()
    index = fleet.state.index
    assert {tuple(index.hosts[number].name for number in each.hosts) for each in index.shared_keys} == {
        ("192.0.2.5", "192.0.2.6")
    }


def test_a_new_scan_renews_the_index_and_a_failure_keeps_it(database: Database, tmp_path: Path) -> None:
    scan(database, 1, [graded("dropbear-2022.83", "192.0.2.1")])
    fleet = Fleet(database)
    fleet.refresh()
    first = fleet.state
    fleet.refresh()
    assert fleet.state.index is first.index
    scan(database, 2, [graded("openssh-debian12-9.2p1", "192.0.2.2")])
    prune(database, keep=1)
    fleet.refresh()
    assert [host.name for host in fleet.state.index.hosts] == ["192.0.2.2"]
    assert fleet.state.number == first.number + 1
    database.close()
    (tmp_path / "history.db").write_bytes(b"this is not a database" * 1000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"history.db{suffix}").unlink(missing_ok=True)
    fleet.refresh()
    assert fleet.state.failure is not None
    assert "\n" not in fleet.state.failure
    assert [host.name for host in fleet.state.index.hosts] == ["192.0.2.2"]


def test_a_database_without_scans_has_an_empty_index(database: Database) -> None:
    fleet = Fleet(database)
    fleet.refresh()
    assert fleet.state.number == 1
    assert matching(fleet.state.index, HostFilter(grades=("A",), text="x")) == 0
    assert fleet.state.index.page(0, limit=5).hosts == []
