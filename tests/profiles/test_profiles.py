"""Built-in profiles agree with the guides, and the loader explains errors in a user's profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.profiles import Profile, available_profiles, builtin_profile_text, load_profile, parse_profile

GUIDES = ("alibaba-ecs", "mozilla-intermediate", "mozilla-modern")
SECTIONS = ("protocol", "kex", "group_exchange", "host_key", "cipher", "mac", "authentication")

SMALL = """\
id = "ours"
title = "Ours"
version = "1"
date = "2026-11-21"
source = "the wiki"

[cipher]
where = "page 1"
allowed = [
    "aes256-ctr",
    "aes256-gcm@openssh.com",
]

[host_key]
where = "page 2"
allowed = ["rsa-sha2-512"]

[host_key.min_bits]
rsa = 4096

[kex]
where = "page 3"
allowed = ["curve25519-sha256"]

[kex.words]
"diffie-hellman-group1-sha1" = "MUST NOT"

[[explained]]
id = "1"
recommendation = "PermitRootLogin no"
where = "page 4"
why = "login"
explanation = "not seen"
"""


def test_the_guides_are_built_in() -> None:
    assert set(GUIDES) <= set(available_profiles())
    for id in GUIDES:
        profile = load_profile(id)
        assert profile.id == id
        assert profile.unknown_names == ()
        assert profile.protocol is not None
        assert profile.protocol.allowed == ("2.0",)
        assert profile.kex is not None
        assert "curve25519-sha256@libssh.org" in profile.kex.allowed


def _lists(profile: Profile) -> dict[str, set[str]]:
    found = {}
    for section in ("kex", "host_key", "cipher", "mac"):
        rule = getattr(profile, section)
        found[section] = set(rule.allowed)
    return found


def test_intermediate_allows_what_modern_allows() -> None:
    modern, intermediate = _lists(load_profile("mozilla-modern")), _lists(load_profile("mozilla-intermediate"))
    for section, names in modern.items():
        assert names <= intermediate[section]


@pytest.mark.parametrize(
    ("id", "modulus", "rsa"),
    [("mozilla-modern", 3072, 3072), ("mozilla-intermediate", 2048, 2048), ("alibaba-ecs", 2048, None)],
)
def test_sizes(id: str, modulus: int, rsa: int | None) -> None:
    profile = load_profile(id)
    assert profile.group_exchange is not None
    assert profile.group_exchange.min_bits == modulus
    assert profile.host_key is not None
    # The guides state none: it is our finding and not a deviation.
    assert profile.host_key.min_bits.rsa is None
    assert profile.host_key.advised_bits.rsa == rsa


def test_the_words_of_the_alibaba_table() -> None:
    kex = load_profile("alibaba-ecs").kex
    assert kex is not None
    assert kex.words == {
        "curve25519-sha256": "SHOULD",
        "diffie-hellman-group-exchange-sha1": "MUST NOT",
        "diffie-hellman-group1-sha1": "MUST NOT",
        "diffie-hellman-group14-sha1": "SHOULD-",
        "diffie-hellman-group14-sha256": "MUST",
        "diffie-hellman-group16-sha512": "SHOULD",
        "ecdh-sha2-nistp256": "SHOULD",
        "ecdh-sha2-nistp384": "SHOULD",
        "gss-gex-sha1-*": "MUST NOT",
        "gss-group1-sha1-*": "MUST NOT",
        "gss-group14-sha1-*": "SHOULD",
        "gss-group14-sha256-*": "SHOULD",
        "gss-group16-sha512-*": "SHOULD",
        "rsa1024-sha1": "MUST NOT",
    }


def test_errors_of_the_guides_are_corrected_in_the_open() -> None:
    modern, alibaba = builtin_profile_text("mozilla-modern"), builtin_profile_text("alibaba-ecs")
    assert "nistp512" in modern
    assert "nistp512" not in "".join(line for line in modern.splitlines() if not line.startswith("#"))
    assert "The guide lists ssh-dss" in alibaba
    assert "14 rows although the guide says 13" in alibaba


def test_a_users_profile(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(SMALL.replace('"aes256-ctr"', '"aes256-acme@example.com"'))
    profile = load_profile(str(file))
    assert profile.id == "ours"
    assert profile.unknown_names == ("cipher: aes256-acme@example.com",)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('title = "Ours"', 'title "Ours"', 2, "not TOML: expected '=' after a key in a key/value pair"),
        ('title = "Ours"\n', "", 1, "title: is missing"),
        ('title = "Ours"', 'title = ""', 2, "title: is empty"),
        ('version = "1"', "version = 1", 3, "version: expected `str`, got `int`"),
        ('date = "2026-11-21"', 'date = "today"', 4, "date: `today` is not YYYY, YYYY-MM or YYYY-MM-DD"),
        ('id = "ours"', 'id = "Ours!"', 1, "id: `Ours!` is not made of lower-case letters"),
        ('source = "the wiki"', 'sauce = "the wiki"', 5, "sauce: unknown field"),
        ('where = "page 1"\n', "", 7, "cipher.where: is missing"),
        (
            '    "aes256-gcm@openssh.com"',
            '    "aes256-gcm @openssh.com"',
            11,
            "cipher.allowed: `aes256-gcm @o",
        ),
        ('    "aes256-gcm@openssh.com"', '    "ext-info-s"', 11, "cipher.allowed: `ext-info-s` is a marker"),
        (
            'where = "page 1"',
            'where = "page 1"\nrecommended = ["aes128-ctr"]',
            9,
            "cipher.recommended: `aes128",
        ),
        ('title = "Ours"', 'title = "O\\nurs"', 2, "title: has a line end or another character that cannot be"),
        (
            '    "aes256-gcm@openssh.com"',
            '    "aes\\u001b[1m"',
            9,
            "cipher.allowed: has a line end or another character",
        ),
        ("[host_key.min_bits]", '"a\\nb" = 1\n[host_key.min_bits]', 14, "host_key: has a line end"),
        ("rsa = 4096", "rsa = 4", 19, "host_key.min_bits.rsa: 4 is not between 1024 and 16384 bits"),
        ("rsa = 4096", 'rsa = "big"', 19, "host_key.min_bits.rsa: expected `int`, got `str`"),
        ("rsa = 4096", "ecdsa = 256", 19, "host_key.min_bits.ecdsa: unknown field"),
        ('allowed = ["rsa-sha2-512"]', "allowed = []", 16, "host_key.allowed: is empty"),
        ('"MUST NOT"', '"MUSTNT"', 26, "kex.words.diffie-hellman-group1-sha1: `MUSTNT` is not one of MUST"),
        (
            '"diffie-hellman-group1-sha1" =',
            '"curve25519-sha256@libssh.org" =',
            26,
            "kex.words.curve25519-sha256@libssh.org: `MUST NOT`, but",
        ),
        ('allowed = ["curve25519-sha256"]', "", 21, "kex.allowed: is empty, which nothing could meet"),
        ('allowed = ["rsa-sha2-512"]', 'others = "deviate"', 16, "host_key.others: invalid enum value 'deviate'"),
        (
            'allowed = ["curve25519-sha256"]\n\n[kex.words]\n"diffie-hellman-group1-sha1" = "MUST NOT"',
            'others = "allowed"',
            23,
            "kex.others: all is allowed and nothing forbidden",
        ),
        (
            'where = "page 3"',
            'where = "page 3"\nrequire = ["quantum"]',
            23,
            "kex.require: invalid enum value 'quantum'",
        ),
        (
            "[kex.words]",
            '[kex.places]\n"ecdh-sha2-nistp256" = "page 4"\n[kex.words]',
            26,
            "kex.places.ecdh-sha2-nistp256: is not among `allowed`, `dated` and `words`",
        ),
        ('why = "login"', 'why = "because"', 32, "explained.why: invalid enum value 'because'"),
    ],
)
def test_an_error_is_one_line_with_file_line_and_field(old: str, new: str, line: int, message: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as caught:
        parse_profile(SMALL.replace(old, new, 1), source="ours.toml")
    assert str(caught.value).startswith(f"ours.toml:{line}: {message}")
    assert "\n" not in str(caught.value)


def test_a_profile_that_checks_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match=r"ours\.toml:1: names nothing to check"):
        parse_profile(SMALL[: SMALL.index("[cipher]")], source="ours.toml")


def test_unreadable_profiles(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown profile `nope`: known: alibaba-ecs, .*, openssh-X\.Y, or a file"):
        load_profile("nope")
    with pytest.raises(InputError, match=r"none\.toml: cannot read the profile: No such file"):
        load_profile(str(tmp_path / "none.toml"))
    with pytest.raises(InputError, match="cannot read the profile: Is a directory"):
        load_profile(str(tmp_path))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'id = "x"\ntitle = "\xff"\n')
    with pytest.raises(InputError, match=r"binary\.toml:2: is not UTF-8 text"):
        load_profile(str(binary))
    with pytest.raises(InputError, match="unknown profile ``"):
        load_profile("")


def test_the_documented_error_is_real() -> None:
    text = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
    example, sample = text.split("```toml\n")[1].split("```")[0], text.split("\n```\nours.toml:")[1].split("\n")[0]
    assert parse_profile(example, source="ours.toml").id == "example-2026"
    with pytest.raises(InputError) as caught:
        parse_profile(example.replace("\nrsa = 3072\n", "\nrsa = 4\n"), source="ours.toml")
    assert str(caught.value) == f"ours.toml:{sample}"
