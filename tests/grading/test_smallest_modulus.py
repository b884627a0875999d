"""The smallest modulus, concluded from the answers to group requests and the software."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.grading.observations import STRICT, identification, modern, modulus

WIDE_2048, WIDE_3072 = modulus(2048), modulus(3072)
NARROW_REFUSED = modulus(None, max=1024)
OTHER = "SSH-2.0-mod_sftp"
OPENSSH = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10"
OLD_OPENSSH = "SSH-2.0-OpenSSH_7.1p2"
LARGE_3072 = modulus(3072, min=2048, n=2048)

CASES: dict[str, tuple[str, list[Any], int, bool | None]] = {
    "an OpenSSH sends what is next to the size asked for": (OPENSSH, [WIDE_2048], 2048, True),
    "and less than the profile asks for": (OPENSSH, [WIDE_2048], 3072, False),
    "a built-in group of an OpenSSH is not a finding": (OPENSSH, [WIDE_3072, modulus(2048, max=1024)], 3072, True),
    "nor is it proof": (OPENSSH, [modulus(2048, max=1024)], 2048, None),
    "one that says so on Windows": ("SSH-2.0-OpenSSH_for_Windows_9.5", [WIDE_2048], 2048, True),
    "OpenBSD": ("SSH-2.0-OpenSSH_9.7", [WIDE_2048], 2048, True),
    "HPN": ("SSH-2.0-OpenSSH_8.8p1-hpn15v2", [WIDE_2048], 2048, True),
    "one that has had no small groups since 7.2": ("SSH-2.0-OpenSSH_7.2p2", [modulus(None), LARGE_3072], 3072, True),
    "an older one may have 1024 bits": (OLD_OPENSSH, [modulus(None), LARGE_3072], 3072, None),
    "but not if asked for them": (OLD_OPENSSH, [WIDE_3072], 3072, True),
    "others may send less if the maximum is lower": (OTHER, [WIDE_2048], 2048, None),
    "and a refusal says nothing": (OTHER, [WIDE_2048, NARROW_REFUSED], 2048, None),
    "nor does it of a larger one": (OTHER, [WIDE_3072, NARROW_REFUSED], 2048, None),
    "but 2048 bits are less than 3072": (OTHER, [WIDE_2048, NARROW_REFUSED], 3072, False),
    "a server that ignores the maximum has no smaller": (OTHER, [WIDE_2048, modulus(2048, max=1024)], 2048, True),
    "nor one that the profile asks for": (OTHER, [WIDE_2048, modulus(2048, max=1024)], 3072, False),
    "alone it is enough": (OTHER, [modulus(3072, max=1024)], 3072, True),
    "1024 bits": (OTHER, [WIDE_2048, modulus(1024, max=1024)], 2048, False),
    "1536 bits, whatever was allowed": (OTHER, [WIDE_2048, modulus(1536, max=1024)], 2048, False),
    "1024 bits by the wide one": (OTHER, [modulus(1024)], 2048, False),
    "all refused": (OTHER, [modulus(None)], 2048, None),
    "a switch that is built on an OpenSSH": ("SSH-2.0-OpenSSH_7.3p1.RL", [WIDE_2048], 2048, None),
    "a router": ("SSH-2.0-OpenSSH_9.1 PKIX[12.1]", [WIDE_2048], 2048, None),
    "a switch with a small one": ("SSH-2.0-OpenSSH_7.3p1.RL", [modulus(1024)], 2048, False),
    "a name and no release": ("SSH-2.0-OpenSSH", [WIDE_2048], 2048, None),
}


@pytest.mark.parametrize("name", CASES)
def test_compliance_by_the_smallest_modulus(name: str) -> None:
    raw, exchanges, least, compliant = CASES[name]
    profile = load_profile({2048: "mozilla-intermediate", 3072: "mozilla-modern"}[least])
    observed = modern(identification=identification(raw), group_exchange=exchanges)
    verdict = grade(observed, profile)
    about = [each for each in verdict.findings if each.category == "group_exchange" and each.deviation]
    missing = [words for words in verdict.not_observed if "modulus" in words]
    assert (not about, bool(missing)) == (compliant is not False, compliant is None)


def test_a_small_group_is_weak_even_where_a_profile_allows_it() -> None:
    profile = load_profile("mozilla-intermediate")
    assert profile.group_exchange is not None
    allowing = msgspec.structs.replace(
        profile, group_exchange=msgspec.structs.replace(profile.group_exchange, min_bits=1024)
    )
    verdict = grade(modern(group_exchange=[modulus(1024)]), allowing)
    assert [each.severity for each in verdict.findings if each.id == "group_exchange.modulus"] == ["high"]


def test_a_hidden_openssh_is_recognized_by_its_extension() -> None:
    observed = modern(
        identification=identification("SSH-2.0-hidden"),
        extensions={"publickey-hostbound@openssh.com": "0"},
        group_exchange=[WIDE_3072, modulus(2048, max=1024)],
    )
    verdict = grade(observed, load_profile("mozilla-modern"))
    assert not [each for each in verdict.findings if each.category == "group_exchange" and each.deviation]
    assert "the smallest group-exchange modulus" in verdict.not_observed


SHA1, SHA256 = "diffie-hellman-group-exchange-sha1", "diffie-hellman-group-exchange-sha256"
PROOF = modulus(2048, max=1024)
BY_SHA1 = msgspec.structs.replace(PROOF, algorithm=SHA1)


@pytest.mark.parametrize(
    ("raw", "offered", "exchanges", "missing", "compliant"),
    [
        (OTHER, [SHA256], [PROOF], [], True),
        (OTHER, [SHA256, SHA1], [PROOF], [f"the smallest modulus of {SHA1}"], None),
        (OTHER, [SHA1, SHA256], [BY_SHA1], [f"the smallest modulus of {SHA256}"], None),
        (
            OTHER,
            [SHA256, "gss-gex-sha256-toWM5Slw5Ew8Mqkay+al2g=="],
            [PROOF],
            ["the smallest modulus of gss-gex-sha256-*"],
            None,
        ),
        (OTHER, [SHA256, SHA1], [], ["the smallest group-exchange modulus"], None),
        (OTHER, [SHA256, SHA1], [PROOF, BY_SHA1], [], True),
        (OTHER, [SHA256, SHA1], [PROOF, msgspec.structs.replace(BY_SHA1, modulus_bits=1024)], [], False),
        (OPENSSH, [SHA256, SHA1], [WIDE_2048], [], True),
    ],
)
def test_each_group_exchange_method_needs_its_own_proof(
    raw: str, offered: list[str], exchanges: list[Any], missing: list[str], compliant: bool | None
) -> None:
    observed = modern(
        identification=identification(raw),
        kex_algorithms=["curve25519-sha256", *offered, STRICT],
        group_exchange=exchanges,
    )
    verdict = grade(observed, load_profile("pci-dss"))
    assert (verdict.not_observed, verdict.compliant) == (missing, compliant)
    assert verdict.grade_is_partial == bool(missing)
