"""Ansible and its linter read playbooks of `--fix`. Nothing is run or fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import Profile, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.fix.ansible import playbook
from sshprobe.views.fixes import Plan
from tests.grading.observations import CAPTURES, captured, host_key, identification, modern, modulus
from tests.installed import need

OPENSSH = [path for path in CAPTURES if path.stem.startswith("openssh-")][2:5]
MECHANISM = "toWM5Slw5Ew8Mqkay+al2g=="


def _bad(said: str, **changes: object) -> Observation:
    fields = {
        "kex_algorithms": ["diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256"],
        "host_keys": [host_key("ssh-rsa", 1024)],
        "group_exchange": [modulus(1024)],
        "authentication_methods": ["password", "keyboard-interactive"],
        **changes,
    }
    return modern(identification=identification(f"SSH-2.0-{said}"), **fields)


def _cases() -> dict[str, tuple[str, list[Observation]]]:
    """Profile and hosts of each kind of playbook."""
    debian = "OpenSSH_9.2p1 Debian-2+deb12u3"
    gss = _bad(debian, kex_algorithms=["curve25519-sha256", f"gss-group14-sha1-{MECHANISM}"])
    dsa = _bad(debian, server_host_key_algorithms=["ssh-dss"], host_keys=[host_key("ssh-dss", 1024)])
    named = msgspec.structs.replace(_bad(debian), host="192.0.2.1", target="web1")
    strange = msgspec.structs.replace(_bad(debian), host="web*")
    evil = _bad(debian, kex_algorithms=["{{ lookup('pipe', 'id') }}", 'x"\n- hosts: all', "curve25519-sha256"])
    return {
        "captures": ("mozilla-modern", [msgspec.structs.replace(captured(path), host=path.stem) for path in OPENSSH]),
        "everything": ("mozilla-modern", [_bad(debian), named, strange, gss, evil]),
        "a new key": ("mozilla-modern", [dsa]),
        "a chain of the guide": ("alibaba-ecs", [_bad(debian)]),
        "our own": ("sshprobe-2026", [_bad(debian, authentication_none_accepted=True)]),
        "bsd": (
            "mozilla-modern",
            [
                _bad("OpenSSH_9.7 FreeBSD-20240701"),
                _bad("OpenSSH_9.7 FreeBSD-openssh-portable-9.7.p1,1"),
                _bad("OpenSSH_9.6 NetBSD_Secure_Shell-20231220-hpn13v14-lpk"),
                _bad("OpenSSH_5.3", authentication_methods=["password"]),
            ],
        ),
        "a banner": ("stig-rhel-9", [_bad("OpenSSH_8.7")]),
        # The last has nothing that a playbook could change.
        "nothing": ("mozilla-modern", [_bad("OpenSSH_7.3p1.RL"), _bad("OpenSSH_for_Windows_9.5"), _bad("Cisco-1.25")]),
    }


def _playbook(profile: Profile, hosts: list[Observation]) -> str:
    plan = Plan()
    for seen in hosts:
        record = HostRecord(**msgspec.structs.asdict(seen), verdicts=[grade(seen, profile)])
        plan.add(record, remedy(seen, profile))
    return playbook(plan)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a playbook of each kind."""
    folder = tmp_path_factory.mktemp("playbooks")
    for name, (profile, hosts) in _cases().items():
        (folder / f"{name.replace(' ', '_')}.yml").write_text(_playbook(load_profile(profile), hosts))
    return folder


def _run(program: str, *arguments: str, folder: Path) -> tuple[int, str]:
    path = Path(sys.executable).with_name(program)
    need(path.exists(), program, f"{program} of the dependency group test")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{path.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [path, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=110
    )
    return done.returncode, done.stdout + done.stderr


def _plays(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.yml"))


def test_playbooks_are_ones_to_ansible(written: Path) -> None:
    files = _plays(written)
    code, output = _run("ansible-playbook", "--syntax-check", "-i", "web1,", *files, folder=written)
    assert code == 0, output
    assert output.count("playbook: ") == len(files) == len(_cases())


def test_playbooks_satisfy_the_linter(written: Path) -> None:
    """By its strictest profile, "production"."""
    files = _plays(written)
    code, output = _run("ansible-lint", "--offline", "--profile", "production", "--nocolor", *files, folder=written)
    assert code == 0, output
    assert f"{len(files)} files processed" in output


def test_the_linter_finds_faults(written: Path) -> None:
    """Shows that the test above can fail."""
    wrong = written / "wrong.yaml"
    wrong.write_text((written / "bsd.yml").read_text().replace("ansible.builtin.fail", "fail"))
    code, output = _run("ansible-lint", "--offline", "--profile", "production", "--nocolor", wrong.name, folder=written)
    wrong.unlink()
    assert code != 0
    assert "fqcn" in output
