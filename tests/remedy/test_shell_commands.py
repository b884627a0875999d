"""The shell commands of a remedy work, and the server can start afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sshprobe.profiles import load_profile
from sshprobe.remedy.shell_commands import key_commands, moduli_command, new_key

MODERN = load_profile("mozilla-modern")


@pytest.mark.parametrize("kept", [True, False], ids=["some are large", "all are small"])
def test_moduli_are_never_all_removed(kept: bool, tmp_path: Path) -> None:
    """The first line of Debian's file is a comment whose fifth word sorts behind every number."""
    file = tmp_path / "moduli"
    before = "# Time Type Tests Tries Size Generator Modulus\n20220714110357 2 6 100 2047 2 E98F\n"
    large = "20220714110358 2 6 100 4095 5 E98F\n"
    file.write_text(before + large * kept)
    command = moduli_command(3072).replace("/etc/ssh/moduli", str(file))
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True)
    assert done.returncode == 0
    assert file.read_text() == (large if kept else before)
    assert bool(done.stderr) is not kept
    # Again, for more bits: the backup is still the original file.
    again = moduli_command(4096).replace("/etc/ssh/moduli", str(file))
    subprocess.run(["sh", "-ec", again], capture_output=True, check=True)
    backup = tmp_path / "moduli.sshprobe-backup"
    assert backup.read_text() == before + large * kept
    assert set(tmp_path.iterdir()) == {file, backup}


def test_new_keys_of_every_type() -> None:
    for type, made in (("ssh-ed25519", "-t ed25519 -N"), ("ecdsa-sha2-nistp384", "-t ecdsa -b 384 -N")):
        key = new_key(type, MODERN, replaces=True)
        assert made in key_commands(key)[0]
