"""`sshprobe profiles make` for real servers: the host complies with its profile, a different one does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.cli import main
from sshprobe.lab.dropbear import DropbearServer
from sshprobe.lab.openssh import WEAK
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer
from sshprobe.profiles import Profile, load_profile, parse_profile
from sshprobe.remedy import grade
from sshprobe.remedy.profile_from_host import golden_profile
from tests.live.asking import ask
from tests.live.conftest import StartOpenSSH


async def made(server: LabServer, tmp_path: Path) -> Profile:
    """Return the profile after checking it, and that a second scan of the host complies."""
    file = tmp_path / f"{server.name}.toml"
    file.write_text(golden_profile(await ask(server)))
    assert main(["profiles", "check", str(file)]) == 0
    profile = load_profile(str(file))
    verdict = grade(await ask(server), profile, strict=True)
    assert (verdict.compliant, verdict.not_observed) == (True, [])
    return profile


async def test_a_profile_of_openssh(openssh: StartOpenSSH, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = await made(await openssh(), tmp_path)
    assert "note:" not in capsys.readouterr().out
    weak = await openssh(config_lines=WEAK, host_keys=("rsa:2048",))
    verdict = grade(await ask(weak), profile)
    assert verdict.compliant is False
    assert {"cipher.unlisted", "mac.unlisted", "kex.unlisted", "host_key.size"} <= {
        each.id for each in verdict.findings
    }


async def test_profiles_of_dropbear_and_tinyssh(
    dropbear: DropbearServer, tinyssh: TinySSHServer, openssh: StartOpenSSH, tmp_path: Path
) -> None:
    of_dropbear, of_tinyssh = await made(dropbear, tmp_path), await made(tinyssh, tmp_path)
    for profile in (of_dropbear, of_tinyssh):
        assert grade(await ask(await openssh()), profile).compliant is False
    assert grade(await ask(dropbear), of_tinyssh).compliant is False


async def test_the_command_prints_the_profile(openssh: StartOpenSSH, tmp_path: Path) -> None:
    server = await openssh()
    command = [sys.executable, "-m", "sshprobe", "profiles", "make", f"{server.host}:{server.port}"]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stderr) == (0, "")
    profile = parse_profile(done.stdout, source="made")
    assert profile.id == f"golden-{server.host}"
    assert grade(await ask(server), profile).compliant is True
