"""The catalogue: data that loads, aliases, families, markers, and the rules over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sshprobe.algorithms import (
    CLASSES,
    RULES,
    Class,
    canonical,
    in_openssh,
    is_marker,
    lookup,
    names,
    weakness,
    weakness_of,
)

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))


def test_every_class_is_complete() -> None:
    counts = {category: len(names(category)) for category in CLASSES}
    assert counts == {"kex": 113, "host_key": 97, "cipher": 99, "mac": 65, "compression": 4}


@pytest.mark.parametrize("category", CLASSES)
def test_entries_hold_known_words_only(category: Class) -> None:
    for name in names(category):
        entry = lookup(category, name)
        assert entry is not None
        assert entry.name == name
        assert entry.standing in ("", "withdrawn", "bogus", "experimental", "unreviewed", "obsolete")
        assert entry.post_quantum in ("no", "hybrid", "pure", "experimental")
        assert entry.construction in ("", "etm", "e&m", "aead")
        assert entry.references or entry.standing == "bogus", name
        if entry.alias_of:
            meant = lookup(category, entry.alias_of)
            assert meant is not None
            assert not meant.alias_of
            assert (weakness(meant) is None) == (weakness(entry) is None), name
        for releases in (entry.openssh_in_code, entry.openssh_default):
            assert in_openssh(releases, "6.6") in (True, False)


@pytest.mark.parametrize(
    ("category", "alias", "name"),
    [
        ("kex", "curve25519-sha256@libssh.org", "curve25519-sha256"),
        ("kex", "sntrup761x25519-sha512@openssh.com", "sntrup761x25519-sha512"),
        ("kex", "curve448-sha512@libssh.org", "curve448-sha512"),
        ("cipher", "rijndael-cbc@lysator.liu.se", "aes256-cbc"),
        ("cipher", "chacha20-poly1305", "chacha20-poly1305@openssh.com"),
        ("mac", "hmac-ripemd160@openssh.com", "hmac-ripemd160"),
    ],
)
def test_aliases_are_one_algorithm(category: Class, alias: str, name: str) -> None:
    assert canonical(category, alias) == canonical(category, name) == name


def test_gss_families_match_by_prefix() -> None:
    name = "gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g=="
    assert canonical("kex", name) == "gss-group14-sha1-*"
    found = lookup("kex", "gss-gex-sha1-A/vxljAEU54gt9a48EiANQ==")
    assert found is not None
    assert found.family == "gss-dh-gex"
    assert lookup("kex", "gss-nothing-sha1-toWM5Slw5Ew8Mqkay+al2g==") is None


def test_markers_and_unknown_names() -> None:
    assert all(map(is_marker, ("ext-info-s", "kex-strict-s-v00@openssh.com", "kexguess2@matt.ucc.asn.au")))
    assert not is_marker("curve25519-sha256")
    assert lookup("kex", "ext-info-s") is None
    unknown = weakness_of("cipher", "rot13")
    assert unknown is not None
    assert (unknown.severity, unknown.reason) == ("low", "unknown")
    assert lookup("mac", "HMAC-SHA1") is None


@pytest.mark.parametrize(
    ("category", "name", "severity", "reason"),
    [
        ("cipher", "none", "critical", "no-protection"),
        ("mac", "none", "critical", "no-protection"),
        ("kex", "diffie-hellman-group1-sha1", "high", "short-strength"),
        ("kex", "rsa1024-sha1", "high", "short-strength"),
        ("kex", "ecdh-sha2-nistk163", "high", "short-strength"),
        ("kex", "ecdh-sha2-nistp192", "medium", "low-strength"),
        ("kex", "diffie-hellman-group14-sha1", "medium", "sha1-exchange"),
        ("kex", "diffie-hellman-group-exchange-sha1", "medium", "sha1-exchange"),
        ("kex", "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", "medium", "sha1-exchange"),
        ("kex", "sntrup4591761x25519-sha512@tinyssh.org", "medium", "withdrawn"),
        ("kex", "kexAlgoDH14SHA1", "medium", "withdrawn"),
        ("kex", "x25519-kyber512-sha512@aws.amazon.com", "low", "unreviewed"),
        ("cipher", "arcfour128", "high", "rc4"),
        ("cipher", "des-cbc", "high", "short-key"),
        ("cipher", "acss@openssh.org", "high", "short-key"),
        ("cipher", "aes256-cbc", "medium", "cbc"),
        ("cipher", "twofish-cfb", "medium", "mode"),
        ("cipher", "twofish-ecb", "high", "ecb"),
        ("cipher", "3des-ctr", "medium", "64-bit-block"),
        ("cipher", "grasshopper-ctr128", "low", "unreviewed"),
        ("host_key", "ssh-dss", "high", "dsa"),
        ("host_key", "ssh-rsa", "medium", "sha1-signature"),
        ("host_key", "ssh-rsa-cert-v01@openssh.com", "medium", "sha1-signature"),
        ("host_key", "null", "medium", "no-host-key"),
        ("mac", "hmac-md5-96", "medium", "md5"),
        ("mac", "umac-32@openssh.com", "high", "short-tag"),
        ("mac", "hmac-md5", "medium", "md5"),
        ("mac", "hmac-sha1-96", "medium", "sha1-truncated"),
        ("mac", "cbcmac-des", "medium", "not-hmac"),
        ("mac", "hmac-sha1", "low", "hmac-sha1"),
        ("mac", "umac-64@openssh.com", "low", "truncated"),
        ("mac", "hmac-sha2-256-96", "low", "truncated"),
        ("mac", "hmac-ripemd160", "low", "unreviewed"),
        ("compression", "zlib", "low", "early-compression"),
    ],
)
def test_weakness_follows_from_facts(category: Class, name: str, severity: str, reason: str) -> None:
    found = weakness_of(category, name)
    assert found is not None
    assert (found.severity, found.reason) == (severity, reason)
    assert found.references


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("kex", "mlkem768x25519-sha256"),
        ("kex", "sntrup761x25519-sha512@openssh.com"),
        ("kex", "curve25519-sha256"),
        ("kex", "diffie-hellman-group14-sha256"),
        ("kex", "diffie-hellman-group-exchange-sha256"),
        ("cipher", "chacha20-poly1305@openssh.com"),
        ("cipher", "aes128-ctr"),
        ("mac", "umac-128@openssh.com"),
        ("host_key", "rsa-sha2-256"),
        ("host_key", "ssh-mldsa44-ed25519@openssh.com"),
        ("compression", "zlib@openssh.com"),
    ],
)
def test_sound_algorithms_have_no_weakness(category: Class, name: str) -> None:
    assert weakness_of(category, name) is None


def test_every_rule_is_met_by_some_entry() -> None:
    met = set()
    for category in CLASSES:
        for name in names(category):
            found = weakness_of(category, name)
            if found is not None:
                met.add(found.reason)
    assert met == {rule.weakness.reason for rule in RULES}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_no_name_of_a_captured_server_is_unknown(path: Path) -> None:
    truth = json.loads(path.read_text())
    lists: list[tuple[str, Class]] = [
        ("kex_algorithms", "kex"),
        ("server_host_key_algorithms", "host_key"),
        ("encryption_algorithms_client_to_server", "cipher"),
        ("encryption_algorithms_server_to_client", "cipher"),
        ("mac_algorithms_client_to_server", "mac"),
        ("mac_algorithms_server_to_client", "mac"),
        ("compression_algorithms_client_to_server", "compression"),
        ("compression_algorithms_server_to_client", "compression"),
    ]
    for field, category in lists:
        for name in truth[field]:
            assert is_marker(name) or lookup(category, name) is not None, name


@pytest.mark.parametrize(
    ("releases", "version", "known"),
    [
        ("6.2+", "9.2p1", True),
        ("6.2+", "10.0p2", True),
        ("6.2+", "6.1", False),
        ("3.0..6.6", "6.6.1p1", True),
        ("3.0..6.6", "6.7", False),
        ("10.5+", "9.9", False),
        ("", "9.9", False),
        ("6.2+", None, None),
    ],
)
def test_releases_of_openssh(releases: str, version: str | None, known: bool | None) -> None:
    assert in_openssh(releases, version) is known


def test_words_of_a_weakness_fit_a_table() -> None:
    """What is longer belongs to `explain`."""
    for rule in RULES:
        assert len(rule.weakness.words) <= 30, rule.weakness.words
        assert rule.weakness.why
