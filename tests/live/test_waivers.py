"""Waivers on a real server, on the command line: with one process and several, and graded again later."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import StartOpenSSH

PROFILE = """\
id = "ours"
title = "Ours"
version = "7"
date = "2026-11-21"
source = "the wiki"

[mac]
where = "page 1"
allowed = ["hmac-sha2-256"]

[[waiver]]
finding = "mac.unlisted"
algorithm = "hmac-sha1"
hosts = ["127.*"]
reason = "the old switches"
until = UNTIL
"""


async def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sshprobe", *arguments]
    root = str(Path(__file__).parents[2])
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=cwd, env={"PYTHONPATH": root, "PATH": "/usr/bin"}
    )


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_scan_applies_waivers(openssh: StartOpenSSH, tmp_path: Path, workers: str) -> None:
    server = await openssh(config_lines=["MACs hmac-sha2-256,hmac-sha1"])
    (tmp_path / "holds.toml").write_text(PROFILE.replace("UNTIL", "9999-12-31"))
    (tmp_path / "ran-out.toml").write_text(PROFILE.replace("UNTIL", "2020-01-01").replace('"ours"', '"old"'))
    wanted = ("--profile", "holds.toml", "--profile", "ran-out.toml", "--fail-on", "noncompliant")
    place = f"{server.host}:{server.port}"
    done = await run("scan", place, *wanted, "--workers", workers, "--format", "json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    (tmp_path / "records.json").write_text(done.stdout)
    document: dict[str, Any] = json.loads(done.stdout)
    ours, old = document["hosts"][0]["verdicts"]
    assert (ours["compliant"], ours["waived"], ours["profile_version"]) == (True, 1, "7")
    (waived,) = [finding for finding in ours["findings"] if finding["waived"]]
    assert (waived["id"], waived["algorithm"]) == ("mac.unlisted", "hmac-sha1")
    assert waived["waived"] == {
        "reason": "the old switches",
        "until": "9999-12-31",
        "hosts": "127.*",
        "effect": {"points": 4},
        "deviation": True,
    }
    assert (old["compliant"], old["waived"]) == (False, 0)
    assert [finding["id"] for finding in old["findings"]].count("profile.waiver_expired") == 1
    assert document["summary"]["waived"] == {"ours": {"findings": 1, "hosts": 1, "compliant": 1}}
    again = await run("grade", "records.json", *wanted, "--format", "json", cwd=tmp_path)
    assert json.loads(again.stdout)["hosts"][0]["verdicts"] == [ours, old]
    text = await run("scan", place, "--profile", "holds.toml", "--fail-on", "noncompliant", cwd=tmp_path)
    assert text.returncode == 0
    assert "ours: compliant with waivers (1 waived)" in text.stdout
    assert "waived for 127.* until 9999-12-31: the old switches" in " ".join(text.stdout.split())
