"""The programs of docs/python.md run with other addresses."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.lab.asyncssh_server import AsyncSSHServer

ROOT = Path(__file__).parents[1]
PROGRAMS = re.findall(
    r"## ([^\n]+)\n(?:(?!\n## ).)*?```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL
)
PRINTED = {
    "Scan": r"127\.0\.4\.2 \d+ F\n",
    "One host": r"ok \[.*'diffie-hellman-group1-sha1'.*\]\n",
    "Several scans at once": r"(office 127\.0\.4\.2 ok\n|lab 127\.0\.4\.2 ok\n){2}",
    "Progress": r"1 of 1\n\['F'\]\n",
    "Save, read and grade again": r"127\.0\.4\.2 F False\n(   \w+ [a-z_.]+ .*\n)+",
}


@pytest.mark.parametrize(("title", "program"), PROGRAMS, ids=[title for title, _ in PROGRAMS])
async def test_a_program_of_the_page_runs(title: str, program: str, tmp_path: Path) -> None:
    async with AsyncSSHServer("legacy", host="127.0.4.2") as server:
        there = f"{server.host}:{server.port}"
        text = program.replace('"192.0.2.7", "198.51.100.0/30"', f'"{there}"')
        text = text.replace("192.0.2.7", there).replace("198.51.100.0/30", there)
        run = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-W", "error", "-c", text],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(PRINTED[title], run.stdout), run.stdout


def test_every_program_is_run() -> None:
    assert [title for title, _ in PROGRAMS] == list(PRINTED)
