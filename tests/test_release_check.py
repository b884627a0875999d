"""Releases: two builds give the same bytes, and the lock file has every dependency."""

from __future__ import annotations

import itertools
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


def test_the_lock_file_pins_every_dependency_and_names_no_host() -> None:
    """`scripts/lock` writes it; `make release-check` compares the versions."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    pins = text.replace(" \\\n", " ").splitlines()
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    extras = project["optional-dependencies"].values()
    named = [*project["dependencies"], *itertools.chain(*extras), *itertools.chain(*groups.values())]
    assert names(named) <= names(pins), "run scripts/lock"


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=; ]", each)[0].lower().replace("_", "-") for each in requirements} - {"sshprobe"}
