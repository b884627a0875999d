"""The lists of many hosts, against the canned responder: clients, memory, workers; and addresses that say nothing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.checks import floor_answered, number_printed, occurs, records_say, sshprobe_answered
from bench.measure import BUILD, CLIENTS, RECORDS, ROOT, BenchError, Client, Sample, median, run_client, say
from bench.servers import Responder, silent_addresses

AS_ASKED = "sshprobe --depth lists, 2 profiles, -o JSONL"
FIRST = "127.16.0.1"
PROFILES = ("--profile", "mozilla-modern", "--profile", "alibaba-ecs")
SSHPROBE = (sys.executable, "-m", "sshprobe", "scan", "--no-progress", *PROFILES)


@functools.cache
def scan_help() -> str:
    return subprocess.run([*SSHPROBE[:4], "--help"], capture_output=True, text=True, cwd=ROOT, check=True).stdout


def address(number: int, first: str = FIRST) -> str:
    a, b, c, d = map(int, first.split("."))
    value = (a << 24 | b << 16 | c << 8 | d) + number
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def consent(hosts: int) -> tuple[str, ...]:
    return ("--yes",) if hosts > 65_536 and "--yes" in scan_help() else ()


def lists_clients(hosts: int, concurrency: int, port: Callable[[], int]) -> list[Client]:
    """Clients that ask for the lists; `port()` is that of the responder of the run."""

    def scan(count: int, *options: str) -> list[str]:
        where = f"{FIRST}-{address(count - 1)}" if count > 1 else FIRST
        common = [
            *SSHPROBE,
            "--depth",
            "lists",
            "--rate",
            "0",
            "--workers",
            "1",
            "-c",
            str(concurrency),
            "-p",
            str(port()),
            *consent(count),
            where,
        ]
        if "jsonl" in options:
            return ["sh", "-c", 'exec "$@" >"$0"', str(RECORDS), *common, *options]
        return [*common, "-o", str(RECORDS), *options]

    def python_client(name: str) -> Callable[[int], list[str]]:
        path = str(CLIENTS / name)
        return lambda count: [sys.executable, path, str(port()), FIRST, str(count), str(concurrency)]

    clients = [
        Client(
            "floor in C, epoll, parses nothing",
            hosts,
            lambda count: [
                *(BUILD / "floor", "--port", str(port()), "--first", FIRST),
                *("--hosts", str(count), "--concurrency", str(concurrency)),
            ],
            floor_answered,
        ),
        Client(AS_ASKED, hosts, scan, sshprobe_answered),
        # The same without the table for the terminal, which -o brings with it.
        Client(
            "sshprobe --depth lists, 2 profiles, --format jsonl",
            hosts,
            lambda count: scan(count, "--format", "jsonl"),
            sshprobe_answered,
        ),
        Client("bare uvloop Protocol, cached parse", hosts, python_client("uvloop_protocol.py"), number_printed),
        Client("asyncio streams, cached parse", hosts // 4, python_client("asyncio_streams.py"), number_printed),
    ]
    if shutil.which("nmap"):
        clients.append(
            Client(
                "nmap --script ssh2-enum-algos",
                max(16, hosts // 32),
                lambda count: [
                    *("nmap", "-n", "-Pn", "-sT", "--min-hostgroup", "256", "--script", "+ssh2-enum-algos"),
                    *("-p", str(port()), "-oX", "-", "-iL", target_list(count)),
                ],
                functools.partial(occurs, 'script id="ssh2-enum-algos"'),
            )
        )
    else:
        say("nmap is not installed: left out")
    return clients


def target_list(count: int) -> str:
    path = BUILD / "targets"
    path.write_text("".join(address(number) + "\n" for number in range(count)))
    return str(path)


async def measure_lists(clients: list[Client], rounds: int, port: list[int], **responder: int) -> None:
    """Alternate the clients, each run against a fresh responder, whose count of connections is the truth."""
    for number in range(rounds):
        for client in clients:
            if client.trouble:
                continue
            say(f"  round {number + 1}: {client.name}, {client.hosts} hosts")
            try:
                async with Responder(**responder) as alone:
                    port[:] = [alone.port]
                    start = run_client(client.command(1))
                async with Responder(**responder) as many:
                    port[:] = [many.port]
                    usage = run_client(client.command(client.hosts), sample_memory=client.sample_memory)
                    client.verify(usage.stdout, client.hosts)
                client.samples.append(Sample(usage, start.cpu, many.accepted / client.hosts, many.cpu))
            except BenchError as error:
                client.trouble = str(error)
                say(f"  {client.name}: {error}")


async def measure_memory(hosts: int) -> str:
    """2,000 connections really open at once: the responder thinks for half a second before it answers."""
    port: list[int] = []
    clients = [c for c in lists_clients(hosts, 2000, lambda: port[0]) if c.name == AS_ASKED]
    for client in clients:
        client.sample_memory = True
    await measure_lists(clients, 1, port, delay_ms=500)
    found = [f"{max(s.usage.memory for s in c.samples):.0f} MB" if c.samples else c.trouble for c in clients]
    return f"{found[0]} largest sum of resident memory, concurrency 2,000, {hosts} hosts that answer after 0.5 s"


def _with_workers(command: Callable[[int], Sequence[str | Path]], workers: int, hosts: int) -> list[str | Path]:
    return [*command(hosts), "--workers", str(workers)]


async def measure_workers(hosts: int, rounds: int) -> str:
    if "--workers" not in scan_help():
        return "not measured: `sshprobe scan` has no `--workers`"
    port: list[int] = []
    rates: dict[int, list[float]] = {1: [], 2: []}
    shares: list[float] = []
    for _ in range(rounds):
        for workers in (1, 2):
            client = next(c for c in lists_clients(hosts, 500, lambda: port[0]) if c.name == AS_ASKED)
            command = client.command
            client.command = functools.partial(_with_workers, command, workers)
            await measure_lists([client], 1, port)
            if client.trouble:
                return f"failed: {client.trouble}"
            sample = client.samples[0]
            rates[workers].append(hosts / sample.usage.wall)
            shares.append(sample.server_cpu / (sample.server_cpu + sample.usage.cpu))
    one, two = median(rates[1]), median(rates[2])
    return (
        f"{two / one:.2f} times one worker ({one:.0f} and {two:.0f} hosts/s, medians of {rounds}, "
        f"{os.cpu_count()} cores), "
        f"the responder's share of the CPU {median(shares):.0%}"
    )


def measure_silence(hosts: int) -> str:
    if "--fast" not in scan_help():
        return "not measured: `sshprobe scan` has no `--fast`"
    with silent_addresses() as port:
        where = f"127.32.0.0-{address(hosts - 1, '127.32.0.0')}"
        command = [*SSHPROBE, "--depth", "lists", "--fast", *consent(hosts), "-p", str(port), "-o", str(RECORDS), where]
        usage = run_client(["sh", "-c", '"$0" "$@"; [ $? -eq 3 ]', *command], limit=400)
    records_say({"timeout", "unreachable"}, "", hosts)
    return f"{hosts} silent addresses: {usage.wall:.1f} s, {usage.cpu / hosts * 1e6:.0f} us of CPU each"
