"""What is released: two builds are the same, and the lock file is of PyPI and has everything."""

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


def test_the_lock_file_has_every_dependency_and_names_only_pypi() -> None:
    """`uv lock` writes it; `make release-check` compares it with PyPI."""
    text = (ROOT / "uv.lock").read_text()
    assert set(re.findall(r"\w+://([^/\"]+)", text)) == {"pypi.org", "files.pythonhosted.org"}
    locked = {each["name"]: each for each in tomllib.loads(text)["package"]}
    ours = locked.pop("sshprobe")
    assert ours["source"] == {"editable": "."}
    assert all(each["source"] == {"registry": "https://pypi.org/simple"} for each in locked.values())
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    named = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    metadata = ours["metadata"]
    assert names(named) == {each["name"] for each in metadata["requires-dist"]}, "run `uv lock`"
    locked_groups = {group: {each["name"] for each in found} for group, found in metadata["requires-dev"].items()}
    assert {group: names(words) for group, words in groups.items()} == locked_groups, "run `uv lock`"


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=; ]", each)[0].lower().replace("_", "-") for each in requirements} - {"sshprobe"}
