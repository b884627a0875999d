"""A refusal of 1024 bits, or of the second user, costs neither a host key nor the record."""

from __future__ import annotations

from sshprobe.model.observation import UserAuthentication
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.reports.conftest import StartDevice

KEYS = {"ssh-ed25519": True, "ssh-rsa": True, "ecdsa-sha2-nistp256": True}


async def test_a_refusal_of_1024_bits(device: StartDevice) -> None:
    libssh = await device("p01")
    seen = await libssh.probe()
    assert (seen.status, seen.error, seen.warnings) == ("ok", None, [])
    assert {key.type: key.signature_verified for key in seen.host_keys or ()} == KEYS
    assert [(each.max, each.modulus_bits, each.refused) for each in seen.group_exchange or ()] == [
        (8192, 2048, False),
        (1024, None, True),
    ]
    assert seen.connections == libssh.connections() == 4
    assert list(seen.authentication_by_user or ()) == [
        "root",
        "nobody",
    ]  # on the connection that asks for the key again
    verdict = grade(seen, load_profile("rfc9142"))
    assert verdict.compliant is None
    assert "the smallest group-exchange modulus" in verdict.not_observed


async def test_a_user_whose_name_closes_the_connection(device: StartDevice) -> None:
    appliance = await device("p02")
    seen = await appliance.probe()
    assert (seen.status, seen.error) == ("ok", None)
    assert seen.authentication_methods == ["publickey"]
    assert seen.authentication_by_user is not None
    assert seen.authentication_by_user["nobody"] == UserAuthentication(methods=None, none_accepted=None)
    assert seen.connections == appliance.connections() == 2
    assert {key.type for key in seen.host_keys or ()} == {"ssh-ed25519", "ssh-rsa"}
    assert "authentication methods of user nobody" in grade(seen, load_profile("mozilla-modern")).not_observed


async def test_passwords_for_all_but_root(device: StartDevice) -> None:
    gateway = await device("p03")
    seen = await gateway.probe()
    assert seen.authentication_methods == ["publickey"]
    assert seen.connections == gateway.connections() == 2
    assert seen.several_servers is False
    verdict = grade(seen, load_profile("mozilla-modern"))
    (finding,) = [each for each in verdict.findings if each.id == "authentication.unlisted"]
    assert (verdict.compliant, finding.observed) == (False, "password for user nobody")


async def test_a_login_without_a_credential_leaves_facts_unknown(device: StartDevice) -> None:
    wlc = await device("08")
    seen = await wlc.probe()
    verdict = grade(seen, load_profile("sshprobe-2026"))
    (finding,) = [each for each in verdict.findings if each.id == "authentication.none_accepted"]
    assert finding.severity == "critical"
    assert "was not tried" in finding.message
