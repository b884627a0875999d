"""Name lookups: our queue and our shortages are blamed neither on the resolver nor on the name."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sshprobe.model.observation import Depth
from sshprobe.net import Address, NetworkError, lookups, parse_ip
from sshprobe.net.resolve import resolve
from sshprobe.scan.scanner import Scanner
from sshprobe.targets import Target

ROOT = Path(__file__).parents[2]
ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
FOUND = [Address("192.0.2.1", socket.AF_INET)]
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshprobe.net.resolve.RESOLVER_PAUSES", (0.01, 0.01))


def resolver(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Any]) -> None:
    """Replace the system's resolver, which blocks its thread."""

    def getaddrinfo(host: str, *args: object, **kwargs: object) -> Any:
        return answer(host)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    """An event that a silent resolver waits for: the end of the test."""
    ended = threading.Event()
    yield ended
    ended.set()
    for thread in lookup_threads():
        thread.join()


def lookup_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sshprobe lookup"]


async def test_dozens_of_names_are_looked_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer comes before all threads have a name; the other names wait for a thread, not for the resolver."""
    together = threading.Barrier(lookups.MAX_LOOKUPS)

    def answer(host: str) -> Any:
        together.wait()
        return ANSWER

    resolver(monkeypatch, answer)
    names = [resolve(f"h{number}.example.test", family=None, timeout=30) for number in range(3 * together.parties)]
    assert await asyncio.gather(*names) == [FOUND] * len(names)


async def test_names_that_wait_for_a_thread_outlast_their_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout begins with the query: a second name waits three timeouts for the only thread."""
    monkeypatch.setattr(lookups, "MAX_LOOKUPS", 1)

    def answer(host: str) -> Any:
        time.sleep(0.9 if host.startswith("slow") else 0)
        return ANSWER

    resolver(monkeypatch, answer)
    slow = asyncio.create_task(resolve("slow.example.test", family=None, timeout=0.3))
    quick = asyncio.create_task(resolve("quick.example.test", family=None, timeout=0.3))
    with pytest.raises(NetworkError, match=r"no answer from the resolver within 0\.3 s"):
        await slow
    assert await quick == FOUND


async def test_names_that_hang_do_not_hold_up_others(monkeypatch: pytest.MonkeyPatch, silence: threading.Event) -> None:
    """24 names, as in a list of hosts whose zone is down."""

    def answer(host: str) -> Any:
        if host.startswith("hangs"):
            silence.wait()
        return ANSWER

    resolver(monkeypatch, answer)
    hanging = [
        asyncio.create_task(resolve(f"hangs{number}.example.test", family=None, timeout=0.2)) for number in range(24)
    ]
    good = [resolve(f"quick{number}.example.test", family=None, timeout=30) for number in range(50)]
    assert await asyncio.gather(*good) == [FOUND] * 50
    errors = await asyncio.gather(*hanging, return_exceptions=True)
    assert {str(error) for error in errors} == {"no answer from the resolver within 0.2 s"}


async def test_abandoned_lookups_are_bounded(monkeypatch: pytest.MonkeyPatch, silence: threading.Event) -> None:
    """With a resolver that never answers, names fail, and threads do not pile up."""
    monkeypatch.setattr(lookups, "MAX_LOOKUPS", 3)
    monkeypatch.setattr(lookups, "STUCK_SECONDS", 0.0)
    called = []

    def answer(host: str) -> Any:
        called.append(host)
        silence.wait()

    resolver(monkeypatch, answer)
    names = [resolve(f"h{number}.example.test", family=None, timeout=0.1) for number in range(30)]
    errors = await asyncio.gather(*names, return_exceptions=True)
    assert Counter(map(str, errors)) == {
        "no answer from the resolver within 0.1 s": 3,
        "the resolver hangs: all of 3 lookups still wait for an answer": 27,
    }
    assert len(lookup_threads()) == 3
    silence.set()
    for thread in lookup_threads():
        thread.join()
    assert len(called) == 3  # an abandoned name is not looked up later


HANGS = """
import asyncio, socket, sys, threading
def hang(*arguments, **others):
    print("asked", flush=True)
    threading.Event().wait()
socket.getaddrinfo = hang
from sshprobe.cli import main
sys.exit(main(["scan", "hangs.example.test", "127.0.0.1:1", "-o", sys.argv[1], "--connect-timeout", "3600"]))
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_lookups_at_once(times: int, tmp_path: Path) -> None:
    """Neither the scan nor the interpreter waits for the thread. A name without an answer has no record: it was not
    contacted, and `--resume` scans it."""
    command = [sys.executable, "-c", HANGS, str(tmp_path / "x.jsonl")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"asked\n" in iter(process.stdout.readline, b"")
            process.send_signal(signal.SIGINT)
            if times == 2:
                assert process.stderr is not None
                process.stderr.readline()
                process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, words.decode()
    assert b"Traceback" not in words
    if times == 1:  # the second may come while the summary is written
        records = [json.loads(line) for line in (tmp_path / "x.jsonl").read_bytes().splitlines()]
        assert records[-1]["interrupted"]
        assert {record.get("host") for record in records} <= {None, "127.0.0.1"}


@pytest.mark.parametrize("trouble", [AGAIN, OSError(errno.EMFILE, "Too many open files")])
async def test_a_passing_shortage_is_waited_out(trouble: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [trouble, trouble]

    def answer(host: str) -> Any:
        if troubles:
            raise troubles.pop()
        return ANSWER

    resolver(monkeypatch, answer)
    assert await resolve("web.example.test", family=None, timeout=5) == FOUND


@pytest.mark.parametrize(
    ("trouble", "asked", "status", "error"),
    [
        (AGAIN, 3, "dns_error", "temporary failure in name resolution"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "unreachable", "this machine: too many open files"),
        (socket.gaierror(socket.EAI_MEMORY, "Memory"), 3, "unreachable", "this machine: cannot allocate memory"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), 1, "dns_error", "name or service not known"),
    ],
)
async def test_a_lasting_shortage_is_recorded(
    trouble: OSError, asked: int, status: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def answer(host: str) -> Any:
        nonlocal count
        count += 1
        raise trouble

    resolver(monkeypatch, answer)
    [record] = [record async for record in Scanner().scan(["web.example.test"])]
    assert (record.status, record.error, count) == (status, error, asked)


async def test_a_resolver_without_a_descriptor_is_our_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    """glibc reports "temporary failure" for it, as for a resolver that is down."""

    def answer(host: str) -> Any:
        def none_left(*args: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(socket, "socket", none_left)
        raise AGAIN

    resolver(monkeypatch, answer)
    with pytest.raises(NetworkError, match="this machine: too many open files") as caught:
        await resolve("web.example.test", family=None, timeout=5)
    assert caught.value.failure == "local"


MAPPED = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::ffff:192.0.2.1", 0, 0, 0))
OTHER = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0))


async def test_a_mapped_address_is_the_ipv4_address_that_it_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise an exclusion of one form would miss the other, and two connections could be open at once."""
    answers: list[Any] = []

    def answer(host: str) -> Any:
        return answers

    resolver(monkeypatch, answer)
    answers[:] = [MAPPED, *ANSWER, OTHER]
    both = [*FOUND, Address("2001:db8::1", socket.AF_INET6)]
    assert await resolve("web.example.test", family=None, timeout=5) == both
    assert await resolve("web.example.test", family=socket.AF_INET6, timeout=5) == both[1:]
    answers[:] = [MAPPED]
    with pytest.raises(NetworkError, match="the name has no IPv6 address"):
        await resolve("web.example.test", family=socket.AF_INET6, timeout=5)
    assert await resolve("::ffff:c000:201", family=None, timeout=5) == FOUND
    with pytest.raises(NetworkError, match="it is an IPv4 address, and only IPv6 is wanted"):
        await resolve("::ffff:192.0.2.1", family=socket.AF_INET6, timeout=5)


@pytest.mark.parametrize(("family", "words"), [(socket.AF_INET6, "IPv6"), (socket.AF_INET, "IPv4")])
async def test_a_name_of_the_other_ip_version_is_not_unknown(
    family: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """glibc reports "Name or service not known" for `localhost` if /etc/hosts has it for one version only."""
    asked: list[int] = []

    def getaddrinfo(host: str, port: None, *, family: int, type: int) -> Any:
        asked.append(family)
        if host == "busy.example.test" and family:
            raise AGAIN
        if family or host == "unknown.example.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ANSWER if words == "IPv6" else [OTHER]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NetworkError, match=f"^the name has no {words} address$") as caught:
        await resolve("web.example.test", family=family, timeout=5)
    assert (caught.value.failure, asked) == ("dns_error", [family, 0])
    with pytest.raises(NetworkError, match=r"^name or service not known$"):
        await resolve("unknown.example.test", family=family, timeout=5)
    with pytest.raises(NetworkError, match="temporary failure"):  # which is not an answer
        await resolve("busy.example.test", family=family, timeout=5)
    asked.clear()
    with pytest.raises(NetworkError, match=r"^name or service not known$"):
        await resolve("unknown.example.test", family=None, timeout=5)
    assert asked == [0]  # there is no other source


@contextlib.asynccontextmanager
async def counting_server(ip: str = "127.0.0.1") -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """A server on loopback that closes soon. Yield its port and its largest number of connections at once."""
    open_now = most = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.2)
        open_now -= 1
        writer.close()

    async with await asyncio.start_server(talk, ip, 0) as server:
        yield server.sockets[0].getsockname()[1], lambda: most


async def test_a_second_name_of_a_refusing_address_has_one_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for `localhost` and 127.0.0.1 without a listener on ::1."""

    def answer(host: str) -> Any:
        return [(*ANSWER[0][:4], (ip, 0)) for ip in ("127.0.0.2", "127.0.0.1")]

    resolver(monkeypatch, answer)
    async with counting_server() as (port, most):
        targets = [Target(host, host, port) for host in ("web.example.test", "127.0.0.1", "db.example.test")]
        records = [record async for record in Scanner(throttle_wait=0, timeout=5).scan(targets)]
    assert [record.address for record in records] == ["127.0.0.1"] * 3
    assert most() == 1


async def test_two_spellings_of_an_address_have_one_connection() -> None:
    """A `Target` from Python keeps its text."""
    async with counting_server() as (port, most):
        targets = [Target(host, host, port) for host in ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1")]
        records = [record async for record in Scanner(throttle_wait=0, timeout=5).scan(targets)]
    assert {record.address for record in records} == {"127.0.0.1"}
    assert (len(records), most()) == (3, 1)
    assert len([record async for record in Scanner().scan(["127.0.0.1:1", "[::ffff:127.0.0.1]:1"])]) == 1


async def test_an_address_with_and_without_zone_has_one_connection() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("needs ::1")
    async with counting_server("::1") as (port, most):
        targets = [Target(host, host, port) for host in ("::1", "::1%1", "0::1%01")]
        records = [record async for record in Scanner(throttle_wait=0, timeout=5).scan(targets)]
    assert {record.address for record in records} == {"::1"}
    assert (len(records), most()) == (3, 1)


def test_an_interface_has_one_name() -> None:
    number, name = socket.if_nameindex()[0]
    assert parse_ip(f"fe80::1%{number}") == parse_ip(f"FE80::1%{name}")


async def test_an_address_of_a_name_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's getaddrinfo returns the zone separately. It has no meaning for other than link-local addresses."""
    number, name = socket.if_nameindex()[0]

    def answer(host: str) -> Any:
        places = [("fe80::7", 0, 0, number), ("2001:db8::7", 0, 0, number), ("2001:db8::8", 0, 0, 0)]
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", place) for place in places]

    resolver(monkeypatch, answer)
    found = await resolve("printer.example", family=None, timeout=5)
    assert [address.ip for address in found] == [f"fe80::7%{name}", "2001:db8::7", "2001:db8::8"]


@pytest.mark.parametrize("depth", ["lists", "full"])
async def test_no_spelling_of_the_unspecified_address_reaches_this_machine(depth: Depth) -> None:
    """Linux connects it to this machine. The resolver also accepts spellings such as "0x0"."""
    async with counting_server() as (port, most):
        hosts = ["0.0.0.0", "::", "0:0::0", "::ffff:0.0.0.0", "::%lo", "0x0", "0"]
        records = [record async for record in Scanner(depth=depth).scan([Target(host, host, port) for host in hosts])]
    assert {record.status for record in records} == {"dns_error"}
    assert all("the unspecified address" in str(record.error) for record in records)
    assert (len(records), most()) == (len(hosts), 0)


async def test_a_name_keeps_its_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(host: str) -> Any:
        return [(*ANSWER[0][:4], ("0.0.0.0", 0)), *ANSWER]

    resolver(monkeypatch, answer)
    assert await resolve("web.example.test", family=None, timeout=5) == FOUND


async def test_ip_addresses_are_not_looked_up() -> None:
    assert await resolve("127.0.0.1", family=None, timeout=5) == [Address("127.0.0.1", socket.AF_INET)]
    assert await resolve("::1", family=None, timeout=5) == [Address("::1", socket.AF_INET6)]
    with pytest.raises(NetworkError):
        await resolve("::1", family=socket.AF_INET, timeout=5)


async def test_localhost_is_found() -> None:
    assert Address("127.0.0.1", socket.AF_INET) in await resolve("localhost", family=socket.AF_INET, timeout=5)


@pytest.mark.parametrize("name", ["no-such-name.invalid", "x" * 70 + ".invalid"])
async def test_a_name_without_address_is_a_dns_error(name: str) -> None:
    with pytest.raises(NetworkError) as caught:
        await resolve(name, family=None, timeout=5)
    assert caught.value.failure == "dns_error"
