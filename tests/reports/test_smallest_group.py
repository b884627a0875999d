"""Servers that raise the requested size of a group, but obey the maximum."""

from __future__ import annotations

import pytest

from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.reports.conftest import StartDevice

WIDE, NARROW = (1024, 1024, 8192), (1024, 1024, 1024)


@pytest.mark.parametrize("profile", ["mozilla-intermediate", "rfc9142", "pci-dss", "sshprobe-2026"])
async def test_proftpd_sends_1024_bits_if_that_is_the_maximum(profile: str, device: StartDevice) -> None:
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
