"""Scans from Python: kinds of targets, several scans of one `Scanner` at once, and every way to end early."""

from __future__ import annotations

import asyncio
import itertools
import os
import select
import subprocess
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from sshprobe import InputError, Scanner
from sshprobe.model.records import HostRecord
from sshprobe.scan.job import Progress
from sshprobe.targets import Target, iterables

ROOT = Path(__file__).parents[1]
GREETING = (ROOT / "tests/captures/openssh-debian12-9.2p1.bin").read_bytes()
NETWORK = "127.0.9.0/29"
SIX = {f"127.0.9.{number}" for number in range(1, 7)}


class Fleet:
    """A server at every address of 127.0.0.0/8. While `answers` is set, it sends its greeting and waits."""

    def __init__(self) -> None:
        self.port = 0
        self.answers = True
        self.pause = 0.0
        self.connections: Counter[str] = Counter()
        self.now: Counter[str] = Counter()
        self.most_at_once = 0
        """Connections to one address."""
        self.most_together = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        self.connections[host] += 1
        self.now[host] += 1
        self.most_at_once = max(self.most_at_once, self.now[host])
        self.most_together = max(self.most_together, self.now.total())
        try:
            if self.answers:
                await asyncio.sleep(self.pause)
                writer.write(GREETING)
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            self.now[host] -= 1
            writer.close()


@asynccontextmanager
async def fleet() -> AsyncIterator[Fleet]:
    hosts = Fleet()
    server = await asyncio.start_server(hosts.serve, "0.0.0.0", 0)
    hosts.port = server.sockets[0].getsockname()[1]
    async with server:
        yield hosts


async def until(condition: Callable[[], object]) -> None:
    for _ in itertools.count():  # neither servers nor kernels set an event
        if condition():
            return
        await asyncio.sleep(0)


async def read_into(hosts: set[str], records: AsyncIterator[HostRecord]) -> None:
    async for record in records:
        hosts.add(record.host)


def lists(**options: Any) -> Scanner:
    return Scanner(**{"depth": "lists", "profiles": [], "throttle_wait": 0.01, **options})


async def one_by_one(entries: list[Any]) -> AsyncIterator[Any]:
    for entry in entries:
        await asyncio.sleep(0)
        yield entry


class Bare:
    """An async iterable without `aclose`."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = iter(entries)

    def __aiter__(self) -> Bare:
        return self

    async def __anext__(self) -> Any:
        for entry in self._entries:
            return entry
        raise StopAsyncIteration


class OnlyIterable:
    def __init__(self, entries: list[Any]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries)


CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict.fromkeys,
    "deque": deque,
    "iterator": iter,
    "generator": lambda entries: (entry for entry in entries),
    "iterable": OnlyIterable,
    "async generator": one_by_one,
    "async iterator": Bare,
}
SYNC = [name for name in CONTAINERS if not name.startswith("async")]


@pytest.mark.parametrize("container", CONTAINERS)
async def test_every_iterable_covers_a_whole_network(container: str) -> None:
    async with fleet() as hosts, lists() as scanner:
        targets = CONTAINERS[container]([f"{NETWORK}:{hosts.port}", f"127.0.9.77:{hosts.port}"])
        records = [record async for record in scanner.scan(targets)]
    assert Counter(record.host for record in records) == Counter({*SIX, "127.0.9.77"})
    assert {record.status for record in records} == {"ok"}
    assert set(hosts.connections) == {*SIX, "127.0.9.77"}


@pytest.mark.parametrize("container", SYNC)
async def test_a_host_that_is_named_twice_is_scanned_once(container: str) -> None:
    async with fleet() as hosts, lists() as scanner:
        targets = CONTAINERS[container]([f"{NETWORK}:{hosts.port}", f"127.0.9.3:{hosts.port}"])
        records = [record async for record in scanner.scan(targets)]
    assert Counter(record.host for record in records) == Counter(SIX)


@pytest.mark.parametrize("container", ["list", "set", "generator", "async generator"])
async def test_objects_of_ipaddress_are_targets(container: str) -> None:
    entries = [ip_address("127.0.9.1"), ip_network(NETWORK), ip_address("::1"), ip_interface("127.0.9.99/24")]
    excluded = ["127.0.0.0/8", "::1"]
    async with lists(exclude=excluded) as scanner:
        records = [record async for record in scanner.scan(CONTAINERS[container](entries))]
    assert {record.host for record in records} == {*SIX, "::1", "127.0.9.99"}
    assert {(record.status, record.port) for record in records} == {("excluded", 22)}


@pytest.mark.parametrize(
    "target", [NETWORK, ip_network(NETWORK), ip_address("127.0.9.1"), Target("a", "127.0.9.1", 22)]
)
async def test_one_target_needs_no_list(target: Any) -> None:
    async with lists(exclude=["127.0.0.0/8"]) as scanner:
        records = [record async for record in scanner.scan(target)]
    assert len(records) == (6 if "/" in str(target) else 1)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (b"127.0.9.1", TypeError),
        (("127.0.9.1", 22), TypeError),
        (None, TypeError),
        (7, TypeError),
        (Path("127.0.9.1"), TypeError),
        (Target("a", "127.0.9.1", "22"), TypeError),  # type: ignore[arg-type] # a wrong type on purpose
        (Target("a", "127.0.9.1", 0), InputError),
        ("127.0.9.1:0", InputError),
        ("127.0.9.0/99", InputError),
        ("", InputError),
        ("-", InputError),
        ("0.0.0.0", InputError),
    ],
)
async def test_a_bad_target_raises_before_contact(container: str, entry: Any, error: type[Exception]) -> None:
    async with fleet() as hosts, lists() as scanner:
        # An async iterable is read during the scan, so its first entries are contacted first.
        entries = [entry] if container.startswith("async") else [f"127.0.9.1:{hosts.port}", entry]
        with pytest.raises(error) as caught:
            await read_into(set(), scanner.scan(CONTAINERS[container](entries)))
    assert type(caught.value) is error
    assert not hosts.connections


@pytest.mark.parametrize("targets", [b"127.0.9.1", None, 7, bytearray(b"x"), [["127.0.9.1"]], object()])
def test_a_value_that_is_not_iterable_raises_at_once(targets: Any) -> None:
    with pytest.raises(TypeError):
        lists().scan(targets)


async def failing_late(port: int, error: Exception) -> AsyncIterator[str]:
    yield f"127.0.9.1:{port}"
    yield f"127.0.9.2:{port}"
    raise error


@pytest.mark.parametrize("error", [InputError("line 3 is wrong"), LookupError("row 3"), OSError(5, "disk")])
async def test_an_error_of_an_iterable_reaches_the_caller(error: Exception) -> None:
    """Hosts before it were contacted and have records."""
    async with fleet() as hosts, lists() as scanner:
        found: set[str] = set()
        with pytest.raises(type(error)) as caught:
            await read_into(found, scanner.scan(failing_late(hosts.port, error)))
        assert caught.value is error
        assert found == {"127.0.9.1", "127.0.9.2"}

        def lazy() -> Iterator[str]:
            yield "127.0.9.1"
            raise error

        with pytest.raises(type(error)) as caught:
            scanner.scan(lazy())
        assert caught.value is error


async def test_a_long_iterator_is_read_as_hosts_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iterables, "READ_AHEAD", 10)
    read = 0

    def endless(port: int) -> Iterator[str]:
        nonlocal read
        for number in itertools.count(1):
            read += 1
            yield f"127.0.9.{number}:{port}" if number < 30 else "127.0.9.0/99"

    async with fleet() as hosts, lists(concurrency=2) as scanner:
        async with aclosing(scanner.scan(endless(hosts.port))) as records:
            async for _ in records:
                break
        assert read < 20
        found: set[str] = set()
        with pytest.raises(InputError, match=r"127\.0\.9\.0/99"):
            await read_into(found, scanner.scan(endless(hosts.port)))
    assert found == {f"127.0.9.{number}" for number in range(1, 30)}


@pytest.fixture(params=["epoll", "no epoll"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no epoll":
        monkeypatch.delattr(select, "epoll")


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("depth", ["lists", "keys"])
async def test_two_scans_at_once_never_meet_at_an_address(depth: str) -> None:
    """Each scan has all its records, and together they respect the concurrency."""
    async with fleet() as hosts, lists(depth=depth, concurrency=3, timeout=0.1) as scanner:
        hosts.pause = 0.02
        network = NETWORK if depth == "lists" else "127.0.9.0/30"

        async def scanned() -> Counter[str]:
            return Counter([record.host async for record in scanner.scan([f"{network}:{hosts.port}"])])

        found = await asyncio.gather(scanned(), scanned(), scanned())
    assert all(each == found[0] for each in found)
    assert set(found[0].values()) == {1}
    assert hosts.most_at_once == 1
    assert 1 < hosts.most_together <= 3


async def test_a_scan_inside_a_scan_ends() -> None:
    async with fleet() as hosts, lists(concurrency=1) as scanner:
        pairs = [
            (outer.host, inner.host)
            async for outer in scanner.scan([f"127.0.9.1:{hosts.port}", f"127.0.9.2:{hosts.port}"])
            async for inner in scanner.scan([f"127.0.9.1:{hosts.port}", f"127.0.9.2:{hosts.port}"])
        ]
    assert len(set(pairs)) == 4


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("depth", ["lists", "keys"])
async def test_a_dropped_scan_releases_its_slots_and_addresses(depth: str) -> None:
    """The first scan holds all of them when it is dropped."""
    async with fleet() as hosts, lists(depth=depth, concurrency=3, timeout=0.5) as scanner:
        targets = [f"127.0.9.{number}:{hosts.port}" for number in range(1, 4)]
        hosts.answers = False
        for _ in range(2):
            reader = asyncio.create_task(anext(scanner.scan(targets)))
            await until(lambda: hosts.now.total() == 3)
            reader.cancel()
            await asyncio.wait([reader])
            del reader
            await until(lambda: not hosts.now.total())
        hosts.answers = True
        async with asyncio.timeout(60):
            records = [record async for record in scanner.scan(targets)]
    assert {record.host for record in records} == {"127.0.9.1", "127.0.9.2", "127.0.9.3"}
    assert hosts.most_at_once == 1


async def test_a_slow_reader_loses_no_record() -> None:
    """`anext` with a timeout, as in a loop with other work."""
    async with fleet() as hosts, lists() as scanner:
        hosts.pause = 0.3
        records = scanner.scan([f"{NETWORK}:{hosts.port}"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(records), 0.01)
        assert {record.host async for record in records} == SIX


async def test_a_closed_scanner_raises() -> None:
    scanner = lists()
    async with fleet() as hosts:
        async with scanner:
            early = scanner.scan([f"127.0.9.1:{hosts.port}"])
            open_still = scanner.scan([f"{NETWORK}:{hosts.port}"])
            await anext(open_still)
        with pytest.raises(RuntimeError, match="closed"):
            scanner.scan(["127.0.9.1"])
        with pytest.raises(RuntimeError, match="closed"):
            await scanner.scan_one("127.0.9.1")
        with pytest.raises(RuntimeError, match="closed"):
            await anext(early)
        with pytest.raises(RuntimeError, match="closed"):
            await read_into(set(), open_still)
        async with scanner:
            assert (await scanner.scan_one(f"127.0.9.1:{hosts.port}")).status == "ok"


async def test_a_reader_in_another_task_sees_the_end() -> None:
    async with fleet() as hosts:
        hosts.answers = False
        async with lists() as scanner:
            reader = asyncio.create_task(anext(scanner.scan([f"127.0.9.1:{hosts.port}"])))
            await until(lambda: hosts.connections)
        with pytest.raises(RuntimeError, match="closed"):
            await reader


async def test_one_host_has_one_record() -> None:
    async with fleet() as hosts, lists(profiles=["mozilla-modern"], all_addresses=True) as scanner:
        record = await scanner.scan_one(f"127.0.9.1:{hosts.port}")
        assert (record.host, record.status, record.verdicts[0].profile) == ("127.0.9.1", "ok", "mozilla-modern")
        assert (await scanner.scan_one(Target("words", "127.0.9.2", hosts.port))).target == "words"
        with pytest.raises(InputError, match=r"names 6 hosts"):
            await scanner.scan_one(NETWORK)
        with pytest.raises(TypeError):
            await scanner.scan_one(b"127.0.9.1")  # type: ignore[arg-type] # a wrong type on purpose
        many = await asyncio.gather(*(scanner.scan_one(f"127.0.9.{last}:{hosts.port}") for last in [1, 1, 1, 2, 3]))
    assert [record.host[-1] for record in many] == ["1", "1", "1", "2", "3"]
    assert hosts.most_at_once == 1


async def test_progress_is_counted_over_all_scans() -> None:
    seen: list[Progress] = []
    async with fleet() as hosts, lists(on_progress=seen.append) as scanner:
        async for _ in scanner.scan([f"{NETWORK}:{hosts.port}"]):
            pass
        assert (seen[-1].started, seen[-1].done, seen[-1].total, seen[-1].waiting) == (6, 6, 6, 0)
        assert [each.done for each in seen] == sorted(each.done for each in seen)
        await scanner.scan_one(f"127.0.9.1:{hosts.port}")
        assert (seen[-1].done, seen[-1].total) == (7, 7)
        async for _ in scanner.scan(one_by_one([f"127.0.9.1:{hosts.port}"])):
            assert scanner.progress.total is None
        assert (seen[-1].done, seen[-1].total) == (8, None)
        assert scanner.progress.pending == 0


async def test_an_error_of_the_progress_callback_ends_the_scan() -> None:
    def broken(progress: object) -> None:
        raise LookupError("no window")

    async with fleet() as hosts, lists(on_progress=broken) as scanner:
        with pytest.raises(LookupError, match="no window"):
            await scanner.scan_one(f"127.0.9.1:{hosts.port}")


async def test_after_stop_nothing_is_started() -> None:
    async with fleet() as hosts, lists(concurrency=1) as scanner:
        found = []
        async for record in scanner.scan([f"{NETWORK}:{hosts.port}"]):
            found.append(record)
            scanner.stop()
        assert 1 <= len(found) < 6
        assert [record async for record in scanner.scan(["127.0.9.1"])] == []
        with pytest.raises(RuntimeError, match="stop"):
            await scanner.scan_one("127.0.9.1")


async def test_an_async_generator_is_closed_with_its_scan() -> None:
    closed = []

    async def endless(port: int) -> AsyncIterator[str]:
        try:
            while True:
                yield f"127.0.9.1:{port}"
        finally:
            closed.append(True)

    async with fleet() as hosts, lists() as scanner:
        async for _ in scanner.scan(endless(hosts.port)):
            break
    assert closed == [True]


LEFT = """
import asyncio, gc, socket, sys, threading
from pathlib import Path
from sshprobe import Scanner

GREETING = Path("tests/captures/openssh-debian12-9.2p1.bin").read_bytes()
connections = []

def serve(server):
    # One host answers, and all others are under way when the scan is left.
    try:
        while True:
            connections.append(server.accept()[0])
            if connections[-1].getsockname()[0].endswith(".1"):
                connections[-1].sendall(GREETING)
    except OSError:
        pass

async def scanned(scanner, port, way):
    targets = [f"127.0.9.0/28:{port}"]
    if way == "generator":
        targets = (f"127.0.{number}.{last}:{port}" for number in range(1, 99) for last in range(1, 255))
    async for record in scanner.scan(targets):
        if way == "return":
            return
        if way == "raise":
            raise LookupError("in the body")
        if way == "cancel":
            asyncio.current_task().cancel()
            await asyncio.sleep(9)
        break

async def main(way, context, port):
    scanner = Scanner(depth=sys.argv[3], timeout=0.2 if sys.argv[3] == "full" else 60, throttle_wait=0)
    before = asyncio.all_tasks()
    task = asyncio.create_task(scanned(scanner, port, way))
    if context:
        async with scanner:
            await asyncio.wait([task])
        assert asyncio.all_tasks() == before, asyncio.all_tasks()
    else:
        await asyncio.wait([task])
        del scanner
    print(task.cancelled() or repr(task.exception()))
    del task
    gc.collect()

with socket.create_server(("0.0.0.0", 0), backlog=1024) as server:
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    asyncio.run(main(sys.argv[1], sys.argv[2] == "context", server.getsockname()[1]))
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
for connection in connections:
    connection.close()
"""


@pytest.mark.parametrize("depth", ["lists", "full"])
@pytest.mark.parametrize("context", ["context", "bare"])
@pytest.mark.parametrize(
    ("way", "end"),
    [
        ("break", "None"),
        ("return", "None"),
        ("generator", "None"),
        ("raise", "LookupError('in the body')"),
        ("cancel", "True"),
    ],
)
def test_a_scan_that_is_left_cleans_up(way: str, end: str, context: str, depth: str) -> None:
    """In asyncio's debug mode, with warnings as errors, no task remains and nothing is printed."""
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEFT, way, context, depth],
        cwd=ROOT,
        env={**os.environ, "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    words = [line for line in run.stderr.splitlines() if not (line.startswith("Executing <") and "took" in line)]
    assert (run.returncode, run.stdout.strip(), words) == (0, end, [])
