"""A default server complies with the profile of its release; one with an extra line does not."""

from __future__ import annotations

import pytest

from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.live.asking import ask
from tests.live.conftest import StartOpenSSH


@pytest.fixture(params=["openssh", "openssh10"])
def start(request: pytest.FixtureRequest) -> StartOpenSSH:
    """The system's OpenSSH, and one of 10.0 or later."""
    chosen: StartOpenSSH = request.getfixturevalue(request.param)
    return chosen


def judged(observation: Observation) -> Verdict:
    """Grade under the profile of the release in the identification."""
    assert observation.identification is not None
    version = (observation.identification.version or "").partition("p")[0]
    return grade(observation, load_profile(f"openssh-{version}"))


async def test_a_default_server_complies_with_its_release(start: StartOpenSSH) -> None:
    observation = await ask(await start())
    assert observation.status == "ok"
    verdict = judged(observation)
    assert [finding for finding in verdict.findings if finding.deviation] == []
    assert verdict.compliant is True
    # Distributions offer more than upstream only if configured (GSS-API).
    assert [finding.id for finding in verdict.findings if finding.id.endswith(".missing")] == []


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("KexAlgorithms +diffie-hellman-group14-sha1", ("kex.unlisted", "diffie-hellman-group14-sha1")),
        ("Ciphers +aes256-cbc", ("cipher.unlisted", "aes256-cbc")),
        ("MACs +hmac-md5", ("mac.unlisted", "hmac-md5")),
        ("HostKeyAlgorithms +ssh-rsa", ("host_key.unlisted", "ssh-rsa")),
    ],
)
async def test_drift_from_the_default(start: StartOpenSSH, line: str, finding: tuple[str, str]) -> None:
    verdict = judged(await ask(await start(config_lines=[line])))
    assert verdict.compliant is False
    assert [(each.id, each.algorithm) for each in verdict.findings if each.deviation] == [finding]


OUR_LINES = (
    "MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,"
    "hmac-sha2-512,hmac-sha2-256,umac-128@openssh.com",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
)


async def test_both_releases_can_meet_our_profile(start: StartOpenSSH) -> None:
    """A few lines of sshd_config suffice. 9.2 must also drop 2048-bit groups and small moduli."""
    lines = [*OUR_LINES, "KexAlgorithms -diffie-hellman-group14-sha256"]
    server = await start(config_lines=lines, host_keys=("rsa:3072", "ecdsa", "ed25519"), minimum_modulus_bits=3072)
    verdict = grade(await ask(server), load_profile("sshprobe-2026"))
    assert [(each.id, each.algorithm) for each in verdict.findings if each.deviation] == []
    assert (verdict.compliant, verdict.grade) == (True, "A+")


async def test_our_profile_needs_a_post_quantum_exchange(start: StartOpenSSH) -> None:
    lines = [*OUR_LINES, "KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256"]
    server = await start(config_lines=lines, host_keys=("ed25519",))
    verdict = grade(await ask(server), load_profile("sshprobe-2026"))
    assert [each.id for each in verdict.findings if each.deviation] == ["kex.no_post_quantum"]
    assert verdict.compliant is False
