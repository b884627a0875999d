"""Imports of sshprobe are installed with it, or with one of its extras."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

MODULES = {"prometheus-client": "prometheus_client", "pynacl": "nacl"}
"""Names of packages whose module has another name."""

LOADED_BY_NAME = {"psycopg"}
"""SQLAlchemy imports the driver named in a URL."""

OTHERS = {"compression", "sshprobe"}
"""Ours, and the package of Python 3.14."""


def imported_modules() -> set[str]:
    found = set[str]()
    for path in (ROOT / "sshprobe").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - OTHERS


def test_imports_and_dependencies_are_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    named = {re.split(r"[\[<>=; ]", each)[0] for each in requirements} - {"sshprobe"}
    assert imported_modules() == {MODULES.get(name, name) for name in named - LOADED_BY_NAME}
