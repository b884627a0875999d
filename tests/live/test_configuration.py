"""Real sshds accept the lines of `profiles show --format sshd_config`, and are then compliant."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sshprobe.lab.openssh import OpenSSH, OpenSSHServer, find_openssh
from sshprobe.lab.process import make_key
from sshprobe.model.errors import InputError
from sshprobe.profiles import Profile, available_profiles, load_profile
from sshprobe.remedy import grade
from sshprobe.remedy.configuration import ssh_config, sshd_config
from tests.grading.observations import good_banner
from tests.installed import need, need_program
from tests.live.asking import ask

SSHDS = find_openssh()
NO_OPENSSH = "cnsa-2.0"
"""A profile for inventories: OpenSSH has none of the key exchanges that it allows."""
PROFILES = [id for id in available_profiles() if id != NO_OPENSSH]
SERVERS = [id for id in PROFILES if load_profile(id).kind == "server"]


def release(sshd: OpenSSH) -> str:
    return ".".join(map(str, sshd.version))


@pytest.mark.parametrize("id", SERVERS)
@pytest.mark.parametrize("index", range(2))
def test_sshd_accepts_the_lines(id: str, index: int, tmp_path: Path) -> None:
    need(len(SSHDS) > index, f"OpenSSH's sshd, number {index + 1}", "openssh-server")
    sshd = SSHDS[index]
    key = make_key("ed25519", tmp_path / "key")
    file = tmp_path / "sshd_config"
    file.write_text("\n".join([f"HostKey {key}", *sshd_config(load_profile(id), release(sshd))]) + "\n")
    session = [] if sshd.root is None else ["-o", f"SshdSessionPath={sshd.root}/usr/lib/openssh/sshd-session"]
    done = subprocess.run([sshd.path, "-t", "-f", file, *session], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("lines", [sshd_config, ssh_config])
def test_no_lines_meet_a_profile_for_inventories(lines: Callable[[Profile, str], list[str]]) -> None:
    with pytest.raises(InputError, match=r"cannot meet cnsa-2\.0"):
        lines(load_profile(NO_OPENSSH), "10.0")


@pytest.mark.parametrize("id", PROFILES)
def test_ssh_accepts_the_lines(id: str, tmp_path: Path) -> None:
    ssh = need_program("ssh", "openssh-client")
    found = subprocess.run([ssh, "-V"], capture_output=True, text=True).stderr
    version = found.removeprefix("OpenSSH_").partition("p")[0]
    file = tmp_path / "ssh_config"
    file.write_text("\n".join(ssh_config(load_profile(id), version)) + "\n")
    done = subprocess.run([ssh, "-T", "-G", "-F", file, "server.example"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    effective = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line)
    for line in file.read_text().splitlines():
        keyword, _, value = line.partition(" ")
        if keyword in ("KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms"):
            taken, names = value.startswith("-"), value.lstrip("-").split(",")
            if taken:
                assert not {*names} & {*effective[keyword.lower()].split(",")}
            else:
                assert effective[keyword.lower()].split(",") == names


@pytest.mark.parametrize("id", SERVERS)
@pytest.mark.parametrize("index", range(2))
async def test_a_host_with_the_lines_is_compliant(id: str, index: int, tmp_path: Path) -> None:
    need(len(SSHDS) > index, f"OpenSSH's sshd, number {index + 1}", "openssh-server")
    profile = load_profile(id)
    lines = sshd_config(profile, release(SSHDS[index]))
    text = good_banner(profile.banner)
    if profile.banner is not None and text is not None:
        # The owner writes the banner file: Debian's /etc/issue.net names Debian.
        (tmp_path / "banner").write_text(text)
        place = lines.index(f"Banner {profile.banner.file}")
        lines[place] = f"Banner {tmp_path}/banner"
    least = None if profile.host_key is None else profile.host_key.min_bits.rsa
    keys = ("ed25519", f"rsa:{max(3072, least or 0)}", "ecdsa")
    rule = profile.group_exchange
    moduli = None if rule is None else rule.min_bits
    async with OpenSSHServer(SSHDS[index], config_lines=lines, host_keys=keys, minimum_modulus_bits=moduli) as server:
        observation = await ask(server)
    verdict = grade(observation, profile)
    # Before 9.6 a server does not show the accepted algorithms of users' keys.
    hidden = profile.user_key is not None and profile.user_key.allowed and SSHDS[index].version < (9, 6)
    assert [finding.id for finding in verdict.findings if finding.deviation] == []
    assert verdict.compliant is (None if hidden else True)
    assert len(verdict.not_observed) == bool(hidden)
