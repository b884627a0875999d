"""Releases of OpenSSH that are newer than others, or than all that the catalogue knows: no false alarm."""

from __future__ import annotations

import msgspec
import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, NEWEST, AlgorithmType, is_newer_than_known, weakness_of
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import STRICT, both, host_key, identification, modern

COMPOSITE = "ssh-mldsa44-ed25519"


def stock(release: str, **changes: object) -> Observation:
    """A server with the defaults of a release, and one host key of each kind."""
    profile = load_profile(f"openssh-{release}")
    lists = {
        category: list(rule.allowed)
        for category in ALGORITHM_TYPES
        if (rule := profile.algorithms(category)) is not None
    }
    plain = [name for name in lists["host_key"] if "cert" not in name and not name.startswith(("sk-", "webauthn-"))]
    server = modern(
        identification=identification(f"SSH-2.0-OpenSSH_{release}p1 Debian-1"),
        kex_algorithms=[*lists["kex"], "ext-info-s", STRICT],
        server_host_key_algorithms=plain,
        **both("encryption", lists["cipher"]),
        **both("mac", lists["mac"]),
        **both("compression", lists["compression"]),
        host_keys=[host_key("ssh-ed25519", 256), host_key("ssh-rsa", 3072)],
        group_exchange=[],
    )
    return msgspec.structs.replace(server, **changes)


def ids(observation: Observation, profile: str) -> set[str]:
    return {finding.id for finding in grade(observation, load_profile(profile)).findings}


def test_default_openssh_10_6_keeps_its_composite_key() -> None:
    server = stock("10.6")
    assert COMPOSITE in (server.server_host_key_algorithms or [])
    for profile in ("sshprobe-2026", "mozilla-modern", "openssh-10.6"):
        verdict = grade(server, load_profile(profile))
        assert not [each for each in verdict.findings if each.id == "protocol.contradiction"]
        about = [each for each in verdict.findings if each.algorithm == COMPOSITE]
        assert [each.effect.points for each in about if each.effect.points] == []
        for line in remedy(server, load_profile(profile)).lines:
            assert not line.startswith("HostKeyAlgorithms") or COMPOSITE in line


@pytest.mark.parametrize("name", [COMPOSITE, f"{COMPOSITE}@openssh.com", f"{COMPOSITE}-cert"])
def test_the_composite_key_is_strong_by_each_of_its_names(name: str) -> None:
    assert weakness_of("host_key", name) is None


@pytest.mark.parametrize("version", ["10.7", "10.60", "11.0", "99.1"])
def test_a_future_release_contradicts_nothing(version: str) -> None:
    """It may have unknown names, and lack names that all releases have today."""
    assert is_newer_than_known(version)
    kex = ["mlkem1024x448-sha512", "mlkem768x25519-sha256"]
    server = stock(NEWEST, kex_algorithms=kex, identification=identification(f"SSH-2.0-OpenSSH_{version}"))
    assert "protocol.contradiction" not in ids(server, "sshprobe-2026")
    assert "protocol.contradiction" in ids(stock(NEWEST, kex_algorithms=kex), "sshprobe-2026")


def test_advice_keeps_the_names_of_future_releases() -> None:
    names = ["ssh-ed25519", "ssh-slhdsa-128s"]
    profile = load_profile("sshprobe-2026")
    later = stock(NEWEST, server_host_key_algorithms=names, identification=identification("SSH-2.0-OpenSSH_11.0"))
    assert not any(line.startswith("HostKeyAlgorithms") for line in remedy(later, profile).lines)
    (finding,) = [each for each in grade(later, profile).findings if each.algorithm == "ssh-slhdsa-128s"]
    assert "newer than those that sshprobe knows" in (finding.remediation or "")
    known = stock(NEWEST, server_host_key_algorithms=names)
    assert "HostKeyAlgorithms ssh-ed25519" in remedy(known, profile).lines


@pytest.mark.parametrize(
    ("raw", "host_keys", "ciphers"),
    [
        ("OpenSSH_8.8", ["ssh-ed25519", "sm2"], ["aes256-ctr", "sm4-ctr"]),
        ("OpenSSH_9.1 PKIX[12.1]", ["ssh-ed25519", "x509v3-ssh-ed25519", "x509v3-ecdsa-sha2-1.3.132.0.10"], ["own"]),
        ("OpenSSH_8.4", ["ssh-ed25519", "x509v3-ssh-rsa"], ["aes256-ctr"]),
    ],
)
def test_patched_builds_are_not_honeypots(raw: str, host_keys: list[str], ciphers: list[str]) -> None:
    """openEuler's SM2, SM3 and SM4; PKIX-SSH, as on Cisco IOS XR."""
    server = modern(
        identification=identification(f"SSH-2.0-{raw}"),
        kex_algorithms=["curve25519-sha256", "sm2-sm3"] if "sm2" in host_keys else ["curve25519-sha256"],
        server_host_key_algorithms=host_keys,
        **both("encryption", ciphers),
        **both("mac", ["hmac-sm3", "hmac-sha2-256"] if "sm2" in host_keys else ["hmac-sha2-256"]),
        **both("compression", ["none"]),
    )
    assert "protocol.contradiction" not in ids(server, "sshprobe-2026")


MEASURED = {
    "kex": "mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
    "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521",
    "host_key": "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
    "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,"
    "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,"
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,"
    "rsa-sha2-256-cert-v01@openssh.com,ssh-mldsa44-ed25519-cert,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
    "ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,"
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256,ssh-mldsa44-ed25519",
    "cipher": "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,"
    "aes256-ctr",
    "mac": "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,"
    "hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,"
    "hmac-sha2-512,hmac-sha1",
}
"""The output of `sshd -T` of Debian's OpenSSH 10.6p1-1 without a configuration."""


@pytest.mark.parametrize("category", ["kex", "host_key", "cipher", "mac"])
def test_the_profile_of_10_6_equals_its_server(category: AlgorithmType) -> None:
    rule = load_profile("openssh-10.6").algorithms(category)
    assert rule is not None
    assert set(rule.allowed) == set(MEASURED[category].split(","))
