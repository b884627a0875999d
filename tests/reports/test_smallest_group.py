"""Servers that raise the size of a group that is asked for, and keep to the largest that is allowed."""

from __future__ import annotations

import pytest

from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.reports.conftest import StartDevice

WIDE, NARROW = (1024, 1024, 8192), (1024, 1024, 1024)


@pytest.mark.parametrize("profile", ["mozilla-intermediate", "rfc9142", "pci-dss", "sshprobe-2026"])
async def test_proftpd_gives_1024_bits_to_who_allows_no_more(profile: str, device: StartDevice) -> None:
    proftpd = await device("32")
    seen = await proftpd.probe()
    assert [((each.min, each.n, each.max), each.modulus_bits) for each in seen.group_exchange or ()] == [
        (WIDE, 2048),
        (NARROW, 1024),
    ]
    assert seen.status == "ok"
    assert {key.type: key.signature_verified for key in seen.host_keys or ()} == {"ssh-ed25519": True, "ssh-rsa": True}
    assert seen.connections == proftpd.connections() == 3
    verdict = grade(seen, load_profile(profile))
    assert verdict.compliant is False
    assert [each.severity for each in verdict.findings if each.id == "group_exchange.modulus"] == ["high"]
