"""Names to addresses: our own queue and our own shortages are not the resolver's fault, nor the name's."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sshprobe.model.observation import Depth
from sshprobe.net import Address, NetworkError, dial, resolve
from sshprobe.scanner import Scanner
from sshprobe.targets import Target

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
FOUND = [Address("192.0.2.1", socket.AF_INET)]
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "RESOLVER_PAUSES", (0.01, 0.01))


def resolver(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Awaitable[Any]]) -> None:
    async def getaddrinfo(host: str, *args: object, **kwargs: object) -> Any:
        return await answer(host)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_who_waits_for_a_thread_does_not_wait_for_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is quick, but we have more names than it is asked at once; all together take longer than one may."""
    asked_now = most = 0

    async def answer(host: str) -> Any:
        nonlocal asked_now, most
        asked_now += 1
        most = max(most, asked_now)
        await asyncio.sleep(0.1)
        asked_now -= 1
        return ANSWER

    resolver(monkeypatch, answer)
    names = [resolve(f"h{number}.example.test", family=None, timeout=1) for number in range(60)]
    assert await asyncio.gather(*names) == [FOUND] * 60
    assert most == dial.LOOKUPS


async def test_a_name_that_hangs_is_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(host: str) -> Any:
        await asyncio.sleep(60 if host.startswith("hangs") else 0)
        return ANSWER

    resolver(monkeypatch, answer)
    with pytest.raises(NetworkError, match=r"no answer from the resolver within 0\.2 s"):
        await resolve("hangs.example.test", family=None, timeout=0.2)
    assert await resolve("quick.example.test", family=None, timeout=5) == FOUND


@pytest.mark.parametrize("trouble", [AGAIN, OSError(errno.EMFILE, "Too many open files")])
async def test_trouble_that_passes_is_waited_out(trouble: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    troubles = [trouble, trouble]

    async def answer(host: str) -> Any:
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
async def test_trouble_that_stays_is_recorded_as_what_it_is(
    trouble: OSError, asked: int, status: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    async def answer(host: str) -> Any:
        nonlocal count
        count += 1
        raise trouble

    resolver(monkeypatch, answer)
    [record] = [record async for record in Scanner().scan(["web.example.test"])]
    assert (record.status, record.error, count) == (status, error, asked)


async def test_a_resolver_without_a_descriptor_is_our_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    """glibc says "temporary failure" of it, as of a resolver that is down."""

    async def answer(host: str) -> Any:
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
    """As one it would be excluded by the other's name only, and two connections could go to it at once."""
    answers: list[Any] = []

    async def answer(host: str) -> Any:
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
    with pytest.raises(NetworkError, match="it is an IPv4 address, and IPv6 alone is wanted"):
        await resolve("::ffff:192.0.2.1", family=socket.AF_INET6, timeout=5)


@pytest.mark.parametrize(("family", "words"), [(socket.AF_INET6, "IPv6"), (socket.AF_INET, "IPv4")])
async def test_a_name_of_the_other_ip_version_is_no_unknown_name(
    family: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """glibc says "Name or service not known" of `localhost` where /etc/hosts has it for one version alone."""
    asked: list[int] = []

    async def getaddrinfo(host: str, port: None, *, family: int, type: int) -> Any:
        asked.append(family)
        if host == "busy.example.test" and family:
            raise AGAIN
        if family or host == "unknown.example.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ANSWER if words == "IPv6" else [OTHER]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(NetworkError, match=f"^the name has no {words} address$") as caught:
        await resolve("web.example.test", family=family, timeout=5)
    assert (caught.value.failure, asked) == ("dns_error", [family, 0])
    with pytest.raises(NetworkError, match=r"^name or service not known$"):
        await resolve("unknown.example.test", family=family, timeout=5)
    with pytest.raises(NetworkError, match="temporary failure"):  # which is no answer
        await resolve("busy.example.test", family=family, timeout=5)
    asked.clear()
    with pytest.raises(NetworkError, match=r"^name or service not known$"):
        await resolve("unknown.example.test", family=None, timeout=5)
    assert asked == [0]  # there is nothing else to ask


@contextlib.asynccontextmanager
async def counting_server(ip: str = "127.0.0.1") -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """A server on loopback that closes soon: its port, and how many connections it had at once at most."""
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


async def test_who_is_named_besides_a_name_with_an_address_that_refuses_has_one_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of `localhost` and 127.0.0.1 where nobody listens on ::1."""

    async def answer(host: str) -> Any:
        return [(*ANSWER[0][:4], (ip, 0)) for ip in ("127.0.0.2", "127.0.0.1")]

    resolver(monkeypatch, answer)
    async with counting_server() as (port, most):
        targets = [Target(host, host, port) for host in ("web.example.test", "127.0.0.1", "db.example.test")]
        records = [record async for record in Scanner(throttle_wait=0, timeout=5).scan(targets)]
    assert [record.address for record in records] == ["127.0.0.1"] * 3
    assert most() == 1


async def test_who_is_reached_by_two_ways_to_write_an_address_has_one_connection() -> None:
    """`Target`s from Python come as they were written."""
    async with counting_server() as (port, most):
        targets = [Target(host, host, port) for host in ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1")]
        records = [record async for record in Scanner(throttle_wait=0, timeout=5).scan(targets)]
    assert {record.address for record in records} == {"127.0.0.1"}
    assert (len(records), most()) == (3, 1)
    assert len([record async for record in Scanner().scan(["127.0.0.1:1", "[::ffff:127.0.0.1]:1"])]) == 1


async def test_who_is_reached_by_an_address_with_a_zone_and_without_has_one_connection() -> None:
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
    assert dial.literal(f"fe80::1%{number}") == dial.literal(f"FE80::1%{name}")


async def test_an_address_of_a_name_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's getaddrinfo gives the zone beside the text. Of an address that is not link-local it means nothing."""
    number, name = socket.if_nameindex()[0]

    async def answer(host: str) -> Any:
        places = [("fe80::7", 0, 0, number), ("2001:db8::7", 0, 0, number), ("2001:db8::8", 0, 0, 0)]
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", place) for place in places]

    resolver(monkeypatch, answer)
    found = await resolve("printer.example", family=None, timeout=5)
    assert [address.ip for address in found] == [f"fe80::7%{name}", "2001:db8::7", "2001:db8::8"]


@pytest.mark.parametrize("depth", ["lists", "full"])
async def test_no_spelling_of_the_unspecified_address_reaches_this_machine(depth: Depth) -> None:
    """Linux connects who dials it to itself. Names can be it too: the resolver takes "0x0" so."""
    async with counting_server() as (port, most):
        hosts = ["0.0.0.0", "::", "0:0::0", "::ffff:0.0.0.0", "::%lo", "0x0", "0"]
        records = [record async for record in Scanner(depth=depth).scan([Target(host, host, port) for host in hosts])]
    assert {record.status for record in records} == {"dns_error"}
    assert all("the unspecified address" in str(record.error) for record in records)
    assert (len(records), most()) == (len(hosts), 0)


async def test_a_name_keeps_its_other_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(host: str) -> Any:
        return [(*ANSWER[0][:4], ("0.0.0.0", 0)), *ANSWER]

    resolver(monkeypatch, answer)
    assert await resolve("web.example.test", family=None, timeout=5) == FOUND
