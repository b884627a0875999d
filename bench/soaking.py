"""Runs a long scan with hostile hosts, and checks that no record was lost, doubled or wrong."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import msgspec

from bench.measure import BUILD, ROOT, BenchError, memory_of

FIRST = IPv4Address("127.16.0.1")
ONE_OF = 10
"""One of so many hosts misbehaves."""

FLAT_FACTOR, FLAT_MEGABYTES = 1.15, 12.0
"""Memory counts as flat if its peak over the last tenth of the hosts is at most so much more than that over the fourth
tenth. Until then the caches fill up: servers that make names up are each a kind of its own. The megabytes are for the
hosts of these six tenths that wait for their second try, up to `scan.target_run.SECOND_TRIES` a worker at 3.5 kB."""

EXPECTED: dict[str, tuple[str, str]] = {
    "silence": ("timeout", "waiting for an identification"),
    "a byte a second": ("not_ssh", 'it sent "W'),
    "a line a second": ("not_ssh", 'it sent "Welcome'),
    "an identification, a byte a second": ("timeout", "waiting for an identification"),
    "lines without end": ("not_ssh", 'it sent "Welcome'),
    "reset at once": ("reset", ""),
    "reset after the identification": ("partial", "before KEXINIT"),
    "closed at once": ("reset", ""),
    "half-closed at once": ("reset", "the connection was closed before an identification"),
    "HTTP": ("not_ssh", 'it sent "HTTP/1.1 400'),
    "TLS alert": ("not_ssh", r'it sent "\x15\x03'),
    "SMTP": ("not_ssh", 'it sent "220 mail'),
    "SSH-1 only": ("ssh1_only", ""),
    "MaxStartups": ("throttled", "Exceeded MaxStartups"),
    "penalty": ("throttled", "Not allowed at this time"),
    "silence after the identification": ("partial", "waiting for KEXINIT"),
    "a gigabyte announced": ("protocol_error", ""),
    "a million names": ("protocol_error", ""),
    "more names than anyone has": ("protocol_error", "names"),
    "packet length 0": ("protocol_error", ""),
    "noise": ("protocol_error", ""),
    "KEXINIT cut off": ("partial", "before KEXINIT"),
    "a list longer than its packet": ("protocol_error", ""),
    "DISCONNECT": ("partial", "reason 2"),
    "names and software of its own": ("ok", ""),
}
"""Status, and a part of the error, that the record of each host of hostile.h must have."""

GRADED = ("ok", "ssh1_only")

HONEST = "a server"


class _Verdict(msgspec.Struct):
    grade: str
    compliant: bool | None


class _Record(msgspec.Struct):
    """The checked fields of a record."""

    type: str
    host: str = ""
    status: str = ""
    error: str | None = None
    connections: int = 0
    verdicts: list[_Verdict] = []
    hosts: int = 0
    statuses: dict[str, int] = {}


@dataclass
class Checked:
    """Counts of the records of a scan."""

    hosts: int = 0
    connections: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    behaviours: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """A line for each fault; the first thousand."""


def behaviours() -> list[str]:
    """Return the names of hostile.h, in its order. Raises BenchError if `EXPECTED` has others."""
    names = re.findall(r'^    \{"([^"]+)", TEXT', (ROOT / "bench" / "hostile.h").read_text(), re.MULTILINE)
    if set(names) != set(EXPECTED):
        raise BenchError(f"hostile.h and bench/soaking.py differ: {set(names) ^ set(EXPECTED)}")
    return names


def behaviour_of(address: int, names: list[str]) -> str:
    """Return the behaviour that the responder chooses for an address."""
    return names[address // ONE_OF % len(names)] if address % ONE_OF == ONE_OF - 1 else HONEST


def check_records(path: Path, hosts: int) -> Checked:
    """Check the records of a scan of `hosts` addresses from `FIRST` on."""
    names = behaviours()
    seen = bytearray(hosts)
    found = Checked()
    kinds: list[str] = []
    decode = msgspec.json.Decoder(_Record).decode

    def wrong(words: str) -> None:
        if len(found.wrong) < 1000:
            found.wrong.append(words)

    last = _Record("")
    with path.open("rb") as lines:
        for line in lines:
            last = record = decode(line)
            if record.type != "host":
                kinds.append(record.type)
                continue
            found.hosts += 1
            found.connections += record.connections
            found.statuses[record.status] += 1
            number = int(IPv4Address(record.host)) - int(FIRST)
            if not 0 <= number < hosts:
                wrong(f"{record.host} was not asked for")
                continue
            seen[number] = min(2, seen[number] + 1)
            name = behaviour_of(int(FIRST) + number, names)
            found.behaviours[name] += 1
            for words in faults_of(record, name):
                wrong(f"{record.host} ({name}): {words}")
    if seen.count(1) != hosts:
        wrong(f"{seen.count(0)} hosts have no record, {seen.count(2)} more than one")
    if kinds != ["sweep", "summary"] or last.type != "summary":
        wrong(f"beside the hosts there is {kinds}, and the last record is {last.type!r}")
    elif (last.hosts, last.statuses) != (hosts, dict(found.statuses)):
        wrong(f"the summary counts {last.hosts} hosts and {last.statuses}, the records are {dict(found.statuses)}")
    return found


def faults_of(record: _Record, name: str) -> Iterator[str]:
    """Yield the faults in the record of one host."""
    status, words = EXPECTED.get(name, ("ok", ""))
    if record.status != status or words not in (record.error or ""):
        yield f"{record.status}, {record.error!r}"
    if (record.status == "ok") != (record.error is None):
        yield f"{record.status} with the error {record.error!r}"
    if len(record.verdicts) != (status in GRADED):
        yield f"{len(record.verdicts)} verdicts"
    if name != HONEST and any(verdict.compliant for verdict in record.verdicts):
        yield "compliant"


@dataclass(frozen=True)
class Sample:
    """Progress and memory of a scan at one moment."""

    records: int
    memory: float
    """MB, summed over all its processes."""


class Scan:
    """One `sshprobe scan`, watched from outside. A context manager that ends the scan."""

    def __init__(self, hosts: int, port: int, records: Path, *options: str, resume: bool = False) -> None:
        where = f"{FIRST}-{FIRST + hosts - 1}"
        command = [sys.executable, "-m", "sshprobe", "scan", where, "-p", str(port), "--depth", "lists", "--yes"]
        command += ["--resume" if resume else "-o", str(records), "--stats", "10", *options]
        self._records = records
        self._read = 0
        self._lines = 0
        self.samples: list[Sample] = []
        self.cpu = 0.0
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as we do
        self._started = time.monotonic()
        self.wall = 0.0
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._out, cwd=ROOT
        )
        self.pid = self._process.pid

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._out.close()

    def watch(self, limit: float, *, until: int | None = None) -> None:
        """Sample until it ends, or until it has written so many records. Raises BenchError after `limit` seconds."""
        import os

        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu = usage.ru_utime + usage.ru_stime
                break
            records = self._count()
            self.samples.append(Sample(records, memory_of(self.pid)))
            if until is not None and records >= until:
                return
            if time.monotonic() - self._started > limit:
                raise BenchError(f"the scan ran for more than {limit:g} s: {self.said()}")
            time.sleep(0.1)
        self.wall = time.monotonic() - self._started
        if until is not None or self._process.returncode:
            raise BenchError(f"the scan ended with {self._process.returncode}: {self.said()}")

    def kill(self) -> list[int]:
        """Kill it by SIGKILL, as a crash would. Return the processes that it had started."""
        children = [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.wall = time.monotonic() - self._started
        return children

    def said(self) -> str:
        """Return the end of its output."""
        self._out.seek(0)
        return self._out.read().decode(errors="replace")[-2000:]

    def _count(self) -> int:
        """Return how many lines the records have now."""
        if self._records.exists():
            with self._records.open("rb") as stream:
                stream.seek(self._read)
                while chunk := stream.read(2**20):
                    self._read += len(chunk)
                    self._lines += chunk.count(b"\n")
        return self._lines


@dataclass(frozen=True)
class Memory:
    """Peaks in MB."""

    early: float
    """Over the fourth tenth of the hosts."""
    late: float
    """Over the last tenth."""
    peak: float

    @property
    def flat(self) -> bool:
        """Whether memory did not grow."""
        return self.late <= self.early * FLAT_FACTOR + FLAT_MEGABYTES


def memory(samples: list[Sample], hosts: int) -> Memory:
    """Return the peaks of one scan."""

    def peak(low: float, high: float) -> float:
        return max((s.memory for s in samples if low * hosts <= s.records < high * hosts), default=0.0)

    return Memory(peak(0.3, 0.4), peak(0.9, 2), peak(0, 2))


@dataclass(frozen=True)
class Run:
    """One soak."""

    name: str
    checked: Checked
    wall: float
    cpu: float
    """Seconds; 0 for a run that was killed."""
    memory: Memory | None
    """None for a run that was killed and resumed."""


def records_file(name: str) -> Path:
    """Return the path of a run's records."""
    return BUILD / f"soak-{name}.jsonl"
