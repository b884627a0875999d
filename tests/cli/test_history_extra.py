"""Without the extra `history`, each command that needs it names it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = """
import sys
sys.modules["sqlalchemy"] = None
sys.argv[0] = "sshprobe"
from sshprobe.__main__ import run
sys.exit(run())
"""


def run_blocked(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", BLOCKED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stdout
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command",
    ["list", "show", "hosts", "hosts 127.0.0.1", "trend", "prune --keep 1", "export", "import scan.jsonl", "migrate"],
)
def test_a_command_of_history_names_the_missing_extra(command: str, tmp_path: Path) -> None:
    code, error = run_blocked("history", *command.split(), "--history", str(tmp_path / "h.db"))
    assert (code, error.count("\n")) == (2, 1)
    assert "pip install 'sshprobe[history]'" in error


def test_the_extra_of_a_postgresql_url_is_its_own() -> None:
    code, error = run_blocked("history", "list", "--history", "postgresql://127.0.0.1:1/none")
    assert code == 2
    assert "pip install 'sshprobe[postgresql]'" in error
