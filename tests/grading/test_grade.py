"""The rules of a verdict, one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, names_aead_cipher
from sshprobe.grading import explain_finding, finding_types, is_gradeable, weakness_meanings
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import HostKey, Observation
from sshprobe.model.verdict import GRADES, Effect, Finding, Verdict
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.profiles import (
    MinimumBits,
    Profile,
    available_profiles,
    builtin_profile_text,
    load_profile,
    parse_profile,
)
from sshprobe.remedy import grade, remedy
from sshprobe.wire.messages import NAME_LISTS, KexInit
from tests.grading.observations import (
    CAPTURES,
    STRICT,
    both,
    captured,
    certified,
    host_key,
    identification,
    modern,
    modulus,
)

MODERN, INTERMEDIATE, ALIBABA = map(load_profile, ("mozilla-modern", "mozilla-intermediate", "alibaba-ecs"))


def _with_a_size(profile: Profile) -> Profile:
    assert profile.host_key is not None
    rule = msgspec.structs.replace(profile.host_key, min_bits=MinimumBits(rsa=3072), advised_bits=MinimumBits())
    return msgspec.structs.replace(profile, host_key=rule)


SIZED = _with_a_size(MODERN)
"""Return the profile with a stated size of RSA keys."""

LETTERS = {
    # capture: grade under mozilla-modern, mozilla-intermediate, alibaba-ecs
    "asyncssh-2.24.1": "F F F",
    "conch-26.10.0": "F F F",
    "dropbear-2022.83": "C C C",
    "dropbear-2025.89": "B B B",
    "openssh-5.3p1": "F F F",
    "openssh-5.3p1-ssh1": "F F F",
    "openssh-6.7p1": "F F F",
    "openssh-7.4p1": "D D D",
    "openssh-9.9p2": "B B B",
    "openssh-debian11-8.4p1": "C B B",
    "openssh-debian12-9.2p1": "B B B",
    "openssh-debian13-10.0p2": "B B B",
    "paramiko-5.1.0": "D D D",
    "proftpd-1.3.8": "F F F",
    "tinysshd-20230101": "B B B",
    "tinysshd-20250501": "B B B",
}


def kex(*names: str) -> dict[str, Any]:
    found = modern().kex_algorithms
    assert found is not None
    return {"kex_algorithms": [*names, *found]}


def ciphers(*names: str) -> dict[str, Any]:
    found = modern().encryption_algorithms_client_to_server
    assert found is not None
    return dict(both("encryption", [*found, *names]))


def macs(*names: str) -> dict[str, Any]:
    found = modern().mac_algorithms_client_to_server
    assert found is not None
    return dict(both("mac", [*found, *names]))


def of_host_keys(*allowed: str) -> Profile:
    text = (
        'id = "example"\ntitle = "Example"\nversion = "1"\ndate = "2026"\nsource = "example"\n'
        f'[host_key]\nwhere = "page 1"\nallowed = {list(allowed)}\n'
    )
    return parse_profile(text, source="example.toml")


def only(verdict: Verdict, id: str) -> Finding:
    found = [finding for finding in verdict.findings if finding.id == id]
    assert len(found) == 1, [finding.id for finding in verdict.findings]
    return found[0]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_letters_of_the_captured_servers(path: Any) -> None:
    observation = captured(path)
    letters = [grade(observation, profile).grade for profile in (MODERN, INTERMEDIATE, ALIBABA)]
    assert " ".join(letters) == LETTERS[path.stem]


def test_exactly_mozilla_modern_is_compliant_with_grade_a() -> None:
    verdict = grade(modern(), MODERN)
    assert (verdict.compliant, verdict.score, verdict.grade) == (True, 97, "A")
    assert verdict.not_observed == []
    assert (verdict.raw_score, verdict.cap, verdict.cap_reasons) == (100, 97, ["kex.no_post_quantum"])
    assert [finding.id for finding in verdict.findings] == ["kex.no_post_quantum"]
    assert grade(modern(), INTERMEDIATE).compliant is True


def test_a_post_quantum_hybrid_is_a_note_and_makes_a_plus() -> None:
    verdict = grade(modern(**kex("mlkem768x25519-sha256")), MODERN)
    assert (verdict.compliant, verdict.score, verdict.grade, verdict.cap) == (True, 100, "A+", None)
    found = only(verdict, "kex.stronger")
    assert (found.severity, found.deviation, found.effect.points, found.effect.cap) == ("note", False, 0, None)


def test_strict_makes_it_a_deviation() -> None:
    verdict = grade(modern(**kex("mlkem768x25519-sha256")), MODERN, strict=True)
    assert (verdict.compliant, verdict.score) == (False, 96)
    found = only(verdict, "kex.stronger")
    assert (found.severity, found.deviation, found.effect.points) == ("low", True, 4)
    assert grade(modern(), MODERN, strict=True).compliant is True


@pytest.mark.parametrize(
    ("changes", "id", "algorithm", "severity"),
    [
        (kex("diffie-hellman-group14-sha256"), "kex.unlisted", "diffie-hellman-group14-sha256", "low"),
        (kex("diffie-hellman-group14-sha1"), "kex.unlisted", "diffie-hellman-group14-sha1", "medium"),
        (kex("diffie-hellman-group1-sha1"), "kex.unlisted", "diffie-hellman-group1-sha1", "high"),
        (kex("rsa2048-sha256"), "kex.unlisted", "rsa2048-sha256", "low"),
        (kex("quantum-magic@example.com"), "kex.unlisted", "quantum-magic@example.com", "low"),
        (ciphers("aes128-cbc"), "cipher.unlisted", "aes128-cbc", "medium"),
        (ciphers("3des-cbc"), "cipher.unlisted", "3des-cbc", "medium"),
        (ciphers("arcfour"), "cipher.unlisted", "arcfour", "high"),
        (ciphers("none"), "cipher.unlisted", "none", "critical"),
        (ciphers("seed-ctr@ssh.com"), "cipher.unlisted", "seed-ctr@ssh.com", "low"),
        (macs("hmac-sha1"), "mac.unlisted", "hmac-sha1", "low"),
        (macs("umac-64-etm@openssh.com"), "mac.unlisted", "umac-64-etm@openssh.com", "low"),
        (macs("hmac-md5"), "mac.unlisted", "hmac-md5", "medium"),
        (macs("none"), "mac.unlisted", "none", "critical"),
        ({"server_host_key_algorithms": ["ssh-dss", "ssh-ed25519"]}, "host_key.unlisted", "ssh-dss", "high"),
        ({"group_exchange": [modulus(2048)]}, "group_exchange.modulus", None, "low"),
        ({"group_exchange": [modulus(1024)]}, "group_exchange.modulus", None, "high"),
        ({"host_keys": [host_key("ssh-rsa", 2048)]}, "host_key.size", "ssh-rsa", "low"),
        ({"host_keys": [host_key("ssh-rsa", 1024)]}, "host_key.size", "ssh-rsa", "high"),
        ({"authentication_methods": ["publickey", "password"]}, "authentication.unlisted", "password", "medium"),
        ({"authentication_none_accepted": True}, "authentication.none_accepted", "none", "critical"),
        ({"identification": identification("SSH-1.99-OpenSSH_5.3")}, "protocol.ssh1", None, "high"),
    ],
)
def test_each_single_deviation_is_found_and_named(
    changes: dict[str, Any], id: str, algorithm: str | None, severity: str
) -> None:
    verdict = grade(modern(**changes), SIZED)
    deviations = [finding for finding in verdict.findings if finding.deviation]
    assert [(finding.id, finding.algorithm) for finding in deviations] == [(id, algorithm)]
    found = deviations[0]
    assert found.severity == severity
    assert verdict.compliant is False
    assert verdict.score < grade(modern(), MODERN).score
    assert found.expected
    assert found.observed
    assert found.references
    assert found.remediation


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        (kex("diffie-hellman-group16-sha512"), "kex.stronger"),
        (kex("sntrup761x25519-sha512@openssh.com"), "kex.stronger"),
        (kex("curve448-sha512"), "kex.stronger"),
        (ciphers("aes192-gcm@openssh.com"), "cipher.stronger"),
        (ciphers("camellia256-ctr"), "cipher.stronger"),
        (macs("hmac-sha2-384"), "mac.stronger"),
        ({"server_host_key_algorithms": ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]}, "host_key.stronger"),
        ({"server_host_key_algorithms": ["ssh-ed448", "ssh-ed25519"]}, "host_key.stronger"),
        ({"server_host_key_algorithms": ["ssh-mldsa44-ed25519@openssh.com", "ssh-ed25519"]}, "host_key.stronger"),
        ({"server_host_key_algorithms": ["sk-ssh-ed25519@openssh.com", "ssh-ed25519"]}, "host_key.stronger"),
    ],
)
def test_at_least_as_strong_costs_nothing_and_leaves_the_host_compliant(changes: dict[str, Any], id: str) -> None:
    verdict = grade(modern(**changes), MODERN)
    assert only(verdict, id).severity == "note"
    assert verdict.compliant is True
    assert verdict.raw_score == 100


def test_aliases_are_one_algorithm_and_one_finding() -> None:
    verdict = grade(modern(**macs("hmac-ripemd160", "hmac-ripemd160@openssh.com")), MODERN)
    found = only(verdict, "mac.unlisted")
    assert found.algorithm == "hmac-ripemd160"
    assert found.observed == "hmac-ripemd160, hmac-ripemd160@openssh.com"
    assert verdict.raw_score == 96
    assert grade(modern(**kex("curve25519-sha256")), MODERN, strict=True).compliant is True


def test_pseudo_algorithms_are_never_judged() -> None:
    changed = modern(**kex("ext-info-s", "kexguess2@matt.ucc.asn.au"))
    assert grade(changed, MODERN, strict=True) == grade(modern(), MODERN, strict=True)


def test_one_direction_is_named() -> None:
    names = [*(modern().mac_algorithms_client_to_server or []), "hmac-sha1"]
    verdict = grade(modern(mac_algorithms_server_to_client=names), MODERN)
    assert only(verdict, "mac.unlisted").observed == "hmac-sha1 (server to client only)"


def test_a_missing_recommended_algorithm_is_a_compatibility_note() -> None:
    verdict = grade(modern(kex_algorithms=["curve25519-sha256", STRICT]), MODERN)
    missing = [finding for finding in verdict.findings if finding.id == "kex.missing"]
    assert [finding.algorithm for finding in missing] == [
        "diffie-hellman-group-exchange-sha256",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
    ]
    assert {(finding.severity, finding.effect.points, finding.deviation) for finding in missing} == {("note", 0, False)}
    assert (verdict.compliant, verdict.raw_score) == (True, 100)


def test_weak_is_weak_even_where_a_guide_lists_it() -> None:
    keys = ["rsa-sha2-512", "ssh-dss"]
    verdict = grade(modern(server_host_key_algorithms=keys), ALIBABA)
    found = only(verdict, "host_key.weak")
    assert (found.algorithm, found.severity, found.deviation) == ("ssh-dss", "high", False)
    assert verdict.cap == 54
    assert verdict.cap_reasons == ["host_key.weak ssh-dss"]
    assert not any(finding.deviation and finding.category == "host_key" for finding in verdict.findings)


def test_the_words_of_the_alibaba_table() -> None:
    verdict = grade(modern(**kex("diffie-hellman-group-exchange-sha1")), ALIBABA)
    found = only(verdict, "kex.forbidden")
    assert found.message.startswith("MUST NOT in the profile")
    assert (found.deviation, found.severity) == (True, "medium")
    for name in ("diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "ecdh-sha2-nistp384"):
        found_for_it = [f for f in grade(modern(**kex(name)), ALIBABA, strict=True).findings if f.algorithm == name]
        assert found_for_it == []
    weak = grade(modern(**kex("diffie-hellman-group14-sha1")), ALIBABA)
    assert only(weak, "kex.weak").deviation is False
    assert weak.compliant is True
    gss = grade(modern(**kex("gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==")), ALIBABA)
    assert only(gss, "kex.forbidden").remediation == "GSSAPIKeyExchange no"
    assert "diffie-hellman-group14-sha256" in {finding.algorithm for finding in verdict.findings}


def test_a_lone_password_fails_alibaba() -> None:
    assert grade(modern(), ALIBABA).compliant is True
    verdict = grade(modern(authentication_methods=["publickey", "password"]), ALIBABA)
    assert only(verdict, "authentication.unlisted").algorithm == "password"


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"identification": None}, "identification"),
        ({"kex_algorithms": None}, "key exchange methods"),
        ({"server_host_key_algorithms": None}, "host key algorithms"),
        ({"encryption_algorithms_client_to_server": None}, "ciphers client to server"),
        ({"encryption_algorithms_server_to_client": None}, "ciphers server to client"),
        ({"mac_algorithms_client_to_server": None}, "MACs client to server"),
        ({"mac_algorithms_server_to_client": None}, "MACs server to client"),
        ({"host_keys": None}, "size of the RSA host key"),
        ({"host_keys": [host_key("ssh-ed25519", 256)]}, "size of the RSA host key"),
        ({"host_keys": [host_key("ssh-rsa", None)]}, "size of the RSA host key"),
        ({"host_keys": [host_key("ssh-rsa", 3072, verified=False)]}, "size of the RSA host key"),
        ({"group_exchange": None}, "the smallest group-exchange modulus"),
        ({"group_exchange": []}, "the smallest group-exchange modulus"),
        ({"group_exchange": [modulus(None)]}, "the smallest group-exchange modulus"),
        ({"group_exchange": [modulus(4096, min=2048, n=4096)]}, "the smallest group-exchange modulus"),
        ({"group_exchange": [modulus(2048, min=2048, n=2048, max=2048)]}, "the smallest group-exchange modulus"),
        ({"authentication_methods": None}, "authentication methods"),
        (both("encryption", []), "ciphers client to server: the list is empty"),
    ],
)
def test_unobserved_facts_never_pass_and_never_fail(changes: dict[str, Any], missing: str) -> None:
    verdict = grade(modern(**changes), SIZED)
    assert verdict.compliant is None
    assert missing in verdict.not_observed
    assert not any(finding.deviation for finding in verdict.findings)


def test_a_key_without_proof_is_high_and_never_a_pass() -> None:
    verdict = grade(modern(host_keys=[host_key("ssh-ed25519", 256, verified=False), host_key("ssh-rsa", 4096)]), MODERN)
    assert only(verdict, "host_key.unproven").severity == "high"
    assert verdict.compliant is None
    assert "proof of the ssh-ed25519 host key" in verdict.not_observed


def test_the_modulus_matters_only_where_group_exchange_is_offered() -> None:
    verdict = grade(modern(kex_algorithms=["curve25519-sha256", STRICT], group_exchange=[modulus(1024)]), MODERN)
    assert verdict.compliant is True


def test_a_small_modulus_is_weak_where_no_profile_asks_for_more() -> None:
    silent = msgspec.structs.replace(MODERN, group_exchange=None)
    found = only(grade(modern(group_exchange=[modulus(1024)]), silent), "group_exchange.modulus")
    assert found.message == "1024-bit modulus; less than 2048 is weak"
    assert found.deviation is False


@pytest.mark.parametrize(
    ("changes", "vulnerable"),
    [
        ({}, False),
        ({"kex_algorithms": ["curve25519-sha256"]}, True),
        ({"kex_algorithms": ["curve25519-sha256"], **both("encryption", ["aes256-gcm@openssh.com"])}, False),
        (
            {
                "kex_algorithms": ["curve25519-sha256"],
                "encryption_algorithms_client_to_server": ["aes128-cbc"],
                "encryption_algorithms_server_to_client": ["aes128-ctr"],
                "mac_algorithms_client_to_server": ["hmac-sha2-256"],
                "mac_algorithms_server_to_client": ["hmac-sha2-256-etm@openssh.com"],
            },
            False,
        ),
        (
            {
                "kex_algorithms": ["curve25519-sha256"],
                "encryption_algorithms_client_to_server": ["aes128-cbc"],
                "encryption_algorithms_server_to_client": ["aes128-ctr"],
                "mac_algorithms_client_to_server": ["hmac-sha2-256-etm@openssh.com"],
                "mac_algorithms_server_to_client": ["hmac-sha2-256"],
            },
            True,
        ),
    ],
)
def test_terrapin_per_direction(changes: dict[str, Any], vulnerable: bool) -> None:
    verdict = grade(modern(**changes), MODERN)
    found = [finding for finding in verdict.findings if finding.id == "kex.terrapin"]
    assert bool(found) is vulnerable
    for finding in found:
        assert (finding.severity, finding.deviation) == ("medium", False)


def test_terrapin_names_directions_and_algorithms() -> None:
    one = modern(
        kex_algorithms=["curve25519-sha256"],
        encryption_algorithms_client_to_server=["aes256-cbc", "aes128-cbc"],
        encryption_algorithms_server_to_client=["aes128-ctr"],
    )
    found = only(grade(one, MODERN), "kex.terrapin")
    assert found.message == "Terrapin: no strict key exchange; client to server"
    assert found.observed == (
        "client to server: aes128-cbc or aes256-cbc with hmac-sha2-256-etm@openssh.com or "
        "hmac-sha2-512-etm@openssh.com or umac-128-etm@openssh.com"
    )
    two = only(grade(modern(kex_algorithms=["curve25519-sha256"]), MODERN), "kex.terrapin")
    assert two.message == "Terrapin: no strict key exchange; both directions"
    assert two.observed == (
        "client to server: chacha20-poly1305@openssh.com; server to client: chacha20-poly1305@openssh.com"
    )


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["ssh-rsa"], True),
        (["ssh-rsa", "ssh-dss"], True),
        (["ssh-rsa", "ssh-rsa-cert-v01@openssh.com"], True),
        (["ssh-rsa", "rsa-sha2-256"], False),
        (["ssh-rsa", "ssh-ed25519"], False),
        (["ssh-rsa", "odd@example.com"], False),
        ([], False),
        (None, False),
    ],
)
def test_signatures_over_sha1_alone(names: list[str] | None, found: bool) -> None:
    verdict = grade(modern(server_host_key_algorithms=names), MODERN)
    assert ("host_key.sha1_only" in {finding.id for finding in verdict.findings}) is found


def test_raw_score_cap_and_reasons_are_separate() -> None:
    verdict = grade(modern(**ciphers("arcfour", "aes128-cbc", "des-cbc")), MODERN)
    assert (verdict.raw_score, verdict.cap, verdict.score) == (40, 54, 40)
    assert verdict.cap_reasons == ["cipher.unlisted arcfour", "cipher.unlisted des-cbc"]
    one = grade(modern(**ciphers("arcfour")), MODERN)
    assert (one.raw_score, one.cap, one.score, one.grade) == (75, 54, 54, "D")
    assert one.cap_reasons == ["cipher.unlisted arcfour"]
    assert one.categories["cipher"].score == 75
    assert one.categories["cipher"].findings == 1
    assert one.categories["mac"].score == 100


SERVER_PROFILES = [each for each in map(load_profile, available_profiles()) if each.kind == "server"]


@pytest.mark.parametrize("profile", SERVER_PROFILES, ids=lambda profile: profile.id)
@pytest.mark.parametrize(
    "key",
    [
        host_key("ssh-ed25519", 256, verified=False),
        msgspec.structs.replace(host_key("ssh-rsa", 4096, verified=None), signature_algorithm="ssh-ed25519"),
        msgspec.structs.replace(host_key("odd@example.com", None, verified=None), signature_algorithm="rsa-sha2-512"),
    ],
    ids=["a wrong signature", "another type", "a type that nobody knows"],
)
def test_a_key_without_proof_is_never_compliant(profile: Profile, key: HostKey) -> None:
    """In every profile, with or without rules for host keys."""
    good = [host_key("ssh-ed25519", 256), host_key("ssh-rsa", 4096)]
    verdict = grade(modern(host_keys=[*good, key]), profile)
    assert verdict.compliant is not True
    assert f"proof of the {key.type} host key" in verdict.not_observed
    assert "host_key.unproven" in {each.id for each in verdict.findings}
    assert f"proof of the {key.type} host key" not in grade(modern(host_keys=good), profile).not_observed


@pytest.mark.parametrize("profile", SERVER_PROFILES, ids=lambda profile: profile.id)
def test_a_key_that_could_not_be_checked_is_never_compliant(profile: Profile) -> None:
    """For example with only sntrup761, or of a size that no library verifies."""
    unchecked = grade(modern(host_keys=[host_key("ssh-ed25519", 256), host_key("ssh-rsa", 4096, None)]), profile)
    assert unchecked.compliant is not True
    assert {"proof of the ssh-rsa host key", "size of the RSA host key"} & {*unchecked.not_observed}
    assert "host_key.unproven" not in {each.id for each in unchecked.findings}


@pytest.mark.parametrize("profile", SERVER_PROFILES, ids=lambda profile: profile.id)
def test_a_requested_key_that_is_missing_is_never_compliant(profile: Profile) -> None:
    for keys in (None, [], [host_key("ssh-ed25519", 256), host_key("ssh-rsa", 4096)]):
        verdict = grade(modern(status="partial", host_keys=keys), profile)
        assert verdict.compliant is not True
        assert "the ecdsa-sha2-nistp256 host key" in verdict.not_observed
        unseen = {"the rsa-sha2-512 host key", "size of the RSA host key"} & {*verdict.not_observed}
        assert len(unseen) == (not keys)
    shown = [host_key("ssh-ed25519", 256), host_key("ssh-rsa", 4096), host_key("ecdsa-sha2-nistp256", 256)]
    for whole in (
        modern(status="partial", host_keys=shown),
        modern(status="partial", depth="lists", host_keys=None),
        # Cisco IOS XE lists these without a certificate.
        modern(status="partial", host_keys=shown, server_host_key_algorithms=["ssh-ed25519", "x509v3-ssh-rsa"]),
    ):
        missed = [each for each in grade(whole, profile).not_observed if each.endswith(" host key")]
        assert not [each for each in missed if not each.startswith("size of")]


@pytest.mark.parametrize(
    "name",
    [
        "aes128-gcm@openssh.com",
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
        "aead-aes-128-gcm-ssh",
        "aead-aes-256-ccm-ssh",
        "aes256-gcm",
        "aes192-gcm",
        "chacha20-poly1305@openssh.com",
        "chacha20-poly1305",
        "camellia256-gcm@example.com",
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_an_aead_cipher_among_the_macs_costs_nothing(name: str, strict: bool) -> None:
    for profile in SERVER_PROFILES:
        before = grade(modern(), profile, strict=strict)
        after = grade(modern(**macs(name)), profile, strict=strict)
        known = {(each.id, each.algorithm) for each in before.findings}
        noted = [each for each in after.findings if (each.id, each.algorithm) not in known]
        assert all(each.severity == "note" for each in noted), (profile.id, noted)
        assert (after.compliant, after.score, after.not_observed) == (
            before.compliant,
            before.score,
            before.not_observed,
        ), profile.id


def test_a_list_of_macs_with_aead_ciphers_alone_is_empty() -> None:
    """No client can choose a MAC from it, so there is nothing to judge."""
    verdict = grade(modern(**both("mac", ["aes128-gcm@openssh.com"])), MODERN)
    assert "MACs client to server: the list is empty" in verdict.not_observed
    ciphers_alone = modern(**both("mac", ["aes128-gcm"]), **both("encryption", ["aes128-gcm@openssh.com"]))
    assert grade(ciphers_alone, MODERN).not_observed == []


@pytest.mark.parametrize("name", ["hmac-gcm", "umac-128-poly1305x", "gcm", "poly1305-aes"])
def test_other_macs_are_not_aead_ciphers(name: str) -> None:
    assert not names_aead_cipher(name)


GROUP_EXCHANGE = [*(modern().kex_algorithms or []), "diffie-hellman-group-exchange-sha256"]


@pytest.mark.parametrize("profile", SERVER_PROFILES, ids=lambda profile: profile.id)
def test_a_grade_with_all_facts_is_complete(profile: Profile) -> None:
    assert grade(modern(), profile).grade_is_partial is False
    assert (
        grade(modern(authentication_none_accepted=True, authentication_methods=None), profile).grade_is_partial is False
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "partial", "error": "host key ssh-rsa: reset"},
        {"depth": "lists", "host_keys": None, "group_exchange": None, "authentication_methods": None},
        {"depth": "keys", "group_exchange": None, "authentication_methods": None},
        {"host_keys": None},
        {"host_keys": []},
        {"host_keys": [host_key("ssh-ed25519", 256), host_key("ssh-rsa", 3072, verified=False)]},
        {"host_keys": [host_key("ssh-ed25519", 256, verified=None)]},
        {"authentication_methods": None, "authentication_none_accepted": None},
        {"authentication_methods": []},
        {"authentication_methods": [""]},
        {"kex_algorithms": GROUP_EXCHANGE, "group_exchange": None},
        {"kex_algorithms": GROUP_EXCHANGE, "group_exchange": []},
        {"kex_algorithms": GROUP_EXCHANGE, "group_exchange": [modulus(None)]},
        {"kex_algorithms": GROUP_EXCHANGE, "group_exchange": [modulus(8192, n=8192)]},
        {"several_servers": True},
        {"names_left_out": 3},
        {"identification": None},
        {"kex_algorithms": None},
        both("mac", []),
    ],
    ids=lambda changes: " ".join(map(str, [*changes][:1])),
)
@pytest.mark.parametrize("profile", ["sshprobe-2026", "rfc9142", "pci-dss"])
def test_a_grade_is_partial_where_points_can_be_hidden(changes: dict[str, Any], profile: str) -> None:
    """Weak keys, groups and logins cost points under every profile."""
    verdict = grade(modern(**changes), load_profile(profile))
    assert verdict.grade_is_partial is True
    assert verdict.grade in GRADES


def test_a_server_of_ssh_1_alone_hides_nothing() -> None:
    assert (
        grade(_bare(status="ssh1_only", identification=identification("SSH-1.5-old")), MODERN).grade_is_partial is False
    )


def test_names_of_one_weakness_cost_once_and_each_is_a_finding() -> None:
    names = ("hmac-sha1", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com", "umac-64-etm@openssh.com")
    verdict = grade(modern(**macs(*names)), MODERN)
    found = [each for each in verdict.findings if each.id == "mac.unlisted"]
    assert [each.algorithm for each in found] == sorted(names)
    assert [each.effect.points for each in found] == [4, 0, 4, 0]
    assert [each.weaknesses for each in found] == [["sha1"]] * 2 + [["short-tag"]] * 2
    assert verdict.raw_score == 92
    assert verdict.categories["mac"].score == 92
    assert verdict.categories["mac"].findings == 4


def test_the_worst_finding_of_a_weakness_has_the_points() -> None:
    verdict = grade(modern(**macs("hmac-sha1", "hmac-sha1-96")), MODERN)
    found = {each.algorithm: each for each in verdict.findings if each.id == "mac.unlisted"}
    assert found["hmac-sha1-96"].effect == Effect(points=10, cap=89)
    assert found["hmac-sha1"].effect == Effect()
    assert found["hmac-sha1-96"].weaknesses == ["sha1", "short-tag"]
    verdict = grade(modern(**ciphers("arcfour", "arcfour256")), MODERN)
    assert verdict.raw_score == 75
    assert verdict.cap_reasons == ["cipher.unlisted arcfour", "cipher.unlisted arcfour256"]


def test_both_password_methods_count_once() -> None:
    both_ways = grade(modern(authentication_methods=["publickey", "password", "keyboard-interactive"]), MODERN)
    one = grade(modern(authentication_methods=["publickey", "password"]), MODERN)
    assert both_ways.score == one.score == 89
    assert [each.algorithm for each in both_ways.findings if each.deviation] == ["keyboard-interactive", "password"]
    assert {tuple(each.weaknesses) for each in both_ways.findings if each.deviation} == {("password",)}
    more = grade(modern(authentication_methods=["publickey", "password", "hostbased"]), MODERN)
    assert more.raw_score == one.raw_score - 10


def test_a_stock_openssh_10_with_keys_only_is_an_a() -> None:
    path = next(path for path in CAPTURES if path.stem == "openssh-debian13-10.0p2")
    keys_only = msgspec.structs.replace(captured(path), authentication_methods=["publickey"])
    verdict = grade(keys_only, load_profile("sshprobe-2026"))
    assert (verdict.score, verdict.grade) == (92, "A")
    assert {tuple(each.weaknesses) for each in verdict.findings if each.counts} == {("sha1",), ("short-tag",)}


@pytest.mark.parametrize(
    ("category", "name", "codes"),
    [
        ("kex", "diffie-hellman-group1-sha1", ["logjam", "short-strength", "sha1"]),
        ("kex", "gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g==", ["logjam", "short-strength", "sha1"]),
        ("kex", "diffie-hellman-group14-sha1", ["sha1"]),
        ("kex", "diffie-hellman-group14-sha256", []),
        ("cipher", "3des-cbc", ["sweet32", "cbc"]),
        ("cipher", "blowfish-cbc", ["sweet32", "cbc"]),
        ("cipher", "des-cbc", ["short-key", "sweet32", "cbc"]),
        ("cipher", "aes256-cbc", ["cbc"]),
        ("cipher", "arcfour128", ["rc4"]),
        ("cipher", "none", ["no-protection"]),
        ("mac", "hmac-md5-96", ["md5", "short-tag"]),
        ("mac", "umac-32@openssh.com", ["short-tag"]),
        ("host_key", "ssh-dss", ["dsa", "sha1"]),
        ("host_key", "ssh-rsa", ["sha1"]),
        ("mac", "nobody@example.com", ["unknown-name"]),
    ],
)
@pytest.mark.parametrize("profile", ["sshprobe-2026", "pci-dss", "mozilla-modern"])
def test_codes_of_a_weakness(category: AlgorithmType, name: str, codes: list[str], profile: str) -> None:
    """They are the same for every kind of finding."""
    fields = {field: [name, *(getattr(modern(), field) or ())] for _, field in FIELDS[category]}
    verdict = grade(modern(**fields), load_profile(profile))
    found = [
        each
        for each in verdict.findings
        if each.algorithm and canonical(category, each.algorithm) == canonical(category, name)
    ]
    assert [each.weaknesses for each in found if each.category == category] == [codes] * bool(found)
    assert found or not codes


def test_a_finding_above_a_note_has_a_code_or_only_differs_from_the_profile() -> None:
    differs_only = {"protocol.unlisted", "profile.waiver_expired"} | {
        f"{category}.dated" for category in ALGORITHM_TYPES
    }
    for path in CAPTURES:
        for profile in map(load_profile, available_profiles()):
            if profile.kind == "client":
                continue
            for finding in grade(captured(path), profile).findings:
                assert set(finding.weaknesses) <= set(weakness_meanings())
                if finding.counts and not finding.weaknesses:
                    advised = "the profile advises" in finding.message
                    assert finding.deviation or advised or finding.id in differs_only, finding
                if finding.hint:
                    assert finding.weaknesses == []


def test_none_accepted_is_an_f() -> None:
    verdict = grade(modern(authentication_none_accepted=True, authentication_methods=None), MODERN)
    assert (verdict.grade, verdict.cap, verdict.compliant) == ("F", 10, False)


def _bare(**changes: Any) -> Observation:
    return msgspec.structs.replace(
        Observation(
            target="x",
            host="x",
            address=None,
            port=22,
            status="refused",
            started_at="2026-11-21T00:00:00Z",
            duration_ms=1.0,
            connections=1,
        ),
        **changes,
    )


def test_a_host_that_could_not_be_reached_is_not_gradeable_and_never_passes() -> None:
    assert not is_gradeable(_bare())
    assert not is_gradeable(_bare(status="ok"))
    assert not is_gradeable(modern(status="throttled"))
    assert is_gradeable(modern(status="partial"))
    minimal = parse_profile(
        'id="m"\ntitle="m"\nversion="1"\ndate="2026"\nsource="s"\n[authentication]\nwhere="w"\nallowed=["publickey"]\n',
        source="m.toml",
    )
    for profile in (MODERN, minimal):
        verdict = grade(_bare(), profile)
        assert verdict.compliant is None
        assert (verdict.score, verdict.grade, verdict.cap_reasons) == (0, "F", ["nothing observed"])


def test_ssh1_only_is_gradeable_and_an_f() -> None:
    observation = _bare(status="ssh1_only", identification=identification("SSH-1.5-OpenSSH_5.3"))
    assert is_gradeable(observation)
    verdict = grade(observation, MODERN)
    assert (verdict.grade, verdict.compliant) == ("F", False)
    assert only(verdict, "protocol.ssh1").severity == "critical"
    assert grade(_bare(status="ssh1_only"), MODERN).grade == "F"


def test_names_outside_a_profile_are_judged_by_weakness() -> None:
    text = builtin_profile_text("mozilla-modern")
    without = parse_profile(text[: text.index("[mac]")] + text[text.index("[authentication]") :], source="x.toml")
    verdict = grade(modern(**macs("hmac-md5", "hmac-sha2-384")), without)
    assert verdict.compliant is True
    assert [finding.id for finding in verdict.findings if finding.category == "mac"] == ["mac.weak"]
    zlib = both("compression", ["none", "zlib"])
    assert only(grade(modern(**zlib), MODERN), "compression.weak").deviation is False


def test_an_unknown_name_that_a_profile_lists_is_allowed() -> None:
    text = builtin_profile_text("mozilla-modern").replace(
        '"aes128-ctr",\n', '"aes128-ctr",\n    "acme@example.com",\n', 1
    )
    own = parse_profile(text, source="own.toml")
    assert own.unknown_names == ("cipher: acme@example.com",)
    assert grade(modern(**ciphers("acme@example.com")), own).compliant is True
    assert grade(modern(**ciphers("acme@example.com")), MODERN).compliant is False


def test_findings_are_sorted_worst_first() -> None:
    for path in CAPTURES:
        findings = grade(captured(path), MODERN).findings
        ranks = [["critical", "high", "medium", "low", "note"].index(finding.severity) for finding in findings]
        assert ranks == sorted(ranks)


def test_every_finding_is_explained() -> None:
    seen = set()
    observations = [captured(path) for path in CAPTURES]
    observations += [modern(**kex("gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==")), modern(authentication_none_accepted=True)]
    for observation in observations:
        for profile in (MODERN, INTERMEDIATE, ALIBABA):
            for strict in (False, True):
                seen |= {finding.id for finding in grade(observation, profile, strict=strict).findings}
    assert seen <= finding_types().keys()
    assert len(seen) > 15
    for id in finding_types():
        text = explain_finding(id)
        assert all((text.title, text.meaning, text.why, text.references))
    with pytest.raises(ValueError, match="unknown finding `nope`"):
        explain_finding("nope")


def test_the_smallest_of_several_moduli_counts() -> None:
    verdict = grade(modern(group_exchange=[modulus(8192), modulus(1024), modulus(None)]), MODERN)
    assert only(verdict, "group_exchange.modulus").observed == "1024 bits"
    forced = modern(group_exchange=[modulus(4096), modulus(2048, min=2048, n=2048, max=2048)])
    assert grade(forced, MODERN).compliant is True


@pytest.mark.parametrize(("bits", "min", "n"), [(3072, 3072, 4096), (4096, 2048, 8192), (4096, 2560, 2560)])
def test_an_answer_to_a_large_request_does_not_prove_the_smallest_modulus(bits: int, min: int, n: int) -> None:
    """OpenSSH with 2048 bits too answers like this: below `n` it sends the largest size (dh.c, choose_dh)."""
    verdict = grade(modern(group_exchange=[modulus(bits, min=min, n=n)]), SIZED)
    assert verdict.compliant is None
    assert "the smallest group-exchange modulus" in verdict.not_observed


def test_the_smallest_of_several_keys_of_a_type_counts() -> None:
    verdict = grade(modern(host_keys=[host_key("ssh-rsa", 4096), host_key("ssh-rsa", 1024)]), MODERN)
    assert only(verdict, "host_key.size").observed == "1024 bits"


def test_a_certificate_has_a_size_of_its_own() -> None:
    names = ["rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"]
    verdict = grade(modern(server_host_key_algorithms=names), SIZED)
    assert verdict.compliant is None
    assert verdict.not_observed == ["size of the RSA host key (openssh-cert)"]
    seen = [host_key("ssh-rsa", 3072), host_key("ssh-rsa-cert-v01@openssh.com", 2048)]
    small = grade(modern(server_host_key_algorithms=names, host_keys=seen), SIZED)
    assert only(small, "host_key.size").algorithm == "ssh-rsa-cert-v01@openssh.com"


def test_a_mac_list_may_be_empty_where_every_cipher_protects_itself() -> None:
    aead = both("encryption", ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"])
    assert grade(modern(**aead, **both("mac", [])), MODERN).compliant is True
    assert grade(modern(**both("mac", [])), MODERN).compliant is None


def test_a_certificate_is_as_strong_as_its_key_type() -> None:
    names = ["ssh-ed25519", "ssh-dss-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com"]
    verdict = grade(modern(server_host_key_algorithms=names), MODERN)
    assert only(verdict, "host_key.unlisted").algorithm == "ssh-dss-cert-v01@openssh.com"
    assert only(verdict, "host_key.stronger").algorithm == "ecdsa-sha2-nistp256-cert-v01@openssh.com"


def test_a_certificate_of_a_forbidden_key_type_is_forbidden_unless_named() -> None:
    assert MODERN.host_key is not None
    words = {"ssh-ed25519": "MUST NOT", "sk-ecdsa-sha2-nistp256@openssh.com": "SHOULD NOT"}
    others = tuple(name for name in MODERN.host_key.allowed if name != "ssh-ed25519")
    certificates = ("ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com")
    observed = modern(server_host_key_algorithms=["rsa-sha2-512", *certificates])

    def forbidden(*allowed: str) -> set[str | None]:
        rule = msgspec.structs.replace(MODERN.host_key, words=words, allowed=(*others, *allowed))  # type: ignore[type-var] # the profile has host keys
        verdict = grade(observed, msgspec.structs.replace(MODERN, host_key=rule))
        return {each.algorithm for each in verdict.findings if each.id == "host_key.forbidden" and each.deviation}

    assert forbidden() == set(certificates)
    assert forbidden(certificates[0]) == {certificates[1]}


@pytest.mark.parametrize("profile", ["mozilla-modern", "sshprobe-2026", "bsi-tr-02102-4", "dev-sec"])
def test_ecdsa_on_a_shorter_curve_is_not_allowed(profile: str) -> None:
    """RFC 5656 has P-224 with 112 bits; these profiles begin with P-256."""
    observed = modern(server_host_key_algorithms=["ssh-ed25519", "ecdsa-sha2-nistp224"])
    verdict = grade(observed, load_profile(profile))
    assert verdict.compliant is False
    assert only(verdict, "host_key.unlisted").algorithm == "ecdsa-sha2-nistp224"


@pytest.mark.parametrize(
    "allowed", ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp384-cert-v01@openssh.com"]
)
@pytest.mark.parametrize(
    "offered",
    [
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "x509v3-ecdsa-sha2-nistp256",
    ],
)
def test_a_list_of_longer_curves_refuses_p256_in_certificates(allowed: str, offered: str) -> None:
    observed = modern(server_host_key_algorithms=[offered], host_keys=[host_key(offered, 256)])
    longer = of_host_keys(allowed)
    verdict = grade(observed, longer)
    assert verdict.compliant is False
    assert only(verdict, "host_key.unlisted").algorithm == offered


@pytest.mark.parametrize("bits", [384, 521])
def test_advice_replaces_p256_by_an_allowed_curve(bits: int) -> None:
    names = ["ecdsa-sha2-nistp256", "ssh-ed25519"]
    observed = modern(server_host_key_algorithms=names, host_keys=[host_key(name, 256) for name in names])
    fixed = remedy(observed, of_host_keys(f"ecdsa-sha2-nistp{bits}"))
    assert fixed.compliant
    assert f"HostKeyAlgorithms ecdsa-sha2-nistp{bits}" in fixed.lines
    assert any(f"-t ecdsa -b {bits} " in command for command in fixed.commands)


@pytest.mark.parametrize(
    ("certificate", "severity"),
    [
        ({"ca_bits": 1024}, "high"),
        ({"ca_signature_verified": False}, "high"),
        ({"ca_type": "ssh-dss", "ca_bits": 1024, "signature_algorithm": "ssh-dss"}, "high"),
        ({"signature_algorithm": "ssh-rsa"}, "medium"),
        ({"ca_signature_verified": None, "ca_type": "odd", "signature_algorithm": "odd@example.com"}, "low"),
    ],
)
def test_a_certificate_is_as_weak_as_its_authority(certificate: dict[str, Any], severity: str) -> None:
    name = "ssh-ed25519-cert-v01@openssh.com"
    offered = {"server_host_key_algorithms": [name, "ssh-ed25519"]}
    good = grade(modern(**offered, host_keys=[certified(name, 256)]), MODERN)
    assert "host_key.authority" not in {finding.id for finding in good.findings}
    verdict = grade(modern(**offered, host_keys=[certified(name, 256, **certificate)]), MODERN)
    assert only(verdict, "host_key.authority").severity == severity
    assert verdict.score < good.score


def test_the_size_of_a_key_without_proof_was_not_observed() -> None:
    verdict = grade(modern(host_keys=[host_key("ssh-rsa", 4096, None)]), SIZED)
    assert verdict.compliant is None
    assert verdict.not_observed == ["size of the RSA host key"]
    assert only(verdict, "host_key.unverified").severity == "note"
    small = grade(modern(host_keys=[host_key("ssh-rsa", 1024, None)]), SIZED)
    assert only(small, "host_key.size").severity == "high"
    assert small.compliant is False


@pytest.mark.parametrize("profile", [MODERN, INTERMEDIATE])
def test_a_size_that_the_guide_does_not_state_is_not_cited(profile: Profile) -> None:
    found = only(grade(modern(host_keys=[host_key("ssh-rsa", 1024)]), profile), "host_key.size")
    assert found.references[0].startswith("inference of sshprobe")
    assert profile.host_key is not None
    assert profile.host_key.where not in found.references


@pytest.mark.parametrize("methods", [[], [""]])
def test_an_empty_list_of_methods_says_nothing(methods: list[str]) -> None:
    verdict = grade(modern(authentication_methods=methods), MODERN)
    assert verdict.compliant is None
    assert verdict.not_observed == ["authentication methods: the list is empty"]


@pytest.mark.parametrize(
    "field", ["compression_algorithms_client_to_server", "compression_algorithms_server_to_client"]
)
def test_an_empty_list_of_compressions_leaves_nothing_to_negotiate(field: str) -> None:
    ours = load_profile("sshprobe-2026")
    verdict = grade(modern(**{field: []}), ours)
    assert [each for each in verdict.not_observed if each.startswith("compression")] != []
    assert verdict.grade_is_partial
    assert not grade(modern(), ours).grade_is_partial


SHOWN = host_key("ssh-ed25519", 256)


@pytest.mark.parametrize("other", ["ecdsa-sha2-nistp256", "rsa-sha2-512"])
def test_a_key_must_be_seen_if_its_name_has_no_size(other: str) -> None:
    """For a key that was not requested. Unproven and missing keys have other rules."""
    seen = modern(depth="lists", server_host_key_algorithms=["ssh-ed25519", other], host_keys=None)
    verdict = grade(seen, SIZED)
    said_by_its_name = other != "rsa-sha2-512"
    assert verdict.compliant is (True if said_by_its_name else None)
    assert verdict.not_observed == ([] if said_by_its_name else ["size of the RSA host key"])
    wrong = msgspec.structs.replace(seen, depth="full", host_keys=[SHOWN, host_key(other, 4096, verified=False)])
    assert grade(wrong, SIZED).compliant is None
    for keys in (None, [], [SHOWN]):
        assert (
            grade(msgspec.structs.replace(seen, status="partial", depth="full", host_keys=keys), SIZED).compliant
            is None
        )


def test_one_verdict_is_not_for_every_server_behind_an_address() -> None:
    facts = ObservationBuilder()
    for cipher in (b"aes128-ctr", b"3des-cbc"):
        lists = {name: (cipher,) if "encryption" in name else () for name in NAME_LISTS}
        facts.add_kexinit(KexInit(cookie=bytes(16), **lists))  # type: ignore[arg-type] # the fields are name-lists
    verdict = grade(modern(several_servers=facts.several_servers), MODERN)
    assert verdict.compliant is None
    assert "connections met different ones" in verdict.not_observed[0]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_safe_server_does_not_protect_the_others(order: tuple[int, int]) -> None:
    """Two servers at one address: one has strict and post-quantum key exchange, the other not."""
    methods = [(b"mlkem768x25519-sha256", b"curve25519-sha256", STRICT.encode()), (b"curve25519-sha256",)]
    facts = ObservationBuilder()
    for at in order:
        lists = {name: (b"chacha20-poly1305@openssh.com",) if "encryption" in name else () for name in NAME_LISTS}
        facts.add_kexinit(KexInit(cookie=bytes(16), **{**lists, "kex_algorithms": methods[at]}))  # type: ignore[arg-type] # the fields are name-lists
    seen = facts.lists()
    assert STRICT in (seen["kex_algorithms"] or [])
    observation = modern(
        **seen,
        several_servers=facts.several_servers,
        strict_kex=facts.strict_kex,
        post_quantum_kex=facts.post_quantum_kex,
    )
    ids = {finding.id for finding in grade(observation, MODERN).findings}
    assert {"kex.terrapin", "kex.no_post_quantum"} <= ids
    alone = ObservationBuilder()
    alone.add_kexinit(KexInit(cookie=bytes(16), **{**lists, "kex_algorithms": methods[0]}))  # type: ignore[arg-type] # the fields are name-lists
    assert (alone.strict_kex, alone.post_quantum_kex) == (True, True)
    assert (ObservationBuilder().strict_kex, ObservationBuilder().post_quantum_kex) == (None, None)
