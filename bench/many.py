"""Measure the lists of many hosts against the canned responder: clients, memory, workers, silent addresses."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.checks import floor_answered, number_printed, occurs, records_say, sshprobe_answered
from bench.measure import (
    BUILD,
    CLIENTS,
    FEW,
    RECORDS,
    ROOT,
    BenchError,
    Client,
    Sample,
    forget_records,
    median,
    run_client,
    say,
)
from bench.servers import CAPTURES, Responder, silent_addresses

AS_ASKED = "sshprobe --depth lists, 2 profiles, -o JSONL"
FLOOR = "floor in C, epoll, parses nothing"
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
    """Clients that ask for the lists; `port()` returns the port of the run's responder."""

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
            FLOOR,
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
    """Alternate the clients. Each run has a new responder, which counts the connections."""
    for number in range(rounds):
        for client in clients:
            if client.trouble:
                continue
            say(f"  round {number + 1}: {client.name}, {client.hosts} hosts")
            try:
                async with Responder(**responder) as alone:
                    port[:] = [alone.port]
                    forget_records()
                    start = run_client(client.command(FEW))
                async with Responder(**responder) as many:
                    port[:] = [many.port]
                    forget_records()
                    usage = run_client(client.command(client.hosts), sample_memory=client.sample_memory)
                    client.verify(usage.stdout, client.hosts)
                client.samples.append(Sample(usage, start.cpu, many.accepted / client.hosts, many.cpu))
            except BenchError as error:
                client.trouble = str(error)
                say(f"  {client.name}: {error}")


async def measure_memory(hosts: int) -> str:
    """Keep 2,000 connections open at once: the responder waits half a second before it answers."""
    port: list[int] = []
    clients = [c for c in lists_clients(hosts, 2000, lambda: port[0]) if c.name == AS_ASKED]
    for client in clients:
        client.sample_memory = True
    await measure_lists(clients, 1, port, delay_ms=500)
    found = [f"{max(s.usage.memory for s in c.samples):.0f} MB" if c.samples else c.trouble for c in clients]
    return f"{found[0]} largest sum of resident memory, concurrency 2,000, {hosts} hosts that answer after 0.5 s"


class Pair(NamedTuple):
    """One round of a client as one process, and as two."""

    one: Sample
    two: Sample

    def times(self) -> float:
        """Return how many times as fast two processes were, by the clock."""
        return self.one.usage.wall / self.two.usage.wall

    def by_cpu(self) -> float:
        """Return the speed-up if one process fills a core, and two processes and the server fill both."""
        return 2 * self.one.usage.cpu / (self.two.usage.cpu + self.two.server_cpu)

    def bound(self) -> float:
        """Return the speed-up if the second process cost nothing: the server needs CPU too."""
        return 2 * self.one.usage.cpu / (self.one.usage.cpu + self.two.server_cpu)


async def measure_workers(hosts: int, rounds: int) -> str:
    """Compare two processes with one: for the scan, and for the floor, which shows the limit of this machine.

    In the first run a few kinds of host recur: most of the scan is connections, and the responder needs CPU too. In
    the second run all hosts differ: most of the scan is grading. The floor parses nothing and has only the first run.
    """
    if "--workers" not in scan_help():
        return "not measured: `sshprobe scan` has no `--workers`"
    alike: dict[str, list[Pair]] = {AS_ASKED: [], FLOOR: []}
    unlike: list[Pair] = []
    try:
        for _ in range(rounds):
            for name, pairs in alike.items():
                pairs.append(await _pair(name, hosts))
            unlike.append(await _pair(AS_ASKED, hosts, sets=hosts))
    except BenchError as error:
        return f"failed: {error}"
    return "\n".join(
        (
            f"{os.cpu_count()} cores, medians of {rounds} rounds",
            f"  {hosts} hosts of {len(CAPTURES)} kinds",
            f"  two workers against one: {_words(alike[AS_ASKED], hosts)}",
            f"  two processes of the floor against one: {_words(alike[FLOOR], hosts)}",
            f"  {hosts} hosts that all differ",
            f"  two workers against one: {_words(unlike, hosts)}",
        )
    )


async def _pair(name: str, hosts: int, sets: int = 0) -> Pair:
    """Measure one and two processes of a client, one after the other. Raises BenchError."""
    port: list[int] = []
    option = {FLOOR: "--processes", AS_ASKED: "--workers"}[name]
    samples: list[Sample] = []
    for processes in (1, 2):
        client = next(c for c in lists_clients(hosts, 500, lambda: port[0]) if c.name == name)
        client.command = functools.partial(_with, client.command, (option, str(processes)))
        await measure_lists([client], 1, port, sets=sets)
        if client.trouble:
            raise BenchError(client.trouble)
        samples += client.samples
    return Pair(*samples)


def _with(command: Callable[[int], Sequence[str | Path]], more: Sequence[str], hosts: int) -> list[str | Path]:
    return [*command(hosts), *more]


def _words(pairs: Sequence[Pair], hosts: int) -> str:
    """Describe the rounds by their medians. Ratios are taken within a round."""

    def of(samples: Sequence[Sample]) -> str:
        rate = median([hosts / each.usage.wall for each in samples])
        own = median([each.usage.cpu / hosts * 1e6 for each in samples])
        servers = median([each.server_cpu / hosts * 1e6 for each in samples])
        share = median([each.server_cpu / (each.server_cpu + each.usage.cpu) for each in samples])
        busy = median([(each.server_cpu + each.usage.cpu) / each.usage.wall for each in samples])
        return (
            f"{rate:.0f} hosts/s at {own:.0f} us of CPU a host and {servers:.0f} us of the responder "
            f"({share:.0%} of all), {busy:.1f} cores busy"
        )

    times = [pair.times() for pair in pairs]
    each = " ".join(f"{value:.2f}" for value in times)
    by_cpu, bound = median([pair.by_cpu() for pair in pairs]), median([pair.bound() for pair in pairs])
    return (
        f"{median(times):.2f} times as fast ({each}); "
        f"by CPU {by_cpu:.2f} with two full cores, {bound:.2f} if the second cost nothing"
        f"\n    one: {of([pair.one for pair in pairs])}\n    two: {of([pair.two for pair in pairs])}"
    )


def measure_silence(hosts: int) -> str:
    if "--fast" not in scan_help():
        return "not measured: `sshprobe scan` has no `--fast`"
    with silent_addresses() as port:
        where = f"127.32.0.0-{address(hosts - 1, '127.32.0.0')}"
        command = [*SSHPROBE, "--depth", "lists", "--fast", *consent(hosts), "-p", str(port), "-o", str(RECORDS), where]
        forget_records()
        usage = run_client(["sh", "-c", '"$0" "$@"; [ $? -eq 3 ]', *command], limit=400)
    records_say({"timeout", "unreachable"}, "", hosts)
    return f"{hosts} silent addresses: {usage.wall:.1f} s, {usage.cpu / hosts * 1e6:.0f} us of CPU each"
