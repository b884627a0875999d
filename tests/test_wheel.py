"""The wheel works without the checkout."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sshprobe.cli.schema import DOCUMENTS
from sshprobe.lab.asyncssh_server import AsyncSSHServer
from tests.installed import need

ROOT = Path(__file__).parents[1]

SCHEMAS = {f"_{name}.schema.json" for name in DOCUMENTS}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel offline and unpack it, which installs a wheel of pure Python (PEP 427)."""
    need(importlib.util.find_spec("hatchling"), "hatchling", "python3-hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("sshprobe-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(unpacked: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "sshprobe", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_the_wheel_has_the_package_and_nothing_else(unpacked: Path) -> None:
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"sshprobe"}
    inside = {path.relative_to(unpacked / "sshprobe").as_posix() for path in (unpacked / "sshprobe").rglob("*.*")}
    ours = {path.relative_to(ROOT / "sshprobe").as_posix() for path in (ROOT / "sshprobe").rglob("*.*")}
    profiles = {f"_profiles/{path.name}" for path in (ROOT / "profiles").glob("*.toml")}
    assert {path for path in inside if "__pycache__" not in path} == (
        {path for path in ours if "__pycache__" not in path} | profiles | SCHEMAS
    )


def test_the_wheel_has_the_profiles_and_the_catalogue(unpacked: Path, tmp_path: Path) -> None:
    where = run(unpacked, tmp_path, "profiles", "list")
    assert (where.returncode, where.stderr) == (0, "")
    for path in (ROOT / "profiles").glob("*.toml"):
        assert path.stem in where.stdout
    explained = run(unpacked, tmp_path, "explain", "hmac-sha1")
    assert (explained.returncode, explained.stderr) == (0, "")
    assert "mozilla-modern" in explained.stdout
    schema = run(unpacked, tmp_path, "schema")
    assert (schema.returncode, schema.stderr) == (0, "")
    assert schema.stdout == (ROOT / "docs/record.schema.json").read_text()
    code = "import sshprobe; print(sshprobe.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(unpacked), "the checkout was used"


async def test_the_installed_wheel_scans(unpacked: Path, tmp_path: Path) -> None:
    async with AsyncSSHServer("hardened", host="127.0.4.1") as server:
        target = f"127.0.4.1:{server.port}"
        done = await asyncio.to_thread(run, unpacked, tmp_path, "scan", target, "--format", "json", "--workers", "2")
    assert (done.returncode, done.stderr) == (0, "")
    [host] = json.loads(done.stdout)["hosts"]
    assert (host["status"], host["verdicts"][0]["compliant"]) == ("ok", True)


def test_the_files_that_the_dockerfile_copies_are_enough_for_a_wheel(tmp_path: Path) -> None:
    need(importlib.util.find_spec("hatchling"), "hatchling", "python3-hatchling")
    context = (ROOT / ".dockerignore").read_text().splitlines()
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") and "--" not in line for name in line.split()[1:-1]]
    for name in copied:
        assert f"!{name}" in context
        source, place = ROOT / name, tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_has_the_migrations_of_a_history(unpacked: Path, tmp_path: Path) -> None:
    kept = run(unpacked, tmp_path, "scan", "127.0.0.2:1", "--history", "fleet.db")
    assert (kept.returncode, kept.stderr) == (3, "")
    assert run(unpacked, tmp_path, "history", "list", "--history", "fleet.db").stdout.count("complete") == 1
