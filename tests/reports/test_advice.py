"""Advice for devices of public reports fits the device and does no harm."""

from __future__ import annotations

import re

import pytest

from sshprobe.profiles import available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from tests.remedy.test_no_harm import assert_harmless
from tests.remedy.test_remedy_cache import assert_shared_as_fresh, elsewhere
from tests.reports.conftest import StartDevice
from tests.scan.test_regrading import assert_as_alone

SERVERS = [profile for profile in map(load_profile, available_profiles()) if profile.kind == "server"]
OURS = load_profile("sshprobe-2026")
UNIX = re.compile(r"/etc/|ssh-keygen|systemctl|sshd_config|PermitEmptyPasswords|awk ")


@pytest.mark.parametrize("number", ["07", "08", "12", "15", "26", "33"])
async def test_a_device_gets_advice_that_fits_and_does_no_harm(number: str, device: StartDevice) -> None:
    seen = await (await device(number)).probe()
    assert seen.kex_algorithms
    for strict in (False, True):
        assert_as_alone([seen, elsewhere(seen)], SERVERS, strict=strict)
    for profile in SERVERS:
        assert_harmless(seen, profile)
        found = remedy(seen, profile)
        texts = [*found.advice, *(finding.remediation or "" for finding in grade(seen, profile).findings)]
        assert not [text for text in texts if UNIX.search(text)]
        assert not [text for text in found.advice if "chacha20" in text]
        assert_shared_as_fresh(profile, [seen, elsewhere(seen)])


async def test_a_login_inside_the_session_is_not_an_open_login(device: StartDevice) -> None:
    seen = await (await device("08")).probe()
    assert seen.authentication_none_accepted is True
    (finding,) = [each for each in grade(seen, OURS).findings if each.id == "authentication.none_accepted"]
    assert finding.severity == "critical"
    assert "inside the session" in (finding.remediation or "")


async def test_an_existing_rsa_key_can_sign_with_sha_2(device: StartDevice) -> None:
    """IOS XE offers x509 names without a certificate. Its plain RSA key can sign over SHA-2."""
    seen = await (await device("26")).probe()
    texts = [*remedy(seen, OURS).advice, *(each.remediation or "" for each in grade(seen, OURS).findings)]
    assert any("rsa-sha2" in text for text in texts), texts
