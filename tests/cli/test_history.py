"""`sshprobe history`: what its commands print and change."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from click.testing import CliRunner

from sshprobe import grade
from sshprobe.cli.history import history as group
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Status
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.views.summary import SummaryBuilder
from tests.cli.test_cli_commands import sshprobe
from tests.sample_records import captured, failed
from tests.screens import on_a_screen


def graded(record: HostRecord, **changes: Any) -> HostRecord:
    changed = msgspec.structs.replace(record, **changes)
    return msgspec.structs.replace(changed, verdicts=[grade(changed, "sshprobe-2026")])


OLD, NEW = captured("openssh-5.3p1", "192.0.2.1"), captured("openssh-9.9p2", "192.0.2.1")
STEADY = graded(captured("dropbear-2022.83", "192.0.2.2"))
WEEKS: Sequence[tuple[str, list[HostRecord]]] = (
    ("aa01", [graded(OLD), STEADY]),
    ("aa02", [graded(OLD), STEADY, failed("timeout", "no answer")]),
    ("bb03", [graded(NEW), STEADY]),
)
"""A server is updated before the third scan."""

STATUSES = get_args(Status)


def write_scan(path: Path, scan_id: str, day: int, hosts: Sequence[HostRecord], *, whole: bool = True) -> None:
    counted = SummaryBuilder()
    for host in hosts:
        counted.add(host)
    header = SweepRecord(
        tool="sshprobe 0.1.0",
        arguments=["scan", "192.0.2.0/30"],
        profiles=[],
        started_at=f"2026-11-{day:02}T12:00:00.000Z",
        scan_id=scan_id,
    )
    lines = [header, *hosts, *([counted.build(duration_ms=1500.0)] if whole else [])]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


@pytest.fixture(scope="module")
def three_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the history of three weeks, which tests must not change."""
    folder = tmp_path_factory.mktemp("weeks")
    names = []
    for number, (scan_id, hosts) in enumerate(WEEKS):
        write_scan(folder / f"{scan_id}.jsonl", scan_id, 7 + 7 * number, hosts)
        names.append(f"{scan_id}.jsonl")
    done = sshprobe("history", "import", *names, "--history", "history.db", cwd=folder)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"".join(
        b"imported scan %s: %d hosts\n" % (scan_id.encode(), len(hosts)) for scan_id, hosts in WEEKS
    )
    return folder


@pytest.fixture
def folder(three_weeks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, named by the environment."""
    monkeypatch.setenv("SSHPROBE_HISTORY", "history.db")
    return shutil.copytree(three_weeks, tmp_path / "weeks")


def history(folder: Path, *arguments: str) -> str:
    """Run a command in this process: a process for each would take half a second."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def as_json(folder: Path, *arguments: str) -> Any:
    return json.loads(history(folder, *arguments, "--format", "json"))


def test_list(folder: Path) -> None:
    assert [line.split() for line in history(folder, "list").splitlines()] == [
        ["scan", "started", "hosts", "took", "state"],
        ["bb03", "2026-11-21", "12:00", "UTC", "2", "1.5", "s", "complete"],
        ["aa02", "2026-11-14", "12:00", "UTC", "3", "1.5", "s", "complete"],
        ["aa01", "2026-11-07", "12:00", "UTC", "2", "1.5", "s", "complete"],
    ]
    assert as_json(folder, "list")[0] == {
        "scan_id": "bb03",
        "started_at": "2026-11-21T12:00:00.000Z",
        "duration_ms": 1500.0,
        "hosts": 2,
        "complete": True,
    }


def test_two_scans_in_a_minute_differ_by_their_seconds(folder: Path) -> None:
    for scan_id, second, hosts in (("dd01", 5, graded(OLD)), ("dd02", 40, graded(NEW))):
        write_scan(folder / "now.jsonl", scan_id, 28, [hosts])
        text = (folder / "now.jsonl").read_text()
        (folder / "now.jsonl").write_text(text.replace("-28T12:00:00", f"-28T12:00:{second:02}"))
        history(folder, "import", "now.jsonl", "--history", "new.db")
    start, end = "2026-11-28 12:00:05 UTC", "2026-11-28 12:00:40 UTC"
    times = re.compile(r"\d{4}-\d\d-\d\d [\d:]+ UTC")
    shown = {
        words: times.findall(history(folder, *words.split(), "--history", "new.db"))
        for words in ("list", "hosts 192.0.2.1", "trend", "trend --of findings")
    }
    assert shown["list"] == [end, start]
    assert shown["hosts 192.0.2.1"] == [end, end, start, start]
    assert shown["trend"] == shown["trend --of findings"] == [start, end]
    command = [sys.executable, "-m", "sshprobe", "history", "hosts", "192.0.2.1", "--history", "new.db"]
    assert max(map(len, on_a_screen(command, folder=folder).splitlines())) <= 80


@pytest.mark.parametrize(("command", "order"), [("list", "newest"), ("hosts", "newest"), ("trend", "oldest")])
def test_the_help_names_the_order(command: str, order: str) -> None:
    assert f"the {order} first." in (group.commands[command].help or "")


def test_show(folder: Path) -> None:
    text = history(folder, "show", "aa02")
    assert text.startswith("scan aa02 of 2026-11-14 12:00 UTC: 3 hosts, complete\nsshprobe scan 192.0.2.0/30\n")
    assert ["status", "timeout", "1"] in [line.split() for line in text.splitlines()]
    shown = as_json(folder, "show")
    assert shown["scan_id"] == "bb03"
    assert shown["counters"]["status"] == {"": {"ok": 2}}
    assert sum(shown["counters"]["grade"]["sshprobe-2026"].values()) == 2
    assert shown["counters"]["algorithm"]["kex"]["curve25519-sha256"] == 2


def test_hosts(folder: Path) -> None:
    assert as_json(folder, "hosts")[:2] == [
        {
            "name": f"192.0.2.{number}",
            "port": 22,
            "first_seen": "2026-11-07T12:00:00.000Z",
            "last_seen": "2026-11-21T12:00:00.000Z",
            "scans": 3,
            "observations": observations,
        }
        for number, observations in ((1, 2), (2, 1))
    ]
    assert "192.0.2.200:22  2026-11-14 12:00 UTC  2026-11-14 12:00 UTC  1" in history(folder, "hosts")


def test_the_timeline_of_a_host(folder: Path) -> None:
    now, before = as_json(folder, "hosts", "192.0.2.1")
    assert (before["first"][:10], before["last"][:10], before["scans"]) == ("2026-11-07", "2026-11-14", 2)
    assert (now["first"][:10], now["scans"], now["software"]) == ("2026-11-21", 1, "OpenSSH_9.9")
    assert {"identification", "kex_algorithms", "host_keys"} <= set(now["changed"])
    assert before["changed"] == []
    assert before["grades"] != now["grades"]
    assert [each["scans"] for each in as_json(folder, "hosts", "192.0.2.2:22")] == [3]
    done = sshprobe("history", "hosts", "192.0.2.9", cwd=folder)
    assert (done.returncode, done.stderr) == (
        2,
        b"error: history.db: has no host 192.0.2.9:22: see `sshprobe history hosts --history history.db`\n",
    )


def test_the_timeline_names_what_changed_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHPROBE_HISTORY", "history.db")
    other = msgspec.structs.replace(
        NEW,
        encryption_algorithms_client_to_server=["aes128-cbc"],
        encryption_algorithms_server_to_client=["aes128-cbc"],
        hassh_server="0" * 32,
        host_keys=[],
    )
    down = failed("refused", "connection refused", NEW.host)
    names = []
    partial = msgspec.structs.replace(NEW, status="partial", error="no answer", host_keys=None, group_exchange=None)
    for number, host in enumerate((NEW, down, NEW, other, partial, OLD)):
        names.append(f"{number}.jsonl")
        write_scan(tmp_path / names[-1], f"ee0{number}", 1 + number, [host])
    history(tmp_path, "import", *names, "--history", "history.db")
    found = as_json(tmp_path, "hosts", NEW.host)
    assert found[4]["changed"] == ["status", "error", "stage"]
    assert found[3]["changed"] == ["status", "error", "stage"]  # the same as before the silence
    assert "host_keys" not in found[1]["changed"]  # not observed
    assert "host_keys" in found[0]["changed"]
    rows = history(tmp_path, "hosts", NEW.host).splitlines()[1:]
    ends = (" and 4 more", "status: partial, ciphers", "host keys, ciphers", "status: ok", "status: refused", "")
    for row, end in zip(rows, ends, strict=True):
        assert row.rstrip().endswith(end)
    assert "  host keys, ciphers" in rows[2]


@pytest.mark.parametrize(
    ("ports", "hint"),
    [
        ([24101], "did you mean 192.0.2.5:24101?"),
        ([24102, 24101], "did you mean 192.0.2.5:24101 or 192.0.2.5:24102?"),
        (range(1, 8), "192.0.2.5:4 or 192.0.2.5:5? It has 2 more ports of this host"),
    ],
)
def test_a_host_on_other_ports_is_named_with_them(folder: Path, ports: Sequence[int], hint: str) -> None:
    hosts = [msgspec.structs.replace(STEADY, host="192.0.2.5", address="192.0.2.5", port=port) for port in ports]
    write_scan(folder / "ports.jsonl", "cc04", 28, hosts)
    history(folder, "import", "ports.jsonl")
    done = sshprobe("history", "hosts", "192.0.2.5", cwd=folder)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "has no host 192.0.2.5:22: " in done.stderr.decode()
    assert done.stderr.decode().endswith(f"{hint}\n")


def test_tables_are_whole_on_a_narrow_screen(folder: Path) -> None:
    command = [sys.executable, "-m", "sshprobe", "--color", "never", "history"]
    text = on_a_screen([*command, "hosts", "192.0.2.1", "--history", "history.db"], folder=folder)
    assert "key exchange" in text
    assert "host keys" in text
    trend = on_a_screen([*command, "trend", "--of", "algorithms", "--history", "history.db"], folder=folder)
    assert "change" in trend.splitlines()[1]
    assert max(map(len, (text + trend).splitlines())) <= 80


def test_a_trend_by_scan_is_whole_on_a_narrow_screen(folder: Path) -> None:
    hosts = [graded(OLD), *(failed(status, None, f"192.0.2.{n}") for n, status in enumerate(STATUSES, 10))]
    two = [grade(OLD, "sshprobe-2026"), grade(OLD, "mozilla-modern")]
    hosts[0] = msgspec.structs.replace(hosts[0], verdicts=two)
    write_scan(folder / "wide.jsonl", "dd0123456789abcd", 28, hosts)
    history(folder, "import", "wide.jsonl")
    command = [sys.executable, "-m", "sshprobe", "history", "trend", "--history", "history.db", "--of"]
    statuses = on_a_screen([*command, "statuses"], folder=folder)
    assert set(STATUSES) <= set(statuses.split())
    assert statuses.count("dd0123456789abcd") > 1
    assert max(map(len, statuses.splitlines())) <= 80
    grades = history(folder, "trend").splitlines()
    assert [line for line in grades if line.endswith(":")] == ["mozilla-modern:", "sshprobe-2026:"]


def test_trend(folder: Path) -> None:
    found = as_json(folder, "trend", "--of", "statuses")
    assert [(each["scan_id"], {count["name"]: count["hosts"] for count in each["counts"]}) for each in found] == [
        ("aa01", {"ok": 2}),
        ("aa02", {"ok": 2, "timeout": 1}),
        ("bb03", {"ok": 2}),
    ]
    lines = [line.split() for line in history(folder, "trend", "--of", "statuses", "--last", "2").splitlines()]
    assert lines[0] == ["scan", "started", "ok", "timeout"]
    assert [line[-2:] for line in lines[1:]] == [["2", "1"], ["2", "0"]]
    one = history(folder, "trend", "--of", "algorithms", "arcfour").splitlines()
    assert [line.split()[-1] for line in one[1:]] == ["1", "1", "0"]
    changes = {line.split()[0]: line.split()[-1] for line in history(folder, "trend", "--of", "findings").splitlines()}
    assert changes["host_key.sha1_only"] == "-1"
    assert history(folder, "trend").count("\n") == 4


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        ("findings kex.weak", "no scan counted kex.weak: did you mean kex.dated or kex.unlisted or kex."),
        ("findings kex.unlistd", "no scan counted kex.unlistd: did you mean kex.unlisted?"),
        ("findings unlisted", "no scan counted unlisted: did you mean authentication.unlisted or cipher.unlisted"),
        ("algorithms curve25519", "no scan counted curve25519: did you mean curve25519-sha256 or curve25519-sha256@"),
        ("statuses zzzz", "no scan counted zzzz\n"),
        ("algorithms arcfour --last 1", "these scans did not count arcfour, but earlier ones did: see it without"),
        ("findings --label env=none", "no scan counted findings of hosts with the label env=none\n"),
    ],
)
def test_a_name_that_no_scan_counted(folder: Path, arguments: str, note: str) -> None:
    assert history(folder, "trend", "--of", *arguments.split()).startswith(f"note: {note}")


def test_the_finding_in_the_documentation_is_counted(folder: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "history.md"
    [name] = re.findall(r"--of findings (\S+)", page.read_text())
    assert history(folder, "trend", "--of", "findings", name).startswith("scan  started")


def test_the_algorithms_of_an_old_history_are_counted_by_type(folder: Path) -> None:
    def of_sha1() -> tuple[Any, Any]:
        shown = as_json(folder, "show", "aa01")["counters"]["algorithm"]
        return shown, as_json(folder, "trend", "--of", "algorithms", "hmac-sha1")

    new = of_sha1()
    assert [each["scope"] for each in new[1][0]["counts"]] == ["mac"]
    insert = "INSERT INTO sshprobe_counter (label, kind, scope, name, scan, hosts)"
    with contextlib.closing(sqlite3.connect(folder / "history.db")) as connection:
        for category, fields in FIELDS.items():
            for number, (_, field) in enumerate(fields):  # one host fewer in the second direction
                connection.execute(
                    f"{insert} SELECT label, kind, ?, name, scan, hosts - ? FROM sshprobe_counter WHERE scope = ?",
                    (field, number, category),
                )
            connection.execute("DELETE FROM sshprobe_counter WHERE scope = ?", (category,))
        connection.execute(f"{insert} VALUES ('', 'algorithm', 'languages_client_to_server', 'en', 1, 2)")
        connection.commit()
    assert of_sha1() == new


def test_export_returns_the_records(folder: Path) -> None:
    history(folder, "export", "aa02", "-o", "out.jsonl")
    before = [msgspec.json.decode(line) for line in (folder / "aa02.jsonl").read_bytes().splitlines()]
    after = [json.loads(line) for line in (folder / "out.jsonl").read_bytes().splitlines()]
    assert [each["type"] for each in after] == ["sweep", "host", "host", "host", "summary"]
    assert after[0] == before[0]
    assert after[-1] == before[-1]
    key = lambda each: each["host"]  # noqa: E731 - a short key, used twice
    for old, new in zip(sorted(before[1:-1], key=key), sorted(after[1:-1], key=key), strict=True):
        assert new | {"started_at": ""} == old | {"started_at": ""}
    again = sshprobe("grade", "out.jsonl", cwd=folder)
    assert again.returncode == 0, again.stderr


def test_prune(folder: Path) -> None:
    assert history(folder, "prune", "--older-than", "30000", "--keep", "1").startswith("removed 0 scans")
    assert history(folder, "prune", "--keep", "1") == (
        "removed 2 scans with 5 results, 2 observations and 1 host that no other scan has\n"
    )
    assert [scan["scan_id"] for scan in as_json(folder, "list")] == ["bb03"]
    assert [host["name"] for host in as_json(folder, "hosts")] == ["192.0.2.1", "192.0.2.2"]
    done = sshprobe("history", "prune", cwd=folder)
    assert done.returncode == 2
    assert b"needs `--older-than DAYS`, `--keep N` or both" in done.stderr


def test_grade_replaces_the_verdicts_of_its_scan(folder: Path) -> None:
    before = as_json(folder, "show", "aa02")
    done = sshprobe("grade", "aa02.jsonl", "--profile", "mozilla-modern", "--history", "history.db", cwd=folder)
    assert (done.returncode, done.stderr) == (0, b"")
    after = as_json(folder, "show", "aa02")
    assert set(after["counters"]["grade"]) == {"mozilla-modern"}
    for kind in ("status", "algorithm"):
        assert after["counters"][kind] == before["counters"][kind]
    assert (after["hosts"], after["complete"]) == (3, True)
    assert len(as_json(folder, "list")) == 3
    for words, message in (
        (["aa01.jsonl", "aa02.jsonl"], b"`--history` keeps one scan"),
        (["aa01.jsonl", "--host", "192.0.2.1"], b"`--history` keeps all hosts of a scan"),
    ):
        done = sshprobe("grade", *words, "--history", "history.db", cwd=folder)
        assert done.returncode == 2
        assert message in done.stderr


def test_import_again_replaces_a_scan(folder: Path) -> None:
    write_scan(folder / "part.jsonl", "aa02", 14, [STEADY], whole=False)
    assert history(folder, "import", "part.jsonl") == "imported scan aa02: 1 host, without its end\n"
    [found] = [scan for scan in as_json(folder, "list") if scan["scan_id"] == "aa02"]
    assert (found["hosts"], found["complete"]) == (1, False)
    assert "running or killed" in history(folder, "list")


def test_the_later_of_two_records_of_a_host_counts(folder: Path) -> None:
    write_scan(folder / "twice.jsonl", "cc04", 28, [graded(OLD), STEADY, graded(NEW)])
    assert history(folder, "import", "twice.jsonl") == (
        "imported scan cc04: 2 hosts, and 1 records of hosts with a later one\n"
    )
    counted = as_json(folder, "show", "cc04")["counters"]
    assert counted == as_json(folder, "show", "bb03")["counters"]
    assert counted["status"] == {"": {"ok": 2}}


def test_several_scans_of_one_file_are_imported(folder: Path) -> None:
    (folder / "both.jsonl").write_bytes((folder / "aa01.jsonl").read_bytes() + (folder / "bb03.jsonl").read_bytes())
    assert history(folder, "import", "both.jsonl", "--history", "new.db").count("imported scan") == 2
    assert len(as_json(folder, "list", "--history", "new.db")) == 2


@pytest.mark.parametrize("number", ["1e300", "1.7e308", "-1e300", "1e18"])
def test_numbers_too_large_for_a_database_are_imported(folder: Path, number: str) -> None:
    huge = msgspec.structs.replace(STEADY, duration_ms=float(number), connections=10**17)
    write_scan(folder / "huge.jsonl", "ee01", 28, [graded(OLD), huge])
    done = sshprobe("history", "import", "huge.jsonl", cwd=folder)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    assert done.stdout == b"imported scan ee01: 2 hosts\n"
    assert len(history(folder, "export", "ee01").splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "`sshprobe history` takes `list`, `show`"),
        (("list", "--history", "none.db"), "none.db: there is no history here yet: scan with `--history`"),
        (("show", "zz"), "history.db: has no scan 'zz'"),
        (("show", "aa"), "history.db: has several scans that begin with 'aa'"),
        (("import", "missing.jsonl"), "missing.jsonl: cannot be read"),
    ],
)
def test_errors_are_one_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = sshprobe("history", *arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert not (folder / "none.db").exists()
