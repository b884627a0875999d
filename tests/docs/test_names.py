"""Files, modules and options that the pages name exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from sshprobe.cli.main import sshprobe

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + [
    page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "findings"
]

FILES = re.compile(r"`((?:tests|sshprobe|bench|scripts|profiles|docs|fuzz|docker)/[\w./*-]*)`")
TESTS = re.compile(r"`((?!tests/)[a-z]+/test_[\w*]+\.py)`")
MODULES = re.compile(r"`((?:cli|scan|probe|net|wire|targets|store|views|render|remedy|grading|model)\.[a-z_.]+)\b")


OPTIONS = re.compile(r"`(--[a-z][a-z-]*)")
OF_SCRIPTS = {"--sets", "--record", "--measure"}

ABSENT = {"profiles/ID.toml", "bench/build/", "sshprobe/config.toml"}
"""A placeholder, a folder that git ignores, and a file of the user."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    missing = [name for name in FILES.findall(text) if name not in ABSENT and not any(ROOT.glob(name.rstrip("/")))]
    if page.name == "testing.md":
        missing += [name for name in TESTS.findall(text) if not any((ROOT / "tests").glob(name))]
    if page.name == "architecture.md":
        missing += [name for name in MODULES.findall(text) if not _is_module(name)]
    assert missing == []


def _is_module(name: str) -> bool:
    """Return whether a dotted name is a module or package, or a name in one."""
    place = ROOT / "sshprobe" / name.replace(".", "/")
    homes = [place.parent.with_suffix(".py"), place.parent / "__init__.py"]
    inside = any(home.exists() and place.name in home.read_text("utf-8") for home in homes)
    return place.with_suffix(".py").exists() or place.is_dir() or inside


def _options(command: click.Command) -> set[str]:
    context = click.Context(command)
    found = {name for param in command.get_params(context) for name in param.opts}
    if isinstance(command, click.Group):
        below = [command.get_command(context, name) for name in command.list_commands(context)]
        found.update(*(_options(each) for each in below if each is not None))
    return found


def test_options_exist() -> None:
    named = {name for page in PAGES for name in OPTIONS.findall(page.read_text("utf-8"))}
    assert named - OF_SCRIPTS - _options(sshprobe) == set()
