"""Servers whose smallest group one answer does not show."""

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


@pytest.mark.parametrize(("bits", "compliant"), [(2048, True), (1024, False)])
async def test_both_methods_of_other_software_are_asked(bits: int, compliant: bool, device: StartDevice) -> None:
    two_methods = await device("x04", str(bits))
    seen = await two_methods.probe()
    asked = [
        (each.algorithm[-4:], (each.min, each.n, each.max), each.modulus_bits) for each in seen.group_exchange or ()
    ]
    assert asked == [("a256", WIDE, 2048), ("a256", NARROW, 2048), ("sha1", NARROW, bits)]
    assert seen.connections == two_methods.connections() == 3
    verdict = grade(seen, load_profile("pci-dss"))
    about = [each for each in verdict.findings if each.id == "group_exchange.modulus" and each.deviation]
    assert (verdict.not_observed, not about) == ([], compliant)
