"""Completion in a real bash, zsh and fish, as a user types and presses Tab."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.cli import main
from tests.installed import need_program

INTERACTIVE = {
    "bash": (["--norc", "--noprofile", "-i"], "bind 'set bell-style none'"),
    "zsh": (["-f", "-i"], "autoload -U compinit && compinit -u -d ./dump"),
}
TYPED = {
    "expl": "sshprobe explain",
    "explain kex.terr": "kex.terrapin",
    "explain umac-128-e": "umac-128-etm@openssh.com",
    "scan --resu": "--resume",
    "scan --depth li": "--depth lists",
    "scan --profile mozilla-mod": "--profile mozilla-modern",
    "scan --profile ./of-a-comp": "./of-a-company.toml",
    "scan --fail-on noncomp": "--fail-on noncompliant",
    "scan --saved night": "--saved nightly",
    "report --finding host_key.ro": "--finding host_key.roca",
    "report --weakness rc": "--weakness rc4",
    "profiles sh": "profiles show",
}
"""The text after `sshprobe`, and the line after Tab."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with the command, a profile and saved options."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "sshprobe"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sshprobe "$@"\n')
    command.chmod(0o755)
    (tmp_path / "of-a-company.toml").touch()
    (tmp_path / "sshprobe").mkdir()
    (tmp_path / "sshprobe" / "config.toml").write_text('[scan.nightly]\ntargets = ["192.0.2.1"]\n')
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "TERM": "dumb",
        "PS1": "$ ",
        "COLUMNS": "200",
    }


class Shell:
    """An interactive shell in a pseudo-terminal."""

    def __init__(self, program: str, arguments: list[str], home: Path) -> None:
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [program, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, cwd=home, env=environment(home)
        )
        os.close(theirs)

    def type(self, text: str, until: str) -> str:
        """Type, and return what the terminal shows up to a text."""
        os.write(self._terminal, text.encode())
        shown = ""
        while until not in shown:
            ready, _, _ = select.select([self._terminal], [], [], 20)
            assert ready, f"{until!r} is not in {shown!r}"
            shown += os.read(self._terminal, 65_536).decode(errors="replace")
        return shown

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.parametrize("name", INTERACTIVE)
def test_tab(name: str, home: Path) -> None:
    arguments, prepare = INTERACTIVE[name]
    shell = Shell(need_program(name, name), arguments, home)
    try:
        shell.type(f'{prepare}; eval "$(sshprobe completion {name})"; echo rea""dy\n', "\nready")
        for typed, completed in TYPED.items():
            # Ctrl-U: bash and zsh clear the line.
            shell.type(f"\x15sshprobe {typed}\t", completed)
    finally:
        shell.close()


def test_tab_in_fish(home: Path) -> None:
    fish = need_program("fish", "fish")
    asked = "; ".join(f"echo '> {typed}'; complete -C 'sshprobe {typed}'" for typed in TYPED)
    script = f"sshprobe completion fish | source; {asked}"
    done = subprocess.run([fish, "-N", "-c", script], cwd=home, env=environment(home), capture_output=True, text=True)
    assert done.stderr == ""
    for answer, completed in zip(done.stdout.split("> ")[1:], TYPED.values(), strict=True):
        assert completed.rpartition(" ")[2] in answer.partition("\n")[2].split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("scan -oX", []),  # a half-typed line is not an error
        ("scann --de", ["--debug"]),
        ("-x", []),
        ("", ["scan", "grade", "report", "profiles", "explain", "schema", "completion", "demo"]),
        ("grade --saved", []),
    ],
)
def test_a_line_that_is_not_finished_is_not_an_error(
    line: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = line.split(" ")
    monkeypatch.setenv("_SSHPROBE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"sshprobe {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    monkeypatch.setenv("SSHPROBE_SCAN_EXCLUD", "192.0.2.1")
    with pytest.raises(SystemExit):
        main(words)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert set(offered) <= {word.partition(",")[2] for word in captured.out.split()}
    assert bool(captured.out.strip()) == bool(offered)


def test_another_shell_is_an_error_that_names_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
