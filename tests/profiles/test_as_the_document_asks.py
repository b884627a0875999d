"""`compliant` depends only on the document; our own advice, or another level's, is at most a finding."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.cli.exit_codes import reached
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import Profile, load_profile, parse_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import (
    CAPTURES,
    STRICT,
    both,
    captured,
    good_banner,
    host_key,
    identification,
    modern,
    modulus,
)

CAPTURED = {path.stem: path for path in CAPTURES}
OURS, FIPS, MODERN, BSI, CNSA, STIG = map(
    load_profile,
    ("sshprobe-2026", "fips-140-3", "mozilla-modern", "bsi-tr-02102-4", "cnsa-1.0", "stig-rhel-9"),
)


def stock(name: str, *methods: str) -> Observation:
    return msgspec.structs.replace(captured(CAPTURED[name]), authentication_methods=list(methods))


# -- the default profile ---------------------------------------------------------------------------------------------


def test_stock_openssh_10_with_keys_alone_is_a_state_to_reach() -> None:
    observed = stock("openssh-debian13-10.0p2", "publickey")
    verdict = grade(observed, OURS)
    assert (verdict.compliant, verdict.grade) == (True, "A")
    # Fine today, tidy later.
    left = [finding for finding in verdict.findings if finding.counts]
    assert {finding.severity for finding in left} == {"low"}
    assert not any(finding.deviation for finding in left)
    record = HostRecord(**msgspec.structs.asdict(observed), verdicts=[verdict])
    assert not reached("noncompliant", record)


@pytest.mark.parametrize(
    ("name", "deviations"),
    [
        ("openssh-debian13-10.0p2", {"password"}),
        ("openssh-debian12-9.2p1", {"password"}),
        ("openssh-debian11-8.4p1", {"password", None, "ssh-rsa"}),  # without a post-quantum exchange
    ],
)
def test_a_default_server_deviates_only_where_it_matters(name: str, deviations: set[str | None]) -> None:
    verdict = grade(stock(name, "publickey", "password"), OURS)
    found = [finding for finding in verdict.findings if finding.deviation]
    assert {finding.algorithm for finding in found} == deviations
    assert {finding.severity for finding in found} <= {"medium", "high", "critical"}


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"group_exchange": [modulus(2048)]}, "group_exchange.modulus"),
        ({"host_keys": [host_key("ssh-rsa", 2048), host_key("ssh-ed25519", 256)]}, "host_key.size"),
        ({"kex_algorithms": ["mlkem768x25519-sha256", "diffie-hellman-group14-sha256", STRICT]}, "kex.dated"),
        (both("mac", ["hmac-sha2-256", "hmac-sha1"]), "mac.weak"),
        (both("mac", ["hmac-sha2-256", "umac-64@openssh.com"]), "mac.weak"),
        (both("compression", ["none", "zlib"]), "compression.weak"),
    ],
)
def test_a_habit_is_a_low_finding_and_not_a_deviation(changes: dict[str, object], id: str) -> None:
    kex = ["mlkem768x25519-sha256", "curve25519-sha256", "diffie-hellman-group-exchange-sha256", STRICT]
    verdict = grade(modern(**{"kex_algorithms": kex, **changes}), OURS)
    (finding,) = [finding for finding in verdict.findings if finding.counts]
    assert (finding.id, finding.severity, finding.deviation) == (id, "low", False)
    assert finding.remediation
    assert (verdict.compliant, verdict.score) == (True, 96)


@pytest.mark.parametrize(
    "changes",
    [
        {"group_exchange": [modulus(1536)]},
        {"host_keys": [host_key("ssh-rsa", 1536)]},
        {"server_host_key_algorithms": ["ssh-ed25519", "ssh-rsa"]},
        both("encryption", ["aes256-ctr", "aes256-cbc"]),
        both("mac", ["hmac-sha2-256", "hmac-md5"]),
        {"authentication_methods": ["publickey", "keyboard-interactive"]},
        {"kex_algorithms": ["curve25519-sha256", STRICT]},
    ],
)
def test_an_exploitable_weakness_is_a_deviation(changes: dict[str, object]) -> None:
    kex = ["mlkem768x25519-sha256", "diffie-hellman-group-exchange-sha256", STRICT]
    verdict = grade(modern(**{"kex_algorithms": kex, **changes}), OURS)
    assert verdict.compliant is False
    assert all(finding.severity != "low" for finding in verdict.findings if finding.deviation)


def test_the_remedy_removes_dated_names() -> None:
    fixed = remedy(stock("openssh-debian12-9.2p1", "publickey"), OURS)
    assert (fixed.compliant, fixed.grade) == (True, "A+")
    (line,) = [line for line in fixed.lines if line.startswith("KexAlgorithms")]
    assert line == "KexAlgorithms -diffie-hellman-group14-sha256"
    assert any("3071" in command for command in fixed.commands)


def test_the_documents_state_the_promise() -> None:
    root = Path(__file__).parents[2]
    for file in ("profiles/sshprobe-2026.toml", "docs/profiles.md", "docs/grading.md"):
        text = " ".join((root / file).read_text().replace("#", " ").split())
        assert "nothing that an attacker of 2026 can use" in text, file


# -- FIPS, Mozilla, BSI, CNSA ----------------------------------------------------------------------------------------


def approved(**changes: object) -> Observation:
    return modern(
        **{
            "kex_algorithms": ["ecdh-sha2-nistp256", STRICT],
            **both("encryption", ["aes256-ctr"]),
            **both("mac", ["hmac-sha2-256"]),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        (both("encryption", ["aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc"]), "cipher.weak"),
        (both("encryption", ["rijndael-cbc@lysator.liu.se"]), "cipher.weak"),  # AES-256 in CBC by another name
        (both("mac", ["hmac-sha2-256", "hmac-sha1", "hmac-sha1-96"]), "mac.weak"),
    ],
)
def test_weak_names_approved_by_nist_are_not_a_deviation(changes: dict[str, object], id: str) -> None:
    verdict = grade(approved(**changes), FIPS)
    assert verdict.compliant is True
    assert id in {finding.id for finding in verdict.findings if finding.counts}


@pytest.mark.parametrize(
    "changes",
    [
        both("encryption", ["aes256-ctr", "3des-cbc"]),
        both("encryption", ["aes256-ctr", "chacha20-poly1305@openssh.com"]),
        both("encryption", ["aes256-ctr", "blowfish-cbc"]),
        both("mac", ["hmac-sha2-256", "umac-128@openssh.com"]),
        {"kex_algorithms": ["ecdh-sha2-nistp256", "curve25519-sha256", STRICT]},
    ],
)
def test_names_not_approved_by_nist_are_a_deviation(changes: dict[str, object]) -> None:
    assert grade(approved(**changes), FIPS).compliant is False


@pytest.mark.parametrize(("id", "bits"), [("mozilla-modern", 2048), ("mozilla-intermediate", 1536)])
def test_a_size_that_a_guide_does_not_state_is_not_a_deviation(id: str, bits: int) -> None:
    verdict = grade(modern(host_keys=[host_key("ssh-rsa", bits)]), load_profile(id))
    (finding,) = [finding for finding in verdict.findings if finding.id == "host_key.size"]
    assert not finding.deviation
    assert finding.references[0].startswith("inference of sshprobe")
    assert verdict.compliant is True


@pytest.mark.parametrize(
    ("bits", "complies"), [(2048, False), (3072, True), (3200, False), (4096, True), (8192, False)]
)
def test_cnsa_has_two_sizes_of_rsa(bits: int, complies: bool) -> None:
    verdict = grade(cnsa(host_keys=[host_key("ssh-rsa", bits)], server_host_key_algorithms=["rsa-sha2-512"]), CNSA)
    assert verdict.compliant is complies
    found = [finding for finding in verdict.findings if finding.id == "host_key.size"]
    assert [finding.expected for finding in found] == (
        [] if complies else ["3072 bits or more" if bits < 3072 else "3072 or 4096 bits"]
    )


def test_a_new_key_has_one_of_the_sizes() -> None:
    big = cnsa(host_keys=[host_key("ssh-rsa", 8192)], server_host_key_algorithms=["rsa-sha2-512"])
    fixed = remedy(big, CNSA)
    assert any("-b 3072" in command for command in fixed.commands)
    assert fixed.compliant is True


def cnsa(**changes: object) -> Observation:
    return modern(
        **{
            "kex_algorithms": ["ecdh-sha2-nistp384", STRICT],
            "server_host_key_algorithms": ["ecdsa-sha2-nistp384"],
            "host_keys": [host_key("ecdsa-sha2-nistp384", 384)],
            **both("encryption", ["aes256-gcm@openssh.com"]),
            **both("mac", ["hmac-sha2-256"]),
            "identification": identification("SSH-2.0-OpenSSH_10.0"),
            "extensions": {"server-sig-algs": "ecdsa-sha2-nistp384,rsa-sha2-512"},
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("profile", "methods", "complies"),
    [
        (CNSA, ["publickey"], True),
        (CNSA, ["publickey", "password"], True),
        (CNSA, ["publickey", "keyboard-interactive"], False),
        (CNSA, ["hostbased"], False),
        (BSI, ["publickey", "password", "keyboard-interactive"], True),
        (BSI, ["password"], None),  # a key can be the second step
        (STIG, ["publickey", "password"], True),
        (STIG, ["publickey", "gssapi-with-mic"], False),
        (STIG, ["password"], None),
        (STIG, ["publickey", "acme-token"], None),  # an unknown method
        (load_profile("cis-debian-12"), ["password", "keyboard-interactive", "gssapi-with-mic"], True),
        (load_profile("cis-debian-12"), ["publickey", "hostbased"], False),
        (load_profile("cis-debian-12"), ["acme-token"], None),
        (load_profile("cis-debian-12-level-2"), ["publickey", "gssapi-keyex"], False),
        (load_profile("cis-debian-12-level-2"), ["publickey", "password"], True),
    ],
)
def test_methods(profile: Profile, methods: list[str], complies: bool | None) -> None:
    fitting = cnsa(authentication_banner=good_banner(profile.banner))
    verdict = grade(msgspec.structs.replace(fitting, authentication_methods=methods), profile)
    assert verdict.compliant is complies
    assert (verdict.not_observed != []) == (complies is None)


def test_pci_dss_says_nothing_of_terrapin() -> None:
    seen = modern(kex_algorithms=["curve25519-sha256"])
    verdict = grade(seen, load_profile("pci-dss"))
    assert "kex.terrapin" in {finding.id for finding in verdict.findings}
    assert verdict.compliant is True


# -- levels of CIS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["cis-debian-12", "cis-ubuntu-24.04", "cis-rhel-9"])
def test_level_2_is_level_1_and_more(id: str) -> None:
    one, two = load_profile(id), load_profile(f"{id}-level-2")
    assert two.extends == (f"{id} {one.version}",)
    assert "Level 1 for servers" in one.title
    assert "Level 2 for servers" in two.title
    assert one.authentication is not None
    assert two.authentication is not None
    assert set(one.authentication.forbidden) == {"hostbased"}
    assert set(two.authentication.forbidden) == {"hostbased", "gssapi-with-mic", "gssapi-keyex"}
    for section in ("protocol", "kex", "host_key", "cipher", "mac", "banner", "user_key"):
        assert getattr(one, section) == getattr(two, section)
    assert [item.why for item in one.explained if item.why == "level"] == ["level"]
    assert not any(item.why == "level" for item in two.explained)


# -- the fields ------------------------------------------------------------------------------------------------------

HEAD = """
id = "ours"
title = "Ours"
version = "1"
date = "2026-11-30"
source = "the wiki"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[mac]\nwhere = "1"\nallowed = ["hmac-sha2-256"]\ndated = ["hmac-sha2-256"]', "mac.dated: `hmac-sha2-256`"),
        ('[authentication]\nwhere = "1"\nallowed = ["publickey"]\nforbidden = ["hostbased"]', "forbids all others"),
        ('[authentication]\nwhere = "1"', "authentication.allowed: is empty"),
        ('[authentication]\nwhere = "1"\nforbidden = ["password"]\nrequire = ["password"]', "not among what passes"),
        ('[banner]\nwhere = "1"\nsent = false\nwithout = ["debian"]', "banner.without: has no effect"),
        ('[banner]\nwhere = "1"\nsent = true\nfile = "/etc/a b"', "banner.file: `/etc/a b` is not a path"),
        ('[banner]\nwhere = "1"\nsent = true\nany_of = [" "]', "banner.any_of: has an empty text"),
        ('[user_key]\nwhere = "1"', "user_key: needs `allowed` or `forbidden`"),
        ('[group_exchange]\nwhere = "1"\nmin_bits = 2048\nadvised_bits = 3', "group_exchange.advised_bits: 3 is not"),
        (
            '[host_key]\nwhere = "1"\nallowed = ["rsa-sha2-512"]\n[host_key.exact_bits]\nrsa = [3]',
            "host_key.exact_bits.rsa: 3 is not",
        ),
    ],
)
def test_errors_name_the_field(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        parse_profile(HEAD + text, source="ours.toml")
    assert said in str(error.value)


def test_the_new_fields_can_be_changed_by_extending() -> None:
    text = """
extends = "sshprobe-2026"
[mac]
remove = ["hmac-sha1"]
[kex]
dated = []
[group_exchange]
advised_bits = 4096
[host_key.advised_bits]
rsa = 4096
"""
    profile = parse_profile(HEAD + text, source="ours.toml")
    assert profile.mac is not None
    assert profile.mac.words["hmac-sha1"] == "MUST NOT"
    assert "hmac-sha1" not in profile.mac.dated
    assert profile.kex is not None
    assert profile.kex.dated == ()
    assert profile.group_exchange is not None
    assert profile.group_exchange.wanted_bits == 4096
    assert profile.host_key is not None
    assert (profile.host_key.min_bits.rsa, profile.host_key.advised_bits.rsa) == (2048, 4096)
    banner = parse_profile(HEAD + 'extends = "cis-debian-12"\n[banner]\nfile = "/etc/motd.ssh"\n', source="ours.toml")
    assert banner.banner is not None
    assert (banner.banner.file, banner.banner.sent) == ("/etc/motd.ssh", True)


# -- new editions of CIS and STIG ------------------------------------------------------------------------------------


def _as_asked(profile: Profile) -> Observation:
    """Return a server of Debian 13 with exactly the names that a STIG lists, its banner, and logins by key."""
    observed = stock("openssh-debian13-10.0p2", "publickey")
    assert profile.kex is None or profile.kex.allowed
    assert profile.cipher is not None
    assert profile.mac is not None
    if profile.kex is not None:
        observed = msgspec.structs.replace(observed, kex_algorithms=list(profile.kex.allowed))
    ciphers, macs = list(profile.cipher.allowed), list(profile.mac.allowed)
    return msgspec.structs.replace(
        observed,
        encryption_algorithms_client_to_server=ciphers,
        encryption_algorithms_server_to_client=ciphers,
        mac_algorithms_client_to_server=macs,
        mac_algorithms_server_to_client=macs,
        authentication_banner=good_banner(profile.banner),
    )


@pytest.mark.parametrize("id", ["stig-rhel-10", "stig-ubuntu-22.04", "stig-ubuntu-24.04"])
def test_a_server_with_the_names_of_a_stig_meets_it_and_one_more_name_does_not(id: str) -> None:
    profile = load_profile(id)
    observed = _as_asked(profile)
    assert grade(observed, profile).compliant is True
    macs = [*(observed.mac_algorithms_client_to_server or ()), "umac-128-etm@openssh.com"]
    more = msgspec.structs.replace(observed, mac_algorithms_client_to_server=macs)
    assert [each.algorithm for each in grade(more, profile).findings if each.deviation] == ["umac-128-etm@openssh.com"]
    silent = msgspec.structs.replace(observed, authentication_banner=None)
    assert grade(silent, profile).compliant is not True


def test_cis_for_debian_13_asks_for_a_post_quantum_exchange() -> None:
    profile = load_profile("cis-debian-13")
    observed = _as_asked(load_profile("stig-ubuntu-24.04"))
    observed = msgspec.structs.replace(observed, authentication_banner=good_banner(profile.banner))
    found = grade(observed, profile)
    assert [each.id for each in found.findings if each.deviation] == ["kex.no_post_quantum"]
    hybrid = ["mlkem768x25519-sha256", *(observed.kex_algorithms or ())]
    assert grade(msgspec.structs.replace(observed, kex_algorithms=hybrid), profile).compliant is True
