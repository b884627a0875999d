"""Names of AEAD ciphers in the list of MACs, as HP and Aruba switches send them (report 06)."""

from __future__ import annotations

from sshprobe.profiles import available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from tests.reports.conftest import StartDevice


async def test_misplaced_names_cost_nothing_under_any_profile(device: StartDevice) -> None:
    started = await device("06")
    observation = await started.probe()
    misplaced = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}
    assert misplaced < set(observation.mac_algorithms_server_to_client or ())
    for profile in map(load_profile, available_profiles()):
        if profile.kind == "client":
            continue
        for strict in (False, True):
            verdict = grade(observation, profile, strict=strict)
            about = [each for each in verdict.findings if each.category == "mac" and each.algorithm in misplaced]
            assert [(each.severity, each.deviation) for each in about if each.severity != "note"] == [], profile.id
            assert not any(name in line for line in verdict.not_observed for name in misplaced), profile.id
            said = remedy(observation, profile, strict=strict)
            assert not any(f"out of the server's MACs: {name}" in line for line in said.advice for name in misplaced)
