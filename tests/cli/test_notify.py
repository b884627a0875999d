"""`--notify` of scan and diff, with a real web server on loopback."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from sshprobe.cli.main import sshprobe as group
from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.model.errors import InputError
from sshprobe.notify import posting
from tests.cli.test_cli_commands import sshprobe
from tests.cli.test_diff import folder as weeks  # noqa: F401 - a fixture
from tests.cli.test_history import WEEKS, write_scan
from tests.notify.hooks import Hooks, hooks
from tests.screens import ROOT


def run(arguments: Sequence[str], folder: Path, **environment: str) -> tuple[int, str, str]:
    """Run a command in this process, and return its exit code, standard output and standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(posting, "FIRST_PAUSE", 0.001)
        patch.setattr(posting, "LONGEST_PAUSE", 0.001)
        done = CliRunner().invoke(group, arguments, env=environment, standalone_mode=False, catch_exceptions=False)
    return int(done.return_value or 0), done.stdout, done.stderr


def bodies(server: Hooks) -> list[Any]:
    """Return the received notifications. Each fits the schema."""
    schema = json.loads((ROOT / "docs/notification.schema.json").read_text())
    found = [json.loads(taken.body) for taken in server.taken]
    for each in found:
        jsonschema.Draft202012Validator(schema).validate(each)
    return found


def conf(folder: Path, *lines: str) -> str:
    path = folder / "notify.conf"
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return str(path)


def test_each_change_of_a_history_is_sent_once(weeks: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    history = tmp_path / "history.db"
    history.write_bytes((weeks / "history.db").read_bytes())
    diff = ["diff", "-q", "--history", str(history), "--notify"]
    with hooks() as server, hooks(500, 500, 500, 500, 200) as failing:
        file = conf(tmp_path, server.url, "secret: key", failing.url)
        code, shown, error = run([*diff, file], tmp_path)
        assert (code, error) == (0, f"error: the notification to line 3 of {file} failed: HTTP 500\n")
        assert "hidden" not in shown
        assert run([*diff, file, "--since", "2026-11-10"], tmp_path)[::2] == (0, "")
        run([*diff, file], tmp_path)
    (sent,) = bodies(server)
    assert sent["title"] == "Worse on 1 host: 1 host key changed."
    assert sent["changes"]["worse"]
    assert {each["host"] for each in sent["changes"]["host_keys"]} == {"192.0.2.1:22"}
    late = bodies(failing)
    assert len(late) == 5
    assert {each["id"] for each in late[:4]} != {late[4]["id"]}
    assert server.taken[0].headers["x-sshprobe-signature-256"].startswith("sha256=")


def test_changes_that_were_not_delivered_are_sent_after_the_next_scans(weeks: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    history = tmp_path / "history.db"
    history.write_bytes((weeks / "history.db").read_bytes())
    diff = ["diff", "-q", "--history", str(history), "--notify"]
    with hooks(*[500] * 8, 200) as server:
        file = conf(tmp_path, server.url)
        for number, lines in ((0, 1), (1, 1), (2, 0), (3, 0)):
            if number:
                scan = tmp_path / f"later{number}.jsonl"
                write_scan(scan, f"dd0{number}", 21 + number, WEEKS[-1][1])
                assert run(["history", "import", str(scan), "--history", str(history)], tmp_path)[0] == 0
            code, _, error = run([*diff, file], tmp_path)
            assert (code, error.count("error: the notification to line 1")) == (0, lines)
    found = bodies(server)
    assert len(found) == 9  # the third scan delivers what the first found; the fourth has nothing to send
    assert {each["host"] for each in found[-1]["changes"]["host_keys"]} == {"192.0.2.1:22"}


def test_files_without_a_change_send_nothing(weeks: Path) -> None:  # noqa: F811 - the fixture
    with hooks() as server:
        for old, new, taken in (("aa01", "aa01", 0), ("aa01", "aa02", 0), ("aa02", "bb03", 1), ("aa02", "bb03", 2)):
            arguments = ["diff", f"{old}.jsonl", f"{new}.jsonl", "--notify", "env"]
            code, _, error = run(arguments, weeks, SSHPROBE_NOTIFY_URL=server.url)
            assert (code, error) == (0, "")
            assert len(server.taken) == taken


def test_fail_on_and_a_failed_notification(weeks: Path) -> None:  # noqa: F811 - the fixture
    with hooks(302, Location="/x") as server:
        arguments = ["diff", "aa02.jsonl", "bb03.jsonl", "-q", "--fail-on", "worse", "--notify", "env"]
        code, _, error = run(arguments, weeks, SSHPROBE_NOTIFY_URL=server.url)
    assert code == 1
    assert error == (
        "error: the notification to URL 1 of SSHPROBE_NOTIFY_URL failed: HTTP 302: redirects are not followed\n"
    )


@pytest.mark.asyncio
async def test_scans_send_a_summary_and_then_changes(tmp_path: Path) -> None:
    with hooks() as server:
        file = conf(tmp_path, server.url)
        async with AsyncSSHServer() as host:
            place = f"{host.host}:{host.port}"
            scan = ["scan", place, "-q", "--depth", "keys", "--notify", file]
            first = await asyncio.to_thread(sshprobe_in, tmp_path, [*scan, "-o", "old.jsonl"])
            another_key(tmp_path / "old.jsonl")
            sshprobe("history", "import", "old.jsonl", "--history", "h.db", cwd=tmp_path)
            changed = await asyncio.to_thread(sshprobe_in, tmp_path, [*scan, "--history", "h.db"])
            same = await asyncio.to_thread(sshprobe_in, tmp_path, [*scan, "--history", "h.db"])
    for done in (first, changed, same):
        assert (done.returncode, done.stderr) == (0, b"")
    summary, changes = bodies(server)
    assert [each["kind"] for each in (summary, changes)] == ["scan", "changes"]
    assert summary["title"] == "Scanned 1 host: 1 ok."
    assert summary["scan"]["worst"][0]["host"] == place
    assert changes["title"] == "Worse on 1 host: 3 host keys changed."
    records = (tmp_path / "old.jsonl").read_text() + (tmp_path / "h.db").read_bytes().decode("latin-1")
    assert "hidden" not in records


def sshprobe_in(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    return sshprobe(*arguments, cwd=folder)


def another_key(path: Path) -> None:
    """Give the host of a scan another key, and the scan an earlier time."""
    header, host, summary = map(json.loads, path.read_text().splitlines())
    header |= {"scan_id": "aa", "started_at": "2026-11-01T12:00:00.000Z"}
    for key in host["host_keys"]:
        key["fingerprint"] = "SHA256:old"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in (header, host, summary)))


@pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")  # Apprise imports it
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing.conf: cannot be read"),
        ("nonsense", r"line 1 of .*notify.conf: is not a URL$"),
        ("nosuch://hidden", "line 1 of .*notify.conf: is not a URL that Apprise knows"),
    ],
)
def test_a_scan_does_not_begin_without_its_destinations(content: str | None, message: str, tmp_path: Path) -> None:
    file = "missing.conf" if content is None else conf(tmp_path, content)
    with pytest.raises(InputError, match=message):
        run(["scan", "127.0.0.1:1", "-o", "x.jsonl", "--notify", file], tmp_path)
    assert not (tmp_path / "x.jsonl").exists()
