"""Only servers with an identification of a known system get Unix commands and file names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Platform
from sshprobe.profiles import available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.platforms import DEBIAN, FREEBSD, FREEBSD_PORT, NETBSD, UNNAMED, platform_of
from sshprobe.render.fix.ansible import NOTHING, playbook
from sshprobe.render.fix.pasted import drop_in, sshd_config
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fixes import Plan
from tests.grading.observations import host_key, identification, modern, modulus
from tests.render.blocks import block_of

MODERN = load_profile("mozilla-modern")
UNIX = re.compile(r"/etc/|ssh-keygen|systemctl|service |awk |sshd_config")

KNOWN = {
    "OpenSSH_9.2p1 Debian-2+deb12u3": DEBIAN,
    "OpenSSH_3.8.1p1 Debian-8.sarge.6": DEBIAN,
    "OpenSSH_6.6.1p1 Ubuntu-2ubuntu2.13": DEBIAN,
    "OpenSSH_8.9p1 Ubuntu-3ubuntu0.13+Fips1": DEBIAN,
    "OpenSSH_7.9p1 Raspbian-10+deb10u2": DEBIAN,
    "OpenSSH_9.6": UNNAMED,
    "OpenSSH_6.6.1": UNNAMED,
    "OpenSSH_9.2p1": UNNAMED,
    "OpenSSH_10.6": UNNAMED,
    "OpenSSH_7.5p1-hpn14v12": UNNAMED,
    "OpenSSH_9.7 FreeBSD-20240701": FREEBSD,
    "OpenSSH_6.6.1_hpn13v11 FreeBSD-20140420": FREEBSD,
    "OpenSSH_9.7 FreeBSD-openssh-portable-9.7.p1,1": FREEBSD_PORT,
    "OpenSSH_6.4p1-hpn14v2 FreeBSD-openssh-portable-6.4.p1,1": FREEBSD_PORT,
    "OpenSSH_6.6p1-hpn14v2 FreeBSD-openssh-portable-overwrite-base-6.6.p1_2,1": FREEBSD,
    "OpenSSH_9.6 NetBSD_Secure_Shell-20231220-hpn13v14-lpk": NETBSD,
}
OTHERS = (
    "OpenSSH_7.3p1.RL",
    "OpenSSH_9.1 PKIX[12.1]",
    "OpenSSH_6.6.1p2-hpn14v4",
    "OpenSSH_9.2p1-appliance Debian-2",
    "OpenSSH_9.2p1 Debian",
    "OpenSSH_9.6 my-firewall",
    "OpenSSH_6.2+sftpfilecontrol-v1.3-hpn13v12",
    "OpenSSH_9.9p1-hpn18.6.0",
    "OpenSSH_for_Windows_9.5",
    "OpenSSH_4.8",
    "OpenSSH_99",
    "OpenSSH",
    "OpenSSHx_9.2p1",
    "Cisco-1.25",
    "X_OpenSSH_9.2p1",
)


def bad(said: str) -> Observation:
    """A server with a fault in every place that advice covers."""
    weak = {
        f"{field}_client_to_server": names
        for field, names in (
            ("encryption_algorithms", ["aes256-ctr", "3des-cbc"]),
            ("mac_algorithms", ["hmac-md5", "hmac-sha2-256"]),
        )
    }
    return modern(
        identification=identification(f"SSH-2.0-{said}"),
        kex_algorithms=["diffie-hellman-group-exchange-sha256", "diffie-hellman-group1-sha1", "ecdh-sha2-nistp256"],
        host_keys=[host_key("ssh-rsa", 1024)],
        group_exchange=[modulus(1024)],
        authentication_methods=["publickey", "password"],
        **weak,
        **{field.replace("client_to_server", "server_to_client"): names for field, names in weak.items()},
    )


def printed(seen: Observation) -> str:
    """Return the output of `--fix` in each format."""
    plan = Plan()
    plan.add(HostRecord(**msgspec.structs.asdict(seen), verdicts=[grade(seen, MODERN)]), remedy(seen, MODERN))
    return "\n".join((sshd_config(plan), drop_in(plan), playbook(plan)))


def table(seen: Observation) -> str:
    """Return the output of a scan."""
    record = HostRecord(**msgspec.structs.asdict(seen), verdicts=[grade(seen, MODERN)])
    return block_of(record, Terminal(width=400), remedies={MODERN.id: remedy(seen, MODERN)}, verbose=True)


@pytest.mark.parametrize(("said", "platform"), KNOWN.items())
def test_a_release_as_a_known_system_writes_it(said: str, platform: Platform) -> None:
    seen = bad(said)
    assert platform_of(seen) == platform
    text = printed(seen)
    assert "\nCiphers " in text
    assert platform.check in text
    assert f"{platform.folder}/ssh_host_rsa_key.new" in text
    assert f" {platform.moduli} " in text


@pytest.mark.parametrize("said", OTHERS)
def test_other_software_gets_words(said: str) -> None:
    seen = bad(said)
    assert platform_of(seen) is None
    found = remedy(seen, MODERN)
    assert (found.lines, found.commands) == ([], [])
    assert any("3des-cbc" in line for line in found.advice)
    for profile in map(load_profile, available_profiles()):
        if profile.kind == "server":
            texts = [finding.remediation or "" for finding in grade(seen, profile).findings]
            assert not [text for text in (*texts, *remedy(seen, profile).advice) if UNIX.search(text.split("%")[0])]
    pasted = [line for line in printed(seen).splitlines() if line and not line.startswith(("#", "---", *NOTHING))]
    assert pasted == []


@pytest.mark.parametrize("said", [said for said, platform in KNOWN.items() if platform not in (DEBIAN, UNNAMED)])
def test_bsd_has_no_systemctl(said: str) -> None:
    text = printed(bad(said))
    assert "systemctl" not in text
    assert "os_family" not in text


@pytest.mark.parametrize("said", [said for said, platform in KNOWN.items() if platform is FREEBSD_PORT])
def test_a_port_has_nothing_in_etc(said: str) -> None:
    text = printed(bad(said)) + table(bad(said))
    assert "in /usr/local/etc/ssh/sshd_config:" in text
    assert not re.search(r"(?<!/usr/local)(?<!File: )/etc/ssh", text)
    assert not re.search(r"(?<!/local)/sbin/sshd", text)
    rsa = [each.remediation for each in grade(bad(said), MODERN).findings if each.id == "host_key.size"]
    assert "-f /usr/local/etc/ssh/ssh_host_rsa_key.new" in (rsa[0] or "")


def test_a_remedy_names_its_conditions() -> None:
    text = " ".join(printed(bad("OpenSSH_9.2p1 Debian-2+deb12u3")).replace("#", " ").split())
    assert text.count("a Match block, or an option on sshd's command line") == 3
    assert text.count("if `sshd -T | grep -i ^hostkey` shows another file") == 3
    found = remedy(bad("OpenSSH_8.0"), MODERN)
    assert "Match block, or an option on sshd's command line," in found.lines[1]
    assert "grep -i ^hostkey" in found.short_commands[0]


@pytest.mark.parametrize("times", [1, 2])
def test_no_key_is_lost_to_a_new_one(times: int, tmp_path: Path) -> None:
    seen = bad("OpenSSH_9.2p1 Debian-2+deb12u3")
    (text,) = [each.remediation for each in grade(seen, MODERN).findings if each.id == "host_key.size"]
    assert text is not None
    assert " && ".join(remedy(seen, MODERN).short_commands[1:]) == text
    key = tmp_path / "ssh_host_rsa_key"
    key.write_text("the old key")
    for _ in range(times):
        done = subprocess.run(["sh", "-c", text.replace("/etc/ssh/", f"{tmp_path}/")], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    kept = sorted(file.read_text() for file in tmp_path.glob("ssh_host_rsa_key.before-*"))
    assert len(kept) == times
    assert "the old key" in kept
    assert "PRIVATE KEY" in key.read_text()


def test_no_key_file_is_made_where_none_existed(tmp_path: Path) -> None:
    """If sshd uses another path for its key, it would ignore the new one."""
    text = " && ".join(remedy(bad("OpenSSH_9.2p1 Debian-2+deb12u3"), MODERN).short_commands[1:])
    done = subprocess.run(["sh", "-c", text.replace("/etc/ssh/", f"{tmp_path}/")], capture_output=True, check=False)
    assert done.returncode != 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ssh_host_rsa_key.new", "ssh_host_rsa_key.new.pub"]


def test_dropbear_keeps_its_old_key_too() -> None:
    found = remedy(
        modern(identification=identification("SSH-2.0-dropbear_2022.83"), host_keys=[host_key("ssh-rsa", 1024)]), MODERN
    )
    (command,) = [command for change in found.changes for command in change.commands]
    # XXXXXX is the template of mktemp, which makes a new name of it.
    assert re.search(r"cp -p (\S+) \"\$\(mktemp \1\.before-XXXXXX\)\" && mv \1\.new \1$", command)
