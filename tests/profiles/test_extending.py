"""A company profile extends a built-in one: inherited, changed and refused parts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.model.errors import InputError
from sshprobe.profiles import available_profiles, load_profile, parse_profile
from sshprobe.profiles.extending import DEEPEST
from sshprobe.remedy import grade
from tests.grading.observations import both, modern
from tests.profiles.sample_profile import HEAD


def test_an_extension_without_changes_demands_the_same() -> None:
    for id in available_profiles():
        base, ours = load_profile(id), parse_profile(HEAD.replace("mozilla-modern", id), source="ours.toml")
        own = {name: getattr(ours, name) for name in ("id", "title", "version", "date", "source")}
        assert own == {"id": "ours", "title": "Ours", "version": "7", "date": "2026-11-21", "source": "the wiki"}
        assert ours.extends == (f"{id} {base.version}", *base.extends)
        assert msgspec.structs.replace(ours, **{name: getattr(base, name) for name in [*own, "extends"]}) == base


def test_small_changes() -> None:
    base = load_profile("mozilla-modern")
    ours = parse_profile(
        HEAD
        + """
[cipher]
add = ["aes256-acme@example.com"]
remove = ["chacha20-poly1305@openssh.com"]

[group_exchange]
min_bits = 4096

[host_key]
where = "page 3"
min_bits.rsa = 4096

[authentication]
add = ["keyboard-interactive"]

[kex.words]
"ecdh-sha2-nistp256" = "SHOULD NOT"
"sntrup761x25519-sha512" = "MUST"
""",
        source="ours.toml",
    )
    assert ours.cipher is not None
    assert base.cipher is not None
    kept = tuple(name for name in base.cipher.allowed if name != "chacha20-poly1305@openssh.com")
    assert ours.cipher.allowed == (*kept, "aes256-acme@example.com")
    assert "chacha20-poly1305@openssh.com" not in ours.cipher.recommended
    assert ours.cipher.words == {"chacha20-poly1305@openssh.com": "MUST NOT"}
    assert ours.cipher.where == "OpenSSH server > Configuration > Modern: Ciphers; changed by ours"
    assert ours.group_exchange is not None
    assert (ours.group_exchange.min_bits, ours.group_exchange.where.endswith("; changed by ours")) == (4096, True)
    assert ours.host_key is not None
    assert (ours.host_key.min_bits.rsa, ours.host_key.min_bits.where, ours.host_key.where) == (4096, None, "page 3")
    assert ours.authentication is not None
    assert ours.authentication.allowed == ("publickey", "keyboard-interactive")
    assert ours.kex is not None
    assert "ecdh-sha2-nistp256" not in (*ours.kex.allowed, *ours.kex.recommended)
    assert ours.kex.words == {"ecdh-sha2-nistp256": "SHOULD NOT", "sntrup761x25519-sha512": "MUST"}
    assert ours.mac == base.mac
    assert ours.explained == base.explained


def test_a_removed_name_does_not_pass_as_strong() -> None:
    ours = parse_profile(HEAD + '[cipher]\nremove = ["chacha20-poly1305@openssh.com"]\n', source="ours.toml")
    verdict = grade(modern(), ours)
    assert (verdict.profile, verdict.profile_version, verdict.compliant) == ("ours", "7", False)
    assert [(each.id, each.algorithm) for each in verdict.findings if each.deviation] == [
        ("cipher.forbidden", "chacha20-poly1305@openssh.com")
    ]
    without = modern(**both("encryption", ["aes256-gcm@openssh.com", "aes128-ctr"]))
    assert grade(without, ours).compliant is True


def test_a_section_with_allowed_replaces_the_whole() -> None:
    ours = parse_profile(HEAD + '[cipher]\nwhere = "page 4"\nallowed = ["aes256-ctr"]\n', source="ours.toml")
    assert ours.cipher is not None
    assert (ours.cipher.allowed, ours.cipher.recommended, ours.cipher.where) == (("aes256-ctr",), (), "page 4")


def test_requirements_of_a_list_keep_their_places(tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text(
        HEAD.replace('extends = "mozilla-modern"\n', "")
        + """
[kex]
where = "page 1"
allowed = ["curve25519-sha256", "ecdh-sha2-nistp256"]
places = { "curve25519-sha256" = "line 3", "ecdh-sha2-nistp256" = "line 4" }
"""
    )
    text = HEAD.replace("mozilla-modern", "base.toml") + (
        '[kex]\nremove = ["ecdh-sha2-nistp256"]\nrequire = ["post-quantum"]\nothers = "allowed"\n'
    )
    ours = parse_profile(text, source=str(tmp_path / "ours.toml"))
    assert ours.kex is not None
    assert ours.kex.require == ("post-quantum",)
    assert ours.kex.others == "allowed"
    assert ours.kex.places == {"curve25519-sha256": "line 3"}, "the other document did not forbid it"


def test_explained_recommendations_add_up() -> None:
    entry = '[[explained]]\nid = "ours-1"\nrecommendation = "r"\nwhere = "w"\nwhy = "login"\nexplanation = "e"\n'
    ours = parse_profile(HEAD + entry, source="ours.toml")
    assert next(each.id for each in ours.explained) == "ours-1"
    assert len(ours.explained) == len(load_profile("mozilla-modern").explained) + 1
    with pytest.raises(InputError, match=r"ours\.toml:8: explained\.id: `B6` is there twice"):
        parse_profile(HEAD + entry.replace("ours-1", "B6"), source="ours.toml")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[cipher]\nremove = [\n  "aes128-cbc",\n]', 9, "cipher.remove: mozilla-modern does not allow `aes128-cbc`"),
        ('[cipher]\nadd = ["aes256-ctr"]', 8, "cipher.add: mozilla-modern allows `aes256-ctr` already"),
        ('[kex]\nadd = ["curve25519-sha256"]', 8, "kex.add: mozilla-modern allows `curve25519-sha256` already"),
        ('[authentication]\nremove = ["password"]', 8, "authentication.remove: mozilla-modern does not allow"),
        ('[authentication]\nremove = ["publickey"]', 7, "authentication.allowed: is empty"),
        ('[cipher]\nad = ["aes256-ctr"]', 8, "cipher.ad: unknown field"),
        ("[cipher]\nadd = [1]", 8, "cipher.add: expected `str`, got `int`"),
        ('[cipher]\nadd = ["aes 256"]', 8, "cipher.allowed: `aes 256` is not a name"),
        ('[cipher]\nadd = ["ext-info-s"]', 8, "cipher.allowed: `ext-info-s` is a marker"),
        ('[cipher]\nwhere = "p"\nallowed = ["aes256-ctr"]\nadd = ["x"]', 10, "cipher.add: unknown field"),
        ('[compression]\nadd = ["none"]', 7, "compression: mozilla-modern has no such section to change"),
        ("[group_exchange]\nmin_bits = 4", 8, "group_exchange.min_bits: 4 is not between 1024 and 16384 bits"),
        ('[group_exchange]\nmin_bits = "4"', 8, "group_exchange.min_bits: expected `int`, got `str`"),
        ("[host_key.min_bits]\necdsa = 256", 8, "host_key.min_bits.ecdsa: unknown field"),
        ('[mac]\nrecommended = ["hmac-sha1"]', 8, "mac.recommended: `hmac-sha1` is not among `allowed`"),
        ('[mac.words]\n"hmac-sha1" = "NEVER"', 8, "mac.words.hmac-sha1: `NEVER` is not one of MUST"),
    ],
)
def test_a_change_without_effect_is_an_error(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_profile(HEAD + text + "\n", source="ours.toml")
    assert str(caught.value).startswith(f"ours.toml:{line}: {message}")


def test_allowing_a_forbidden_name_needs_an_explicit_line() -> None:
    head = HEAD.replace("mozilla-modern", "alibaba-ecs")
    added = head + '[kex]\nadd = ["diffie-hellman-group1-sha1"]\n'
    with pytest.raises(InputError, match="`diffie-hellman-group1-sha1` is MUST NOT in alibaba-ecs: give it a word"):
        parse_profile(added, source="ours.toml")
    kex = parse_profile(added + '[kex.words]\n"diffie-hellman-group1-sha1" = "MAY"\n', source="ours.toml").kex
    assert kex is not None
    assert (kex.allowed[-1], kex.words["diffie-hellman-group1-sha1"]) == ("diffie-hellman-group1-sha1", "MAY")


@pytest.mark.parametrize("field", ["id", "title", "version", "date", "source"])
def test_the_names_are_never_taken_over(field: str) -> None:
    text = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(f"{field} ="))
    with pytest.raises(InputError, match=f"{field}: is missing"):
        parse_profile(text, source="ours.toml")


def test_files_beside_files(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "base.toml").write_text(
        HEAD.replace('"ours"', '"company"') + "[group_exchange]\nmin_bits = 4096\n"
    )
    file = tmp_path / "web.toml"
    file.write_text(HEAD.replace("mozilla-modern", "all/base.toml"))
    profile = load_profile(str(file))
    assert profile.extends == ("company 7", "mozilla-modern 2022-07")
    assert profile.group_exchange is not None
    assert profile.group_exchange.min_bits == 4096
    (tmp_path / "all" / "base.toml").write_text(HEAD + "[mac]\nremove = 1\n")
    with pytest.raises(InputError, match=r"all/base\.toml:8: mac\.remove: expected `array`"):
        load_profile(str(file))


def test_circles_and_depth(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(HEAD.replace("mozilla-modern", "b.toml"))
    second.write_text(HEAD.replace("mozilla-modern", "./a.toml"))
    with pytest.raises(InputError, match=r"b\.toml:6: extends: `\./a\.toml` leads back to itself"):
        load_profile(str(first))
    first.write_text(HEAD.replace("mozilla-modern", "a.toml"))
    with pytest.raises(InputError, match=r"a\.toml:6: extends: `a\.toml` leads back to itself"):
        load_profile(str(first))
    for number in range(DEEPEST + 1):
        base = f"{number + 1}.toml" if number < DEEPEST else "mozilla-modern"
        (tmp_path / f"{number}.toml").write_text(HEAD.replace("mozilla-modern", base))
    with pytest.raises(InputError, match=f"{DEEPEST}.toml:6: extends: more than {DEEPEST} profiles extend one another"):
        load_profile(str(tmp_path / "0.toml"))
    assert len(load_profile(str(tmp_path / "1.toml")).extends) == DEEPEST


@pytest.mark.parametrize("name", ["mozila", "", "none.toml", ".", "a\\u0000b"])
def test_nothing_to_extend(name: str) -> None:
    with pytest.raises(InputError, match=r"ours\.toml:6: extends: "):
        parse_profile(HEAD.replace("mozilla-modern", name), source="ours.toml")


def test_extends_is_one_name() -> None:
    with pytest.raises(InputError, match=r"ours\.toml:6: extends: expected `str`, got `list`"):
        parse_profile(HEAD.replace('"mozilla-modern"', '["mozilla-modern"]'), source="ours.toml")
