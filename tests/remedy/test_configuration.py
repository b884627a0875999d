"""Profiles as lines of sshd_config and ssh_config: supported lines of each release, and unsupported parts."""

from __future__ import annotations

import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, NEWEST, canonical, in_openssh, lookup
from sshprobe.model.errors import InputError
from sshprobe.profiles import FORBIDDING_WORDS, Profile, available_profiles, load_profile, parse_profile
from sshprobe.remedy.configuration import ssh_config, sshd_config
from sshprobe.remedy.kept_names import KEYWORDS

RELEASES = ("5.7", "6.6", "7.1", "7.3", "8.0", "8.4", "9.2", "9.9", NEWEST)

HEAD = 'id = "ours"\ntitle = "Ours"\nversion = "1"\ndate = "2026"\nsource = "the wiki"\n'


def profile_of(text: str) -> Profile:
    return parse_profile(HEAD + text, source="ours.toml")


def settings(lines: list[str]) -> dict[str, str]:
    """Keyword to value, without comments."""
    given = [line.split(maxsplit=1) for line in lines if not line.startswith(("#", "HostKey "))]
    found = dict(given)
    assert len(found) == len(given)
    return found


@pytest.mark.parametrize("id", available_profiles())
@pytest.mark.parametrize("release", RELEASES)
def test_only_what_the_release_knows_and_the_profile_allows(id: str, release: str) -> None:
    profile = load_profile(id)
    for write in (sshd_config, ssh_config):
        try:
            found = settings(write(profile, release))
        except InputError:
            continue
        for category in ALGORITHM_TYPES:
            rule = profile.algorithms(category)
            value = found.get(KEYWORDS[category][0])
            if category == "compression" or rule is None or value is None:
                continue
            forbidden = {canonical(category, name) for name, word in rule.words.items() if word in FORBIDDING_WORDS}
            if value.startswith("-"):
                taken = {canonical(category, name) for name in value[1:].split(",")}
                assert rule.others == "allowed"
                assert taken <= forbidden | {"chacha20-poly1305@openssh.com"}
                continue
            for name in value.split(","):
                entry = lookup(category, name)
                assert entry is not None
                assert in_openssh(entry.openssh_in_code, release) is True
                same = canonical(category, name)
                assert same not in forbidden
                assert rule.others == "allowed" or same in {canonical(category, other) for other in rule.allowed}


def test_every_line_has_its_place_in_the_document() -> None:
    lines = sshd_config(load_profile("mozilla-modern"), "9.2")
    kex = lines.index(
        "KexAlgorithms curve25519-sha256@libssh.org,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,"
        "diffie-hellman-group-exchange-sha256"
    )
    assert lines[kex - 1] == "# OpenSSH server > Configuration > Modern: KexAlgorithms"
    assert any(line.startswith("# run: ") and "awk '/^[0-9]/ && $5 >= 3071'" in line for line in lines)
    assert "# ssh-rsa is weak, although the profile lets it pass: signatures over SHA-1" in lines
    assert lines[0].startswith("# mozilla-modern 2022-07, for OpenSSH 9.2: ")


ONE_EACH = """
[authentication]
where = "p"
allowed = ["publickey", "gssapi-with-mic"]
[protocol]
where = "p"
allowed = ["2.0"]
[host_key]
where = "p"
allowed = ["ssh-ed25519", "rsa-sha2-256", "ssh-rsa"]
min_bits.rsa = 3072
[compression]
where = "p"
allowed = ["none", "zlib@openssh.com"]
"""


@pytest.mark.parametrize(
    ("release", "present", "absent"),
    [
        ("6.6", ["HostKey /etc/ssh/ssh_host_rsa_key", "Protocol 2"], "HostKeyAlgorithms"),
        ("7.1", ["HostKeyAlgorithms ssh-ed25519,ssh-rsa", "Protocol 2"], "HostKey "),
        ("7.2", ["HostKeyAlgorithms ssh-ed25519,rsa-sha2-256,ssh-rsa", "Protocol 2"], "HostKey "),
        ("7.4", ["ChallengeResponseAuthentication no"], "Protocol"),
        ("8.6", ["ChallengeResponseAuthentication no", "PasswordAuthentication no"], "KbdInteractive"),
        ("8.7", ["KbdInteractiveAuthentication no", "Compression delayed"], "ChallengeResponse"),
        ("9.1", ["PubkeyAuthentication yes", "HostbasedAuthentication no"], "RequiredRSASize"),
    ],
)
def test_keywords_of_the_server_by_release(release: str, present: list[str], absent: str) -> None:
    lines = [line for line in sshd_config(profile_of(ONE_EACH), release) if not line.startswith("#")]
    assert set(present) <= set(lines)
    assert not any(line.startswith(absent) for line in lines)
    assert not any(line.startswith("GSSAPI") for line in lines)


def test_keywords_of_the_client_by_release() -> None:
    new, old = ssh_config(profile_of(ONE_EACH), "9.1"), ssh_config(profile_of(ONE_EACH), "9.0")
    assert "RequiredRSASize 3072" in new
    assert "# RequiredRSASize 3072: needs OpenSSH 9.1 or later" in old
    assert "PreferredAuthentications publickey,gssapi-with-mic" in new
    assert "HostKeyAlgorithms ssh-ed25519,ssh-rsa" in ssh_config(profile_of(ONE_EACH), "6.6")
    assert new.index("Host *") < new.index("RequiredRSASize 3072")


def test_a_release_with_another_name_for_it_gets_that_name() -> None:
    profile = profile_of('[kex]\nwhere = "p"\nallowed = ["sntrup761x25519-sha512", "mlkem768x25519-sha256"]\n')
    lines = sshd_config(profile, "9.2")
    assert lines[-1] == "KexAlgorithms sntrup761x25519-sha512@openssh.com"
    assert "# not in OpenSSH 9.2: mlkem768x25519-sha256" in lines


@pytest.mark.parametrize(
    ("text", "release", "message"),
    [
        ('[kex]\nwhere = "p"\nallowed = ["mlkem768x25519-sha256"]', "9.2", "knows none of the profile's key exchange"),
        ('[kex]\nwhere = "p"\nallowed = ["diffie-hellman-group14-sha1"]', "5.3", "has no KexAlgorithms, which came"),
        ('[host_key]\nwhere = "p"\nallowed = ["rsa-sha2-512"]', "6.6", "knows none of the profile's host key"),
        ('[compression]\nwhere = "p"\nallowed = ["zlib@openssh.com"]', "9.2", "always offers the compression `none`"),
        ('[authentication]\nwhere = "p"\nallowed = ["smartcard@example.com"]', "9.2", "has none of the methods smart"),
        ('[protocol]\nwhere = "p"\nallowed = ["1.5"]', "9.2", "cannot be limited to protocol 1.5"),
        ('[protocol]\nwhere = "p"\nallowed = ["2.0"]', "9.2", "nothing that a line for sshd of OpenSSH 9.2 could say"),
    ],
)
def test_an_impossible_profile_prints_no_lines(text: str, release: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sshd_config(profile_of(text), release)


def test_all_impossible_parts_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"has no KexAlgorithms.*; it knows none of the profile's MACs"):
        sshd_config(load_profile("mozilla-modern"), "5.3")


@pytest.mark.parametrize("version", ["", "9", "9.", "2.9", "11.0", "nine", "9.2.1", "٩.٢", "9.2 "])
def test_a_malformed_release(version: str) -> None:
    with pytest.raises(InputError, match=r"is not a release of OpenSSH that sshprobe knows: 3\.0 to"):
        sshd_config(load_profile("mozilla-modern"), version)


def test_the_newest_release_equals_the_catalogue_s() -> None:
    from sshprobe.algorithms import names

    cells = [
        entry.openssh_in_code
        for category in ALGORITHM_TYPES
        for name in names(category)
        if (entry := lookup(category, name))
    ]
    first = {tuple(map(int, cell.rstrip("+").split("..")[0].split("."))) for cell in cells if cell}
    assert max(first) <= tuple(map(int, NEWEST.split(".")))


def test_a_forbidding_profile_subtracts_from_the_defaults() -> None:
    cis = load_profile("cis-debian-12")
    old, strict = (settings(sshd_config(cis, release)) for release in ("9.2", "9.6"))
    assert old["MACs"] == strict["MACs"]
    # Also names that are off by default: a later line may have added them.
    assert {"umac-64@openssh.com", "hmac-md5"} <= set(old["MACs"].removeprefix("-").split(","))
    assert "chacha20-poly1305@openssh.com" in old["Ciphers"], "without strict key exchange, Terrapin"
    assert "chacha20-poly1305@openssh.com" not in strict["Ciphers"]
    assert "3des-cbc" in strict["Ciphers"]
    assert "diffie-hellman-group1-sha1" in strict["KexAlgorithms"]
    before = settings(sshd_config(cis, "7.4"))
    assert "hmac-sha2-256-etm@openssh.com" in before["MACs"].split(","), "7.4 does not know -names"


def test_an_empty_configuration_has_a_comment() -> None:
    lines = sshd_config(load_profile("rfc9142"), "10.0")
    assert "# no line is needed: OpenSSH 10.0 knows nothing of that" in lines, "RC4"
    assert settings(lines) == {"KexAlgorithms": "-diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1"}


def test_unverified_parts_are_named() -> None:
    text = 'unverified = "read in part"\n[mac]\nwhere = "p"\nallowed = ["hmac-sha2-256"]\n'
    lines = sshd_config(profile_of(text), "9.2")
    assert "# not verified: read in part" in lines
    assert lines[-2:] == ["# p [not verified]", "MACs hmac-sha2-256"]


def test_lists_of_servers_on_a_client() -> None:
    note = "# The document is about servers: these are its lists, set on a client."
    assert note in ssh_config(load_profile("mozilla-modern"), "9.2")
    assert note not in ssh_config(load_profile("mozilla-client-modern"), "9.2")


def test_a_client_profile_does_not_configure_a_server() -> None:
    with pytest.raises(InputError, match="is about clients"):
        sshd_config(load_profile("mozilla-client-modern"), "9.2")
    with pytest.raises(InputError, match=r"no post-quantum key exchange, which came with 8\.5"):
        sshd_config(load_profile("sshprobe-2026"), "8.4")
