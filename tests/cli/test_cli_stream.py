"""`scan -`: targets are scanned as their lines arrive, in a real process."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_two_processes import COMMAND, ENVIRONMENT

SCAN = [*COMMAND, "scan", "-p", "1", "--rate", "0"]
PIPE = subprocess.PIPE


@contextlib.contextmanager
def scanning(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [*SCAN, "--format", "jsonl", *words]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


def record(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


@pytest.mark.parametrize("words", [["-"], ["-f", "-", "127.0.0.2"], ["-", "127.0.0.2", "--workers", "2"]])
def test_records_come_before_standard_input_is_closed(words: list[str]) -> None:
    with scanning(*words) as process:
        for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            write(process, host)
            if host == "127.0.0.2":
                assert record(process)["type"] == "sweep"
            assert record(process)["host"] == host
        out, err = process.communicate(b"two words\n127.0.0.3\n")
    assert process.returncode == 2  # a line was not a target
    assert json.loads(out)["hosts"] == 3
    assert 'note: standard input:4: "two words" is not a host' in err.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
@pytest.mark.parametrize("words", [["-"], ["-", "--workers", "2"]])
def test_an_interrupt_while_waiting_for_a_line_ends_at_once(words: list[str]) -> None:
    with scanning(*words) as process:
        write(process, "127.0.0.2")
        assert [record(process)["type"] for _ in range(2)] == ["sweep", "host"]
        process.send_signal(signal.SIGINT)
        last = record(process)
        assert (last["type"], last["hosts"], last["interrupted"]) == ("summary", 1, True)
        assert process.wait() == 130


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--count"], "`--count` does not apply to a stream of targets: its end is not known."),
        (["--seed", "1"], "`--seed` does not apply to a stream of targets: it keeps its own order."),
        (["--resume", "x.jsonl"], "`--resume` does not apply to a stream of targets: its targets cannot be compared"),
    ],
)
def test_options_that_need_all_targets_say_why(words: list[str], reason: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [*SCAN, "-", *words], cwd=tmp_path, env=ENVIRONMENT, input=b"", capture_output=True, check=False
    )
    assert run.returncode == 2
    assert reason in run.stderr.decode()


def test_few_hosts_of_a_stream_have_blocks() -> None:
    run = subprocess.run([*SCAN, "-"], env=ENVIRONMENT, input=b"127.0.0.2", capture_output=True, check=False)
    assert run.stdout == b"127.0.0.2:1  connection refused\n"
    assert run.returncode == 3
