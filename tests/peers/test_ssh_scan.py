"""ssh_scan's Mozilla policies and our profiles of that guide agree, except for ssh_scan's known defects."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.algorithms import AlgorithmType, canonical, is_marker
from sshprobe.grading.checks.key_exchange import would_expose
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.grading.observations import CAPTURES, both, captured, host_key, modern, modulus
from tests.peers.configurations import from_bytes
from tests.peers.ssh_scan import LISTS, Judged, judge, policies

POLICIES = policies()
KEX = POLICIES["mozilla-modern"]["kex"]
ALGORITHM_TYPES: dict[str, AlgorithmType] = {"kex": "kex", "encryption": "cipher", "macs": "mac"}
EXTRA = Path(__file__).parents[1] / "captures" / "extra"
SERVERS = {path.stem: captured(path) for path in CAPTURES}
SERVERS["lshd-2.1"] = from_bytes((EXTRA / "lshd-2.1-bannerfile.bin").read_bytes())
DOCUMENT = Path(__file__).parents[2] / "docs" / "peers.md"

DEFECTS = ("signals", "stronger", "Terrapin", "not nested", "names", "only lists", "one of a list", "silence")
"""Each has a paragraph in docs/peers.md."""


def judged(profile: str, server: str) -> Judged:
    found = judge(POLICIES[profile], SERVERS[server])
    assert found is not None
    return found


def ours(profile: str, server: str) -> dict[tuple[AlgorithmType, str], set[str]]:
    """Return (type, kind of finding) to canonical names."""
    found: dict[tuple[AlgorithmType, str], set[str]] = {}
    for finding in grade(SERVERS[server], load_profile(profile)).findings:
        if finding.category in ALGORITHM_TYPES.values() and finding.algorithm is not None:
            category: AlgorithmType = finding.category  # type: ignore[assignment] # only algorithms have these findings
            reason = finding.id.partition(".")[2]
            found.setdefault((category, reason), set()).add(canonical(category, finding.algorithm))
    return found


@pytest.mark.parametrize("profile", POLICIES)
@pytest.mark.parametrize("server", SERVERS)
def test_both_report_the_same_lists(profile: str, server: str) -> None:
    theirs, mine = judged(profile, server), ours(profile, server)
    modern_lists = POLICIES["mozilla-modern"]
    for list_, category in ALGORITHM_TYPES.items():
        outside = {canonical(category, name) for name in theirs.outside[list_]}
        signals = {name for name in outside if is_marker(name)}
        stronger = mine.get((category, "stronger"), set())
        # Our Intermediate allows what Modern does.
        nested = {canonical(category, name) for name in modern_lists[list_]} & outside
        assert nested == set() or profile == "mozilla-intermediate"
        explained = signals | stronger | nested
        unlisted = mine.get((category, "unlisted"), set()) | mine.get((category, "forbidden"), set())
        assert outside - explained == unlisted
        assert stronger <= outside
        missing = {canonical(category, name) for name in theirs.missing[list_]}
        missing -= {name for name in missing if would_expose(SERVERS[server], category, name)}
        assert missing == mine.get((category, "missing"), set())


def test_each_defect_occurs_on_a_captured_server() -> None:
    modern_outside = {name for server in SERVERS for name in judged("mozilla-modern", server).outside["kex"]}
    assert "kex-strict-s-v00@openssh.com" in modern_outside  # signals
    assert "sntrup761x25519-sha512@openssh.com" in modern_outside  # stronger
    # not nested: exactly Modern fails Intermediate.
    to_the_letter = judge(POLICIES["mozilla-intermediate"], modern())
    assert to_the_letter is not None
    assert to_the_letter.recommendations == 3
    assert grade(modern(), load_profile("mozilla-intermediate")).compliant is True
    # one of a list: one superfluous name costs as much as many, and as much as a missing one.
    macs = POLICIES["mozilla-modern"]["macs"]
    grades = []
    for changed in ([*macs, "hmac-sha1"], [*macs, "hmac-md5-96", "none", "hmac-sha1-96"], macs[1:]):
        found = judge(POLICIES["mozilla-modern"], modern(**both("mac", changed), kex_algorithms=KEX))
        assert found is not None
        grades.append(found.grade)
    assert grades == ["B", "B", "B"]
    # silence: a server without compression lists is not graded at all.
    assert judge(POLICIES["mozilla-modern"], modern(compression_algorithms_client_to_server=[])) is None
    # only lists: it sees neither a small modulus nor a small key.
    weak = modern(group_exchange=[modulus(1024)], host_keys=[host_key("ssh-rsa", 1024)], kex_algorithms=KEX)
    found = judge(POLICIES["mozilla-modern"], weak)
    assert found is not None
    assert found.grade == "A"
    assert grade(weak, load_profile("mozilla-modern")).compliant is False


def test_names_are_equal_up_to_the_at_sign() -> None:
    """So a private name passes if it begins like a sound one."""
    private = modern(kex_algorithms=[*KEX, "ecdh-sha2-nistp256@example.org"])
    found = judge(POLICIES["mozilla-modern"], private)
    assert found is not None
    assert found.outside["kex"] == []
    verdict = grade(private, load_profile("mozilla-modern"))
    assert "ecdh-sha2-nistp256@example.org" in {finding.algorithm for finding in verdict.findings if finding.deviation}


def test_our_profiles_have_the_lists_of_the_policies() -> None:
    for name, policy in POLICIES.items():
        profile = load_profile(name)
        for list_ in LISTS:
            rule = profile.algorithms(ALGORITHM_TYPES[list_])
            assert rule is not None
            assert sorted(rule.recommended) == sorted(policy[list_])


def test_each_defect_is_in_the_document() -> None:
    text = DOCUMENT.read_text()
    for defect in DEFECTS:
        assert f"- **{defect}**: " in text
