"""Every hostile server gets its status, stays within its cost, and harms no other host of the scan.

One `Scanner` scans all servers of a table together with three good ones. Then a test of its own checks each server.

"""

from __future__ import annotations

import asyncio
import re
import select
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.scanner import Scanner
from tests.golden.fence import PROFILES, differences, masked
from tests.hostile import (
    cases_connections,
    cases_early,
    cases_encrypted,
    cases_key_exchange,
    cases_packets,
    cases_stages,
    cases_strangers,
)
from tests.hostile.case import Case
from tests.hostile.clock import run_unhurried
from tests.hostile.server import ScriptedServer

TABLES: dict[str, list[Case]] = {
    "strangers": cases_strangers.CASES,
    "packets": cases_packets.CASES,
    "key exchange": cases_key_exchange.CASES,
    "encrypted": cases_encrypted.CASES,
    "stages": cases_stages.CASES,
    "connections": cases_connections.CASES,
    "early": cases_early.CASES,
}

MADE_UP = re.compile("[0-9a-f]{16}")

GOOD_HOSTS = ("127.0.2.1", "127.0.2.2", "127.0.2.3")


@dataclass(frozen=True)
class Swept:
    """The results of one scan."""

    records: dict[str, HostRecord]
    """Records by target."""
    count: Counter[str]
    servers: dict[str, ScriptedServer]
    """Servers by the name of the case."""
    good: list[AsyncSSHServer]


@cache
def swept(table: str, *, depth: Depth = "full", network: str, fast: bool = True) -> Swept:
    """Scan on the network of Linux or of other systems, with or without the fast path of the lists.

    The loop has its own clock, so a busy machine makes no server late.
    """
    with pytest.MonkeyPatch.context() as patch:
        if network == "asyncio":
            patch.delattr(select, "epoll")
        if not fast:
            patch.setattr(ScanContext, "_has_fast_path", lambda _: False)
        return run_unhurried(_sweep(TABLES[table], depth))


async def _sweep(cases: list[Case], depth: Depth) -> Swept:
    async with AsyncExitStack() as running:
        good = [await running.enter_async_context(AsyncSSHServer("hardened", host=host)) for host in GOOD_HOSTS]
        servers = {
            case.name: await running.enter_async_context(ScriptedServer(f"127.0.1.{at}", case.script))
            for at, case in enumerate(cases, 1)
        }
        targets = [f"{server.host}:{server.port}" for server in servers.values()]
        targets += [f"{server.host}:{server.port}" for server in good]
        records, count = {}, Counter[str]()
        scanner = Scanner(
            profiles=[load_profile(each) for each in PROFILES],
            depth=depth,
            auth_users="root",  # the scripts answer one try
            connect_timeout=2,
            timeout=3,
            host_timeout=20,
            throttle_wait=0.1,
            concurrency=len(targets),
        )
        async with asyncio.timeout(90), scanner:  # far more than it takes
            async for record in scanner.scan(targets):
                records[record.target] = record
                count[record.target] += 1
    return Swept(records, count, servers, good)


each_case = pytest.mark.parametrize(
    ("table", "case"),
    # The table comes first: `tests.conftest.group_of` reads it.
    [pytest.param(table, case, id=f"{table}-{case.name}") for table, cases in TABLES.items() for case in cases],
)
every_network = pytest.mark.parametrize("network", ["epoll", "asyncio"])


@every_network
@each_case
def test_a_hostile_server(table: str, case: Case, network: str) -> None:
    result = swept(table, network=network)
    server = result.servers[case.name]
    record = result.records[f"{server.host}:{server.port}"]
    said = " ".join([record.error or "", *record.warnings])
    assert not server.faults
    assert (record.status, said) == (case.status, said)
    assert case.error in said
    assert "internal error" not in said
    assert said.isprintable()
    assert case.stage in (None, record.stage)
    assert case.also is None or case.also(record)
    for verdict in record.verdicts[:1]:
        assert (verdict.compliant is True) == case.compliant
    assert 1 <= server.connections <= case.connections
    assert server.connections == record.connections
    assert server.most_at_once == 1
    assert server.bytes_accepted <= case.bytes_accepted


@every_network
@pytest.mark.parametrize("table", TABLES)
def test_the_other_hosts_are_unharmed(table: str, network: str) -> None:
    result = swept(table, network=network)
    assert set(result.count.values()) == {1}
    assert len(result.records) == len(TABLES[table]) + len(GOOD_HOSTS)
    for server in result.good:
        record = result.records[f"{server.host}:{server.port}"]
        assert (record.status, record.error, record.warnings) == ("ok", None, [])
        assert {key.fingerprint for key in record.host_keys or ()} == set(server.fingerprints.values())
        assert all(key.signature_verified for key in record.host_keys or ())
        assert record.authentication_methods == ["publickey"]
        assert [verdict.compliant for verdict in record.verdicts[:1]] == [True]
        assert record.connections == server.connections() == 2


def told_apart(record: HostRecord) -> HostRecord:
    """Return a record without host, times, and the invented text of a tarpit."""
    lines = [MADE_UP.sub("made up", line) for line in record.lines_before_identification[:1]]
    error = MADE_UP.sub("made up", record.error or "")
    return msgspec.structs.replace(
        record, target="", port=0, started_at="", duration_ms=0, error=error, lines_before_identification=lines
    )


@each_case
def test_the_lists_of_a_hostile_server(table: str, case: Case) -> None:
    """The fast path gives the same record as the probe, with no more connections and no longer waits."""
    quick = swept(table, depth="lists", network="epoll")
    usual = swept(table, depth="lists", network="epoll", fast=False)
    server = quick.servers[case.name]
    record = quick.records[f"{server.host}:{server.port}"]
    other = usual.servers[case.name]
    assert told_apart(record) == told_apart(usual.records[f"{other.host}:{other.port}"])
    assert "internal error" not in " ".join([record.error or "", *record.warnings])
    assert server.connections == other.connections == record.connections
    assert server.most_at_once == 1
    assert server.bytes_accepted <= case.bytes_accepted
    assert record.duration_ms < 5000


@pytest.mark.parametrize("table", TABLES)
def test_the_lists_of_the_other_hosts_are_unharmed(table: str) -> None:
    result = swept(table, depth="lists", network="epoll")
    assert set(result.count.values()) == {1}
    assert len(result.records) == len(TABLES[table]) + len(GOOD_HOSTS)
    for server in result.good:
        record = result.records[f"{server.host}:{server.port}"]
        assert (record.status, record.error, record.connections) == ("ok", None, 1)


@every_network
@pytest.mark.parametrize("depth", ["lists", "full"])
@pytest.mark.parametrize("table", TABLES)
def test_the_records_are_the_kept_ones(table: str, depth: Depth, network: str) -> None:
    result = swept(table, depth=depth, network=network)
    records = [
        (f"hostile/{case.name}/{depth}", masked(result.records[f"{server.host}:{server.port}"], fixed_keys=True))
        for case in TABLES[table]
        for server in [result.servers[case.name]]
    ]
    assert differences(records) == []
