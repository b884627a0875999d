"""One run of one client: CPU, memory and wall time of its process and its children."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "bench" / "build"
CLIENTS = ROOT / "bench" / "clients"
RECORDS = BUILD / "records.jsonl"

FEW = 2
"""Hosts of the run that is subtracted to leave out the start. A single host would print another report."""


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def forget_records() -> None:
    """Remove the records of the last scan, so that the next one keeps no backup."""
    RECORDS.unlink(missing_ok=True)
    RECORDS.with_name(f"{RECORDS.name}~").unlink(missing_ok=True)


class BenchError(RuntimeError):
    """A run without valid numbers: it failed, or did not do its work."""


@dataclass(frozen=True)
class Usage:
    """CPU in seconds and memory in MB of one process and its children."""

    user: float
    system: float
    wall: float
    memory: float
    """Largest sum of resident memory, sampled; 0 without `sample_memory`."""
    stdout: str

    @property
    def cpu(self) -> float:
        return self.user + self.system


def run_client(command: Sequence[str | Path], *, limit: float = 300, sample_memory: bool = False) -> Usage:
    """Run `command` to its end, or kill it after `limit` seconds. Raises BenchError."""
    words = [str(word) for word in command]
    # As users run it, with cached bytecode and buffered output, in any shell.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.monotonic()
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT, env=environment, start_new_session=True
        )
        try:
            peak = 0.0
            while True:
                # wait4 reports exactly this process and the children that it waited for.
                pid, status, usage = os.wait4(process.pid, os.WNOHANG if sample_memory else 0)
                if pid:
                    break
                peak = max(peak, memory_of(process.pid))
                if time.monotonic() - start > limit:
                    raise BenchError(f"`{words[0]}` ran for more than {limit:g} s")
                time.sleep(0.05)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: itself and its children, no one else
                process.wait()
        wall = time.monotonic() - start
        out.seek(0)
        stdout = out.read()
        err.seek(0)
        if process.returncode:
            tail = " / ".join(err.read().strip().splitlines()[-3:])
            raise BenchError(f"`{' '.join(words)[:200]}` ended with {process.returncode}: {tail}")
    return Usage(usage.ru_utime, usage.ru_stime, wall, peak, stdout)


def memory_of(pid: int) -> float:
    """Resident memory of `pid` and its descendants in MB; shared pages count in each of them."""
    total, queue = 0.0, [pid]
    while queue:
        one = queue.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            queue += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except (OSError, ValueError):
            continue
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1024
    return total


@dataclass
class Client:
    """A client to be measured.

    `command(hosts)` is what to run for so many hosts; `verify(stdout, hosts)` raises BenchError unless it did its work.
    """

    name: str
    hosts: int
    command: Callable[[int], Sequence[str | Path]]
    verify: Callable[[str, int], None] = lambda stdout, hosts: None
    sample_memory: bool = False
    samples: list[Sample] = field(default_factory=list)
    trouble: str = ""


@dataclass(frozen=True)
class Sample:
    """One round of one client."""

    usage: Usage
    start_up: float
    """CPU seconds of the same command for `FEW` hosts: the start, and these hosts."""
    connections: float
    """Per host, from the server's count."""
    server_cpu: float
    """Seconds."""


def per_host(client: Client, sample: Sample) -> float:
    """CPU seconds per host, everything included."""
    return sample.usage.cpu / client.hosts


def per_further_host(client: Client, sample: Sample) -> float:
    """CPU seconds for each host after the first `FEW`: without the start of the program."""
    return (sample.usage.cpu - sample.start_up) / max(1, client.hosts - FEW)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
