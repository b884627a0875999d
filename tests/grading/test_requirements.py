"""Profiles beyond lists: requirements, sections that only forbid, and unverified places."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.grading import explain_finding
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import AlgorithmRule, KexRule, Profile, parse_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import STRICT, modern

KEX = """\
id = "ours"
title = "Ours"
version = "1"
date = "2026"
source = "the wiki"

[kex]
where = "page 1"
"""


def profile(**changes: Any) -> Profile:
    rule: dict[str, Any] = {"where": "page 1", "others": "allowed", **changes}
    return Profile(id="ours", title="Ours", version="1", date="2026", source="wiki", kex=KexRule(**rule))


def deviations(verdict: Verdict) -> list[tuple[str, str]]:
    return [(finding.id, finding.severity) for finding in verdict.findings if finding.deviation]


def finding(verdict: Verdict, id: str) -> Finding:
    return next(each for each in verdict.findings if each.id == id)


PLAIN = ["curve25519-sha256"]
HYBRID = ["mlkem768x25519-sha256", "curve25519-sha256"]
GCM = ["aes256-gcm@openssh.com"]
GCM_ONLY = {"encryption_algorithms_client_to_server": GCM, "encryption_algorithms_server_to_client": GCM}


@pytest.mark.parametrize(
    ("require", "kex", "ciphers", "expected"),
    [
        (["post-quantum"], HYBRID, {}, []),
        (["post-quantum"], ["sntrup761x25519-sha512@openssh.com"], {}, []),
        (["post-quantum"], PLAIN, {}, [("kex.no_post_quantum", "medium")]),
        # A withdrawn KEM, or one without a curve, is not a hybrid.
        (["post-quantum"], ["sntrup4591761x25519-sha512@tinyssh.org"], {}, [("kex.no_post_quantum", "medium")]),
        (["post-quantum"], ["mlkem768-sha256"], {}, [("kex.no_post_quantum", "medium")]),
        (["strict-kex"], [*PLAIN, STRICT], {}, []),
        (["strict-kex"], PLAIN, {}, [("kex.terrapin", "medium")]),
        (["strict-kex"], PLAIN, GCM_ONLY, [("kex.no_strict_kex", "low")]),
        # The client's marker does not count for a server.
        (["strict-kex"], [*PLAIN, "kex-strict-c-v00@openssh.com"], GCM_ONLY, [("kex.no_strict_kex", "low")]),
        (["no-terrapin"], PLAIN, {}, [("kex.terrapin", "medium")]),
        (["no-terrapin"], PLAIN, GCM_ONLY, []),
        ([], PLAIN, {}, []),
    ],
)
def test_requirements(
    require: list[str], kex: list[str], ciphers: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    verdict = grade(modern(kex_algorithms=kex, **ciphers), profile(require=tuple(require)))
    assert deviations(verdict) == expected
    assert verdict.compliant is (not expected)
    for id, _ in expected:
        found = finding(verdict, id)
        assert found.references[0] == "page 1"
        assert found.remediation
        assert explain_finding(id).id == id


def test_a_list_that_was_not_seen_lacks_nothing_and_passes_nothing() -> None:
    verdict = grade(modern(kex_algorithms=None), profile(require=("post-quantum", "strict-kex")))
    assert verdict.compliant is None
    assert [each.id for each in verdict.findings if each.id.startswith("kex.no_")] == []


def test_the_remedy_names_findings_that_it_cannot_fix() -> None:
    asked = profile(require=("post-quantum", "strict-kex"))
    after = remedy(modern(kex_algorithms=PLAIN, **GCM_ONLY), asked)
    assert after.compliant is False
    assert any(line.startswith("kex.no_strict_kex: no strict key exchange") for line in after.left)


def test_a_section_that_only_forbids() -> None:
    forbidding = profile(words={"diffie-hellman-group14-sha1": "MUST NOT"})
    offered = ["curve25519-sha256", "diffie-hellman-group1-sha1", "rot13@example.com", STRICT]
    for strict in (False, True):
        verdict = grade(modern(kex_algorithms=offered), forbidding, strict=strict)
        # An unknown name may be a forbidden one.
        assert verdict.compliant is None
        # Weak is weak, and an unknown name is never strong.
        weak = [(each.severity, each.algorithm) for each in verdict.findings if each.id == "kex.weak"]
        assert weak == [("high", "diffie-hellman-group1-sha1"), ("low", "rot13@example.com")]
    verdict = grade(modern(kex_algorithms=[*offered, "diffie-hellman-group14-sha1"]), forbidding)
    assert deviations(verdict) == [("kex.forbidden", "medium")]


def test_a_closed_list() -> None:
    closed = profile(allowed=("ecdh-sha2-nistp256",), others="forbidden")
    verdict = grade(modern(kex_algorithms=["ecdh-sha2-nistp256", "curve25519-sha256", STRICT]), closed)
    assert deviations(verdict) == [("kex.stronger", "low")]
    assert finding(verdict, "kex.stronger").message == "not in the profile's closed list"
    after = remedy(modern(kex_algorithms=["ecdh-sha2-nistp256", "curve25519-sha256", STRICT]), closed)
    assert after.compliant is True
    assert "KexAlgorithms ecdh-sha2-nistp256" in after.lines
    open_ = profile(allowed=("ecdh-sha2-nistp256",), others="as-strong")
    assert grade(modern(kex_algorithms=["ecdh-sha2-nistp256", "curve25519-sha256", STRICT]), open_).compliant is True


def test_an_unknown_name_of_a_profile_is_a_companys_own() -> None:
    named = profile(allowed=("rot13@example.com",))
    verdict = grade(modern(kex_algorithms=["rot13@example.com", STRICT]), named)
    assert [each.id for each in verdict.findings if each.category == "kex"] == ["kex.no_post_quantum"]


def test_places_and_unverified_parts_are_cited() -> None:
    forbidding = profile(
        words={"curve25519-sha256@libssh.org": "SHOULD NOT"}, places={"curve25519-sha256@libssh.org": "page 7"}
    )
    observed = modern(kex_algorithms=["curve25519-sha256", STRICT])
    assert finding(grade(observed, forbidding), "kex.forbidden").references[0] == "page 7"
    assert forbidding.kex is not None
    doubted = msgspec.structs.replace(forbidding.kex, unverified="from another's list")
    unsure = msgspec.structs.replace(forbidding, kex=doubted)
    assert unsure.not_verified == "[kex]: from another's list"
    assert finding(grade(observed, unsure), "kex.forbidden").references[0] == "page 7 [not verified]"
    unsure = msgspec.structs.replace(forbidding, unverified="all of it")
    assert unsure.not_verified == "all of it"
    assert finding(grade(observed, unsure), "kex.forbidden").references[0] == "page 7 [not verified]"
    assert forbidding.not_verified == ""


def test_unverified_parts_change_no_verdict() -> None:
    sure = Profile(
        id="ours",
        title="Ours",
        version="1",
        date="2026",
        source="wiki",
        mac=AlgorithmRule(where="page 2", allowed=("hmac-sha2-512",), recommended=("hmac-sha2-512",)),
    )
    unsure = msgspec.structs.replace(sure, unverified="all of it")
    one, other = grade(modern(), sure), grade(modern(), unsure)
    assert (one.score, one.compliant) == (other.score, other.compliant)
    assert [each.id for each in one.findings] == [each.id for each in other.findings]


def test_no_server_is_graded_against_a_profile_of_clients() -> None:
    text = KEX.replace('id = "ours"', 'id = "ours"\nkind = "client"') + 'allowed = ["curve25519-sha256"]\n'
    with pytest.raises(InputError, match="profile `ours` says what a client should offer, and a scan sees servers"):
        grade(modern(), parse_profile(text, source="ours.toml"))
