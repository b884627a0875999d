"""Every command line of README.md and docs/ runs, against one server on loopback instead of the named hosts.

Every SQL query runs in DuckDB, on the records of that server.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest
import pytest_asyncio

from sshprobe.lab.openssh import OpenSSHServer
from tests.installed import need_program
from tests.notify.hooks import hooks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = ("findings/", "reference/commands.md")
"""Pages made from the code: their lines have placeholders for values."""

CHECK_MODE = "--check --diff"
"""It needs a login to the host: tests/render/test_playbooks.py tests playbooks."""

PROGRAMS = "sshprobe|jq|ansible-inventory|ansible-playbook|sarif|junit2html|promtool|cbomctl"
LINE = re.compile(rf"^    (?:\$ )?((?:{PROGRAMS}) [^\n]+)$", re.MULTILINE)
USAGE = re.compile(r"\[OPTIONS\]|COMMAND")

NETWORK = re.compile(
    r"\b(192\.0\.2\.0/24|198\.51\.100\.0/30|10\.0\.0\.0/(?:8|16)|192\.0\.2\.7|HOST|[a-z0-9]+\.example(?:\.org)?)(?![\w.])"
)

EXIT_CODES = {0, 1, 3}
"""Of a scan of a weak server: 1 with --fail-on, 3 if a filter leaves only hosts that cannot be graded."""

PROFILE = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/how-to/company-profile.md").read_text("utf-8"), re.DOTALL)[-1]


def _queries() -> list[tuple[str, str]]:
    return [
        (page.name, query)
        for page in PAGES
        for query in re.findall(r"^```sql\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    ]


def _lines() -> list[tuple[str, str]]:
    found = {
        line.split("  #")[0].strip(): str(page.relative_to(ROOT))
        for page in PAGES
        if not any(made in str(page) for made in MADE)
        for line in LINE.findall(page.read_text("utf-8"))
        if not USAGE.search(line) and CHECK_MODE not in line
    }
    return [(page, line) for line, page in found.items()]


LINES = _lines()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Path]]:
    """Yield the place of a server, and a folder with the files that the pages name."""
    folder = tmp_path_factory.mktemp("docs")
    weak = OpenSSHServer(config_lines=["KexAlgorithms +diffie-hellman-group1-sha1"])
    with hooks() as web:
        (folder / "notify.conf").write_text(f"{web.url}\n")
        async with weak as server:
            yield await _prepare(folder, server), folder


async def _prepare(folder: Path, server: OpenSSHServer) -> str:
    """Make the files, and return the place of the server."""
    silent = socket.create_server(("127.0.4.4", 0))  # accepts and sends nothing: "timeout"
    there, timeout = f"{server.host}:{server.port}", f"127.0.4.4:{silent.getsockname()[1]} --timeout 1"
    _write_files(folder, there)
    for line in (
        f"sshprobe scan {there} {timeout} --label site=berlin -o monday.jsonl",
        f"sshprobe scan {there} {timeout} --label site=berlin -o tuesday.jsonl",
        "cp monday.jsonl nightly.jsonl; cp monday.jsonl nightly.jsonl~; cp monday.jsonl graded.jsonl",
        "cp tuesday.jsonl wednesday.jsonl",
        "sshprobe grade monday.jsonl --profile company.toml -o now.jsonl",
        "sshprobe report monday.jsonl -o fleet.csv",
        "sshprobe report monday.jsonl -o fleet.parquet",
        "sshprobe report monday.jsonl -o fleet.sarif",
        "sshprobe report monday.jsonl -o fleet.prom",
        "sshprobe report monday.jsonl --format junit -o fleet.xml",
        "sshprobe report monday.jsonl --format cyclonedx -o cbom.json",
        "sshprobe history import monday.jsonl tuesday.jsonl --history fleet.db; cp fleet.db scans.db",
        f"sshprobe scan --save-as nightly {there}",
        "sshprobe scan --inventory inventory.json -o fleet.jsonl",
        "sshprobe grade fleet.jsonl --fix --format ansible > fix.yml",
    ):
        run = await asyncio.to_thread(_run, line, folder)
        assert run.returncode == 0, run.stderr
    silent.close()
    return there


def _write_files(folder: Path, there: str) -> None:
    host, port = there.split(":")
    (folder / "company.toml").write_text(PROFILE)
    (folder / "ours.txt").write_text("192.0.2.99\n")
    (folder / "hosts.txt").write_text(f"{there}\n")
    (folder / "sshprobe.toml").write_text(f'[scan.nightly]\ntargets = ["{there}"]\nschedule = "30 2 * * *"\n')
    (folder / "hosts.ini").write_text(f"web1 ansible_host={host} ansible_port={port}\n")
    hosts = {"web1": {"ansible_host": host, "ansible_port": int(port)}}
    inventory = {"_meta": {"hostvars": hosts}, "all": {"children": ["ssh"]}, "ssh": {"hosts": ["web1"]}}
    (folder / "inventory.json").write_text(json.dumps(inventory))
    (folder / "nmap.xml").write_text(
        '<?xml version="1.0"?><nmaprun scanner="nmap"><host><status state="up"/>'
        f'<address addr="{host}" addrtype="ipv4"/><ports><port protocol="tcp" portid="{port}">'
        '<state state="open"/><service name="ssh"/></port></ports></host></nmaprun>'
    )


def _run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bin = folder / "bin"
    bin.mkdir(exist_ok=True)
    program = bin / "sshprobe"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sshprobe "$@"\n')
    program.chmod(0o755)
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{bin}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _until_it_listens(line: str) -> str:
    """Return a command line that ends a server once it listens, on a free port."""
    line = line.replace("sshprobe serve", "sshprobe serve --listen 127.0.0.1:0")
    end = "server=$COPROC_PID; grep -m1 'Listening on' <&${COPROC[0]}; kill $server; wait $server"
    return f"coproc {{ exec {line} 2>&1; }}; {end}"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("page", "line"), LINES, ids=[line for _, line in LINES])
async def test_a_command_line_runs(page: str, line: str, desk: tuple[str, Path], tmp_path: Path) -> None:
    there, folder = desk
    for program, package in (("jq", "jq"), ("promtool", "prometheus")):
        if line.startswith(program):
            need_program(program, package)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    if "--save-as" in line:
        shutil.rmtree(tmp_path / "config")  # a name is saved once
    if line.startswith("sshprobe serve"):
        line, there = _until_it_listens(line), there.partition(":")[0]
    run = await asyncio.to_thread(_run, NETWORK.sub(there, line).replace("10.1.*", "127.0.*"), tmp_path)
    allowed = EXIT_CODES if line.startswith("sshprobe") else {0, 1} if line.startswith("cbomctl") else {0}
    assert run.returncode in allowed, f"{page}: {line}\n{run.stderr}"
    assert "error:" not in run.stderr
    assert line.startswith(("sshprobe", "promtool", "junit2html")) or run.stdout.strip() or ">" in line


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("page", "query"), _queries())
async def test_a_query_finds_the_server(page: str, query: str, desk: tuple[str, Path]) -> None:
    folder = desk[1]
    with duckdb.connect(config={"file_search_path": str(folder)}) as connection:
        assert connection.execute(query).fetchall(), page


def test_pages_have_command_lines() -> None:
    assert len(LINES) > 50
