"""Our own bug, injected for one of three hosts, affects only that host. Each host has one record."""

from __future__ import annotations

import asyncio
import select
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe import Scanner
from sshprobe.cli.exit_codes import reached
from sshprobe.model.records import HostRecord
from sshprobe.net.epoll_network import EpollConnection
from sshprobe.probe.host_probe import HostProbe
from sshprobe.scan import target_jobs
from sshprobe.scan.results import ResultEncoder
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.target_run import TargetRuns
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.targets import Target

GREETING = (Path(__file__).parent / "captures" / "openssh-debian12-9.2p1.bin").read_bytes()
HOSTS = ["127.0.0.31", "127.0.0.32", "127.0.0.33"]
FAULTY = HOSTS[0]


@asynccontextmanager
async def servers() -> AsyncIterator[list[Target]]:
    """Run servers on loopback that send captured bytes of sshd and close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        writer.write_eof()
        await reader.read()
        writer.close()

    async with AsyncExitStack() as stack:
        targets = []
        for host in HOSTS:
            server = await stack.enter_async_context(await asyncio.start_server(serve, host, 0))
            targets.append(Target(host, host, server.sockets[0].getsockname()[1]))
        yield targets


async def scanned(depth: Any) -> dict[str, HostRecord]:
    """Return the record of each host."""
    concurrency = 1 if depth == "lists" else 3  # there, the first of similar hosts must be the faulty one
    ours = Scanner(depth=depth, concurrency=concurrency, throttle_wait=0.01)
    async with servers() as targets, asyncio.timeout(30), ours:
        records = [record async for record in ours.scan(targets)]
    assert Counter(record.target for record in records) == Counter(HOSTS)
    return {record.target: record for record in records}


def broken_for_one(monkeypatch: pytest.MonkeyPatch, where: object, name: str, host_of: Callable[..., str]) -> None:
    """Put a bug into the function `name` there, for the host that `host_of` finds in its arguments."""
    sound = getattr(where, name)

    def broken(*arguments: Any, **keywords: Any) -> Any:
        if host_of(*arguments) == FAULTY:
            raise RuntimeError("of ours")
        return sound(*arguments, **keywords)

    monkeypatch.setattr(where, name, broken)


BUGS: dict[str, tuple[object, str, Callable[..., str]]] = {
    "in connecting": (EpollConnection, "dial", lambda connection, *_: connection.address.ip),
    "in making who asks": (HostProbe, "__init__", lambda probe, target, host, *_: host),
    "in reading": (EpollConnection, "read", lambda connection, *_: connection.address.ip),
    "in being connected": (EpollConnection, "dispatch", lambda connection: connection.address.ip),
    "in telling what is known": (HostProbe, "observation", lambda probe: probe.host),
    "in what is made of one of a kind": (ResultEncoder, "template", lambda _, observation: observation.host),
}


@pytest.mark.parametrize("lines", [False, True])
async def test_a_bug_in_grading_keeps_the_facts(monkeypatch: pytest.MonkeyPatch, lines: bool) -> None:
    broken_for_one(monkeypatch, VerdictCache, "verdicts_for", lambda _, observation: observation.host)
    async with servers() as targets, asyncio.timeout(30):
        ours = Scanner(depth="keys", throttle_wait=0.01)
        if lines:
            hosts = [host async for batch in ours._context.batches(targets) for host in batch.results]
            records = [msgspec.json.decode(host.line(), type=HostRecord) for host in hosts]
            assert records == [host.record for host in hosts]
        else:
            records = [record async for record in ours.scan(targets)]
    assert sorted(record.target for record in records) == HOSTS
    for record in records:
        assert record.kex_algorithms
        if record.target == FAULTY:
            assert (record.status, record.error) == ("protocol_error", "internal error: RuntimeError")
            assert record.verdicts == []
            assert reached("critical", record)
        else:
            assert record.verdicts


async def test_a_record_that_cannot_be_encoded_costs_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_for_one(
        monkeypatch, ResultEncoder, "_encoded", lambda _, seen, *__: seen.host if seen.kex_algorithms else ""
    )
    found = await scanned("keys")
    faulty = found[FAULTY]
    assert (faulty.status, faulty.error, faulty.verdicts) == ("protocol_error", "internal error: RuntimeError", [])
    assert (faulty.address, faulty.kex_algorithms) == (FAULTY, None)
    assert faulty.connections > 0
    assert reached("critical", faulty)
    assert found[HOSTS[1]].verdicts


@pytest.mark.parametrize("depth", ["lists", "keys"])
@pytest.mark.parametrize("bug", BUGS)
async def test_a_bug_costs_one_host_its_record(monkeypatch: pytest.MonkeyPatch, depth: str, bug: str) -> None:
    as_ever = await scanned(depth)
    broken_for_one(monkeypatch, *BUGS[bug])
    found = await scanned(depth)
    for host in HOSTS[1:]:
        assert (found[host].status, found[host].verdicts) == (as_ever[host].status, as_ever[host].verdicts)
    used = depth == "lists" or "one of a kind" not in bug
    usual = as_ever[FAULTY].error
    assert found[FAULTY].error == ("internal error: RuntimeError" if used else usual)
    assert not used or (found[FAULTY].status, found[FAULTY].verdicts) == ("protocol_error", [])
    assert found[FAULTY].address == (None if depth == "keys" and bug == "in making who asks" else FAULTY)


async def test_a_bug_in_ending_a_host_ends_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """That host has no record, but nothing waits for it, and no address is released twice."""

    def broken(*_: object) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(TargetRuns, "finish", broken)
    with pytest.raises(BaseExceptionGroup) as raised:
        await scanned("lists")
    assert raised.group_contains(RuntimeError, match="of ours")


BUGS_WITHOUT_EPOLL: dict[str, tuple[object, str, Callable[..., str]]] = {
    "in reading the address": (target_jobs, "parse_ip", lambda host: host),
    "in beginning": (HostProbe, "effects", lambda probe, *_: probe.host),
    "in telling what is known": BUGS["in telling what is known"],
}


@pytest.mark.parametrize("depth", ["lists", "keys"])
@pytest.mark.parametrize("bug", BUGS_WITHOUT_EPOLL)
async def test_a_bug_costs_one_host_on_other_systems(monkeypatch: pytest.MonkeyPatch, depth: str, bug: str) -> None:
    monkeypatch.delattr(select, "epoll", raising=False)  # as on other systems than Linux
    if bug == "in beginning":
        monkeypatch.setattr(ScanContext, "_has_fast_path", lambda _: False)
    broken_for_one(monkeypatch, *BUGS_WITHOUT_EPOLL[bug])
    found = await scanned(depth)
    assert (found[FAULTY].status, found[FAULTY].error) == ("protocol_error", "internal error: RuntimeError")
    assert found[FAULTY].verdicts == []
    assert reached("critical", found[FAULTY])
    assert found[HOSTS[1]].verdicts


async def test_a_bug_in_resolving_costs_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, **_: object) -> object:
        raise RuntimeError("of ours")

    monkeypatch.setattr(target_jobs, "resolve", resolve)
    async with servers() as targets, asyncio.timeout(30), Scanner(throttle_wait=0.01, depth="lists") as scanner:
        asked = [*targets[1:], Target("name", "name.invalid", 22)]
        found = {record.target: record async for record in scanner.scan(asked)}
    assert (found["name"].status, found["name"].error) == ("protocol_error", "internal error: RuntimeError")
    assert {found[host].status for host in HOSTS[1:]} == {"ok"}
