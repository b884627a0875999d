"""Two processes write and print the same as one, also if all hosts differ."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from sshprobe.lab.process import free_port
from sshprobe.wire.messages import NAME_LISTS, KexInit
from tests.wire.playbook import packet

ROOT = Path(__file__).parents[2]
CAPTURES = [path.read_bytes() for path in sorted((ROOT / "tests" / "captures").glob("*.bin"))]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}
SCAN = [sys.executable, "-W", "error", "-m", "sshprobe", "scan"]
PROFILES = ["--profile", "mozilla-modern", "--profile", "alibaba-ecs"]

SERVERS = 48
STRANGERS = 4
NOBODY = 12

TIMES = re.compile(r"\d[\d.]* s\b|(at|Probed:) \d{4}-\S+Z")


def turn(names: tuple[bytes, ...], by: int) -> tuple[bytes, ...]:
    by %= max(1, len(names))
    return names[by:] + names[:by]


def greeting(number: int) -> bytes:
    """Return the bytes of a unique server: real lists in another order with one more name."""
    capture = CAPTURES[number % len(CAPTURES)]
    end = capture.index(b"\n") + 1
    kexinit = KexInit.parse(capture[end + 5 : len(capture) - capture[end + 4]])
    turned = {name: turn(getattr(kexinit, name), number) for name in NAME_LISTS}
    turned["kex_algorithms"] += (b"own-%d@example.org" % number,)
    return capture[:end] + packet(msgspec.structs.replace(kexinit, **turned).encode())


@asynccontextmanager
async def servers() -> AsyncIterator[str]:
    """Yield the targets: unique servers, a few other hosts, and silent addresses."""
    hosts = [f"127.0.6.{number}" for number in range(1, SERVERS + STRANGERS + 1)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = hosts.index(writer.get_extra_info("sockname")[0])
        try:
            if number < SERVERS:
                writer.write(greeting(number))
            else:
                writer.write(b"220 mail%d.example.org ESMTP\r\n" % number)
                writer.write_eof()
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            writer.close()

    port = free_port("127.0.0.1")
    async with await asyncio.start_server(serve, hosts, port):
        yield f"127.0.6.1-{len(hosts) + NOBODY}:{port}"


async def scan(folder: Path, *options: str) -> tuple[int, str, list[dict[str, object]]]:
    """Return the exit code, the messages without times, and the records sorted by host without times."""
    process = await asyncio.create_subprocess_exec(
        *SCAN, *options, "-o", "out.jsonl", cwd=folder, env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    records = [json.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()]
    for record in records:
        for times in ("started_at", "duration_ms", "arguments", "scan_id"):
            record.pop(times, None)
    records.sort(key=lambda record: (record["type"], record.get("host", "")))
    return process.returncode, TIMES.sub("", said.decode()), records


@pytest.mark.parametrize("more", [(), ("-v",), ("--fail-on", "high"), ("--fail-on", "F")], ids=" ".join)
async def test_hosts_that_all_differ_with_one_worker_and_with_two(more: tuple[str, ...], tmp_path: Path) -> None:
    found = []
    async with servers() as targets:
        for workers in ("1", "2"):
            folder = tmp_path / workers
            folder.mkdir()
            wanted = [targets, *PROFILES, "--depth", "lists", "--rate", "0", "--seed", "1", *more]
            found.append(await scan(folder, *wanted, "--workers", workers))
    (one_code, one_said, one), (two_code, two_said, two) = found
    assert one_code == two_code == (1 if "--fail-on" in more else 0)
    assert [record["host"] for record in one if record["type"] == "host"] == sorted(
        f"127.0.6.{number}" for number in range(1, SERVERS + STRANGERS + NOBODY + 1)
    )
    assert one == two
    judged = [json.dumps(record["kex_algorithms"]) for record in one if record.get("verdicts")]
    assert len(set(judged)) == len(judged) == SERVERS
    if "-v" in more:  # blocks come as hosts finish
        assert sorted(one_said.split("\n\n")) == sorted(two_said.split("\n\n"))
    else:
        assert one_said == two_said


async def test_no_two_workers_are_with_one_host_at_once(tmp_path: Path) -> None:
    """The first free worker gets the next targets, but not another port of a host that is still scanned."""
    hosts = [f"127.0.7.{number}" for number in range(1, 21)]
    ports = sorted({free_port("127.0.0.1") for _ in range(15)})
    asked: Counter[str] = Counter()
    at_once: Counter[int] = Counter()
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        host = writer.get_extra_info("sockname")[0]
        asked[host] += 1
        at_once[asked[host]] += 1
        await asyncio.sleep(0.01)
        asked[host] -= 1  # before the close, after which the next connection may come
        answered += 1
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    async with AsyncExitStack() as stack:
        for port in ports:
            await stack.enter_async_context(await asyncio.start_server(serve, hosts, port))
        wanted = ["127.0.7.1-20", "-p", ",".join(map(str, ports)), "--depth", "lists", "--rate", "0", "-c", "60"]
        code, _, records = await scan(tmp_path, *wanted, "--workers", "3")
    assert code == 3
    assert Counter(record["host"] for record in records if record["type"] == "host") == dict.fromkeys(hosts, len(ports))
    assert at_once == {1: answered}
    assert answered == len(hosts) * len(ports)
