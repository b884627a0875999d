"""Fault injection as SQLite does it: each call of a run fails once, and the run is killed once at each call.

After a failure there is one line of error and unchanged files, or a resume that ends with every target once. In both
cases no finished scan is lost, and no hidden file remains.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from sshprobe.compression import plain

ROOT = Path(__file__).parents[2]
TARGETS = [f"127.0.0.{last}:1" for last in range(2, 6)]
SCAN = ["scan", *TARGETS, "--rate", "0", "--no-progress"]


class Server:
    """A process that runs sshprobe with a fault."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._scratch = scratch

    def run(self, arguments: list[str], folder: Path, *, at: int = 0, kill: bool = False) -> tuple[int, str, list[str]]:
        """Return the exit code, the output and the counted calls. `at` 0 is a run without a fault."""
        names = {"stderr": str(self._scratch / "stderr"), "log": str(self._scratch / "log")}
        wanted = {"arguments": arguments, "folder": str(folder), "at": at, "kill": kill, **names}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        code = json.loads(self._process.stdout.readline())
        log = self._scratch / "log"
        calls = log.read_text().splitlines() if log.exists() else []
        return code, (self._scratch / "stderr").read_text(), calls


@contextlib.contextmanager
def server(scratch: Path) -> Iterator[Server]:
    """Compile the shim and start the server. `scratch` is a folder for its files."""
    shim = scratch / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", shim, source, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.server"],
        cwd=ROOT,
        env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Server(process, scratch)
        finally:
            process.kill()


@dataclass(frozen=True)
class Scenario:
    """A run, and the files before it."""

    name: str
    arguments: list[str]
    file: str
    prepare: Callable[[Server, Path], None]


def _nothing(server: Server, folder: Path) -> None:
    pass


def _finished(server: Server, folder: Path, name: str = "x.jsonl") -> None:
    server.run([*SCAN, "-o", name], folder)
    data = (folder / name).read_bytes()
    other = plain_bytes(data).replace(b'"schema":"1.0"', b'"schema":"1.0" ', 1)
    (folder / f"{name}~").write_bytes(zstandard.compress(other) if name.endswith(".zst") else other)


def _finished_document(server: Server, folder: Path) -> None:
    _finished(server, folder, "x.json")


def _cut_off(server: Server, folder: Path) -> None:
    _finished(server, folder)
    lines = (folder / "x.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "x.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:40])


def _finished_compressed(server: Server, folder: Path) -> None:
    _finished(server, folder, "x.jsonl.zst")


def _cut_off_compressed(server: Server, folder: Path) -> None:
    """Header and two hosts in separate blocks, then an incomplete block."""
    _finished(server, folder, "x.jsonl.zst")
    lines = plain_bytes((folder / "x.jsonl.zst").read_bytes()).splitlines(keepends=True)
    frame = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    blocks = [frame.compress(line) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for line in lines[:4]]
    (folder / "x.jsonl.zst").write_bytes(b"".join(blocks)[:-10])


def _records(server: Server, folder: Path) -> None:
    shutil.copy(ROOT / "tests" / "corpus" / "1b61c73" / "full.jsonl", folder / "in.jsonl")
    _finished(server, folder)


def _records_and_document(server: Server, folder: Path) -> None:
    _records(server, folder)
    _finished_document(server, folder)


SCENARIOS = [
    Scenario("a new file", [*SCAN, "-o", "x.jsonl"], "x.jsonl", _nothing),
    Scenario("a new document", [*SCAN, "-o", "x.json"], "x.json", _nothing),
    Scenario("over a finished file", [*SCAN, "-o", "x.jsonl"], "x.jsonl", _finished),
    Scenario("over a finished document", [*SCAN, "-o", "x.json"], "x.json", _finished_document),
    Scenario("over an interrupted file", [*SCAN, "-o", "x.jsonl"], "x.jsonl", _cut_off),
    Scenario("with two workers", [*SCAN, "--workers", "2", "-o", "x.jsonl"], "x.jsonl", _finished),
    Scenario("resume", [*SCAN, "--resume", "x.jsonl"], "x.jsonl", _cut_off),
    Scenario("resume alone", ["scan", "--resume", "x.jsonl", "--no-progress"], "x.jsonl", _cut_off),
    Scenario("over a compressed file", [*SCAN, "-o", "x.jsonl.zst"], "x.jsonl.zst", _finished_compressed),
    Scenario("resume compressed", [*SCAN, "--resume", "x.jsonl.zst"], "x.jsonl.zst", _cut_off_compressed),
    Scenario("grade", ["grade", "in.jsonl", "-o", "x.jsonl"], "x.jsonl", _records),
    Scenario("grade to a document", ["grade", "in.jsonl", "-o", "x.json"], "x.json", _records_and_document),
]


def plain_bytes(data: bytes) -> bytes:
    """Return a file without its compression."""
    return plain(io.BytesIO(data)).read()


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files except unlocked lock files."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".lock")}


def is_finished(data: bytes) -> bool:
    """Return whether a file has a complete scan."""
    data = plain_bytes(data)
    return b'"type":"summary"' in data and b'"interrupted":true' not in data


def hosts_of(data: bytes) -> Counter[str]:
    """Return how often each host is in a complete file."""
    data = plain_bytes(data)
    if data.startswith(b'{"sweep":'):
        records = json.loads(data)["hosts"]
    else:
        records = [record for record in map(json.loads, data.splitlines()) if record["type"] == "host"]
    return Counter(f"{record['host']}:{record['port']}" for record in records)


def points(server: Server, scenario: Scenario, folder: Path) -> list[str]:
    """Return the calls of a scenario without a fault, such as "3 write"."""
    fresh(server, scenario, folder)
    code, said, calls = server.run(scenario.arguments, folder)
    assert code in (0, 3), said
    return calls


def fresh(server: Server, scenario: Scenario, folder: Path) -> dict[str, bytes]:
    """Prepare an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    scenario.prepare(server, folder)
    return contents(folder)


def check(server: Server, scenario: Scenario, folder: Path, at: int, *, kill: bool) -> None:
    """Run a scenario with a fault at one call, and check the result. Raises `AssertionError`."""
    before = fresh(server, scenario, folder)
    code, said, calls = server.run(scenario.arguments, folder, at=at, kill=kill)
    after = contents(folder)
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in said, said
    if not kill:
        assert code in (0, 2, 3), (code, said)
        assert len(errors) == (code == 2), said
        assert not [name for name in after if name.startswith(".")] or " unlink " in calls[at - 1], after.keys()
    else:
        assert code in (-9, 0, 2, 3), (code, said)  # a call of a worker, or at the very end
    # The backup of a finished scan is the finished scan before it. An interrupted scan never replaces it.
    precious = before.get(scenario.file, b"")
    if not is_finished(precious):
        precious = before.get(f"{scenario.file}~", b"")
    assert not precious or precious in after.values(), "a finished sweep is gone"
    there = after.get(scenario.file)
    whole = there is not None and (there == before.get(scenario.file) or is_finished(there))
    if scenario.arguments[0] == "grade" or scenario.file.endswith(".json"):
        assert whole or (scenario.file not in after and scenario.file not in before)
        again = scenario.arguments
    elif scenario.file in after:
        again = [*SCAN, "--resume", scenario.file]
    else:
        again = [*SCAN, "-o", scenario.file]
    finished = [data for data in after.values() if is_finished(data)]
    code, said, _ = server.run(again, folder)
    assert code in (0, 3), said
    last = contents(folder)
    expected = TARGETS if again[0] == "scan" else sorted(hosts_of(before["in.jsonl"]))
    assert sorted(hosts_of(last[scenario.file]).elements()) == sorted(expected)
    assert not precious or precious in last.values() or is_finished(last[scenario.file])
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert not hidden, hidden
    if again[-2] == "--resume":
        kept = [hosts_of(data) for data in finished]
        assert all(hosts in [hosts_of(data) for data in last.values() if is_finished(data)] for hosts in kept)
