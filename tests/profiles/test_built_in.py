"""Built-in profiles: every name is known, every entry has its place, and real servers comply as expected."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, RELEASES, canonical, lookup, names
from sshprobe.cli.options import grading as options
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import (
    DEFAULT_PROFILE,
    FORBIDDING_WORDS,
    Profile,
    available_profiles,
    builtin_profile_text,
    load_profile,
    parse_profile,
)
from sshprobe.profiles.sections import SECTIONS
from sshprobe.remedy import grade
from tests.grading.observations import CAPTURES, captured, good_banner

FILES = available_profiles()
STOCK = [f"openssh-{version}" for version in RELEASES]
# For documents that are not public, or do not name SSH algorithms.
NOT_WHOLLY_VERIFIED = {
    "asd-ism",
    "bsi-tr-02102-4",
    "cis-debian-12",
    "cis-debian-12-level-2",
    "cis-debian-13",
    "cis-debian-13-level-2",
    "cis-rhel-10",
    "cis-rhel-10-level-2",
    "cis-rhel-9",
    "cis-rhel-9-level-2",
    "cis-ubuntu-22.04",
    "cis-ubuntu-22.04-level-2",
    "cis-ubuntu-24.04",
    "cis-ubuntu-24.04-level-2",
    "cnsa-1.0",
    "cnsa-2.0",
    "fips-140-3",
    "nist-ir-8547",
    "pci-dss",
    "stig-rhel-10",
    "stig-rhel-9",
    "stig-ubuntu-22.04",
    "stig-ubuntu-24.04",
    "us-eo-14412",
}


@pytest.mark.parametrize("id", [*FILES, *STOCK])
def test_every_name_is_in_the_catalogue(id: str) -> None:
    profile = load_profile(id)
    assert profile.id == id
    assert profile.unknown_names == ()
    for name in SECTIONS:
        rule = getattr(profile, name)
        assert rule is None or rule.where.strip()
    # Its text is a file that a user could have.
    assert parse_profile(builtin_profile_text(id), source="mine.toml") == profile


@pytest.mark.parametrize("id", FILES)
def test_each_says_what_was_verified_and_what_was_not(id: str) -> None:
    profile = load_profile(id)
    assert bool(profile.not_verified) == (id in NOT_WHOLLY_VERIFIED)
    if id not in ("alibaba-ecs", "mozilla-intermediate", "mozilla-modern"):  # these have it in comments
        assert profile.verified


def test_each_entry_of_our_own_profile_has_its_source() -> None:
    profile = load_profile("sshprobe-2026")
    for category in ("kex", "host_key", "cipher", "mac"):
        rule = profile.algorithms(category)
        assert rule is not None
        assert set(rule.places) == {*rule.allowed, *rule.dated}


def test_our_own_profile_has_its_stated_content() -> None:
    profile = load_profile("sshprobe-2026")
    assert profile.kex is not None
    assert set(profile.kex.require) == {"post-quantum", "strict-kex"}
    assert profile.host_key is not None
    assert (profile.host_key.min_bits.rsa, profile.host_key.advised_bits.rsa) == (2048, 3072)
    for category in ALGORITHM_TYPES:
        rule = profile.algorithms(category)
        assert rule is not None
        entries = [entry for name in rule.allowed if (entry := lookup(category, name))]
        assert "sha1" not in {entry.hash for entry in entries}
        if category != "compression":
            assert all(entry.bits is None or entry.bits >= 128 for entry in entries)


def test_our_own_profile_is_the_default() -> None:
    assert load_profile().id == DEFAULT_PROFILE == options.DEFAULT_PROFILE == "sshprobe-2026"


def test_pci_dss_forbids_all_that_is_below_112_bits() -> None:
    profile = load_profile("pci-dss")
    for category in ("kex", "host_key", "cipher"):
        rule = profile.algorithms(category)
        assert rule is not None
        forbidden = {name for name, word in rule.words.items() if word in FORBIDDING_WORDS}
        short = {
            name
            for name in names(category)
            if (entry := lookup(category, name)) and entry.bits is not None and entry.bits < 112
        }
        assert forbidden == short | ({"arcfour", "arcfour128", "arcfour256"} if category == "cipher" else set())


def test_rfc_9142_has_the_words_of_the_catalogue() -> None:
    kex = load_profile("rfc9142").kex
    assert kex is not None
    for name, word in kex.words.items():
        entry = lookup("kex", name)
        assert entry is not None
        assert entry.rfc9142 == word
    # All of them, except the curves that the table joins as ecdh-sha2-*: MAY.
    worded = {name for name in names("kex") if (entry := lookup("kex", name)) and entry.rfc9142}
    assert {name for name in worded - set(kex.words) if not name.startswith("ecdh-sha2-")} == set()


def _matrix() -> list[tuple[str, str, str]]:
    head, *rows = [
        line.split("\t")
        for line in (Path(__file__).parent / "compliance.tsv").read_text().splitlines()
        if not line.startswith("#")
    ]
    return [(row[0], capture, word) for row in rows for capture, word in zip(head[1:], row[1:], strict=True)]


def test_the_matrix_has_every_profile_and_every_capture() -> None:
    profiles = {profile for profile, _, _ in _matrix()}
    assert profiles >= {id for id in FILES if load_profile(id).kind == "server"}
    assert {capture for _, capture, _ in _matrix()} == {path.stem for path in CAPTURES}


@pytest.mark.parametrize("id", sorted({profile for profile, _, _ in _matrix()}))
def test_captured_servers_comply_as_documented(id: str) -> None:
    profile = load_profile(id)
    expected = {capture: word for each, capture, word in _matrix() if each == id}
    found = {}
    for path in CAPTURES:
        observation = msgspec.structs.replace(
            captured(path), authentication_methods=["publickey"], authentication_banner=good_banner(profile.banner)
        )
        found[path.stem] = {True: "yes", False: "no", None: "?"}[grade(observation, profile).compliant]
    assert found == expected


CAPTURED_STOCK = [
    ("5.3", "openssh-5.3p1"),
    ("5.3", "openssh-5.3p1-ssh1"),  # SSH-1 was on by default up to 5.3
    ("6.7", "openssh-6.7p1"),
    ("7.4", "openssh-7.4p1"),
    ("8.4", "openssh-debian11-8.4p1"),
    ("9.2", "openssh-debian12-9.2p1"),
    ("9.9", "openssh-9.9p2"),
    ("10.0", "openssh-debian13-10.0p2"),
]


@pytest.mark.parametrize(("version", "capture"), CAPTURED_STOCK)
def test_a_stock_server_complies_with_the_profile_of_its_release(version: str, capture: str) -> None:
    path = next(path for path in CAPTURES if path.stem == capture)
    observed = captured(path)
    profile = load_profile(f"openssh-{version}")
    verdict = grade(observed, profile)
    assert verdict.compliant is True
    # And it has all that the release offers: nothing is missing.
    assert [finding.algorithm for finding in verdict.findings if finding.id.endswith(".missing")] == []
    for field in ("encryption_algorithms_server_to_client", "mac_algorithms_server_to_client", "kex_algorithms"):
        less = msgspec.structs.replace(observed, **{field: getattr(observed, field)[1:]})
        assert grade(less, profile).compliant is not None


@pytest.mark.parametrize(
    ("version", "field", "name"),
    [
        ("9.2", "kex_algorithms", "diffie-hellman-group14-sha1"),
        ("9.2", "kex_algorithms", "mlkem768x25519-sha256"),  # stronger, but still a drift
        ("9.2", "encryption_algorithms_client_to_server", "aes256-cbc"),
        ("9.2", "mac_algorithms_server_to_client", "hmac-md5"),
        ("9.2", "compression_algorithms_client_to_server", "zlib"),
        ("9.2", "server_host_key_algorithms", "ssh-rsa"),
        ("6.7", "compression_algorithms_client_to_server", "zlib"),  # only with "Compression yes" since 4.2
    ],
)
def test_drift_from_stock(version: str, field: str, name: str) -> None:
    captures = {"9.2": "openssh-debian12-9.2p1", "6.7": "openssh-6.7p1"}
    observed = captured(next(path for path in CAPTURES if path.stem == captures[version]))
    more = msgspec.structs.replace(observed, **{field: [*getattr(observed, field), name]})
    verdict = grade(more, load_profile(f"openssh-{version}"))
    assert verdict.compliant is False
    assert [finding.algorithm for finding in verdict.findings if finding.deviation] == [name]


def test_missing_default_names_are_notes_except_two() -> None:
    observed = captured(next(path for path in CAPTURES if path.stem == "openssh-9.9p2"))
    profile = load_profile("openssh-9.9")
    assert observed.kex_algorithms is not None

    def without(*parts: str) -> Verdict:
        assert observed.kex_algorithms is not None
        left = [name for name in observed.kex_algorithms if not any(part in name for part in parts)]
        return grade(msgspec.structs.replace(observed, kex_algorithms=left), profile)

    less = without("ecdh-sha2-nistp521")
    assert less.compliant is True
    (missing,) = [finding for finding in less.findings if finding.id == "kex.missing"]
    assert (missing.severity, missing.message) == ("note", "stock has it, not offered here")
    assert without("sntrup761").compliant is True  # one of two
    for parts, id in ((("sntrup761", "mlkem"), "kex.no_post_quantum"), (("kex-strict",), "kex.terrapin")):
        assert [finding.id for finding in without(*parts).findings if finding.deviation] == [id]


def test_the_documents_say_which_profiles_require_a_post_quantum_exchange() -> None:
    servers = [id for id in (*FILES, *STOCK) if load_profile(id).kind == "server"]
    rules = {id: load_profile(id).kex for id in servers}
    found = [id for id, rule in rules.items() if rule is not None and "post-quantum" in rule.require]
    cis = ["cis-debian-13", "cis-debian-13-level-2"]
    assert found == [*cis, "sshprobe-2026", *STOCK[STOCK.index("openssh-8.9") :]]
    strict = [id for id in STOCK if (rule := rules[id]) is not None and "strict-kex" in rule.require]
    assert strict == STOCK[STOCK.index("openssh-9.6") :]
    docs = Path(__file__).parents[2] / "docs"
    grading, profiles = (" ".join((docs / f"{name}.md").read_text().split()) for name in ("grading", "profiles"))
    assert "only CIS for Debian 13 and stock OpenSSH from 8.9 on require a post-quantum exchange" in grading
    assert (
        "less is a note. A missing post-quantum exchange (default since 8.9) or strict key exchange (since 9.6) "
        "is a deviation too." in profiles
    )


@pytest.mark.parametrize(
    ("version", "section", "there", "absent"),
    [
        ("3.0", "kex", "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1"),
        ("3.9", "kex", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha256"),
        ("4.1", "compression", "zlib", "zlib@openssh.com"),
        ("4.2", "compression", "zlib@openssh.com", "zlib"),
        ("6.6", "cipher", "arcfour", "aes192-gcm@openssh.com"),
        ("6.7", "cipher", "chacha20-poly1305@openssh.com", "arcfour"),
        ("6.9", "host_key", "ssh-dss", "rsa-sha2-512"),
        ("7.0", "host_key", "ssh-ed25519", "ssh-dss"),
        ("8.7", "host_key", "ssh-rsa", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"),
        ("8.8", "host_key", "rsa-sha2-512", "ssh-rsa"),
        ("8.9", "kex", "sntrup761x25519-sha512@openssh.com", "mlkem768x25519-sha256"),
        ("9.9", "kex", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1"),
        ("10.0", "kex", "mlkem768x25519-sha256", "diffie-hellman-group14-sha256"),
        ("10.5", "mac", "hmac-sha1", "hmac-md5"),
    ],
)
def test_what_releases_offer(version: str, section: str, there: str, absent: str) -> None:
    allowed = getattr(load_profile(f"openssh-{version}"), section).allowed
    assert there in allowed
    assert absent not in allowed


def test_what_releases_require() -> None:
    def require(version: str) -> set[str]:
        kex = load_profile(f"openssh-{version}").kex
        assert kex is not None
        return set(kex.require)

    assert require("8.8") == set()
    assert require("8.9") == {"post-quantum"}
    assert require("9.6") == {"post-quantum", "strict-kex"}

    def protocols(version: str) -> set[str]:
        protocol = load_profile(f"openssh-{version}").protocol
        assert protocol is not None
        return set(protocol.allowed)

    assert protocols("5.3") == {"1.99", "2.0"}
    assert protocols("5.4") == {"2.0"}


@pytest.mark.parametrize("id", ["openssh-4.8", "openssh-11.0", "openssh-9", "openssh-9.2p1", "openssh-2.9"])
def test_an_unknown_release(id: str) -> None:
    with pytest.raises(InputError) as caught:
        load_profile(id)
    assert str(caught.value) == (
        f"unknown profile `{id}`: there is one for each release of portable OpenSSH, openssh-3.0 to openssh-10.6"
    )


def test_the_catalogue_and_the_releases_agree_on_the_last() -> None:
    """The catalogue has no release newer than the last profile."""
    last = max(tuple(map(int, version.split("."))) for version in RELEASES)
    for category in ALGORITHM_TYPES:
        for name in names(category):
            entry = lookup(category, name)
            assert entry is not None
            for release in entry.openssh_default.rstrip("+").split(".."):
                assert not release or tuple(map(int, release.split("."))) <= last


def _clients() -> list[Profile]:
    return [profile for profile in map(load_profile, FILES) if profile.kind == "client"]


def test_the_clients_lists_are_the_guides() -> None:
    by_id = {profile.id: profile for profile in _clients()}
    assert set(by_id) == {"mozilla-client-modern", "mozilla-client-intermediate"}
    modern, server = by_id["mozilla-client-modern"], load_profile("mozilla-modern")
    for category in ("kex", "cipher", "mac"):
        mine, its = modern.algorithms(category), server.algorithms(category)
        assert mine is not None
        assert its is not None
        assert mine.allowed == its.allowed
    for profile in by_id.values():
        assert profile.host_key is not None
        # An RSA key signs with SHA-2 before it signs with SHA-1.
        allowed = [canonical("host_key", name) for name in profile.host_key.allowed]
        assert allowed.index("rsa-sha2-512") < allowed.index("ssh-rsa")
    explained = {item.id: item.explanation for item in server.explained}
    assert "mozilla-client-modern" in explained["B22"]
    assert "mozilla-client-" in explained["B21"]
