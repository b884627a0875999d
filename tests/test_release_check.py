"""What is released: two builds are the same, and the lock file is of PyPI and has everything."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.installed import need

ROOT = Path(__file__).parents[1]


def test_two_builds_are_the_same_and_hold_what_they_should() -> None:
    need((ROOT / ".git").exists(), "a git checkout", "git")
    command = [sys.executable, "scripts/release-check", "--build-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^ok: two builds of sshprobe-\S+\.tar\.gz and sshprobe-\S+\.whl are the same", done.stdout, re.M)


def test_the_lock_file_has_every_dependency_and_names_only_pypi() -> None:
    """`uv lock` writes it; `make release-check` compares it with PyPI."""
    text = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"\w+://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
    locked = {each["name"]: each["source"] for each in tomllib.loads(text)["package"]}
    assert locked.pop("sshprobe") == {"editable": "."}
    assert {tuple(source.items()) for source in locked.values()} == {(("registry", "https://pypi.org/simple"),)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [*project["project"]["dependencies"]]
    for group in (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()):
        named += group
    names = {re.split(r"[\[<>=; ]", each)[0].lower().replace("_", "-") for each in named} - {"sshprobe"}
    assert names - set(locked) == set(), "run `uv lock`"
