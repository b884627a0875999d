"""Colours of output, and the output with -q."""

import io
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe import grade
from sshprobe.cli import main
from sshprobe.cli.standard_streams import choose_colour, has_colour
from tests.sample_records import HEADER, captured, failed
from tests.screens import on_a_screen


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def default_colour(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield
    choose_colour("auto")


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """A host with several findings, and one without an answer."""
    seen = captured("openssh-6.7p1")
    hosts = [msgspec.structs.replace(seen, verdicts=[grade(seen, "mozilla-modern")]), failed("timeout", "no answer")]
    path = tmp_path / "saved.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in (HEADER, *hosts)))
    return str(path)


@pytest.mark.parametrize(
    ("option", "variables", "on_terminal", "in_pipe"),
    [
        ("auto", {}, True, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ("auto", {"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, True, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_the_option_beats_variables_and_they_beat_the_terminal(
    option: str, variables: dict[str, str], on_terminal: bool, in_pipe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    choose_colour(option)
    assert (has_colour(Screen()), has_colour(io.StringIO())) == (on_terminal, in_pipe)


@pytest.mark.parametrize("command", ["grade FILE", "report FILE --by algorithm", "explain hmac-sha1"])
def test_every_command_that_prints_takes_color(command: str, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = command.replace("FILE", saved).split()
    texts = []
    for arguments in (
        [*words, "--color", "always"],
        ["--color", "always", *words],
        [*words, "--color", "never"],
        words,
    ):
        assert main(arguments) == 0
        texts.append(capsys.readouterr().out)
    assert "\x1b[" in texts[0]
    assert texts[0] == texts[1]
    assert "\x1b[" not in texts[2]
    assert texts[2] == texts[3]


def test_a_word_on_errors_is_coloured_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--color", "always", "grade", "no-such-file"]) == 2
    assert capsys.readouterr().err.startswith("\x1b[1;31merror:\x1b[0m no-such-file: ")


@pytest.mark.parametrize(
    ("options", "printed"), [("", False), ("--format table", True), ("--format jsonl", True), ("--fix", True)]
)
def test_with_q_standard_output_is_unchanged(
    options: str, printed: bool, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", "-q", saved, *options.split(), "--fail-on", "high"]) == 1
    captured = capsys.readouterr()
    assert bool(captured.out) == printed
    assert captured.err == ""


def test_with_q_a_scan_prints_only_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = tmp_path / "scan.jsonl"
    records.write_text("")
    targets = ["127.0.0.1:1", "127.0.0.2:1"]  # without a listener
    assert main(["scan", *targets, "-o", str(records)]) == 3
    loud = capsys.readouterr()
    assert loud.out
    assert main(["scan", *targets, "-q", "-o", str(records)]) == 3
    assert capsys.readouterr() == ("", "")
    assert main(["scan", *targets, "-q"]) == 3
    assert capsys.readouterr() == ("", "")
    assert len(records.read_text().splitlines()) == 4
    assert main(["scan", "-q", "10.0.0.0/99"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert main(["scan", *targets, "-q", "-v"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_with_q_a_terminal_gets_no_live_line(saved: str) -> None:
    command = [sys.executable, "-m", "sshprobe", "report", "-q", saved, "--by", "key", "--format", "json"]
    assert on_a_screen(command).startswith('{"by":"key"')
