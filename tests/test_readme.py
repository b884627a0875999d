"""The README's program, pictures and dependencies are correct, and the sample of docs/get-started.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.render.text.terminal import Terminal
from tests.render.blocks import block_of
from tests.sample_records import captured, judged

README = Path(__file__).parents[1] / "README.md"


async def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(example.partition("\n\nasyncio.run(")[0], str(README), "exec"), names)
    async with AsyncSSHServer("legacy") as server:
        await names["main"]([f"{server.host}/32:{server.port}"])  # as a network, so that the lines name the host
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [f"{server.host}:{server.port}", "ok"]
    assert lines[1] == "   sshprobe-2026 F 0 False"
    assert any("high" in line and "diffie-hellman-group1-sha1" in line for line in lines)


def test_every_dependency_has_its_line() -> None:
    import tomllib

    project = tomllib.loads((README.parent / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[>=; ]", requirement)[0] for requirement in project["dependencies"]}
    rows = set(re.findall(r"^\| (\w+) \|", README.read_text(), re.MULTILINE))
    assert named <= rows


def test_pictures_exist_and_show_the_command() -> None:
    named = {
        page.parent / name
        for page in (README, README.parent / "docs" / "screens.md")
        for name in re.findall(r"\]\(([\w/-]+\.svg)", page.read_text())
    }
    assert len(named) > 12
    for picture in named:
        assert ">sshprobe scan " in picture.read_text()


def test_the_sample_of_a_scan_is_real_output() -> None:
    """Compare line by line up to "...", in a terminal as wide as the longest line."""
    block = (
        (README.parent / "docs" / "get-started.md")
        .read_text()
        .partition("    $ sshprobe scan web1.example.org\n")[2]
        .partition("\n      ...\n")[0]
    )
    sample = [line.removeprefix("    ") for line in block.splitlines()]
    profile = load_profile()
    record = captured("openssh-debian12-9.2p1", host="web1.example.org")
    printed = block_of(judged(record, grade(record, profile)), Terminal(120)).splitlines()
    # On a wide terminal the grade is further right.
    assert [" ".join(line.split()) for line in printed[:1]] == [" ".join(line.split()) for line in sample[:1]]
    assert printed[1 : len(sample)] == sample[1:]
    assert len(sample) > 5
