"""Without an extra, the command that needs it says in one line how to install it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = {
    ("sqlalchemy", "history"): ("scan", "127.0.0.1:1", "--history", "scans.db"),
    ("alembic", "history"): ("scan", "127.0.0.1:1", "--history", "scans.db"),
    ("psycopg", "postgresql"): ("scan", "127.0.0.1:1", "--history", "postgresql://me@127.0.0.1:1/scans"),
    ("duckdb", "report"): ("scan", "127.0.0.1:1", "-o", "fleet.parquet"),
    ("junitparser", "report"): ("scan", "127.0.0.1:1", "--format", "junit"),
    ("prometheus_client", "report"): ("scan", "127.0.0.1:1", "-o", "ssh.prom"),
    ("apprise", "notify"): ("scan", "127.0.0.1:1", "--notify", "env"),
    ("jinja2", "report"): ("report", "scan.jsonl", "--format", "html"),
    ("starlette", "serve"): ("serve",),
}
"""Package and extra to a command that needs them."""


@pytest.mark.parametrize(("package", "extra"), NEEDED)
def test_one_line_says_what_to_install(package: str, extra: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from sshprobe.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-W", "error", "-c", code, *NEEDED[package, extra]]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "SSHPROBE_NOTIFY_URL": "slack://a/b/c"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    found = re.fullmatch(r"error: (--)?[a-z ]+: needs ([a-z0-9-]+): (.+)\n", done.stderr)
    assert found
    assert (found[2], shlex.split(found[3])) == (package.replace("_", "-"), install_command(extra))


def install_command(extra: str) -> list[str]:
    return [sys.executable, "-m", "pip", "install", f"sshprobe[{extra}]"]


def test_the_command_works_without_an_index_that_has_sshprobe(tmp_path: Path) -> None:
    command = [*install_command("report"), "--dry-run", "--no-index", "--no-deps"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_extra_that_a_command_needs_is_tried_and_the_sentence_is_written_once() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for _, extra in NEEDED} == set(extras) - {"fleet"}, "`fleet` makes things faster: none is missing it"
    modules = (ROOT / "sshprobe").rglob("*.py")
    assert sum(path.read_text().count("sshprobe[") for path in modules) == 1
