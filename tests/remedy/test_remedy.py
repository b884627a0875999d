"""The remedy: lines for this server, and the grade computed for the changed server."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, in_openssh, lookup
from sshprobe.grading.offers import offers
from sshprobe.profiles import AuthenticationRule, Profile, Waiver, available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.dropbear import ADDED, DEFINITIONS
from tests.grading.observations import CAPTURES, STRICT, both, captured, host_key, identification, modern, modulus

WAYS = ("_client_to_server", "_server_to_client")
MODERN, ALIBABA = load_profile("mozilla-modern"), load_profile("alibaba-ecs")


def _capture(name: str) -> Path:
    return next(path for path in CAPTURES if path.stem == name)


def test_debian_12_default_to_mozilla_modern() -> None:
    found = remedy(captured(_capture("openssh-debian12-9.2p1")), MODERN)
    lines = [line for line in found.lines if not line.startswith("#")]
    assert lines == [
        "KexAlgorithms -diffie-hellman-group14-sha256",
        "MACs -umac-64-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,hmac-sha1",
        "AuthenticationMethods publickey",
    ]
    assert len(found.commands) == 1
    assert " awk '/^[0-9]/ && $5 >= 3071' /etc/ssh/moduli > " in found.commands[0]
    assert (found.grade, found.score, found.compliant, found.left) == ("A+", 100, True, [])


def test_names_are_taken_from_the_defaults_of_a_release_only() -> None:
    stock = captured(_capture("openssh-debian12-9.2p1"))
    macs, whole = stock.mac_algorithms_client_to_server or [], "MACs umac-128-etm@openssh.com,"

    def line(macs: list[str], said: str = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10") -> str:
        observed = msgspec.structs.replace(stock, identification=identification(said), **both("mac", macs))
        (found,) = [line for line in remedy(observed, MODERN).lines if line.startswith("MACs ")]
        return found

    assert line(macs).startswith("MACs -umac-64")
    assert line(macs, "SSH-2.0-OpenSSH_9.2p1").startswith("MACs -umac-64")
    assert line(macs, "SSH-2.0-OpenSSH_7.4").startswith(whole)  # it does not know "-"
    assert line([*macs, "hmac-md5"]).startswith(whole)  # its owner added a name
    assert line(macs[:-1]).startswith(whole)  # a policy without a name


def test_another_name_of_a_default_comes_from_a_patch() -> None:
    kex = captured(_capture("openssh-debian12-9.2p1")).kex_algorithms or []
    known = "diffie-hellman-group14-sha256"
    assert "sntrup761x25519-sha512" in kex  # of OpenSSH 9.9, and a default of Debian's 9.2

    def line(kex: list[str]) -> str:
        found = remedy(modern(kex_algorithms=kex), MODERN).lines
        return next(line for line in found if line.startswith("KexAlgorithms "))

    assert line(kex) == line([name for name in kex if name != "sntrup761x25519-sha512"]) == f"KexAlgorithms -{known}"
    assert line([*kex, "diffie-hellman-group1-sha1"]).startswith("KexAlgorithms sntrup")


def test_a_removed_name_does_not_come_back_by_another_name() -> None:
    """A line of the owner hides the second name that Debian added to the list of its 9.2."""
    stock = captured(_capture("openssh-debian12-9.2p1"))
    kex = [name for name in stock.kex_algorithms or [] if name != "sntrup761x25519-sha512"]
    found = remedy(msgspec.structs.replace(stock, kex_algorithms=kex), load_profile("fips-140-3")).lines
    (line,) = [line for line in found if line.startswith("KexAlgorithms ")]
    assert {"sntrup761x25519-sha512@openssh.com", "sntrup761x25519-sha512"} <= set(line.partition("-")[2].split(","))


@pytest.mark.parametrize("name", ["{{ lookup('pipe', 'id') }}", "-curve25519-sha256", "^x", "a b", "x#", "x\\x0ay"])
def test_names_of_a_server_never_become_lines(name: str) -> None:
    waiver = Waiver(finding="kex.unlisted", hosts=("*",), reason="old", until=datetime.date(2099, 1, 1))
    assert MODERN.kex is not None
    rule = msgspec.structs.replace(MODERN.kex, words={"diffie-hellman-group1-sha1": "MUST NOT"})
    observed = modern(kex_algorithms=[name, "diffie-hellman-group1-sha1", *(modern().kex_algorithms or [])])
    found = remedy(observed, msgspec.structs.replace(MODERN, kex=rule, waiver=(waiver,)))
    (line,) = [line for line in found.lines if line.startswith("KexAlgorithms ")]
    assert line == f"KexAlgorithms {','.join((modern().kex_algorithms or [])[:-1])}"


def test_a_remedy_without_changes() -> None:
    found = remedy(modern(), MODERN)
    assert (found.lines, found.commands, found.left) == ([], [], [])
    assert (found.grade, found.compliant) == ("A", True)


@pytest.mark.parametrize("name", ["openssh-6.7p1", "openssh-7.4p1", "openssh-9.9p2", "openssh-debian13-10.0p2"])
def test_openssh_defaults_can_be_made_compliant(name: str) -> None:
    observation = captured(_capture(name))
    assert grade(observation, MODERN).compliant is False
    found = remedy(observation, MODERN)
    assert found.compliant is True
    assert found.score > grade(observation, MODERN).score


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_lines_name_only_what_this_release_knows(path: Path) -> None:
    observation = captured(path)
    offered = {name for field in observation.__struct_fields__ for name in _names(getattr(observation, field))}
    found = remedy(observation, MODERN)
    for line in found.lines:
        keyword, _, value = line.partition(" ")
        if keyword in ("KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms"):
            for name in value.removeprefix("-").split(","):
                entries = [lookup(category, name) for category in ALGORITHM_TYPES]
                version = None if observation.identification is None else observation.identification.version
                assert name in offered or any(e and in_openssh(e.openssh_in_code, version) for e in entries)


def _names(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def test_the_remedy_names_the_first_release_that_can() -> None:
    found = remedy(captured(_capture("openssh-5.3p1")), MODERN)
    assert found.compliant is False
    assert any("needs OpenSSH 5.7 or later, which has KexAlgorithms" in line for line in found.left)
    assert any("needs OpenSSH 5.9 or later" in line for line in found.left)
    assert "HostKey /etc/ssh/ssh_host_rsa_key" in found.lines


def test_plain_words_for_software_other_than_openssh() -> None:
    other = captured(_capture("dropbear-2022.83"))
    found = remedy(msgspec.structs.replace(other, identification=identification("SSH-2.0-Other_1.0")), MODERN)
    assert (found.lines, found.commands, found.left) == ([], [], [])
    assert found.advice == [
        "key exchange methods: take out diffie-hellman-group14-sha256, diffie-hellman-group14-sha1",
        "host key algorithms: take out ssh-rsa",
        "MACs: take out hmac-sha1",
        "host key: replace the 2048-bit ssh-rsa key by one of 3072 bits or more",
        "authentication: switch password off, once everyone can log in by publickey",
    ]
    assert (found.grade, found.score, found.compliant) == ("A", 97, True)


def test_other_software_keeps_unfixable_findings() -> None:
    found = remedy(captured(_capture("tinysshd-20230101")), MODERN)
    assert found.advice == ["authentication: switch password off, once everyone can log in by publickey"]
    (left,) = found.left
    assert left.endswith("update to a server with strict key exchange")
    assert found.grade == "B"


def test_the_last_of_a_list_is_replaced_and_not_removed() -> None:
    """Without a cipher, host key or login method a server is useless."""
    other = modern(
        identification=identification("SSH-2.0-Other_1.0"),
        server_host_key_algorithms=["ssh-dss"],
        host_keys=[host_key("ssh-dss", 1024)],
        authentication_methods=["password"],
        **both("encryption", ["3des-cbc"]),
    )
    found = remedy(other, MODERN)
    assert found.advice == [
        "host key algorithms: offer ssh-ed25519 in place of ssh-dss",
        "ciphers: offer chacha20-poly1305@openssh.com or aes256-gcm@openssh.com in place of 3des-cbc",
        "authentication: allow publickey, then switch password off, once everyone can log in by publickey",
    ]
    assert (found.compliant, found.left) == (True, [])


def test_a_small_rsa_key_is_replaced() -> None:
    found = remedy(modern(host_keys=[host_key("ssh-rsa", 2048)]), MODERN)
    assert found.commands[0] == "ssh-keygen -q -t rsa -b 3072 -N '' -C '' -f /etc/ssh/ssh_host_rsa_key.new"
    assert (found.compliant, found.score) == (True, 97)


def test_moduli_are_written_in_place_and_never_to_nothing() -> None:
    command = remedy(modern(group_exchange=[modulus(2048)]), MODERN).commands[0]
    assert "test -s" in command
    assert " mv " not in command
    gone = modern(
        kex_algorithms=["curve25519-sha256", "diffie-hellman-group-exchange-sha1"], group_exchange=[modulus(1024)]
    )
    assert remedy(gone, MODERN).commands == []


def test_an_empty_list_is_filled_from_the_profile() -> None:
    found = remedy(modern(**both("mac", ["hmac-md5"])), MODERN)
    assert (
        "MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,"
        "hmac-sha2-512,hmac-sha2-256,umac-128@openssh.com" in found.lines
    )
    assert found.compliant is True


def test_terrapin_is_fixed_if_other_ciphers_remain() -> None:
    found = remedy(modern(kex_algorithms=["curve25519-sha256"]), MODERN)
    assert "Ciphers -chacha20-poly1305@openssh.com" in found.lines
    assert found.grade == "A"
    only_chacha = modern(kex_algorithms=["curve25519-sha256"], **both("encryption", ["chacha20-poly1305@openssh.com"]))
    left = remedy(only_chacha, MODERN)
    assert left.lines == []
    assert [line.partition(":")[0] for line in left.left] == ["kex.terrapin"]


def test_a_remedy_promises_no_unobserved_fact() -> None:
    found = remedy(modern(authentication_methods=None, **both("mac", ["hmac-sha1", "hmac-sha2-256"])), MODERN)
    assert found.compliant is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("SSH-1.99-OpenSSH_2.9p2", "Protocol 2"),
        ("SSH-1.99-OpenSSH_2.3.0p1", "Protocol 2"),
        ("SSH-1.99-OpenSSH_7.3p1", "Protocol 2"),
        ("SSH-1.99-OpenSSH", "switch SSH-1 off"),
        ("SSH-1.99-OpenSSH_7.4p1", "find out what answers here: OpenSSH has no SSH-1 from 7.4 on"),
        ("SSH-1.99-OpenSSH_10.0p2", "find out what answers here: OpenSSH has no SSH-1 from 7.4 on"),
        ("SSH-1.99-OpenSSH_1.2.3", "find out what answers here: OpenSSH before 2.0 has no SSH-2"),
        ("SSH-1.99-Cisco-1.25", "switch SSH-1 off"),
        ("SSH-1.5-OpenSSH_5.3", "Protocol 2, once there is a host key for it (ssh-keygen -t rsa): without one sshd"),
        ("SSH-1.5-OpenSSH_10.0p2", "find out what answers here: OpenSSH has no SSH-1 from 7.4 on"),
        (
            "SSH-1.5-OpenSSH_2.5.1p1",
            "Protocol 2, once there is a host key for it (ssh-keygen -t rsa): without one sshd",
        ),
        ("SSH-1.5-OpenSSH_2.1", "upgrade: OpenSSH before 2.5 has no host keys for SSH-2 but DSA"),
        ("SSH-1.5-OpenSSH", "have it speak SSH-2 in place of SSH-1; where it cannot, upgrade or replace it"),
        ("SSH-1.5-OpenSSH-1.2.27", "upgrade: OpenSSH before 2.0 has no SSH-2"),
        ("SSH-1.5-OpenSSH_1.2.3", "upgrade: OpenSSH before 2.0 has no SSH-2"),
        ("SSH-1.5-1.2.27", "have it speak SSH-2 in place of SSH-1; where it cannot, upgrade or replace it"),
    ],
)
def test_a_server_without_ssh_2_must_upgrade(said: str, words: str) -> None:
    only = "1.99" not in said
    unread = {f"{name}_algorithms{way}": None for name in ("encryption", "mac", "compression") for way in WAYS}
    unread |= dict.fromkeys(("kex_algorithms", "server_host_key_algorithms", "host_keys", "authentication_methods"))
    seen = modern(identification=identification(said), **({"status": "ssh1_only", **unread} if only else {}))
    (found,) = [each for each in grade(seen, MODERN).findings if each.id == "protocol.ssh1"]
    assert (found.remediation or "").startswith(words)
    help_ = remedy(seen, MODERN)
    assert ("Protocol 2" in help_.lines) == (words.startswith("Protocol 2") and not only)
    if words.startswith("find out"):
        assert [line for line in help_.left if line.startswith("protocol.ssh1: ") and words in line]
    if only:
        assert help_.lines == []
        assert [line for line in help_.left if line.startswith(f"protocol.ssh1: speaks SSH-1 only; {words}")]
        assert [line for line in help_.left_briefly if line.startswith(f"protocol.ssh1: {words}")]


@pytest.mark.parametrize(
    ("release", "methods", "lines"),
    [
        ("2.3.0p1", ["publickey", "password"], ["PasswordAuthentication no"]),
        ("2.3.0p1", ["publickey", "keyboard-interactive"], []),
        ("2.3.0p1", ["password"], []),
        ("2.5.1p1", ["publickey", "keyboard-interactive"], ["ChallengeResponseAuthentication no"]),
        ("2.5.1p1", ["password"], ["PubkeyAuthentication yes", "PasswordAuthentication no"]),
    ],
)
def test_lines_have_only_keywords_that_the_release_knows(release: str, methods: list[str], lines: list[str]) -> None:
    seen = modern(identification=identification(f"SSH-1.99-OpenSSH_{release}"), authentication_methods=methods)
    given = remedy(seen, ALIBABA).lines
    assert [line for line in given if "Authentication " in line and line[0] != "#"] == lines


def test_other_lines() -> None:
    one = remedy(modern(identification=identification("SSH-1.99-OpenSSH_6.7")), MODERN)
    assert "Protocol 2" in one.lines
    assert one.compliant is True
    two = remedy(modern(authentication_none_accepted=True), MODERN)
    assert "PermitEmptyPasswords no" in two.lines
    assert two.grade == "A"
    names = ["curve25519-sha256", "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", "kex-strict-s-v00@openssh.com"]
    three = remedy(modern(kex_algorithms=names), ALIBABA)
    assert "GSSAPIKeyExchange no" in three.lines
    assert not any("gss-" in line for line in three.lines if not line.startswith("#"))
    assert three.compliant is True


MECHANISM = "toWM5Slw5Ew8Mqkay+al2g=="
OLD_GSS, SOUND_GSS = f"gss-gex-sha1-{MECHANISM}", f"gss-group16-sha512-{MECHANISM}"


def test_the_option_for_gss_api_removes_all_of_it_and_says_so() -> None:
    observed = modern(kex_algorithms=["curve25519-sha256", OLD_GSS, SOUND_GSS, STRICT])
    (change,) = remedy(observed, ALIBABA).changes
    assert change.text == ("GSSAPIKeyExchange no",)
    assert change.reasons[-1] == f"{SOUND_GSS}: there is no option for one without the other"


def test_the_option_for_gss_api_is_not_given_where_a_waiver_covers_one() -> None:
    waiver = Waiver(
        finding="kex.forbidden",
        algorithm="gss-group1-sha1-*",
        hosts=("*",),
        reason="old",
        until=datetime.date(2099, 1, 1),
    )
    observed = modern(kex_algorithms=["curve25519-sha256", OLD_GSS, f"gss-group1-sha1-{MECHANISM}", STRICT])
    found = remedy(observed, msgspec.structs.replace(ALIBABA, waiver=(waiver,)))
    assert (found.changes, found.compliant) == ([], False)
    (left,) = found.left
    assert left.startswith(f"kex.forbidden {OLD_GSS}: ")
    words = f"take {OLD_GSS} out of use: GSSAPIKeyExchange no would also remove a waived method"
    assert left.endswith(f"; {words}")
    verdict = grade(observed, msgspec.structs.replace(ALIBABA, waiver=(waiver,)))
    assert [each.remediation for each in verdict.findings if each.algorithm == OLD_GSS] == [words]


def test_the_option_for_gss_api_is_not_given_where_nothing_else_is_left() -> None:
    """OpenSSH 9.2 has no algorithm of 3.0 left, so no other line could come with it."""
    found = remedy(modern(kex_algorithms=[OLD_GSS]), load_profile("openssh-3.0"))
    assert "GSSAPIKeyExchange no" not in found.lines
    assert found.compliant is False
    assert f"take {OLD_GSS} out of use: GSSAPIKeyExchange no would leave no key exchange" in " ".join(found.left)


def test_the_option_for_gss_api_ignores_waivers() -> None:
    """It would remove sound names too: 9.2 has no replacement that the profile allows."""
    old = "diffie-hellman-group14-sha1"
    waiver = Waiver(finding="kex.unlisted", algorithm=old, hosts=("*",), reason="old", until=datetime.date(2099, 1, 1))
    assert ALIBABA.kex is not None
    rule = msgspec.structs.replace(
        ALIBABA.kex, allowed=(SOUND_GSS,), recommended=(), words={OLD_GSS: "MUST NOT"}, others="forbidden"
    )
    profile = msgspec.structs.replace(ALIBABA, kex=rule, waiver=(waiver,))
    observed = modern(kex_algorithms=[old, OLD_GSS, SOUND_GSS, STRICT])
    found = remedy(observed, profile)
    assert "GSSAPIKeyExchange no" not in found.lines
    about = [each.remediation for each in grade(observed, profile).findings if each.algorithm == OLD_GSS]
    assert about == [f"take {OLD_GSS} out of use: GSSAPIKeyExchange no would leave only waived methods"]


def test_compression() -> None:
    early = remedy(modern(**both("compression", ["none", "zlib", "zlib@openssh.com"])), MODERN)
    assert "Compression delayed" in early.lines
    assert early.score == 97


def test_no_client_is_locked_out() -> None:
    """`AuthenticationMethods publickey` refuses every login if public keys are off."""
    found = remedy(modern(authentication_methods=["password"]), MODERN)
    assert found.lines[-2:] == ["PubkeyAuthentication yes", "AuthenticationMethods publickey"]
    assert found.compliant is True
    old = remedy(
        modern(authentication_methods=["password"], identification=identification("SSH-2.0-OpenSSH_5.3")), MODERN
    )
    assert old.lines[-2:] == ["PubkeyAuthentication yes", "PasswordAuthentication no"]
    hosts = msgspec.structs.replace(MODERN, authentication=AuthenticationRule(where="w", allowed=("hostbased",)))
    left = remedy(modern(authentication_methods=["password"]), hosts)
    assert (left.lines, left.compliant) == ([], False)


def test_a_list_with_gss_api_is_not_a_sure_login() -> None:
    """Red Hat's servers list it even if users have no tickets."""
    ours = load_profile("sshprobe-2026")
    found = remedy(modern(authentication_methods=["gssapi-keyex", "gssapi-with-mic", "password"]), ours)
    assert found.lines[-2:] == ["PubkeyAuthentication yes", "PasswordAuthentication no"]
    found = remedy(modern(authentication_methods=["publickey", "gssapi-with-mic", "password"]), ours)
    assert "PubkeyAuthentication yes" not in found.lines


def test_a_key_is_made_before_the_last_one_is_removed() -> None:
    dsa = modern(server_host_key_algorithms=["ssh-dss"], host_keys=[host_key("ssh-dss", 1024)])
    found = remedy(dsa, MODERN)
    assert found.lines[-2:] == ["HostKey /etc/ssh/ssh_host_ed25519_256_key", "HostKeyAlgorithms ssh-ed25519"]
    (command,) = found.commands
    assert command.startswith("test -e /etc/ssh/ssh_host_ed25519_256_key || ssh-keygen -q -t ed25519")
    assert (found.compliant, found.grade) == (True, "A")
    # A line for this finding alone would leave sshd without a host key.
    (finding,) = (finding for finding in grade(dsa, MODERN).findings if finding.id == "host_key.unlisted")
    assert "make a key of another type first" in (finding.remediation or "")


def test_an_old_rsa_key_signs_with_sha_1_alone() -> None:
    rsa = modern(
        server_host_key_algorithms=["ssh-rsa"], identification=identification("SSH-2.0-OpenSSH_5.3"), host_keys=[]
    )
    (finding,) = (finding for finding in grade(rsa, MODERN).findings if finding.id == "host_key.weak")
    assert finding.remediation == "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2"


def test_methods_that_a_login_hid_are_not_promised() -> None:
    found = remedy(modern(authentication_methods=[], authentication_none_accepted=True), MODERN)
    assert "PermitEmptyPasswords no" in found.lines
    assert found.compliant is None


def test_dropbear_is_fixed_by_its_own_options() -> None:
    found = remedy(captured(_capture("dropbear-2022.83")), MODERN)
    assert [(change.kind, *change.text) for change in found.changes] == [
        ("localoptions.h", "#define DROPBEAR_DH_GROUP14_SHA256 0"),
        ("localoptions.h", "#define DROPBEAR_DH_GROUP14_SHA1 0"),
        ("localoptions.h", "#define DROPBEAR_RSA_SHA1 0"),
        ("localoptions.h", "#define DROPBEAR_SHA1_HMAC 0"),
        ("host_key",),
        ("argument", "-s"),
    ]
    assert (found.grade, found.score, found.compliant, found.left) == ("A", 97, True, [])
    # 2020.81 cannot sign with RSA over SHA-2 alone, and before 2018.76 there is no localoptions.h.
    older = msgspec.structs.replace(
        captured(_capture("dropbear-2022.83")), identification=identification("SSH-2.0-dropbear_2020.81")
    )
    assert ("#define DROPBEAR_RSA 0",) in [change.text for change in remedy(older, MODERN).changes]
    oldest = msgspec.structs.replace(older, identification=identification("SSH-2.0-dropbear_2017.75"))
    assert {change.kind for change in remedy(oldest, MODERN).changes} == {"words"}


@pytest.mark.parametrize("software", ["dropbear_2022.83", "Other_1.0"])
def test_a_reason_is_next_to_the_line_that_fixes_it(software: str) -> None:
    """A small RSA key is not fixed by leaving ssh-rsa out."""
    observed = msgspec.structs.replace(
        captured(_capture("dropbear-2022.83")), identification=identification(f"SSH-2.0-{software}")
    )
    changes = remedy(observed, MODERN).changes
    (out,) = (change for change in changes if change.text and re.search("RSA_SHA1|take out ssh-rsa", change.text[0]))
    assert out.reasons == ("ssh-rsa: signatures over SHA-1",)
    (key,) = (change for change in changes if "ssh-rsa: 2048 bits" in " ".join(change.reasons))
    assert key is not out


def test_a_cipher_removed_because_of_terrapin_has_that_reason() -> None:
    terrapin = msgspec.structs.replace(
        modern(identification=identification("SSH-2.0-dropbear_2022.83")),
        kex_algorithms=["curve25519-sha256"],
    )
    (change,) = (c for c in remedy(terrapin, MODERN).changes if "CHACHA20" in "".join(c.text))
    assert change.text == ("#define DROPBEAR_CHACHA20POLY1305 0",)
    (reason,) = change.reasons
    assert "Terrapin" in reason


def test_dropbear_gets_another_mac_before_its_last_one_is_removed() -> None:
    last = modern(identification=identification("SSH-2.0-dropbear_2025.89"), **both("mac", ["hmac-sha1"]))
    found = remedy(last, MODERN)
    assert [change.text for change in found.changes if change.kind == "localoptions.h"] == [
        ("#define DROPBEAR_SHA2_256_HMAC 1",),
        ("#define DROPBEAR_SHA1_HMAC 0",),
    ]
    assert found.compliant is True


def test_dropbear_keeps_a_cipher_in_each_direction() -> None:
    """A cipher that remains in one direction does not help the other."""
    observed = modern(
        identification=identification("SSH-2.0-dropbear_2022.83"),
        encryption_algorithms_client_to_server=["3des-cbc"],
        encryption_algorithms_server_to_client=["3des-cbc", "aes256-ctr"],
    )
    found = remedy(observed, ALIBABA)
    assert [change.text for change in found.changes] == [
        ("#define DROPBEAR_ENABLE_GCM_MODE 1",),
        ("#define DROPBEAR_ENABLE_CBC_MODE 0",),
    ]
    assert found.compliant is True
    # 2018.76 has no GCM and no other replacement: its last cipher stays, as does its grade.
    older = msgspec.structs.replace(observed, identification=identification("SSH-2.0-dropbear_2018.76"))
    kept = remedy(older, ALIBABA)
    assert (kept.changes, kept.compliant) == ([], False)
    assert [line.partition(":")[0] for line in kept.left] == ["cipher.unlisted 3des-cbc"]


def test_an_empty_name_is_not_a_remaining_cipher() -> None:
    observed = modern(
        identification=identification("SSH-2.0-Other_1.0"),
        encryption_algorithms_client_to_server=["3des-cbc", ""],
        encryption_algorithms_server_to_client=["3des-cbc", "aes256-ctr"],
    )
    (change,) = remedy(observed, ALIBABA).changes
    assert change.text == (
        "ciphers: offer chacha20-poly1305@openssh.com or aes256-gcm@openssh.com in place of 3des-cbc",
    )


@pytest.mark.parametrize(
    ("raw", "names", "older"),
    [
        ("SSH-2.0-OpenSSH_10.0p2", ["mlkem768x25519-sha256", "diffie-hellman-group1-sha1"], "9.2"),
        ("SSH-2.0-OpenSSH_9.2p1", ["sntrup761x25519-sha512@openssh.com", "diffie-hellman-group14-sha1"], "8.4"),
    ],
)
def test_clients_of_the_next_older_release_are_not_locked_out(raw: str, names: list[str], older: str) -> None:
    found = remedy(modern(identification=identification(raw), kex_algorithms=[*names, STRICT]), MODERN)
    (line,) = (line for line in found.lines if line.startswith("KexAlgorithms "))
    left = line.split(" ")[1].split(",")
    assert left[0] == names[0]
    assert any((entry := lookup("kex", name)) and in_openssh(entry.openssh_default, older) for name in left)
    assert found.compliant is True


def test_a_change_that_locks_clients_out_is_only_named() -> None:
    """A profile of one post-quantum exchange alone, on a release whose older clients have none."""
    assert MODERN.kex is not None
    only = msgspec.structs.replace(MODERN.kex, allowed=("sntrup761x25519-sha512@openssh.com",), recommended=())
    profile = msgspec.structs.replace(MODERN, kex=only)
    found = remedy(modern(), profile, strict=True)
    assert not any(line.startswith("KexAlgorithms") for line in found.lines)
    assert found.compliant is False
    words = "would lock out clients of OpenSSH 8.4; they speak it from OpenSSH 8.9 on"
    assert any(words in line for line in found.left), found.left


def test_the_rsa_key_of_ssh_rsa_signs_with_sha_2_too() -> None:
    sha_1 = modern(server_host_key_algorithms=["ssh-rsa"], host_keys=[host_key("ssh-rsa", 3072)])
    found = remedy(sha_1, MODERN)
    assert [line for line in found.lines if not line.startswith("#")] == ["HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256"]
    assert found.commands == []
    assert found.compliant is True


def test_each_line_has_its_reason() -> None:
    found = remedy(captured(_capture("openssh-debian12-9.2p1")), MODERN)
    assert all(change.reasons for change in found.changes)
    (macs,) = (change for change in found.changes if change.text and change.text[0].startswith("MACs"))
    assert macs.reasons == (
        "hmac-sha1, hmac-sha1-etm@openssh.com: SHA-1; not in the profile",
        "umac-64-etm@openssh.com, umac-64@openssh.com: a tag of less than 128 bits; not in the profile",
    )


def test_an_exchange_that_a_scan_computes_is_left() -> None:
    """With sntrup761 only, no host key signature can be verified, so nothing could be promised."""
    found = remedy(
        modern(
            identification=identification("SSH-2.0-OpenSSH_10.0p2"),
            kex_algorithms=["sntrup761x25519-sha512", "diffie-hellman-group14-sha1", STRICT],
        ),
        MODERN,
    )
    assert "KexAlgorithms sntrup761x25519-sha512,curve25519-sha256@libssh.org" in found.lines
    assert found.compliant is True


def test_ways_in_are_not_left_to_a_chain_that_cannot_be_seen() -> None:
    """With an invisible `AuthenticationMethods password`, no method would remain without passwords."""
    both_ways = AuthenticationRule(where="w", allowed=("publickey", "gssapi-with-mic"))
    profile = msgspec.structs.replace(MODERN, authentication=both_ways)
    found = remedy(modern(authentication_methods=["password"]), profile)
    assert found.lines[-2:] == ["PubkeyAuthentication yes", "AuthenticationMethods publickey"]
    assert found.compliant is True


def test_an_unseen_key_stays_in_place() -> None:
    """A file ssh_host_rsa_key of a server that shows no RSA key may have a small or foreign key."""
    assert MODERN.host_key is not None
    rsa = msgspec.structs.replace(MODERN.host_key, allowed=("rsa-sha2-512",), recommended=())
    profile = msgspec.structs.replace(MODERN, host_key=rsa)
    dsa = modern(server_host_key_algorithms=["ssh-dss"], host_keys=[host_key("ssh-dss", 1024)])
    found = remedy(dsa, profile)
    (command,) = found.commands
    assert command.startswith("test -e /etc/ssh/ssh_host_rsa_3072_key || ssh-keygen -q -t rsa -b 3072")
    assert found.lines[-2:] == ["HostKey /etc/ssh/ssh_host_rsa_3072_key", "HostKeyAlgorithms rsa-sha2-512"]
    assert found.compliant is True


def test_options_of_dropbear_keep_required_algorithms() -> None:
    """GCM needs AES: with both AES definitions off, Dropbear does not even compile."""
    assert MODERN.cipher is not None
    gcm = msgspec.structs.replace(MODERN.cipher, allowed=("aes256-gcm@openssh.com",), recommended=())
    profile = msgspec.structs.replace(MODERN, cipher=gcm)
    other = modern(
        identification=identification("SSH-2.0-dropbear_2025.89"),
        **both("encryption", ["aes128-cbc", "aes256-cbc", "aes128-ctr", "aes256-ctr", "3des-cbc"]),
    )
    found = remedy(other, profile)
    assert {change.text[0] for change in found.changes if change.kind == "localoptions.h"} == {
        "#define DROPBEAR_ENABLE_GCM_MODE 1",
        "#define DROPBEAR_ENABLE_CBC_MODE 0",
        "#define DROPBEAR_ENABLE_CTR_MODE 0",
        "#define DROPBEAR_AES128 0",
    }
    assert found.compliant is True


def test_safety_lines_stay_even_if_other_findings_remain() -> None:
    """Even if the host stays non-compliant, public keys are enabled before passwords go, and a cipher stays."""
    terrapin = msgspec.structs.replace(
        modern(authentication_methods=["password"], kex_algorithms=["diffie-hellman-group1-sha1"]),
        identification=identification("SSH-2.0-OpenSSH_5.3"),
    )
    found = remedy(terrapin, MODERN)
    assert found.compliant is False
    assert found.lines[-2:] == ["PubkeyAuthentication yes", "PasswordAuthentication no"]

    assert MODERN.cipher is not None
    gcm = msgspec.structs.replace(MODERN.cipher, allowed=("aes256-gcm@openssh.com",), recommended=())
    closed = msgspec.structs.replace(MODERN, cipher=gcm)
    dropbear = modern(
        identification=identification("SSH-2.0-dropbear_2025.89"),
        server_host_key_algorithms=["ssh-dss"],
        host_keys=[host_key("ssh-dss", 1024)],
        **both("encryption", ["3des-cbc", "3des-ctr"]),
    )
    left = remedy(dropbear, closed)
    assert left.compliant is False
    assert "#define DROPBEAR_ENABLE_GCM_MODE 1" in [text for change in left.changes for text in change.text]


DROPBEARS = [path for path in CAPTURES if path.stem.startswith("dropbear-20")]


@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
@pytest.mark.parametrize("path", DROPBEARS, ids=lambda path: path.stem)
@pytest.mark.parametrize("profile", [id for id in available_profiles() if load_profile(id).kind == "server"])
def test_a_fixed_dropbear_keeps_an_algorithm_of_each_type(profile: str, path: Path, strict: bool) -> None:
    """Even if other findings remain, as under CNSA, a server needs a cipher."""
    loaded, observed = load_profile(profile), captured(path)
    lines = [line for change in remedy(observed, loaded, strict=strict).changes for line in change.text]
    on = {line.split()[1] for line in lines if line.startswith("#define") and line.endswith(" 1")}
    off = {line.split()[1] for line in lines if line.startswith("#define") and line.endswith(" 0")}
    for category in ALGORITHM_TYPES:
        about = [each for each in DEFINITIONS if each.category == category and each.name in off]
        names = [name for offer in offers(observed, category).values() for name in offer.names]
        names += [name for definition, brings in ADDED.get(category, ()) if definition in on for name in brings]
        assert [name for name in names if not any(each.covers(name) for each in about)], (category, lines)


def _waiving(finding: str, algorithm: str) -> Profile:
    until = datetime.date(2099, 1, 1)
    waiver = Waiver(finding=finding, algorithm=algorithm, hosts=("*",), reason="a printer", until=until)
    return msgspec.structs.replace(MODERN, waiver=(waiver,))


@pytest.mark.parametrize(
    ("software", "expected"),
    [
        ("OpenSSH_9.2p1", r"MACs (hmac-sha2-512-etm@openssh.com,.*),hmac-sha1"),
        ("dropbear_2022.83", "#define DROPBEAR_SHA2_256_HMAC 1"),
        ("Other_1.0", "MACs: offer .* in place of hmac-md5"),
    ],
)
def test_a_waived_name_is_never_the_only_one_left(software: str, expected: str) -> None:
    observed = modern(identification=identification(f"SSH-2.0-{software}"), **both("mac", ["hmac-sha1", "hmac-md5"]))
    found = remedy(observed, _waiving("mac.unlisted", "hmac-sha1"))
    said = [text for change in found.changes for text in change.text if re.search("mac", text, re.IGNORECASE)]
    assert any(re.fullmatch(expected, text) for text in said), said
    assert not any("SHA1_HMAC 0" in text or "hmac-md5," in text for text in said)
    assert found.compliant is True


def test_a_waived_name_remains_if_it_has_no_replacement() -> None:
    """As in docs/grading.md: there is no better allowed name. The clients of the waiver are not locked out."""
    profile = _waiving("mac.unlisted", "hmac-sha1")
    assert profile.mac is not None
    rule = msgspec.structs.replace(profile.mac, allowed=("hmac-of-tomorrow@example.org",), recommended=())
    observed = modern(**both("mac", ["hmac-sha1", "hmac-md5"]))
    found = remedy(observed, msgspec.structs.replace(profile, mac=rule))
    assert [line for line in found.lines if line.startswith("MACs")] == ["MACs hmac-sha1"]


def test_dropbear_does_not_lose_its_last_sound_name_for_one_that_is_waived() -> None:
    """DROPBEAR_ECDH has all three curves: CNSA allows only the 384-bit one, and no other compiled-in method."""
    until = datetime.date(2099, 1, 1)
    waiver = Waiver(
        finding="kex.forbidden", algorithm="diffie-hellman-group14-sha256", hosts=("*",), reason="old", until=until
    )
    observed = modern(
        identification=identification("SSH-2.0-dropbear_2022.83"),
        kex_algorithms=["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256", STRICT],
    )
    profile = msgspec.structs.replace(load_profile("cnsa-1.0"), waiver=(waiver,))
    found = remedy(observed, profile)
    assert not [text for change in found.changes for text in change.text if "ECDH" in text]
    assert [line.partition(":")[0] for line in found.left if line.startswith("kex")] == [
        "kex.stronger ecdh-sha2-nistp256"
    ]


def test_a_key_is_made_beside_one_that_is_waived() -> None:
    names = ["ssh-dss", "ecdsa-sha2-nistp256"]
    assert MODERN.host_key is not None
    only = msgspec.structs.replace(MODERN.host_key, allowed=("ssh-ed25519",), recommended=(), others="forbidden")
    profile = msgspec.structs.replace(_waiving("host_key.unlisted", "ssh-dss"), host_key=only)
    observed = modern(server_host_key_algorithms=names, host_keys=[host_key("ssh-dss", 1024), host_key(names[1], 256)])
    found = remedy(observed, profile)
    assert [line for line in found.lines if line.startswith("HostKey")] == [
        "HostKey /etc/ssh/ssh_host_ed25519_256_key",
        "HostKey /etc/ssh/ssh_host_dsa_key",
        "HostKeyAlgorithms ssh-dss,ssh-ed25519",
    ]

    # An existing key that can sign differently comes first; a name without a replacement stays.
    rsa = modern(server_host_key_algorithms=["ssh-rsa", "ssh-dss"], host_keys=[host_key("ssh-rsa", 3072)])
    lines = remedy(rsa, _waiving("host_key.weak", "ssh-rsa")).lines
    assert "HostKeyAlgorithms ssh-rsa,rsa-sha2-512,rsa-sha2-256" in lines


def test_ssh_1_of_a_host_without_an_identification_has_a_remedy() -> None:
    assert remedy(modern(status="ssh1_only", identification=None), load_profile("sshprobe-2026")).left
