"""The catalogue: data that loads, aliases, families, markers, and the rules over it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from sshprobe.algorithms import (
    ALGORITHM_TYPES,
    RELEASES,
    RULES,
    AlgorithmType,
    aliases,
    canonical,
    claims,
    history,
    in_openssh,
    is_marker,
    lookup,
    marker,
    marker_names,
    mechanism,
    names,
    weakness,
    weakness_of,
)
from sshprobe.wire.events import KexInitReceived
from sshprobe.wire.transport import NEED_DATA, ClientTransport
from tests.installed import need

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))


def test_every_class_is_complete() -> None:
    counts = {category: len(names(category)) for category in ALGORITHM_TYPES}
    assert counts == {"kex": 150, "host_key": 217, "cipher": 133, "mac": 103, "compression": 5}


@pytest.mark.parametrize("category", ALGORITHM_TYPES)
def test_entries_hold_known_words_only(category: AlgorithmType) -> None:
    for name in names(category):
        entry = lookup(category, name)
        assert entry is not None
        assert entry.name == name
        assert entry.standing in ("", "withdrawn", "bogus", "experimental", "unreviewed", "obsolete")
        assert entry.post_quantum in ("no", "hybrid", "pure", "experimental")
        assert entry.construction in ("", "etm", "e&m", "aead")
        assert entry.references, name
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
def test_aliases_are_one_algorithm(category: AlgorithmType, alias: str, name: str) -> None:
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
        ("kex", "diffie-hellman-group1-sha1", "high", "logjam"),
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
def test_weakness_follows_from_facts(category: AlgorithmType, name: str, severity: str, reason: str) -> None:
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
def test_sound_algorithms_have_no_weakness(category: AlgorithmType, name: str) -> None:
    assert weakness_of(category, name) is None


def test_every_rule_is_met_by_some_entry() -> None:
    met = set()
    for category in ALGORITHM_TYPES:
        for name in names(category):
            found = weakness_of(category, name)
            if found is not None:
                met.add(found.reason)
    assert met == {rule.weakness.reason for rule in RULES}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_no_name_of_a_captured_server_is_unknown(path: Path) -> None:
    truth = json.loads(path.read_text())
    lists: list[tuple[str, AlgorithmType]] = [
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
    """Longer texts belong to `explain`."""
    for rule in RULES:
        assert len(rule.weakness.words) <= 30, rule.weakness.words
        assert rule.weakness.why


def test_no_name_of_lsh_is_unknown() -> None:
    """Captured with lines before its identification, in `extra`."""
    data = (Path(__file__).parents[1] / "captures" / "extra" / "lshd-2.1-bannerfile.bin").read_bytes()
    transport = ClientTransport(b"SSH-2.0-test")
    transport.receive_data(data)
    found = None
    while not isinstance(found, KexInitReceived):
        found = transport.next_event()
        assert found is not NEED_DATA
    lists: list[tuple[AlgorithmType, tuple[bytes, ...]]] = [
        ("kex", found.kexinit.kex_algorithms),
        ("host_key", found.kexinit.server_host_key_algorithms),
        ("cipher", found.kexinit.encryption_algorithms_client_to_server),
        ("mac", found.kexinit.mac_algorithms_server_to_client),
        ("compression", found.kexinit.compression_algorithms_client_to_server),
    ]
    for category, offered in lists:
        assert offered
        for name in offered:
            assert lookup(category, name.decode()) is not None, name


def test_no_name_that_nmap_offers_is_unknown() -> None:
    """The lists of nmap's SSH client."""
    source = Path("/usr/share/nmap/nselib/ssh2.lua")
    need(source.exists(), "nmap's ssh2.lua", "nmap")
    words = {"kex": "kex", "host_key": "host_key", "encryption": "cipher", "mac": "mac", "compression": "compression"}
    text = source.read_text()
    seen = 0
    for word, category in words.items():
        for names_given in re.findall(rf"\b{word}_algorithms['\]\w ]*(?:=|or) *\"([^\"]+)\"", text):
            for name in names_given.replace("\\z", "").replace("\n", "").replace(" ", "").split(","):
                assert lookup(category, name) is not None, name
                seen += 1
    assert seen > 15


@pytest.mark.parametrize("category", ALGORITHM_TYPES)
def test_every_claim_has_a_source(category: AlgorithmType) -> None:
    """Return each cell except names, notes and references."""
    apart = {"category", "name", "alias_of", "standing", "references", "notes"}
    for name in names(category):
        entry = lookup(category, name)
        assert entry is not None
        said = {claim.field: claim for claim in claims(entry)}
        filled = {field for field in entry.__struct_fields__ if getattr(entry, field) not in ("", None)} - apart
        if category not in ("kex", "host_key"):
            filled.discard("post_quantum")
        assert set(said) == filled, name
        for claim in said.values():
            assert claim.source, (name, claim)
            assert claim.value, (name, claim)


def test_claims_are_in_words() -> None:
    entry = lookup("cipher", "blowfish-cbc")
    assert entry is not None
    said = {claim.what: (claim.value, claim.source) for claim in claims(entry)}
    assert said["block"] == ("64 bits", "RFC 4253")
    assert said["OpenSSH"] == ("since 3.0 or before, removed in 7.6", "OpenSSH source at each release tag: cipher.c")
    assert said["offered by sshd"][0] == "by default since 3.0 or before, not from 6.7 on"
    assert "NIST SP 800-57" in said["strength"][1]


def test_releases_in_the_tables_are_releases() -> None:
    assert len(RELEASES) == 76
    entries = [entry for category in ALGORITHM_TYPES for name in names(category) if (entry := lookup(category, name))]
    entries += [entry for name in marker_names() if (entry := marker(name))]
    for entry in entries:
        for cell in (entry.openssh_in_code, entry.openssh_default):
            assert all(release in RELEASES for release in cell.rstrip("+").split("..") if release), entry.name
        known = history(entry)
        if known.default is not None:
            assert known.brought is not None
            assert RELEASES.index(known.brought) <= RELEASES.index(known.default), entry.name


def test_aliases_are_found_from_each_of_them() -> None:
    for name, others in (
        ("curve25519-sha256", ["curve25519-sha256@libssh.org"]),
        ("curve25519-sha256@libssh.org", ["curve25519-sha256"]),
        ("ecdh-sha2-nistp256", []),
    ):
        entry = lookup("kex", name)
        assert entry is not None
        assert aliases(entry) == others


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("toWM5Slw5Ew8Mqkay+al2g==", "Kerberos 5"),
        ("eipGX3TCiQSrx573bT1o1Q==", "Kerberos 5 by IAKERB"),
        ("A/vxljAEU54gt9a48EiANQ==", "Kerberos 5, an old number"),
        ("bontcUwnM6aGfWCP21alxQ==", "Kerberos 5, a number of Microsoft's"),
        ("dZuIebMjgUqaxvbF7hDbAw==", "Globus GSI"),
    ],
)
def test_the_mechanism_of_a_gss_exchange(digest: str, words: str) -> None:
    """Return base64 of the MD5 of the OID's DER encoding (RFC 4462 section 2.1)."""
    found = mechanism(f"gss-group14-sha256-{digest}")
    assert found is not None
    assert found.mechanism == words
    first, second, *rest = map(int, found.oid.split("."))
    body = bytes([40 * first + second])
    for arc in rest:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.append(arc & 127 | 128)
        body += bytes(reversed(digits))
    der = b"\x06" + bytes([len(body)]) + body
    assert base64.b64encode(hashlib.md5(der).digest()).decode() == digest
    assert mechanism("gss-group14-sha256-AAAAAAAAAAAAAAAAAAAAAA==") is None
    assert mechanism(digest) is None
