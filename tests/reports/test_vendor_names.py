"""Devices with vendors' names for old methods, or with methods of one country (reports 29 and 38)."""

from __future__ import annotations

from sshprobe.profiles import available_profiles, load_profile
from sshprobe.remedy import grade
from tests.reports.conftest import StartDevice


async def test_weak_algorithms_under_vendors_names_never_comply(device: StartDevice) -> None:
    vendor = await device("29")
    seen = await vendor.probe()
    assert seen.kex_algorithms
    for id in available_profiles():
        profile = load_profile(id)
        if profile.kind == "server":
            assert grade(seen, profile).compliant is not True, id
    weak = {
        finding.algorithm: finding.severity
        for finding in grade(seen, load_profile("pci-dss")).findings
        if finding.category in ("kex", "cipher", "mac", "host_key")
    }
    assert weak["diffie-hellman-group1-sha1-win7@microsoft.com"] == "high"
    assert weak["des-ctr"] == "high"
    assert weak["rc2-cbc@ssh.com"] == "medium"
    assert weak["sm4-cbc@huawei"] == "medium"
    assert "ssh-rsa-sha2-256@attachmate.com" not in weak  # RSA with SHA-256, not ssh-rsa


async def test_openssh_with_sm2_sm3_and_sm4_is_not_a_honeypot(device: StartDevice) -> None:
    openeuler = await device("38")
    seen = await openeuler.probe()
    for id in ("sshprobe-2026", "pci-dss", "openssh-8.8"):
        verdict = grade(seen, load_profile(id))
        assert not [finding for finding in verdict.findings if finding.id == "protocol.contradiction"]
        assert not [finding for finding in verdict.findings if "unknown name" in finding.message]
