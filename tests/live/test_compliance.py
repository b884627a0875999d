"""A server configured exactly as in a guide is compliant; each single deviation is found and named."""

from __future__ import annotations

import pytest

from sshprobe.lab.openssh import MOZILLA_MODERN, MOZILLA_MODERN_KEYS
from sshprobe.model.verdict import GRADES, Verdict
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.live.asking import ask
from tests.live.conftest import StartOpenSSH

MODERN = {line.split()[0]: line for line in MOZILLA_MODERN}


async def verdict_of(
    openssh: StartOpenSSH,
    changed: dict[str, str] | None = None,
    *,
    keys: tuple[str, ...] = MOZILLA_MODERN_KEYS,
    modulus: int | None = 3072,
) -> Verdict:
    lines = {**MODERN, **{keyword: f"{keyword} {value}" for keyword, value in (changed or {}).items()}}
    server = await openssh(config_lines=list(lines.values()), host_keys=keys, minimum_modulus_bits=modulus)
    observation = await ask(server)
    assert observation.status == "ok"
    return grade(observation, load_profile("mozilla-modern"))


def value(keyword: str) -> str:
    return MODERN[keyword].split(maxsplit=1)[1]


async def test_exactly_mozilla_modern_is_compliant_with_an_a(openssh: StartOpenSSH) -> None:
    verdict = await verdict_of(openssh)
    assert verdict.compliant is True
    assert verdict.not_observed == []
    assert GRADES.index(verdict.grade) <= GRADES.index("A")
    assert [finding.id for finding in verdict.findings if finding.severity != "note"] == []


@pytest.mark.parametrize(
    ("keyword", "name", "finding_id"),
    [
        ("KexAlgorithms", "diffie-hellman-group14-sha256", "kex.unlisted"),
        ("KexAlgorithms", "diffie-hellman-group14-sha1", "kex.unlisted"),
        ("KexAlgorithms", "diffie-hellman-group1-sha1", "kex.unlisted"),
        ("KexAlgorithms", "diffie-hellman-group-exchange-sha1", "kex.unlisted"),
        ("Ciphers", "aes128-cbc", "cipher.unlisted"),
        ("Ciphers", "3des-cbc", "cipher.unlisted"),
        ("MACs", "hmac-sha1", "mac.unlisted"),
        ("MACs", "hmac-md5", "mac.unlisted"),
        ("MACs", "umac-64-etm@openssh.com", "mac.unlisted"),
        ("MACs", "hmac-sha1-96", "mac.unlisted"),
    ],
)
async def test_a_superfluous_algorithm_is_a_deviation(
    openssh: StartOpenSSH, keyword: str, name: str, finding_id: str
) -> None:
    verdict = await verdict_of(openssh, {keyword: f"{value(keyword)},{name}"})
    assert verdict.compliant is False
    deviations = [(finding.id, finding.algorithm) for finding in verdict.findings if finding.deviation]
    assert deviations == [(finding_id, name)]


@pytest.mark.parametrize("methods", ["publickey password", "publickey keyboard-interactive"])
async def test_a_superfluous_method_is_a_deviation(openssh: StartOpenSSH, methods: str) -> None:
    verdict = await verdict_of(openssh, {"AuthenticationMethods": methods})
    assert verdict.compliant is False
    deviations = [(finding.id, finding.algorithm) for finding in verdict.findings if finding.deviation]
    assert deviations == [("authentication.unlisted", methods.split()[1])]


async def test_short_moduli_are_a_deviation(openssh: StartOpenSSH) -> None:
    verdict = await verdict_of(openssh, modulus=None)
    assert verdict.compliant is False
    assert [finding.id for finding in verdict.findings if finding.deviation] == ["group_exchange.modulus"]


async def test_a_short_rsa_key(openssh: StartOpenSSH) -> None:
    verdict = await verdict_of(openssh, keys=("ed25519", "rsa:2048", "ecdsa"))
    (finding,) = [finding for finding in verdict.findings if finding.counts]
    assert (finding.id, finding.observed, finding.deviation) == ("host_key.size", "2048 bits", False)
    # The guide states no size.
    assert verdict.compliant is True


async def test_a_dsa_key(openssh: StartOpenSSH) -> None:
    verdict = await verdict_of(
        openssh, {"HostKeyAlgorithms": "ssh-ed25519,rsa-sha2-512,ssh-dss"}, keys=(*MOZILLA_MODERN_KEYS, "dsa")
    )
    assert verdict.compliant is False
    assert ("high", "ssh-dss") in [(finding.severity, finding.algorithm) for finding in verdict.findings]


async def test_a_missing_recommendation_does_not_fail(openssh: StartOpenSSH) -> None:
    verdict = await verdict_of(
        openssh, {"KexAlgorithms": "curve25519-sha256", "Ciphers": "aes256-ctr"}, keys=("ed25519",)
    )
    assert verdict.compliant is True
    missing = {finding.algorithm for finding in verdict.findings if finding.id.endswith(".missing")}
    assert "ecdh-sha2-nistp256" in missing
    assert all(finding.severity == "note" for finding in verdict.findings if finding.id.endswith(".missing"))


async def test_compliance_is_unknown_without_the_methods(openssh: StartOpenSSH) -> None:
    server = await openssh(config_lines=MOZILLA_MODERN, host_keys=MOZILLA_MODERN_KEYS, minimum_modulus_bits=3072)
    for options in ({"auth_methods": False}, {"depth": "keys"}, {"depth": "lists"}):
        verdict = grade(await ask(server, **options), load_profile("mozilla-modern"))
        assert verdict.compliant is None
        assert verdict.not_observed
