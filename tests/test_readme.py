"""What the README shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer

README = Path(__file__).parents[1] / "README.md"


async def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(example, str(README), "exec"), names)
    async with AsyncSSHServer("legacy") as server:
        await names["main"]([f"{server.host}:{server.port}"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{server.host}:{server.port} F 0 False"
    assert any("high" in line and "diffie-hellman-group1-sha1" in line for line in lines)
    assert lines[-1] == "   alibaba-ecs F"


def test_every_dependency_has_its_line() -> None:
    import tomllib

    project = tomllib.loads((README.parent / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[>=; ]", requirement)[0] for requirement in project["dependencies"]}
    rows = set(re.findall(r"^\| (\w+) \|", README.read_text(), re.MULTILINE))
    assert named <= rows
