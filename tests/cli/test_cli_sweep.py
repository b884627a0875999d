"""The scan command: records as hosts finish, progress, Ctrl-C. The servers are simple sockets."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshprobe import __version__
from sshprobe.compression import plain
from sshprobe.targets import parse_targets

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
SCAN = [sys.executable, "-W", "error", "-m", "sshprobe", "scan"]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_every_target_gets_a_record(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/29:{closed_port}", "127.0.0.1", "-p", str(closed_port), "--format", "jsonl"]
    run = subprocess.run(command, capture_output=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 3
    assert run.stderr == b""
    assert [record["type"] for record in records] == ["sweep", *["host"] * 6, "summary"]
    assert {record["host"] for record in records[1:-1]} == {f"127.0.0.{last}" for last in range(1, 7)}
    assert {record["status"] for record in records[1:-1]} == {"refused"}
    assert records[-1]["statuses"] == {"refused": 6}
    assert records[0]["arguments"] == command[len(SCAN) - 1 :]


@pytest.mark.parametrize(("name", "depth"), [("out.jsonl", "full"), ("out.json", "full"), ("out.jsonl", "lists")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_keeps_finished_hosts(
    name: str, depth: str, number: signal.Signals, times: int, silent: socket.socket, closed_port: int, tmp_path: Path
) -> None:
    """The first one finishes the running host, the second drops it. A host that was not started has no record."""
    targets = [f"127.0.0.1:{closed_port}", f"127.0.0.1:{silent.getsockname()[1]}", f"127.0.0.2:{closed_port}"]
    patience = "3" if times == 1 else "300"
    seed = next(
        seed for seed in range(1000) if [target.text for target in parse_targets(targets, seed=seed)] == targets
    )
    # A shell without job control starts background jobs with SIGINT ignored, and children inherit that.
    with subprocess.Popen(
        [
            *SCAN,
            *targets,
            "--seed",
            str(seed),
            "-o",
            name,
            "--depth",
            depth,
            "-c",
            "1",
            "--timeout",
            patience,
            "--host-timeout",
            patience,
        ],
        cwd=tmp_path,
        env={**ENVIRONMENT, "NO_PROGRESS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr is not None
        try:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(number)
                err = process.stderr.readline()
                if times == 2:
                    process.send_signal(number)
                out, rest = process.communicate(timeout=60)
        finally:
            process.kill()  # a scan that does not end must not block the tests
    assert process.returncode == 130
    assert err + rest == b"interrupted: finishing the hosts under way; once more stops at once\n"
    going_on = b" Resume it with `sshprobe scan --resume out.jsonl`." if name == "out.jsonl" else b""
    assert b"Interrupted: the rest was not scanned.%b\n" % going_on in out
    data = (tmp_path / name).read_bytes()
    document = json.loads(data) if name == "out.json" else None
    summary = document["summary"] if document else json.loads(data.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["type"] == "summary"
    assert summary["statuses"] == ({"refused": 1, "timeout": 1} if times == 1 else {"refused": 1})
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - no temporary file is left


def test_an_interrupt_at_the_last_host_loses_nothing(silent: socket.socket, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*SCAN, f"127.0.0.1:{silent.getsockname()[1]}", "-o", "out.jsonl", "--host-timeout", "3"],
        cwd=tmp_path,
        env={**ENVIRONMENT, "NO_PROGRESS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"the rest was not scanned" not in out
    assert json.loads((tmp_path / "out.jsonl").read_bytes().splitlines()[-1])["interrupted"] is False


def test_progress_is_on_standard_error_and_only_there(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/29:{closed_port}", "--format", "jsonl"]
    outputs = []
    for extra in ({}, {"NO_PROGRESS": "1"}):
        ours, theirs = pty.openpty()
        try:
            run = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path, env={**ENVIRONMENT, **extra}, check=False
            )
            os.write(theirs, b"END")
            outputs.append(os.read(ours, 65536))
        finally:
            os.close(ours)
            os.close(theirs)
        assert run.returncode == 3
        assert len([json.loads(line) for line in run.stdout.splitlines()]) == 8
    assert b" of 6" in outputs[0]
    assert outputs[1] == b"END"


def test_colour_is_for_terminals_without_no_color(closed_port: int, tmp_path: Path) -> None:
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        ours, theirs = pty.openpty()
        try:
            environment = {**ENVIRONMENT, **extra}
            command = [*SCAN, f"127.0.0.1:{closed_port}"]
            subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, cwd=tmp_path, check=False)
            out = os.read(ours, 65536)
        finally:
            os.close(ours)
            os.close(theirs)
        assert (b"\x1b[" in out) is coloured
        assert b"refused" in out


def test_a_missing_standard_input_is_an_error_only_if_it_is_read(closed_port: int, tmp_path: Path) -> None:
    for target, code, error in ((f"127.0.0.1:{closed_port}", 3, b""), ("-", 2, b"error: standard input is closed\n")):
        run = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *SCAN, target],
            capture_output=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            check=False,
        )
        assert (run.returncode, run.stderr) == (code, error)


def test_a_process_without_output_still_has_its_exit_code(closed_port: int, tmp_path: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *SCAN]
    for target, code in ((f"127.0.0.1:{closed_port}", 3), ("10.0.0.0/99", 2)):
        assert subprocess.run([*shell, target], cwd=tmp_path, env=ENVIRONMENT, check=False).returncode == code


def read(path: Path) -> list[dict[str, object]]:
    with plain(path.open("rb")) as stream:
        return [json.loads(line) for line in stream]


@pytest.mark.parametrize(("workers", "suffix"), [("1", ""), ("2", ""), ("2", ".zst"), ("1", ".gz")])
def test_a_killed_sweep_is_resumed_and_every_target_has_one_record(
    workers: str, suffix: str, closed_port: int, tmp_path: Path
) -> None:
    """kill -9 at random moments, several times, then to the end."""
    path = tmp_path / f"out.jsonl{suffix}"
    more = 1_000 if suffix else 60_000
    network = f"127.0.8.0/22:{closed_port}"
    command = [*SCAN, network, "--workers", workers, "--rate", "400", "--depth", "lists"]
    environment = {**ENVIRONMENT, "NO_PROGRESS": "1"}
    sizes = []
    for attempt in range(3):
        output = ["-o", path.name] if attempt == 0 else ["--resume", path.name]
        with subprocess.Popen([*command, *output], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
            before = path.stat().st_size if attempt else 0
            while process.poll() is None and (not path.exists() or path.stat().st_size < before + more):
                time.sleep(0.01)
            process.kill()
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes)
    run = subprocess.run(
        [*command, "--resume", path.name], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (3, b"")
    records = read(path)
    hosts = [record["host"] for record in records if record["type"] == "host"]
    assert len(hosts) == len(set(hosts)) == 1022
    assert [record["type"] for record in records[:1] + records[-1:]] == ["sweep", "summary"]
    assert records[-1]["statuses"] == {"refused": 1022}
    assert records[-1]["interrupted"] is False


def test_resuming_a_complete_scan_contacts_nothing(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/29:{closed_port}"]
    environment = {**ENVIRONMENT, "NO_PROGRESS": "1"}
    subprocess.run([*command, "-o", "out.jsonl"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    before = read(tmp_path / "out.jsonl")
    subprocess.run([*command, "--resume", "out.jsonl"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    after = read(tmp_path / "out.jsonl")
    assert after[:-1] == before[:-1]
    assert after[-1]["statuses"] == before[-1]["statuses"]


def test_the_duration_of_a_scan_sums_its_runs(closed_port: int, tmp_path: Path) -> None:
    command = [*SCAN, f"127.0.0.0/30:{closed_port}", "--no-progress"]
    subprocess.run([*command, "-o", "out.jsonl"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
    *lines, last = (tmp_path / "out.jsonl").read_text().splitlines()
    summary = {**json.loads(last), "duration_ms": 7_200_000.0, "interrupted": True}
    (tmp_path / "out.jsonl").write_text("\n".join([*lines[:-1], json.dumps(summary)]) + "\n")
    command += ["--resume", "out.jsonl"]
    run = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
    assert b"2 targets: 2 refused. 0 connections in 7,20" in run.stdout
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[-1])["duration_ms"] > 7_200_000


def test_resuming_with_other_targets_is_noted(closed_port: int, tmp_path: Path) -> None:
    """The records of both scans stay in the file, and a note says so."""
    environment = {**ENVIRONMENT, "NO_PROGRESS": "1"}
    errors = []
    for network, output in (("127.0.0.0/29", "-o"), ("127.0.0.4/30", "--resume"), ("127.0.0.0/28", "--resume")):
        command = [*SCAN, f"{network}:{closed_port}", output, "out.jsonl"]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
        errors.append(run.stderr)
    assert errors == [b"", b"note: out.jsonl has 4 hosts that are not targets now: its scan had other targets\n", b""]
    assert len(read(tmp_path / "out.jsonl")) == 16


def test_resuming_with_another_version_is_noted_once(closed_port: int, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run([*SCAN, *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
        return done.returncode, done.stderr.decode()

    assert run(f"127.0.0.1:{closed_port}", "-o", file.name) == (3, "")
    tool = read(file)[0]["tool"]
    assert tool == f"sshprobe {__version__}"
    assert run(f"127.0.0.0/30:{closed_port}", "--resume", file.name) == (3, "")
    file.write_bytes(file.read_bytes().replace(tool.encode(), b"sshprobe 0.0.9", 1))
    code, error = run(f"127.0.0.0/29:{closed_port}", "--resume", file.name)
    assert (code, error.count("\n")) == (3, 1)
    assert error.startswith(f"note: out.jsonl was begun by sshprobe 0.0.9 and is resumed with {tool}: ")
    assert len([each for each in read(file) if each["type"] == "host"]) == 6
    # As the note says: graded again, everything is by this version.
    subprocess.run([*SCAN[:-1], "grade", file.name, "-o", "new.jsonl"], cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert read(tmp_path / "new.jsonl")[0]["tool"] == tool


def test_resuming_against_other_profiles_is_refused(closed_port: int, tmp_path: Path) -> None:
    target = f"127.0.0.1:{closed_port}"
    subprocess.run([*SCAN, target, "-o", "out.jsonl"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
    before = (tmp_path / "out.jsonl").read_bytes()
    run = subprocess.run(
        [*SCAN, target, "--profile", "alibaba-ecs", "--resume", "out.jsonl"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == b"error: out.jsonl: was graded against sshprobe-2026: name the same with `--profile`\n"
    assert (tmp_path / "out.jsonl").read_bytes() == before


COMPANY = """id = "company"
title = "ours"
version = "1"
date = "2026"
source = "https://example.org"
[group_exchange]
where = "1"
min_bits = {bits}
"""


def test_a_file_never_gets_verdicts_by_two_rules(closed_port: int, tmp_path: Path) -> None:
    """Neither an edited profile nor `--strict` changes id and version."""

    def run(*words: str) -> tuple[int, str]:
        command = [*SCAN[:-1], *words, "--profile", "company.toml"]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)
        return done.returncode, done.stderr.decode()

    profile, file, other = (tmp_path / name for name in ("company.toml", "out.jsonl", "other.jsonl"))
    scan = ("scan", f"127.0.0.1:{closed_port}", "--no-progress")
    profile.write_text(COMPANY.format(bits=2048))
    assert run(*scan, "-o", file.name) == (3, "")
    before = file.read_bytes()

    stop = "error: out.jsonl: was graded without `--strict`: omit it\n"
    assert run(*scan, "--resume", file.name, "--strict") == (2, stop)
    profile.write_text(COMPANY.format(bits=3072))
    code, error = run(*scan, "--resume", file.name)
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("error: out.jsonl: was graded against company, which has changed since: ")
    assert file.read_bytes() == before

    # As the error says: a file graded by the new rules can be resumed.
    assert run("grade", file.name, "--strict", "-o", other.name)[0] == 3
    stop = "error: other.jsonl: was graded with `--strict`: add it\n"
    assert run(*scan, "--resume", other.name) == (2, stop)
    assert run(*scan, "--resume", other.name, "--strict") == (3, "")

    # A comment, or another order of lines, changes no rule; and an old file does not have the rules' hash.
    top, section = COMPANY.format(bits=2048).split("[", 1)
    profile.write_text("# ours\n" + "".join(sorted(top.splitlines(keepends=True))) + "[" + section)
    assert run(*scan, "--resume", file.name) == (3, "")
    header, *rest = before.splitlines(keepends=True)
    old = json.loads(header)
    del old["strict"], old["profiles"][0]["digest"]
    file.write_bytes(json.dumps(old).encode() + b"\n" + b"".join(rest))
    profile.write_text(COMPANY.format(bits=3072))
    assert run(*scan, "--resume", file.name, "--strict") == (3, "")


def test_stats_are_lines_on_standard_error(silent: socket.socket, tmp_path: Path) -> None:
    run = subprocess.run(
        [*SCAN, f"127.0.0.1:{silent.getsockname()[1]}", "--stats", "0.2", "--timeout", "1", "--format", "jsonl"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert run.stderr.splitlines()[0].startswith(b"0 of 1")
    assert len(run.stdout.splitlines()) == 3


@pytest.mark.parametrize("how", [[], ["--workers", "2"], ["--depth", "lists"]], ids=["plain", "workers", "lists"])
@pytest.mark.parametrize("format_", ["jsonl", "json", "table", "fix"])
@pytest.mark.parametrize("hosts", [1, 4])
def test_a_closed_reader_ends_a_scan_silently(hosts: int, format_: str, how: list[str], tmp_path: Path) -> None:
    """As with `| head -1`: the reader exits before the last host is written, or while others still run."""
    wanted = ["--fix"] if format_ == "fix" else ["--format", format_]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server((f"127.0.0.{last}", 0))) for last in range(1, hosts + 1)]
        targets = ["{}:{}".format(*server.getsockname()) for server in servers]
        process = stack.enter_context(
            subprocess.Popen(
                [*SCAN, *targets, *wanted, *how, "--timeout", "300", "--host-timeout", "300"],
                cwd=tmp_path,
                env={**ENVIRONMENT, "NO_PROGRESS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        stack.callback(process.kill)
        connections = []
        for server in servers:
            server.settimeout(60)
            connections.append(stack.enter_context(server.accept()[0]))
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        for connection in connections if format_ in ("json", "fix") else connections[:2]:  # those two write at the end
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()
        _, err = process.communicate(timeout=60)
    note = "note: only the table will remain of this scan: add `-o FILE` to keep the records\n"
    assert (process.returncode, err.decode()) == (141, note if (hosts, format_) == (4, "table") else "")
