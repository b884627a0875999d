"""A wrong signature is confirmed by another exchange before a host key is called unproven."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.wire.kex.dh import group
from tests.live.asking import ask
from tests.reports.conftest import StartDevice

GEX = "diffie-hellman-group-exchange-sha256"


def findings(seen: Observation) -> set[str]:
    return {finding.id for finding in grade(seen, load_profile("sshprobe-2026")).findings}


@pytest.mark.parametrize("when", ["once", "gex"])
async def test_one_right_signature_proves_the_key(device: StartDevice, when: str) -> None:
    odd = await device("w02", when)
    seen = await odd.probe()
    assert (seen.status, seen.error) == ("ok", None)
    assert all(key.signature_verified for key in seen.host_keys or [])
    assert any("was wrong with" in words for words in seen.warnings)
    assert "host_key.unproven" not in findings(seen)
    assert seen.authentication_methods == ["publickey", "password"]
    assert odd.connections() == seen.connections
    assert seen.connections <= (2 if when == "once" else 5)


async def test_a_key_whose_signature_is_always_wrong_is_not_proven(device: StartDevice) -> None:
    odd = await device("w02", "always")
    seen = await odd.probe()
    assert [key.signature_verified for key in seen.host_keys or []] == [False]
    assert "host_key.unproven" in findings(seen)
    assert odd.connections() == seen.connections == 2
    assert not any("is right with" in words for words in seen.warnings)


@pytest.mark.parametrize("kex", [[GEX], [GEX, "diffie-hellman-group14-sha256"]])
async def test_paramiko_with_a_moduli_file_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kex: list[str]
) -> None:
    """paramiko >= 5 raises n to 2048 and hashes the raised one."""
    moduli = tmp_path / "moduli"
    moduli.write_text(f"20260101000000 2 6 100 2047 2 {group('group14'):X}\n")
    monkeypatch.setattr(paramiko.Transport, "_modulus_pack", None)
    assert paramiko.Transport.load_server_moduli(str(moduli))
    async with ParamikoServer(host_keys=["ed25519"], kex=kex) as server:
        seen = await ask(server)
    assert (seen.status, seen.error) == ("ok", None)
    assert [key.signature_verified for key in seen.host_keys or []] == [True]
    assert [found.modulus_bits for found in seen.group_exchange or []][:1] == [2048]
    assert seen.authentication_methods == ["publickey", "password"]
    assert "host_key.unproven" not in findings(seen)
