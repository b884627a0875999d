"""`scan --resume` alone, with `-o`, with other options, and on files with several scans."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import msgspec
import pytest
from click.core import ParameterSource

from sshprobe.cli.options.targets import ChosenTargets
from sshprobe.cli.progress import SweepProgress
from sshprobe.cli.resume import restored_settings
from sshprobe.cli.sweep_header import sweep_settings
from sshprobe.scan.job import Progress
from sshprobe.scan.settings import ScanSettings
from tests.cli.test_cli_commands import sshprobe

HOSTS = ["127.0.0.2:1", "127.0.0.3:1"]
CHOSEN = ChosenTargets(
    targets=tuple(HOSTS),
    files=(),
    inventories=(),
    inventory_format=None,
    records=(),
    statuses=(),
    grades=(),
    ports=(22,),
    labels=(),
    exclude=(),
    exclude_files=(),
    seed=None,
    count_only=False,
    yes=False,
)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def hosts(path: Path) -> list[str]:
    return sorted(f"{each['host']}:{each['port']}" for each in map(json.loads, lines(path)) if each["type"] == "host")


def cut(path: Path, number: int) -> None:
    """Leave the header and some hosts, as after a kill."""
    path.write_bytes(b"".join(lines(path)[: 1 + number]) + b'{"type":"host","sch')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.txt").write_text("\n".join(HOSTS) + "\n")
    return tmp_path


def test_resume_takes_targets_and_settings_from_the_header(folder: Path) -> None:
    options = ["--depth", "lists", "--strict", "--profile", "mozilla-modern", "-p", "1,7", "--auth-user", "git"]
    named = ["127.0.0.4", "-f", "hosts.txt", "--exclude", "127.0.0.3"]
    assert sshprobe("scan", *named, *options, "-o", "x.jsonl", cwd=folder).returncode == 3
    whole = hosts(folder / "x.jsonl")
    assert whole == [*HOSTS, "127.0.0.4:1", "127.0.0.4:7"]
    header = lines(folder / "x.jsonl")[0]
    for number in range(3):
        cut(folder / "x.jsonl", number)
        run = sshprobe("scan", "--resume", "x.jsonl", "--timeout", "5", "-c", "7", cwd=folder)
        note = "note: x.jsonl is resumed with 127.0.0.4 -f hosts.txt --exclude 127.0.0.3, default port 1,7\n"
        assert (run.returncode, run.stderr.decode()) == (3, note)
        assert lines(folder / "x.jsonl")[0] == header
        assert hosts(folder / "x.jsonl") == whole
        assert {json.loads(line)["depth"] for line in lines(folder / "x.jsonl")[1:-1]} == {"lists"}


def test_output_may_name_the_same_file(folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 1)
    assert sshprobe("scan", *HOSTS, "-o", "./x.jsonl", "--resume", "x.jsonl", cwd=folder).returncode == 3
    assert hosts(folder / "x.jsonl") == HOSTS
    assert {path.name for path in folder.iterdir()} == {"hosts.txt", "x.jsonl"}
    run = sshprobe("scan", *HOSTS, "-o", "y.jsonl", "--resume", "x.jsonl", cwd=folder)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)


def test_a_file_of_targets_that_changed_is_refused(folder: Path) -> None:
    sshprobe("scan", "-f", "hosts.txt", "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 1)
    before = (folder / "x.jsonl").read_bytes()
    (folder / "hosts.txt").write_text("127.0.0.9:1\n")
    run = sshprobe("scan", "--resume", "x.jsonl", cwd=folder)
    words = "error: x.jsonl: had targets from hosts.txt, which has changed since: give them again\n"
    assert (run.returncode, run.stderr.decode()) == (2, words)
    (folder / "hosts.txt").unlink()
    run = sshprobe("scan", "--resume", "x.jsonl", cwd=folder)
    assert (run.returncode, run.stderr.count(b"cannot be read again")) == (2, 1)
    assert (folder / "x.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("again", "seconds"), [((), "3.5"), (("--connect-timeout", "4.5"), "4.5"), (("--fast",), "2.0")]
)
def test_resume_keeps_the_pace_by_default(again: tuple[str, ...], seconds: str, folder: Path) -> None:
    sshprobe("scan", *HOSTS, "--rate", "20", "--connect-timeout", "3.5", "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 0)
    run = sshprobe("scan", "--resume", "x.jsonl", "-vv", *again, cwd=folder)
    assert run.stderr.decode().count(f"port 1, {seconds} s at most") == 2


def test_each_pace_option_is_kept_or_replaced() -> None:
    before = sweep_settings(CHOSEN, (), ScanSettings(concurrency=7, rate=2.0, connect_timeout=9.0))
    now = ScanSettings(timeout=3.0, rate=200.0)
    context = click.Context(click.Command("scan"))
    context.set_parameter_source("timeout", ParameterSource.COMMANDLINE)
    kept = restored_settings(before, now, context)
    assert (kept.rate, kept.concurrency, kept.connect_timeout, kept.timeout) == (2.0, 7, 9.0, 3.0)
    assert restored_settings(msgspec.structs.replace(before, pace=None), now, context) == now
    context.set_parameter_source("fast", ParameterSource.ENVIRONMENT)
    fast = ScanSettings(concurrency=2000, rate=None, connect_timeout=2.0)
    assert restored_settings(before, fast, context) == fast


@pytest.mark.parametrize("words", [["-"], ["-f", "-"]])
def test_standard_input_is_refused(words: list[str], folder: Path) -> None:
    sshprobe("scan", *words, "-o", "x.jsonl", cwd=folder, stdin=b"127.0.0.2:1\n127.0.0.3:1\n")
    cut(folder / "x.jsonl", 1)
    run = sshprobe("scan", "--resume", "x.jsonl", cwd=folder)
    assert (run.returncode, run.stderr) == (
        2,
        b"error: x.jsonl: had targets from standard input: write them to a file and give that, with the same options\n",
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--depth", "keys"], "--depth"),
        (["-p", "2222"], "--port"),
        (["--auth-user", "git"], "--auth-user"),
        (["--no-auth-methods"], "--no-auth-methods"),
        (["--all-addresses"], "--all-addresses"),
        (["-4"], "-4"),
        (["--client-id", "SSH-2.0-me"], "--client-id"),
        (["--strict"], "--strict"),
        (["--profile", "mozilla-modern"], "--profile"),
    ],
)
@pytest.mark.parametrize("targets", [HOSTS, []], ids=["targets", "alone"])
def test_options_that_change_records_are_refused_by_name(
    targets: list[str], options: list[str], named: str, folder: Path
) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    before = (folder / "x.jsonl").read_bytes()
    run = sshprobe("scan", *targets, *options, "--resume", "x.jsonl", cwd=folder)
    errors = [line for line in run.stderr.decode().splitlines() if line.startswith("error: x.jsonl: ")]
    assert (run.returncode, len(errors)) == (2, 1)
    assert named in errors[0]
    assert (folder / "x.jsonl").read_bytes() == before


def test_pace_may_differ(folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 1)
    pace = ["--fast", "--workers", "2", "--rate", "5", "--timeout", "3", "--host-timeout", "9", "--fix", "-c", "3"]
    run = sshprobe("scan", *HOSTS, *pace, "--resume", "x.jsonl", cwd=folder)
    assert (run.returncode, run.stderr) == (3, b"")
    assert hosts(folder / "x.jsonl") == HOSTS


@pytest.mark.parametrize("kind", ["two sweeps", "hosts after the summary", "half a line after the summary"])
def test_a_file_with_more_data_is_not_shortened(kind: str, folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    one = (folder / "x.jsonl").read_bytes()
    more = {
        "two sweeps": one,
        "hosts after the summary": lines(folder / "x.jsonl")[1],
        "half a line after the summary": lines(folder / "x.jsonl")[1][:50],
    }[kind]
    (folder / "x.jsonl").write_bytes(one + more)
    for targets in (HOSTS, []):
        run = sshprobe("scan", *targets, "--resume", "x.jsonl", cwd=folder)
        assert run.returncode == 2
        assert b"error: x.jsonl:5: has more records after its summary" in run.stderr
        assert (folder / "x.jsonl").read_bytes() == one + more


def test_a_document_is_refused_in_plain_words(folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.json", cwd=folder)
    before = (folder / "x.json").read_bytes()
    run = sshprobe("scan", *HOSTS, "--resume", "x.json", cwd=folder)
    words = b"error: x.json: is one JSON document: only JSON lines can be resumed\n"
    assert (run.returncode, run.stderr) == (2, words)
    assert (folder / "x.json").read_bytes() == before


def test_nothing_in_a_header_names_a_file_to_write(folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    header, *rest = lines(folder / "x.jsonl")
    assert b"output" not in json.dumps(json.loads(header)["settings"]).encode()
    other = json.loads(header)
    other["arguments"] = ["scan", *HOSTS, "-o", "precious.txt"]
    other["settings"]["output"] = "precious.txt"
    (folder / "x.jsonl").write_bytes(json.dumps(other).encode() + b"\n" + rest[0])
    (folder / "precious.txt").write_text("mine")
    assert sshprobe("scan", "--resume", "x.jsonl", cwd=folder).returncode == 3
    assert (folder / "precious.txt").read_text() == "mine"
    assert hosts(folder / "x.jsonl") == HOSTS


def test_progress_counts_what_the_file_holds() -> None:
    counters = Progress()
    progress = SweepProgress(counters, total=254, only="", wanted=False)
    progress.held = 120
    counters.done = 4
    assert progress.line().startswith("124 of 254   ")


def test_several_hosts_without_a_file_are_noted(folder: Path) -> None:
    words = b"note: only the table will remain of this scan: add `-o FILE` to keep the records\n"
    assert sshprobe("scan", *HOSTS, cwd=folder).stderr == words
    for options in ([*HOSTS, "--format", "jsonl"], HOSTS[:1], [*HOSTS, "-o", "x.jsonl"]):
        assert sshprobe("scan", *options, cwd=folder).stderr == b""


@pytest.mark.parametrize("given", [["--exclude", "127.0.0.3"], ["--exclude-file", "no.txt"], []])
def test_new_exclusions_apply_to_a_resume(given: list[str], folder: Path) -> None:
    (folder / "no.txt").write_text("127.0.0.3\n")
    sshprobe("scan", *HOSTS, "127.0.0.4:1", "--exclude", "127.0.0.4", "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 0)
    environment = {} if given else {"SSHPROBE_SCAN_EXCLUDE": "127.0.0.3"}
    run = sshprobe("scan", "--resume", "x.jsonl", *given, cwd=folder, env=environment)
    assert run.returncode == 3, run.stderr
    statuses = {each["host"]: each["status"] for each in map(json.loads, lines(folder / "x.jsonl")[1:-1])}
    assert statuses == {"127.0.0.2": "refused", "127.0.0.3": "excluded", "127.0.0.4": "excluded"}


@pytest.mark.parametrize("given", [["--status", "ok"], ["--grade", "F"], ["--inventory-format", "nmap"]])
def test_an_option_of_other_targets_is_refused(given: list[str], folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    cut(folder / "x.jsonl", 1)
    run = sshprobe("scan", "--resume", "x.jsonl", *given, cwd=folder)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
    assert given[0].encode() in run.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [("family", 5), ("ports", []), ("ports", [99999]), ("auth_users", []), ("targets", ["127.0.0.0/8"])],
)
def test_a_forged_header_is_refused_in_one_line(setting: str, value: object, folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    header = json.loads(lines(folder / "x.jsonl")[0])
    header["settings"][setting] = value
    before = json.dumps(header, separators=(",", ":")).encode() + b"\n"
    (folder / "x.jsonl").write_bytes(before)
    run = sshprobe("scan", "--resume", "x.jsonl", cwd=folder)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1), run.stderr
    assert b"internal error" not in run.stderr
    assert (folder / "x.jsonl").read_bytes() == before


def test_records_that_are_nested_too_deeply_are_refused_in_one_line(folder: Path) -> None:
    sshprobe("scan", *HOSTS, "-o", "x.jsonl", cwd=folder)
    with (folder / "x.jsonl").open("ab") as stream:
        stream.truncate(len(lines(folder / "x.jsonl")[0]))
        stream.write(b'{"type":"host","x":' + b"[" * 100_000 + b"\n")
    run = sshprobe("scan", "--resume", "x.jsonl", cwd=folder)
    assert run.stderr == b"error: x.jsonl:2: is not a record of a scan\n"


@pytest.mark.parametrize("targets", [[], HOSTS])
def test_only_a_file_can_be_resumed(targets: list[str], folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for name in ("pipe", "/dev/null"):
        run = sshprobe("scan", "--resume", name, *targets, cwd=folder)
        assert (run.returncode, run.stderr) == (
            2,
            f"error: {name}: is not a regular file, so no scan can be resumed in it\n".encode(),
        )


def test_a_file_without_records_is_refused(folder: Path) -> None:
    run = sshprobe("scan", "--resume", "hosts.txt", cwd=folder)
    assert run.stderr == b"error: hosts.txt:1: is not a record of a scan\n"


def test_an_empty_name_is_one_line(folder: Path) -> None:
    for option in ("-o", "--resume", "--trace", "-f", "--inventory"):
        run = sshprobe("scan", *HOSTS, option, "", cwd=folder)
        assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
        assert run.stderr.startswith(b'error: "": cannot be ')
