"""`sshprobe config`, `--config`, and saved scans that share a history and a spool."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sshprobe.cli import main
from sshprobe.serve.http.access import Access, Token
from sshprobe.store.history.database import open_history
from sshprobe.store.history.queries import last_runs, scans

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SSHPROBE_CONFIG", raising=False)
    return tmp_path / "state"


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


def check(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the errors of a file."""
    path.write_text(text)
    code = main(["config", "check", "--config", str(path)])
    error = capsys.readouterr().err
    assert code == (2 if error else 0)
    return error.replace(f"error: {path}", "").splitlines()


def test_the_example_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", str(ROOT / "docs/examples/sshprobe.toml")]) == 0
    out = capsys.readouterr().out
    assert "is right: 2 saved scans, 2 modules." in out
    assert re.search(r"nightly runs next on 20\d\d-\d\d-\d\d 0[01]:30 UTC", out)


def test_the_schema_accepts_the_examples_and_knows_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "config"]) == 0
    schema = json.loads(capsys.readouterr().out)
    for path in ("docs/examples/sshprobe.toml", "docker/sshprobe.toml"):
        jsonschema.validate(json.loads(json.dumps(tomllib.loads((ROOT / path).read_text()))), schema)
    wrongs: tuple[dict[str, Any], ...] = (
        {"histroy": {}},
        {"scan": {"a": {"depht": "lists"}}},
        {"serve": {"token": {"a": {}}}},
    )
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_all_errors_are_shown_with_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """\
[histroy]
url = "fleet.db"
[scan.nightly]
targets = ["192.0.2.1"]
depht = "lists"
schedule = "30 2 * *"
[scan.other]
schedule = "30 2 * * *"
[serve]
max-probes = "many"
[serve.token.a]
sha256 = "00"
scope = ["read"]
[serve.proxy]
header = "X-User"
addresses = ["10.0.0.0/33"]
[module.router]
port = 0
"""
    errors = check(tmp_path / "sshprobe.toml", text, capsys)
    assert errors == [
        ":1: histroy: is not a table: did you mean `history`?",
        ":5: scan.nightly.depht: is not an option that can be saved: did you mean `depth`?",
        ":6: scan.nightly.schedule: '30 2 * *' is not a schedule: minute, hour, day, month, weekday, "
        'as in "30 2 * * *": '
        "it has not five fields",
        ":7: scan.other: has a schedule, but no targets",
        ":10: serve.max-probes: expected `int`, got `str`",
        ":13: serve.token.a.scope: is not a key here: did you mean `scopes`?",
        ":16: serve.proxy.addresses: '10.0.0.0/33' is not an address or a network",
        ":18: module.router.port: `port` is a number from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[serve", ":1: not TOML"),
        ("history = 1", ":1: history: is not a table"),
        ('[scan]\nnightly = "x"', "is not a table"),
        ("[serve.token.a]\n", ":1: serve.token.a.sha256: is missing"),
        ('[serve.token]\na = "x"', ":2: serve.token.a: is not a table"),
        ('[serve.token.a]\nsha256 = "x"', ":2: serve.token.a.sha256: is not 64 hexadecimal digits"),
        ('[scan.a]\ntargets = ["x"]\ntimezone = "UTC"', ":3: scan.a.timezone: needs a `schedule`"),
    ],
)
def test_one_error(tmp_path: Path, text: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = check(tmp_path / "sshprobe.toml", text, capsys)
    assert error in found


def test_a_missing_file_is_an_error_only_if_it_was_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", str(tmp_path / "nosuch.toml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_a_new_token_lets_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "token", "grafana", "--scope", "scan"]) == 0
    shown = capsys.readouterr()
    secret = shown.err.split()[-1]
    assert secret not in shown.out
    found = dict(re.findall(r'(\w+) = "?([^"\n]*)"?', shown.out))
    access = Access([Token(name="grafana", sha256=found["sha256"])])
    assert access.scopes("192.0.2.1", [(b"authorization", f"Bearer {secret}".encode())]) == ("read",)
    assert check(tmp_path / "sshprobe.toml", shown.out, capsys) == []
    assert main(["config", "token", "a b"]) == 2


def test_paths_begin_at_the_file(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "hosts.txt").write_text(f"127.0.0.1:{closed_port}\n")
    config = folder / "sshprobe.toml"
    config.write_text('[history]\nurl = "fleet.db"\n[scan.nightly]\nfile = ["hosts.txt"]\noutput = "scan.jsonl"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["scan", "--config", str(config), "--saved", "nightly"]) == 3
    assert sorted(each.name for each in folder.iterdir() if not each.name.endswith(("-wal", "-shm"))) == [
        "fleet.db",
        "hosts.txt",
        "scan.jsonl",
        "sshprobe.toml",
    ]
    with closing(open_history(str(folder / "fleet.db"), create=False)) as database:
        assert list(last_runs(database)) == ["nightly"]
    monkeypatch.setenv("SSHPROBE_CONFIG", str(config))
    assert main(["scan", "--saved", "nightly"]) == 3
    capsys.readouterr()


def test_a_scan_waits_in_the_spool_until_its_history_is_back(
    tmp_path: Path, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "sshprobe.toml"
    config.write_text(
        f'[history]\nurl = "fleet.db"\nspool = "spool"\n[scan.nightly]\ntargets = ["127.0.0.1:{closed_port}"]\n'
    )
    (tmp_path / "fleet.db").mkdir()
    command = ["scan", "--config", str(config), "--saved", "nightly"]
    for number in (1, 2):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert f"the scan waits in {tmp_path / 'spool'} for the next run" in error
        assert len(list((tmp_path / "spool").glob("*.jsonl.gz"))) == number
    (tmp_path / "fleet.db").rmdir()
    assert main(command) == 3
    assert capsys.readouterr().err.count("into the history") == 2
    assert list((tmp_path / "spool").iterdir()) == []
    with closing(open_history(str(tmp_path / "fleet.db"), create=False)) as database:
        assert [scan.complete for scan in scans(database)] == [True] * 3


def test_a_full_spool_stops_the_scan(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sshprobe.cli.history_sink.MOST_WAITING", 1)
    (tmp_path / "fleet.db").mkdir()
    command = [
        "scan",
        f"127.0.0.1:{closed_port}",
        "--history",
        str(tmp_path / "fleet.db"),
        "--spool",
        str(tmp_path / "s"),
    ]
    assert main(command) == 2
    capsys.readouterr()
    assert main(command) == 2
    assert "is full, with 1 scans: repair the history first" in capsys.readouterr().err
    assert len(list((tmp_path / "s").iterdir())) == 1


def test_a_password_of_the_environment_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cret")
    config = tmp_path / "sshprobe.toml"
    config.write_text(
        '[history]\nurl = "postgresql://me:${DB_PASSWORD}@127.0.0.1:1/fleet"\n'
        '[scan.nightly]\ntargets = ["127.0.0.1:1"]\n'
    )
    assert main(["scan", "--config", str(config), "--saved", "nightly"]) == 2
    shown = capsys.readouterr()
    assert "s3cret" not in shown.out + shown.err
    assert "127.0.0.1" in shown.err
