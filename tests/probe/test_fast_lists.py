"""The fast path of `--depth lists` gives the same bytes as the probe, except for times."""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.cli.exit_codes import reached
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.net import NetworkError, parse_ip
from sshprobe.net.errors import Failure
from sshprobe.probe.effects import ProbeGenerator
from sshprobe.probe.fast_lists import PIECES, FastLists, Host
from sshprobe.probe.greetings import Greeting, split_greeting
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.profiles import load_profile
from sshprobe.scan.results import ResultEncoder
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.scanner import Scanner
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.targets import Target
from tests.hostile.clock import run_unhurried

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.bin"))
GREETINGS = [path.read_bytes() for path in CAPTURES]
MODERN = next(path.read_bytes() for path in CAPTURES if "9.2p1" in path.name)
TINY = next(path.read_bytes() for path in CAPTURES if "tinysshd" in path.name)
COMMENT = TINY[TINY.index(b" ") : TINY.index(b"\r\n")]
FIRST, SECOND = "127.0.5.1", "127.0.5.2"
PROFILES = [load_profile("mozilla-modern"), load_profile("alibaba-ecs")]

TIMES = re.compile(rb'"started_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","duration_ms":\d+\.\d+')


@asynccontextmanager
async def server(host: str, pieces: Sequence[bytes], *, stays: bool = False) -> AsyncIterator[int]:
    """Send `pieces` in order and close, or wait for the other side to close. Yield the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, piece in enumerate(pieces):
                if number:
                    await asyncio.sleep(0.003)
                writer.write(piece)
                await writer.drain()
            if not stays:
                writer.write_eof()
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, host, 0)
    async with running:
        yield running.sockets[0].getsockname()[1]


async def scanned(
    targets: Sequence[Target], *, fast: bool = True, without_epoll: bool = False, **options: Any
) -> list[tuple[bytes, bool]]:
    """Return the line of each target in order, without times, and whether it stayed on the fast path."""
    times = {"timeout": 0.4, "connect_timeout": 2.0, "host_timeout": 5.0, "throttle_wait": 0.01, **options}
    found = []
    # One after the other, so that the first fills the cache.
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(ScanContext, "_has_fast_path", lambda _: False)
        if without_epoll:
            patch.delattr(select, "epoll")  # as on other systems than Linux
        scanner = Scanner(profiles=PROFILES, depth="lists", concurrency=1, **times)
        async with asyncio.timeout(60), scanner:
            async for hosts in scanner._context.batches(targets):
                for host in hosts.results:
                    line = host.line()
                    assert line == msgspec.json.encode(host.record) + b"\n"
                    assert TIMES.search(line), line[:300]
                    found.append((TIMES.sub(b'"when":0', line), len(host.chunks) == 3))
    assert len(found) == len(targets)
    return found


async def both_ways(
    first: bytes, pieces: Sequence[bytes], *, stays: bool = False, without_epoll: bool = False, **options: Any
) -> tuple[HostRecord, bool]:
    """Scan a server that sends `first`, then one that sends `pieces`, by the fast path and by the probe: same lines.

    Returns the record of the second, and whether it took the fast path to its end.
    """
    async with server(FIRST, [first], stays=True) as one, server(SECOND, pieces, stays=stays) as other:
        targets = [Target("some words", FIRST, one), Target(SECOND, SECOND, other)]
        quick = await scanned(targets, **options)
        usual = await scanned(targets, fast=False, **options)
        if without_epoll:
            assert await scanned(targets, without_epoll=True, **options) == quick
    assert [line for line, _ in quick] == [line for line, _ in usual]
    assert not any(took for _, took in usual)
    line, took = quick[1]
    return msgspec.json.decode(line.replace(b'"when":0', b'"started_at":"","duration_ms":0'), type=HostRecord), took


def with_other_cookie(greeting: bytes) -> bytes:
    at = greeting.index(b"\n") + 7
    return greeting[:at] + bytes(byte ^ 0xA5 for byte in greeting[at : at + 16]) + greeting[at + 16 :]


@pytest.mark.parametrize("greeting", GREETINGS, ids=[path.stem for path in CAPTURES])
async def test_every_capture_gives_the_same_record(greeting: bytes) -> None:
    for before in (greeting, MODERN):  # known, and new
        record, took = await both_ways(before, [with_other_cookie(greeting)], stays=True)
        assert took
        assert (record.status, record.connections, record.stage) == ("ok", 1, "done")
        assert len(record.verdicts) == 2


async def test_a_malformed_identification_counts_whatever_follows() -> None:
    broken = MODERN.replace(b"SSH-2.0", b"SSH-\x00.0", 1)
    end = broken.index(b"\n") + 1
    for pieces in ([broken], [broken[:end], broken[end:]], [b"hello\r\n" + broken]):
        record, _ = await both_ways(MODERN, pieces, stays=True)
        assert (record.status, record.error) == ("protocol_error", "malformed identification")


async def test_each_connection_keeps_its_comments() -> None:
    other = TINY.replace(COMMENT, b" <\xffABCD\x1b", 1)
    assert other != TINY
    record, took = await both_ways(TINY, [other], stays=True)
    assert took
    assert record.identification is not None
    assert record.identification.comments == r"<\xffABCD\x1b"
    record, took = await both_ways(TINY, [TINY.replace(COMMENT, b" ", 1)], stays=True)
    assert took
    assert record.identification is not None
    assert record.identification.comments == ""


async def test_a_greeting_in_pieces_is_gathered() -> None:
    end = MODERN.index(b"\n") + 1
    for cuts in ([end], [3, end - 1, end + 3, end + 10, 900], [len(MODERN) - 1]):
        parts = [MODERN[a:b] for a, b in zip([0, *cuts], [*cuts, len(MODERN)], strict=True)]
        assert (await both_ways(MODERN, parts, stays=True))[1]
    parts = [MODERN[at : at + 20] for at in range(0, len(MODERN), 20)]
    record, _ = await both_ways(MODERN, parts, stays=True, timeout=25, host_timeout=28)
    assert record.status == "ok"
    assert len(parts) > PIECES  # the kernel decides on the number of reads


async def test_data_after_the_lists_is_not_read() -> None:
    record, took = await both_ways(MODERN, [MODERN + b"\0\0\0\x0c\x0a\x02" + bytes(10) + b"more" * 5000])
    assert (record.status, took) == ("ok", True)


ODD: dict[str, tuple[list[bytes], str]] = {
    "a line before": ([b"Welcome\r\n" + MODERN], "ok"),
    "a line before, alone": ([b"Welcome\r\n", MODERN], "ok"),
    "IGNORE before": ([MODERN.replace(b"\n", b"\n\0\0\0\x0c\x05\x02\0\0\0\0" + bytes(6), 1)], "ok"),
    "an end within": ([MODERN[:200]], "partial"),
    "an end behind the identification": ([MODERN[: MODERN.index(b"\n") + 1]], "partial"),
    "nothing": ([], "reset"),
    "HTTP": ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "not_ssh"),
    "SSH-1": ([b"SSH-1.5-old\n"], "ssh1_only"),
    "throttled": ([b"Not allowed at this time\r\n"], "throttled"),
    "a length that no packet has": ([MODERN.replace(b"\n\0\0\x04", b"\n\0\xff\x04", 1)], "protocol_error"),
    "an invalid identification": ([MODERN.replace(b"SSH-2.0-", b"SSH-2-", 1)], "protocol_error"),
    "a comment without end": (
        [b"SSH-2.0-OpenSSH_9.2p1 " + b"x" * 9000 + MODERN[MODERN.index(b"\n") :]],
        "protocol_error",
    ),
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_data_is_replayed_to_the_probe(name: str) -> None:
    pieces, status = ODD[name]
    record, took = await both_ways(MODERN, pieces, without_epoll=True)
    assert (record.status, took) == (status, False)


@pytest.mark.parametrize("kept", [0, 10, 44, 200])
async def test_silence_is_timed_out(kept: int) -> None:
    record, took = await both_ways(MODERN, [MODERN[:kept]] if kept else [], stays=True)
    assert not took
    assert record.status == ("partial" if kept >= 44 else "timeout")
    assert record.error in ("timed out waiting for an identification", "timed out waiting for KEXINIT")


def test_a_driver_that_takes_over_keeps_the_deadlines() -> None:
    """The clock counts idle time only: 0.3 s until the identification, then 1.2 s for KEXINIT, and no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(MODERN[: MODERN.index(b"\n") + 1])
        while await reader.read(4096):
            pass
        writer.close()

    async def durations() -> list[float]:
        found = []
        async with await asyncio.start_server(serve, FIRST, 0) as running:
            port = running.sockets[0].getsockname()[1]
            for fast in (True, False):
                with pytest.MonkeyPatch.context() as patch:
                    if not fast:
                        patch.setattr(ScanContext, "_has_fast_path", lambda _: False)
                    async with Scanner(depth="lists", timeout=1.2) as scanner:
                        record = await scanner.scan_one(f"{FIRST}:{port}")
                assert record.error == "timed out waiting for KEXINIT"
                assert record.connections == 2  # one more, in case ours was lost: it shares the deadline
                found.append(record.duration_ms)
        return found

    fast, usual = run_unhurried(durations())
    assert abs(fast - usual) < 200
    assert 1400 < fast < 2000


async def test_a_bug_in_a_second_try_costs_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, tries = HostProbe.effects, []

    def effects(self: HostProbe, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        tries.append(self.host)
        if tries == [SECOND, SECOND]:
            raise RuntimeError("of ours")
        return usual(self, clock)

    monkeypatch.setattr(HostProbe, "effects", effects)
    async with server(FIRST, [MODERN], stays=True) as one, server(SECOND, []) as other:
        found = await scanned([Target(FIRST, FIRST, one), Target(SECOND, SECOND, other)])
    assert [b'"status":"ok"' in line for line, _ in found] == [True, False]
    assert b"internal error: RuntimeError" in found[1][0]


async def test_the_time_for_a_host_is_the_time_for_all_of_it() -> None:
    record, took = await both_ways(MODERN, [], stays=True, timeout=3, host_timeout=0.3)
    assert (record.status, took) == ("timeout", False)


async def test_no_listener() -> None:
    async with server(FIRST, []) as port:
        pass
    targets = [Target("a", FIRST, port), Target("b", SECOND, port)]
    quick = await scanned(targets)
    assert [line for line, _ in quick] == [line for line, _ in await scanned(targets, fast=False)]
    assert all(took and b'"refused"' in line for line, took in quick)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A real greeting, and a changed one: bytes replaced, removed, added; cut into pieces."""
    first = draw(st.sampled_from(GREETINGS))
    data = bytearray(first)
    for _ in range(draw(st.integers(1, 3))):
        start = data.find(b"\n") + 1
        near = st.integers(0, min(start + 30, len(data) - 1))
        at = draw(near | st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["change", "change", "take", "put"]))
        if kind == "change":
            data[at] = draw(st.integers(0, 255))
        elif kind == "take":
            del data[at : at + draw(st.integers(1, 20))]
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=20))
        if not data:
            break
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=2)))
    pieces = [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return first, [piece for piece in pieces if piece]


@settings(max_examples=60)
@given(mutated())
def test_any_data_gives_the_same_record(case: tuple[bytes, list[bytes]]) -> None:
    first, pieces = case
    asyncio.run(both_ways(first, pieces))


@pytest.mark.parametrize(
    ("failure", "taken"), [("reset", True), ("refused", False), ("timeout", False), ("unreachable", False)]
)
def test_a_connection_reset_during_connect_was_accepted(failure: Failure, taken: bool) -> None:
    """As without the fast path: `--fail-on` fails a host that accepted a connection and could not be judged."""
    encoder = ResultEncoder(VerdictCache(PROFILES, strict=False))
    options = ProbeOptions(client_id=b"SSH-2.0-test", depth="lists")
    lists = FastLists(options, encoder.template)
    address = parse_ip(FIRST)
    assert address is not None
    host = Host(FIRST, FIRST, address, 22)
    record = lists.unconnected(host, NetworkError(failure, "connection reset")).result(host, None, 1e9, 7.5).record
    assert (record.connections, record.stage) == ((1, "identification") if taken else (0, "connect"))
    assert reached("critical", record) is taken


@pytest.mark.parametrize("greeting", GREETINGS, ids=[path.stem for path in CAPTURES])
def test_a_greeting_is_split_once_it_is_there(greeting: bytes) -> None:
    line = greeting[: greeting.index(b"\n") + 1]
    for size in range(1, len(greeting)):
        assert split_greeting(greeting[:size]) == (0 if size < len(line) else len(line))
    whole = split_greeting(greeting)
    assert isinstance(whole, Greeting)
    assert (whole.line, whole.end) == (line, len(greeting))
    assert split_greeting(greeting + b"more") == whole
    assert split_greeting(with_other_cookie(greeting)) == whole
    padding = greeting[len(line) + 4]
    assert split_greeting(greeting[:-padding] + b"\x7f" * padding) == whole


def test_every_other_byte_makes_another_kind() -> None:
    for greeting in (MODERN, TINY):
        end, key = greeting.index(b"\n") + 1, split_greeting(greeting)
        assert isinstance(key, Greeting)
        # Comments of TinySSH are random; others name the package, and some hints depend on it.
        comment = range(greeting.find(b" ", 0, end) + 1, end - 1) if greeting is TINY else ()
        for at in range(len(greeting) - greeting[end + 4]):
            changed = greeting[:at] + bytes([greeting[at] ^ 1]) + greeting[at + 1 :]
            found = split_greeting(changed + bytes(256))
            same = isinstance(found, Greeting) and found.key == key.key
            assert same is (at in comment or end + 6 <= at < end + 22), at
