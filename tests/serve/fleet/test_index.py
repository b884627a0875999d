"""The index of a history against the records themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete, update

from sshprobe.model.errors import InputError
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.records import HostRecord
from sshprobe.serve.fleet.holder import MAX_SCANS, Fleet
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.fleet.orders import numbers_of
from sshprobe.serve.fleet.records import difference, periods_of, record_of
from sshprobe.serve.fleet.selection import CursorGone, WrongParameter, page_of, select_hosts
from sshprobe.store.history.database import Database
from sshprobe.store.history.tables import COUNTER, OBSERVATION, SCAN, SIGHTING, VERDICT
from tests.render.formats.html.pages import PROFILES, fleet, made_hosts
from tests.sample_records import HEADER, captured
from tests.serve.asking import fleet_of, history
from tests.store.history.test_recorder import store


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = history(tmp_path_factory.mktemp("index") / "history.db", list(made_hosts(90)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def index(database: Database) -> FleetIndex:
    return asyncio.run(fleet_of(database).index())


def names(record: HostRecord, *types: str) -> set[str]:
    return {
        name
        for type_, fields in FIELDS.items()
        if not types or type_ in types
        for _, field in fields
        for name in getattr(record, field) or ()
    }


TRUTH: list[tuple[dict[str, str], Callable[[HostRecord], bool]]] = [
    ({}, lambda host: True),
    ({"grade": "F"}, lambda host: any(v.profile == PROFILES[0] and v.grade == "F" for v in host.verdicts)),
    (
        {"grade": "F,C", "profile": PROFILES[1]},
        lambda host: any(v.profile == PROFILES[1] and v.grade in "FC" for v in host.verdicts),
    ),
    ({"grade": "none"}, lambda host: not host.verdicts),
    ({"compliant": "false"}, lambda host: bool(host.verdicts) and host.verdicts[0].compliant is False),
    ({"label": "site=3"}, lambda host: "site=3" in host.labels),
    ({"status": "timeout,refused"}, lambda host: host.status in ("timeout", "refused")),
    ({"algorithm": "diffie-hellman-group1-sha1"}, lambda host: "diffie-hellman-group1-sha1" in names(host)),
    ({"network": "10.0.0.0/28,10.0.0.64/28"}, lambda host: int(host.host.rpartition(".")[2]) % 64 < 16),
    ({"quantum": "null"}, lambda host: host.post_quantum_kex is None),
    ({"q": "DROPBEAR"}, lambda host: host.identification is not None and "dropbear" in host.identification.raw.lower()),
    (
        {"severity": "high"},
        lambda host: bool(host.verdicts) and any(f.counts and f.severity == "high" for f in host.verdicts[0].findings),
    ),
    (
        {"finding": "mac.weak hmac-sha1"},
        lambda host: (
            bool(host.verdicts)
            and any(f.counts and (f.id, f.algorithm) == ("mac.weak", "hmac-sha1") for f in host.verdicts[0].findings)
        ),
    ),
]


@pytest.mark.parametrize(("filters", "is_chosen"), TRUTH, ids=[str(filters) for filters, _ in TRUTH])
def test_filters(index: FleetIndex, filters: dict[str, str], is_chosen: Callable[[HostRecord], bool]) -> None:
    chosen = {index.hosts[number].name for number in numbers_of(select_hosts(index, filters).hosts)}
    expected = {host.host for host in made_hosts(90) if is_chosen(host)}
    assert chosen == expected
    assert 0 < len(expected) <= 90


@pytest.mark.parametrize("sort", ["worst", "best", "host", "software", "seen"])
def test_pages_have_every_host_once_in_order(index: FleetIndex, sort: str) -> None:
    chosen, seen, cursor = select_hosts(index, {"sort": sort}), [], None
    while True:
        page = page_of(index, chosen, limit=7, cursor=cursor)
        seen += page.hosts
        if page.cursor is None:
            break
        cursor = page.cursor
    assert len(seen) == len({host.number for host in seen}) == page.total == 90
    scores = [None if (v := host.verdict_of(PROFILES[0])) is None else v.score for host in seen]
    if sort in ("worst", "best"):
        graded = [score for score in scores if score is not None]
        assert graded == sorted(graded, reverse=sort == "best")
        assert scores[len(graded) :] == [None] * (90 - len(graded))


@pytest.mark.parametrize(
    "filters",
    [
        {"grade": "G"},
        {"profile": "nosuch"},
        {"sort": "size"},
        {"compliant": "maybe"},
        {"network": "10.0.0.0/33"},
        {"quantum": "x"},
    ],
)
def test_wrong_filters(index: FleetIndex, filters: dict[str, str]) -> None:
    with pytest.raises(WrongParameter):
        select_hosts(index, filters)


def test_cursors_are_checked(index: FleetIndex) -> None:
    chosen = select_hosts(index, {})
    with pytest.raises(WrongParameter):
        page_of(index, chosen, limit=7, cursor="!")
    with pytest.raises(CursorGone):
        page_of(index, chosen, limit=7, cursor="bm9zdWNoOjIyCg")


def test_the_record_of_a_host_is_the_scanned_one(database: Database, index: FleetIndex) -> None:
    for host, expected in zip(index.hosts, made_hosts(90), strict=True):
        record = record_of(database, host)
        assert (record.host, record.verdicts) == (expected.host, expected.verdicts)
        assert names(record) == names(expected)
        assert (record.duration_ms, record.connections) == (expected.duration_ms, expected.connections)
        assert record.started_at == expected.started_at


def test_a_key_of_two_hosts_is_shared(tmp_path: Path) -> None:
    one = captured("openssh-debian12-9.2p1", "192.0.2.1")
    hosts = [
        one,
        msgspec.structs.replace(one, host="192.0.2.2", address="192.0.2.2"),
        captured("dropbear-2022.83", "192.0.2.3"),
    ]
    database = history(tmp_path / "history.db", hosts)
    index = asyncio.run(fleet_of(database).index())
    assert one.host_keys
    assert set(index.keys) == {key.fingerprint for key in one.host_keys}
    assert index.with_key(one.host_keys[0].fingerprint).bit_count() == 2
    database.close()


def test_the_last_state_of_each_host_counts(tmp_path: Path) -> None:
    old, new = captured("openssh-debian12-9.2p1"), captured("openssh-9.9p2")
    gone = captured("dropbear-2022.83", "192.0.2.9")
    database = history(tmp_path / "history.db", [old, gone], [old], [new])
    fleet = fleet_of(database)
    index = asyncio.run(fleet.index())
    assert [(host.name, host.software, host.scan.scan_id[-1]) for host in index.hosts] == [
        ("192.0.2.1", "OpenSSH 9.9", "3"),
        ("192.0.2.9", "dropbear 2022.83", "1"),
    ]
    periods = periods_of(database, index.hosts[0])
    assert [period.scans for period in periods] == [1, 2]
    changes = difference(database, index.hosts[0], periods[1].newest, periods[0].newest)
    assert changes.compared == 1
    assert changes.host_keys
    database.close()


async def test_a_new_scan_is_read_and_a_lost_database_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sshprobe.serve.fleet.holder.CHECK_SECONDS", 0.0)
    monkeypatch.setattr("sshprobe.serve.fleet.holder.REST", 0.0)
    path = tmp_path / "history.db"
    database = history(path, [captured("openssh-9.9p2")])
    kept = fleet_of(database)

    async def hosts() -> int:
        await kept.index()
        await kept.close()
        return len((await kept.index()).hosts)

    assert await hosts() == 1
    history(path, [captured("openssh-9.9p2"), captured("dropbear-2022.83", "192.0.2.9")]).close()
    assert await hosts() == 2
    await kept.close()
    database.close()
    path.write_bytes(b"not a database " * 1000)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert await hosts() == 2
    await kept.close()
    assert kept.failure
    database.close()


async def test_a_history_that_never_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    database = history(path, [])
    database.close()
    path.write_bytes(b"not a database " * 1000)
    kept: Fleet = fleet_of(database)
    with pytest.raises(InputError):
        await kept.index()
    database.close()


def test_hosts_of_the_captures(tmp_path: Path) -> None:
    database = history(tmp_path / "history.db")
    index = asyncio.run(fleet_of(database).index())
    assert len(index.hosts) == len(fleet())
    assert index.profiles == list(PROFILES)
    database.close()


def test_hosts_of_old_and_of_killed_scans_are_there(tmp_path: Path) -> None:
    """More scans than are read as a whole, each of another host; and one without an end."""
    scans = [[captured("openssh-9.9p2", f"192.0.2.{number}")] for number in range(1, 2 * MAX_SCANS)]
    database = history(tmp_path / "history.db", *scans)
    with database.writing() as connection:
        connection.execute(update(SCAN).where(SCAN.c.scan_id == f"{2 * MAX_SCANS - 1:016x}").values(duration_ms=None))
    index = asyncio.run(fleet_of(database).index())
    assert {(host.name, host.scan.scan_id) for host in index.hosts} == {
        (f"192.0.2.{number}", f"{number:016x}") for number in range(1, 2 * MAX_SCANS)
    }
    database.close()


async def test_ids_of_pruned_rows_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives the id of a deleted row to a new one, which is another server."""
    monkeypatch.setattr("sshprobe.serve.fleet.holder.CHECK_SECONDS", 0.0)
    monkeypatch.setattr("sshprobe.serve.fleet.holder.REST", 0.0)
    path = tmp_path / "history.db"
    database = history(path, [captured("openssh-9.9p2")])
    kept = fleet_of(database)
    first = (await kept.index()).hosts[0]
    with database.writing() as connection:
        for table in (SIGHTING, COUNTER, SCAN, OBSERVATION, VERDICT):
            connection.execute(delete(table))
    started_at = "2026-11-09T12:00:00.000Z"
    other = captured("dropbear-2022.83")
    store(database, [other], "bb", msgspec.structs.replace(HEADER, started_at=started_at, scan_id="bb"))
    await kept.index()
    await kept.close()
    (host,) = (await kept.index()).hosts
    assert host.observation == first.observation
    assert host.software == "dropbear 2022.83"
    await kept.close()
    database.close()


def test_a_cursor_of_a_host_with_another_place_is_refused(tmp_path: Path) -> None:
    """Its page would skip the hosts between the two places."""
    hosts = list(made_hosts(16))
    database = history(tmp_path / "history.db", hosts)
    before = asyncio.run(fleet_of(database).index())
    page = page_of(before, select_hosts(before, {}), limit=3)
    other = next(host for host in hosts if host.host == page.hosts[-1].name)
    better = msgspec.structs.replace(other, verdicts=hosts[5].verdicts if other is not hosts[5] else hosts[6].verdicts)
    started_at = "2026-11-09T12:00:00.000Z"
    store(database, [better], "bb", msgspec.structs.replace(HEADER, started_at=started_at, scan_id="bb"))
    after = asyncio.run(fleet_of(database).index())
    with pytest.raises(CursorGone):
        page_of(after, select_hosts(after, {}), limit=3, cursor=page.cursor)
    by_name = page_of(before, select_hosts(before, {"sort": "host"}), limit=3)
    assert page_of(after, select_hosts(after, {"sort": "host"}), limit=3, cursor=by_name.cursor).hosts
    database.close()


async def test_key_changes_that_are_not_known_yet_are_not_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page would say that no key changed, while the history is still being read."""
    database = history(tmp_path / "history.db", [captured("openssh-9.9p2")])
    kept = fleet_of(database)
    await kept.index()
    monkeypatch.setattr("sshprobe.serve.fleet.holder.PATIENCE", 0.0)
    assert await kept.key_changes() is None
    await kept.close()
    assert await kept.key_changes() == []
    database.close()
