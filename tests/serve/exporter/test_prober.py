"""One prober in the test's own process, before small servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.serve.exporter.allow_list import AllowList
from sshprobe.serve.exporter.probe_modules import ProbeModule
from sshprobe.serve.exporter.prober import Prober

LISTS = ProbeModule(name="lists", profile=load_profile(), depth="lists")

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def old_server() -> AsyncIterator[tuple[str, list[int]]]:
    """Run a server that speaks only SSH-1. Yield its place, and a list with a number for each connection."""
    connections: list[int] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        writer.write(b"SSH-1.5-old\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1") as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", connections


async def probed(prober: Prober, place: str, module: ProbeModule = LISTS) -> tuple[HostRecord, float]:
    """Return the record of a host, and its age in seconds."""
    answer = await prober.probe(place, module, 20)
    assert answer.record is not None
    return answer.record, answer.age


async def test_an_error_while_grading_is_logged_by_another_thread(caplog: pytest.LogCaptureFixture) -> None:
    """The event loop answers other requests meanwhile. A profile for clients cannot grade servers."""
    wrong = msgspec.structs.replace(LISTS, profile=load_profile("mozilla-client-modern"))
    async with old_server() as (place, _), Prober(AllowList(["127.0.0.1"])) as prober:
        graded, _ = await probed(prober, place)
        ungraded, _ = await probed(prober, place, wrong)
    assert graded.verdicts[0].grade == "F"
    assert ungraded.verdicts == []
    (logged,) = caplog.records
    assert "internal error while grading 127.0.0.1" in logged.getMessage()
    assert logged.threadName != "MainThread"


async def test_a_server_rests_after_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with old_server() as (place, connections), Prober(AllowList(["127.0.0.1"])) as prober:
        prober._scanners["lists"].stop()  # its next probe raises RuntimeError
        first, _ = await probed(prober, place)
        _, age = await probed(prober, place)
    assert first.status == "protocol_error"
    assert age > 0
    assert not connections
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


async def test_a_name_without_an_address_is_not_still_running() -> None:
    async with Prober(AllowList(["nosuch.invalid"])) as prober:
        found, _ = await probed(prober, "nosuch.invalid")
    assert (found.status, found.host, found.address) == ("dns_error", "nosuch.invalid", None)
