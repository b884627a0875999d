"""Unknown names: never strong, as weak as they look, and never compliant with a profile that only forbids."""

from __future__ import annotations

import datetime
import re

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.algorithms import (
    ALGORITHM_TYPES,
    AlgorithmType,
    is_unknown,
    lookup,
    names,
    names_aead_cipher,
    weakness_of,
)
from sshprobe.cli.explain import explain
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import Profile, Waiver, available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import STRICT, both, host_key, modern

FORBIDDING: list[tuple[Profile, AlgorithmType]] = [
    (profile, category)
    for profile in map(load_profile, available_profiles())
    for category in ALGORITHM_TYPES
    if (rule := profile.algorithms(category)) is not None and rule.others == "allowed"
]
MECHANISM = "toWM5Slw5Ew8Mqkay+al2g=="


def server(**changes: object) -> Observation:
    """Return a server that complies with every built-in profile that only forbids."""
    good = modern(
        kex_algorithms=["mlkem768x25519-sha256", "curve25519-sha256", STRICT],
        **both("encryption", ["aes256-gcm@openssh.com", "aes256-ctr"]),
        **both("mac", ["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"]),
        group_exchange=[],
        authentication_banner="Authorized use only",
    )
    return msgspec.structs.replace(good, **changes)


def with_name(observation: Observation, category: AlgorithmType, name: str, *, directions: int = 2) -> Observation:
    fields = [field for _, field in FIELDS[category]][:directions]
    return msgspec.structs.replace(observation, **{field: [*getattr(observation, field), name] for field in fields})


@pytest.mark.parametrize(
    ("profile", "category"), FORBIDDING, ids=[f"{profile.id}-{category}" for profile, category in FORBIDDING]
)
def test_an_unknown_name_leaves_open_whether_the_profile_is_met(profile: Profile, category: AlgorithmType) -> None:
    good = server()
    if profile.id in ("stig-rhel-9", "dev-sec"):
        pytest.skip("has closed lists besides")
    assert grade(good, profile).compliant is True
    for directions in range(1, len(FIELDS[category]) + 1):
        verdict = grade(with_name(good, category, "quux-9000", directions=directions), profile)
        assert verdict.compliant is None
        (said,) = verdict.not_observed
        assert "quux-9000" in said
        assert "unknown name" in said


def test_a_closed_list_takes_an_unknown_name_for_a_deviation() -> None:
    for id in ("mozilla-modern", "sshprobe-2026", "openssh-10.0"):
        verdict = grade(with_name(server(), "cipher", "quux-9000"), load_profile(id))
        assert verdict.compliant is False
        assert any(each.id == "cipher.unlisted" and each.algorithm == "quux-9000" for each in verdict.findings)


def test_a_list_without_a_section_allows_known_names() -> None:
    rfc9142, stig = load_profile("rfc9142"), load_profile("stig-rhel-9")
    assert (rfc9142.compression, rfc9142.mac, rfc9142.host_key, stig.kex) == (None, None, None, None)
    assert grade(with_name(server(), "compression", "quux-9000"), rfc9142).compliant is True
    for category, known in (("mac", "hmac-md5"), ("host_key", "ssh-dss"), ("host_key", "x509v3-ssh-rsa")):
        assert grade(with_name(server(), category, known), rfc9142).compliant is True  # type: ignore[arg-type] # the category is an algorithm type


@pytest.mark.parametrize(
    "profile", {profile.id: profile for profile, _ in FORBIDDING}.values(), ids=lambda each: each.id
)
@pytest.mark.parametrize(
    ("category", "name"),
    [
        *((category, "quux-9000") for category in ("kex", "host_key", "cipher", "mac")),
        ("kex", "diffie-hellman-group1-sha1-win7@microsoft.com"),
        ("kex", "rsa1024-sha1"),
        ("cipher", "des-ctr"),
        ("cipher", "none"),
        ("cipher", "3des"),
        ("cipher", "blowfish"),
        ("cipher", "acss@openssh.org"),
        ("mac", "none"),
        ("mac", "umac-32@openssh.com"),
    ],
)
def test_broken_names_never_pass(profile: Profile, category: AlgorithmType, name: str) -> None:
    """Under every profile: the STIG names no key exchange, and RFC 9142 no MAC."""
    good = server()
    if grade(good, profile).compliant is not True:
        pytest.skip("has closed lists besides")
    if profile.algorithms(category) is None and name in ("3des", "blowfish"):
        pytest.skip("without a section, only weaknesses of high severity are open")
    verdict = grade(with_name(good, category, name), profile)
    assert verdict.compliant is not True


def test_the_stig_is_met_by_the_server_of_these_tests() -> None:
    stig = load_profile("stig-rhel-9")
    assert stig.banner is not None
    good = server(
        authentication_banner=stig.banner.any_of[0],
        host_keys=[host_key("ssh-ed25519", 256)],
        server_host_key_algorithms=["ssh-ed25519"],
    )
    assert grade(good, stig).compliant is True
    for name in ("diffie-hellman-group1-sha1-win7@microsoft.com", "quux-9000"):
        assert grade(with_name(good, "kex", name), stig).compliant is None


def test_markers_and_gss_api_are_not_unknown() -> None:
    pci = load_profile("pci-dss")
    for name in ("ext-info-s", "kex-strict-s", f"gss-group16-sha512-{MECHANISM}", "gss-curve25519-sha256-AAAA"):
        assert not is_unknown("kex", name)
        assert grade(with_name(server(), "kex", name), pci).compliant is True
    hidden = grade(with_name(server(), "kex", f"gss-group1-sha1-{MECHANISM}"), pci)
    assert hidden.compliant is False


def test_a_name_in_the_profile_is_never_unknown() -> None:
    pci = load_profile("pci-dss")
    assert pci.cipher is not None
    own = msgspec.structs.replace(pci, cipher=msgspec.structs.replace(pci.cipher, allowed=("des-acme@example.com",)))
    assert grade(with_name(server(), "cipher", "des-acme@example.com"), own).compliant is True


def test_a_waived_unknown_name_counts_as_allowed() -> None:
    pci = load_profile("pci-dss")
    waiver = Waiver(
        finding="cipher.weak", algorithm="quux-9000", hosts=("*",), reason="ours", until=datetime.date(2030, 1, 1)
    )
    waived = msgspec.structs.replace(pci, waiver=(waiver,))
    assert grade(with_name(server(), "cipher", "quux-9000"), waived).compliant is True


def test_many_unknown_names_are_counted() -> None:
    offered = ["curve25519-sha256", STRICT, *(f"x{i}" for i in range(200))]
    verdict = grade(server(kex_algorithms=offered), load_profile("pci-dss"))
    assert verdict.compliant is None
    assert len(verdict.not_observed) == 5
    assert "196 more unknown names of key exchange methods" in verdict.not_observed


def test_after_the_advice_the_profile_is_met() -> None:
    assert remedy(with_name(server(), "cipher", "quux-9000"), load_profile("pci-dss")).compliant is True


@pytest.mark.parametrize(
    ("category", "name", "profile"),
    [
        ("cipher", "twofish-ecb", "cis-debian-12"),
        ("cipher", "seed-cbc@ssh.com", "cis-rhel-9"),
        ("kex", "diffie-hellman-group1-sha256", "rfc9142"),
        ("mac", "cbcmac-aes", "cis-ubuntu-24.04"),
    ],
)
def test_a_weak_unknown_name_fails_a_forbidding_list(category: AlgorithmType, name: str, profile: str) -> None:
    verdict = grade(with_name(server(), category, name), load_profile(profile))
    assert verdict.compliant is None
    assert any(name in said for said in verdict.not_observed)
    said = CliRunner().invoke(explain, [name], catch_exceptions=False).output
    assert re.search(rf"{profile} +not named, which leaves it open", said)


@pytest.mark.parametrize(
    ("category", "name", "severity", "reason"),
    [
        ("kex", "diffie-hellman-group1-sha1-x@example.com", "high", "logjam"),
        ("kex", "dh-group-1-sha256", "high", "logjam"),
        ("kex", f"gss-group1-md5-{MECHANISM}", "high", "logjam"),
        ("kex", "diffie-hellman-group14-sha1@example.com", "medium", "sha1-exchange"),
        ("kex", "ecdh-sha2-secp160r1", "medium", "low-strength"),
        ("host_key", "dss-acme", "high", "dsa"),
        ("host_key", "x509v4-sign-rsa-md5", "medium", "sha1-signature"),
        ("host_key", "ssh-rsa@example.com", "medium", "sha1-signature"),
        ("cipher", "rc4-40", "high", "rc4"),
        ("cipher", "arcfour512@example.com", "high", "rc4"),
        ("cipher", "des-acme", "high", "short-key"),
        ("cipher", "DES-CBC", "high", "short-key"),
        ("cipher", "des-ede3-acme", "medium", "64-bit-block"),
        ("cipher", "rc2-acme", "medium", "64-bit-block"),
        ("cipher", "aes128-cbc@example.com", "medium", "cbc"),
        ("cipher", "aria256-cfb8", "medium", "mode"),
        ("cipher", "none@example.com", "critical", "no-protection"),
        ("mac", "hmac-md5@example.com", "medium", "md5"),
        ("mac", "hmac-sha1-96@example.com", "medium", "sha1-truncated"),
        ("mac", "HMAC-SHA1", "low", "hmac-sha1"),
        ("mac", "crc32", "high", "short-tag"),
    ],
)
def test_what_a_name_looks_like(category: AlgorithmType, name: str, severity: str, reason: str) -> None:
    assert is_unknown(category, name)
    found = weakness_of(category, name)
    assert found is not None
    assert (found.severity, found.reason) == (severity, reason)
    assert "looks like" in found.words


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("kex", "diffie-hellman-group14-sha512@example.com"),
        ("kex", "dh-group10-sha256"),
        ("kex", "sha1024-kem"),
        ("kex", "x@md5.group1.example"),
        ("host_key", "ssh-rsa-sha2-256@example.com"),
        ("host_key", "ssh-rsa-pss-sha256@example.com"),
        ("host_key", "ml-dsa-44@example.com"),
        ("host_key", "slh-dsa-128s"),
        ("host_key", "ecdsa-sha2-nistp256@example.com"),
        ("cipher", "aes256-ctr@example.com"),
        ("cipher", "mydes"),
        ("mac", "hmac-sha512-etm@example.com"),
        ("mac", "hmac-sha1024"),
    ],
)
def test_a_part_of_a_word_does_not_make_a_name_weak(category: AlgorithmType, name: str) -> None:
    found = weakness_of(category, name)
    assert found is not None
    assert (found.severity, found.reason) == ("low", "unknown")


@pytest.mark.parametrize("category", ALGORITHM_TYPES)
def test_nothing_looks_worse_than_it_is(category: AlgorithmType) -> None:
    """Known names with an invented domain: a guess is never worse than the facts."""
    for name in names(category):
        entry = lookup(category, name)
        assert entry is not None
        local = name.partition("@")[0].removesuffix("-*")
        fact, guess = weakness_of(category, name), weakness_of(category, f"{local}@nobody.example")
        if category == "mac" and names_aead_cipher(f"{local}@nobody.example"):
            assert guess is None
            continue
        assert guess is not None
        if entry.standing in ("bogus", "withdrawn") or entry.bits is None:
            continue
        least = SEVERITIES.index("low")
        worst = least if fact is None else min(least, SEVERITIES.index(fact.severity))
        assert SEVERITIES.index(guess.severity) >= worst, name


@given(
    st.sampled_from(ALGORITHM_TYPES), st.text(st.sampled_from("abcdehlmnprsu0123456789-@."), min_size=1, max_size=24)
)
@settings(max_examples=300)
def test_no_unknown_name_is_strong_or_makes_a_verdict_true(category: AlgorithmType, name: str) -> None:
    if not is_unknown(category, name):
        return
    found = weakness_of(category, name)
    assert found is not None
    assert SEVERITIES.index(found.severity) <= SEVERITIES.index("low")
    for profile, of in FORBIDDING:
        if of == category:
            assert grade(with_name(server(), category, name), profile).compliant is not True


def test_explain_says_what_a_profile_without_the_class_leaves_open() -> None:
    found = CliRunner().invoke(explain, ["diffie-hellman-group1-sha1-win7@microsoft.com"]).output
    assert "stig-rhel-9" in found
    assert "says nothing of its class, which leaves it open" in " ".join(found.split())
    assert "stig-rhel-9" not in CliRunner().invoke(explain, ["diffie-hellman-group16-sha512"]).output
