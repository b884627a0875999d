"""A shortage of this machine during a scan: a message, a slower scan, and no host blamed."""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.net.errors import network_error
from sshprobe.scan.scanner import Scanner
from tests.cli.test_cli_commands import write
from tests.sample_records import captured

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROGRESS": "1"}

LOWERED = """
import os, resource, sys
from sshprobe.cli import main, run
spare = int(sys.argv.pop(1))
if spare:
    # The limit falls when the sweep begins, so that nothing could foresee it.
    scan_here = run.scan_here
    async def lowered(*arguments):
        limit = len(os.listdir("/dev/fd")) - 1 + spare  # listing them takes one
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        return await scan_here(*arguments)
    run.scan_here = lowered
sys.exit(main(sys.argv[1:]))
"""


def sweep(*arguments: str, limit: int = 0, spare: int = 0, cwd: Path) -> tuple[list[dict[str, object]], list[str]]:
    """Run a scan with a hard limit on open files. Return its host records and messages."""

    def set_limit() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOWERED, str(spare), "scan", *arguments, "--format", "jsonl"],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        preexec_fn=set_limit,
    )
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert records, run.stderr.decode()
    assert records[-1]["type"] == "summary"
    return [record for record in records if record["type"] == "host"], run.stderr.decode().splitlines()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_low_limit_is_noted_and_respected(workers: int, closed_port: int, tmp_path: Path) -> None:
    options = ["-c", "500", "--rate", "0", "--workers", str(workers)]
    records, words = sweep(f"127.0.0.0/24:{closed_port}", *options, limit=40, cwd=tmp_path)
    assert Counter(record["status"] for record in records) == {"refused": 254}
    assert words == [
        f"concurrency lowered from 500 to {workers}: the limit on open files is too low",
    ]


@pytest.mark.parametrize(("spare", "depth"), [(4, "full"), (12, "full"), (59, "full"), (4, "lists"), (12, "lists")])
def test_a_shortage_of_files_is_not_blamed_on_hosts(spare: int, depth: str, tmp_path: Path) -> None:
    """Servers that keep connections open for a while, so that files stay short."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as silent:
        place = f"127.0.0.0/26:{silent.getsockname()[1]}"
        # The kernel accepts, nothing answers; the listener is at 127.0.0.1 only.
        refused_and_silent, words = sweep(
            place, "-c", "60", "--rate", "0", "--timeout", "1", "--depth", depth, spare=spare, cwd=tmp_path
        )
    assert Counter(record["status"] for record in refused_and_silent) == {"refused": 61, "timeout": 1}
    assert not [word for word in words if "too many open files" not in word.lower()]
    assert len(words) <= 1


@pytest.mark.parametrize("depth", ["lists", "full"])
async def test_hosts_that_wait_for_files_wait_for_their_turn(depth: Depth) -> None:
    """Thirty silent hosts and few files: each gets its full time, although all together take longer than that."""
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as silent:
        port = silent.getsockname()[1]
        said: list[str] = []
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208 - at once
        scanner = Scanner(concurrency=30, timeout=0.3, depth=depth, on_resource_error=said.append)
        records: list[HostRecord] = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, before[1]))
            async with scanner:
                async for record in scanner.scan([f"127.0.0.0/27:{port}"]):
                    records.append(record)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert Counter((record.status, record.stage) for record in records) == {("timeout", "identification"): 30}
    assert said == ["this machine: too many open files: pausing"]


@pytest.mark.parametrize(
    "code",
    [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN],
    ids=lambda code: errno.errorcode[code],
)
def test_a_shortage_is_recognized_as_local(code: int) -> None:
    error = network_error(OSError(code, os.strerror(code)))
    assert error.failure == "local"
    assert str(error) == f"this machine: {os.strerror(code).lower()}"


PORTS = """
import asyncio, socket
from sshprobe.net.MODULE import NETWORK
from sshprobe.platform.sockets import loop_factory
from tests.net.recorder import Recorder

async def main():
    with socket.create_server(("127.0.0.1", 0)) as server:
        network = NETWORK()
        network.open()
        made = 0
        while True:
            handler = Recorder(network, server.getsockname()[1])
            handler.dial(5)
            await handler.until("")
            if handler.error is not None:
                break
            made += 1
        print(made, handler.error.failure, handler.error, sep="|")
        network.close()

with asyncio.Runner(loop_factory=loop_factory()) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize(
    ("module", "network"), [("epoll_network", "EpollNetwork"), ("asyncio_network", "AsyncioNetwork")]
)
def test_no_ports_left(module: str, network: str) -> None:
    """In a network namespace with four ports."""
    code = PORTS.replace("MODULE", module).replace("NETWORK", network)
    shell = 'ip link set lo up && echo "40000 40003" > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"'
    run = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", shell, "sh", sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    if run.returncode and b"Traceback" not in run.stderr:
        pytest.skip(
            "needs `unshare --user --net` and `ip` (packages util-linux, iproute2), and a kernel that allows it"
        )
    assert run.returncode == 0, run.stderr.decode()
    # If the server's port is one of the four, three connections remain, else four.
    number, failure, words = run.stdout.decode().strip().split("|")
    assert number in ("3", "4")
    assert (failure, words) == ("local", "this machine: cannot assign requested address")


def limited(limit: int, *arguments: str, cwd: Path) -> tuple[int, list[str]]:
    run = subprocess.run(
        [sys.executable, "-m", "sshprobe", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )
    return run.returncode, run.stderr.decode().splitlines()


def hosts_in(path: Path) -> int:
    return sum(b'"type":"host"' in line for line in path.read_bytes().splitlines())


def test_fewer_workers_where_files_are_short(tmp_path: Path) -> None:
    code, words = limited(24, "scan", "127.0.0.0/27:1", "--workers", "8", "-o", "x.jsonl", cwd=tmp_path)
    assert (code, words[0]) == (3, "note: 1 worker, not 8: the limit on open files is too low")
    assert hosts_in(tmp_path / "x.jsonl") == 30
    many = ["scan", "127.0.0.0/27:1", "--workers", "120", "--rate", "0", "-o", "y.jsonl"]
    code, words = limited(64, *many, cwd=tmp_path)
    assert (code, words[0].endswith("workers, not 120: the limit on open files is too low")) == (3, True)
    assert hosts_in(tmp_path / "y.jsonl") == 30


@pytest.mark.parametrize("limit", [8, 12, 16])
def test_one_line_if_no_file_can_be_opened(limit: int, tmp_path: Path) -> None:
    code, words = limited(limit, "scan", "127.0.0.1:1", "-o", "x.jsonl", cwd=tmp_path)
    assert (code, len(words)) == (2, 1)
    assert words[0].startswith("error: this machine: too few open files are allowed: raise `ulimit -n` by ")
    assert not list(tmp_path.iterdir())


WITHOUT = """
import os, sys, threading
from sshprobe.cli import main
def fail(*arguments, **others):
    raise BlockingIOError(11, "Resource temporarily unavailable")
def no_thread(*arguments, **others):
    raise RuntimeError("can't start new thread")
left = int(sys.argv.pop(1))
fork = os.fork
def some():
    global left
    left -= 1
    return fork() if left >= 0 else fail()
os.fork = some
threading.Thread.start = no_thread if left <= 0 else threading.Thread.start
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("left", [0, 2])
def test_fewer_processes_and_no_threads(left: int, tmp_path: Path) -> None:
    """The error of a failed clone(2). Progress needs a thread; a scan works without it."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(left), "scan", "127.0.0.0/27:1", "--workers", "4", "-o", "x.jsonl"],
        cwd=tmp_path,
        env={name: value for name, value in ENVIRONMENT.items() if name != "NO_PROGRESS"},
        capture_output=True,
        check=False,
    )
    reason = "Resource temporarily unavailable"
    words = {
        0: f"note: one process, not 4: no worker process can be started: {reason}\n",
        2: f"note: 2 workers, not 4: no more can be started: {reason}\n",
    }[left]
    assert (run.returncode, run.stderr.decode()) == (3, words)
    assert hosts_in(tmp_path / "x.jsonl") == 30


WITHOUT_THREADS = """
import os, sys, threading
from sshprobe.cli import main
def no_thread(*arguments, **others):
    raise RuntimeError("can't start new thread")
workers = 0
def first_has_none():
    global workers
    workers += 1
    if workers < 2 or "all" in sys.argv:
        threading.Thread.start = no_thread
os.register_at_fork(after_in_child=first_has_none, after_in_parent=lambda: globals().update(workers=workers + 1))
sys.exit(main([word for word in sys.argv[1:] if word != "all"]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
@pytest.mark.parametrize("which", ["all", "first"])
def test_workers_need_no_thread(which: str, tmp_path: Path) -> None:
    words = ["scan", "127.0.0.0/27:1", "--workers", "2", "-o", "x.jsonl", *(["all"] if which == "all" else [])]
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS, *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr.decode()) == (3, "")
    assert hosts_in(tmp_path / "x.jsonl") == 30


SHORT = """
import errno, sys
from sshprobe.cli import main, output
def fail(*arguments, **others):
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
output.open_output = fail
sys.exit(main(["scan", "127.0.0.1:1"]))
"""


def test_a_shortage_of_this_machine_is_named(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", SHORT], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
    assert run.returncode == 2
    assert run.stderr.decode().splitlines()[-1] == "error: this machine: Resource temporarily unavailable"


BUG = """
import sys
from sshprobe.cli import main, output
def bug(self, hosts):
    raise LookupError("a bug\\nof two lines")
output.ScanOutput.show = bug
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [["grade", "in.jsonl", "-o", "x.json"], ["scan", "127.0.0.1:1", "-o", "x.json"]])
def test_a_bug_is_one_line_and_debug_shows_the_rest(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [captured("openssh-debian12-9.2p1", "192.0.2.1")])
    for debug in ([], ["--debug"]):
        run = subprocess.run(
            [sys.executable, "-c", BUG, *arguments, *debug],
            cwd=tmp_path,
            env=ENVIRONMENT,
            capture_output=True,
            check=False,
        )
        *before, last = run.stderr.decode().splitlines()
        assert run.returncode == 2
        assert last.startswith("error: internal error in ")
        assert ": LookupError: a bug of two lines (a bug of sshprobe: please report it" in last
        assert bool(before) == bool(debug)
        assert ("Traceback (most recent call last):" in before) == bool(debug)
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved >= {"in.jsonl", "x.json"} if arguments[0] == "scan" else saved == {"in.jsonl"}
