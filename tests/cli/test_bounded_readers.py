"""Every file that a user names is read up to a limit in bytes and depth; an error is one line and exit code 2."""

import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sshprobe.cli import main
from sshprobe.model.errors import InputError
from sshprobe.profiles import load_profile
from sshprobe.profiles.toml_files import LARGEST_FILE, toml_document
from sshprobe.store import pipes, reading
from sshprobe.store.reading import read_records

PROFILE = """\
id = "mine"
title = "Mine"
version = "1"
date = "2026-11-21"
source = "ours"

[cipher]
where = "all"
allowed = ["aes256-ctr"]
"""

ENDLESS = Path("/dev/zero")
needs_endless = pytest.mark.skipif(not ENDLESS.exists(), reason="has no /dev/zero")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@needs_endless
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grade", "/dev/zero"], "the line is longer than 32 MiB"),
        (["report", "/dev/zero"], "the line is longer than 32 MiB"),
        (["grade", "none.jsonl", "--profile", "/dev/zero"], "larger than 1 MiB"),
        (["profiles", "check", "/dev/zero"], "larger than 1 MiB"),
        (["profiles", "show", "/dev/zero", "--format", "toml"], "larger than 1 MiB"),
        (["grade", "none.jsonl", "--weak-keys", "/dev/zero"], "larger than 128 MiB"),
    ],
)
def test_a_file_without_end(arguments: list[str], says: str, run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "/dev/zero" in err
    assert says in err


@needs_endless
def test_saved_options_without_end(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sshprobe").mkdir()
    (tmp_path / "sshprobe" / "config.toml").symlink_to(ENDLESS)
    code, out, err = run("scan", "--saved", "x")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "config.toml: is larger than 1 MiB" in err


class _Endless(io.RawIOBase):
    """An endless pipe that counts the bytes read from it."""

    def __init__(self, text: bytes) -> None:
        self._text = itertools.cycle(text)
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # a memoryview is enough here
        data = bytes(itertools.islice(self._text, len(buffer)))
        buffer[:] = data
        self.read_bytes += len(data)
        return len(data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\n", "has no records"),
        (b"{}\n", "is not a record"),
        (b"web1 22\n", "is not a record"),
        (b"\0", "the line is longer than"),
        (b'{"sweep":\n', "is larger than"),
        (b"{\n", "is larger than"),
    ],
)
def test_a_pipe_without_end(text: bytes, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pipes, reading):
        monkeypatch.setattr(module, "LONGEST_RECORD", 1 << 16)
        monkeypatch.setattr(module, "LARGEST_DOCUMENT", 1 << 20)
    monkeypatch.setattr(pipes, "MOST_OF_A_PIPE", 1 << 20)
    endless = _Endless(text)
    with pytest.raises(InputError, match=says):
        next(read_records(["-"], stdin=io.BufferedReader(endless)))
    assert endless.read_bytes < 3 << 20


TOO_DEEP = {
    "arrays": "x = " + "[" * 5000 + "]" * 5000,
    "arrays on lines": "x = " + "[\n" * 50_000 + "]\n" * 50_000,
    "inline tables": "x = " + "{a = " * 2000 + "1" + "}" * 2000,
    "dotted keys": "\n".join(f"a{number}" + ".b" * 8000 + " = 1" for number in range(60)),
    "quoted dotted keys": "\n".join(f"x{number} = {{" + "'a'." * 3000 + "b = 1}" for number in range(60)),
    "a header": "[" + "a." * 7000 + "a]",
}


@pytest.mark.parametrize("text", TOO_DEEP.values(), ids=TOO_DEEP.keys())
def test_a_profile_that_is_nested_deeply(text: str) -> None:
    with pytest.raises(InputError, match=r"^deep\.toml(:1)?: is nested too deeply: at most 16"):
        toml_document(text, source="deep.toml")


def test_dots_in_a_text_are_not_depth() -> None:
    name = "1.0." * 16 + "ip6.arpa"
    assert toml_document(f"x = \"{name}\"\ny = '{name}'", source="s") == {"x": name, "y": name}


@pytest.mark.parametrize(
    ("more", "line", "says"),
    [
        ("x = " + "9" * 5000, 10, "not TOML: a number of too many digits"),
        (
            "x = [" + "1, " * 20_000 + "]",
            10,
            "the line is longer than 16,384 characters: write an array on several lines",
        ),
        ("\n".join(f"a{number}.b = 1" for number in range(50_000)), 10, "a0: unknown field"),
    ],
)
def test_a_profile_with_too_much(more: str, line: int, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(more if more.startswith("a0") else PROFILE + more + "\n")
    with pytest.raises(InputError) as caught:
        load_profile(str(file))
    if not more.startswith("a0"):
        assert str(caught.value) == f"{file}:{line}: {says}"
    assert "\n" not in str(caught.value)


def test_a_long_list_of_names_is_checked_once_each(tmp_path: Path) -> None:
    names = ",\n".join(f'"name{number}"' for number in range(50_000))
    file = tmp_path / "mine.toml"
    file.write_text(PROFILE.replace('"aes256-ctr"', names))
    assert len(load_profile(str(file)).cipher.allowed) == 50_000  # type: ignore[union-attr] # the profile has ciphers


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_profile_from_windows(mark: bytes, end: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(mark + PROFILE.encode().replace(b"\n", end))
    assert load_profile(str(file)).id == "mine"
    file.write_bytes(mark + PROFILE.replace('id = "mine"', "id = mine").encode().replace(b"\n", end))
    with pytest.raises(InputError, match=r"mine\.toml:1: not TOML"):
        load_profile(str(file))


def test_a_profile_in_utf_16(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(PROFILE.encode("utf-16"))
    with pytest.raises(InputError, match=r"mine\.toml:1: is UTF-16 text: save it as UTF-8$"):
        load_profile(str(file))


def test_saved_options_from_windows(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    (tmp_path / "sshprobe").mkdir()
    text = b"\xef\xbb\xbf[scan.mine]\r\nrate = 5\r\n"
    (tmp_path / "sshprobe" / "config.toml").write_bytes(text)
    code, out, _ = run("scan", "192.0.2.1", "--saved", "mine", "--count")
    assert code == 0
    assert out == "1\n"
    (tmp_path / "sshprobe" / "config.toml").write_bytes(text + b"x" * LARGEST_FILE)
    assert run("scan", "192.0.2.1", "--saved", "mine", "--count")[0] == 2
