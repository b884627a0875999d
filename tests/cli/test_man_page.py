"""The manual page, as groff and man read it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sshprobe.cli.main import COMMANDS
from tests.installed import need_program

PAGE = Path(__file__).parents[2] / "man" / "sshprobe.1"


def shown(*arguments: str) -> tuple[str, str]:
    command = [need_program("man", "man-db"), "--warnings", "-E", "UTF-8", *arguments, "-l", str(PAGE)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_man_shows_every_command_and_groff_warns_of_nothing() -> None:
    page, warnings = shown()
    assert warnings == ""
    for name in COMMANDS:
        assert f"   sshprobe {name} " in page
    words = " ".join(page.split())
    for known in ("--fail-on THRESHOLD Exit with 1", "130 Interrupted by Ctrl-C", "NO_COLOR=1 prints no colours"):
        assert known in words
    assert max(map(len, page.splitlines())) <= 80
