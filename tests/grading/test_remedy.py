"""The remedy: lines for this server alone, and a grade that was computed for the server as it will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.algorithms import CLASSES, in_openssh, lookup
from sshprobe.grading import grade, remedy
from sshprobe.profiles import AuthenticationRule, load_profile
from tests.grading.observations import CAPTURES, both, captured, host_key, identification, modern, modulus

MODERN, ALIBABA = load_profile("mozilla-modern"), load_profile("alibaba-ecs")


def _capture(name: str) -> Path:
    return next(path for path in CAPTURES if path.stem == name)


def test_debian_12_default_to_mozilla_modern() -> None:
    found = remedy(captured(_capture("openssh-debian12-9.2p1")), MODERN)
    lines = [line for line in found.lines if not line.startswith("#")]
    assert lines == [
        "KexAlgorithms sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,"
        "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
        "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
        "MACs umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
        "umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512",
        "AuthenticationMethods publickey",
    ]
    assert len(found.commands) == 1
    assert found.commands[0].startswith("awk '$5 >= 3071' /etc/ssh/moduli > ")
    assert (found.grade, found.score, found.compliant, found.left) == ("A+", 100, True, [])


def test_nothing_to_mend() -> None:
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
            for name in value.split(","):
                entries = [lookup(category, name) for category in CLASSES]
                version = None if observation.identification is None else observation.identification.version
                assert name in offered or any(e and in_openssh(e.openssh_in_code, version) for e in entries)


def _names(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def test_what_an_old_release_cannot_do_is_said_with_the_one_that_can() -> None:
    found = remedy(captured(_capture("openssh-5.3p1")), MODERN)
    assert found.compliant is False
    assert any("needs OpenSSH 5.7 or later, which has KexAlgorithms" in line for line in found.left)
    assert any("needs OpenSSH 5.9 or later" in line for line in found.left)
    assert "HostKey /etc/ssh/ssh_host_rsa_key" in found.lines


def test_plain_words_for_software_other_than_openssh() -> None:
    found = remedy(captured(_capture("dropbear-2022.83")), MODERN)
    assert (found.lines, found.commands, found.left) == ([], [], [])
    assert found.advice == [
        "Dropbear's algorithms are fixed when it is compiled (localoptions.h): build it anew or update",
        "key exchange methods: take out diffie-hellman-group14-sha256, diffie-hellman-group14-sha1",
        "host key algorithms: take out ssh-rsa",
        "MACs: take out hmac-sha1",
        "host key: replace the 2048-bit ssh-rsa key by one of 3072 bits or more",
        "authentication: switch password off",
    ]
    assert (found.grade, found.score, found.compliant) == ("A", 97, True)


def test_what_other_software_cannot_mend_is_left() -> None:
    found = remedy(captured(_capture("tinysshd-20230101")), MODERN)
    assert found.advice == ["authentication: switch password off"]
    (left,) = found.left
    assert left.endswith("update to a server with strict key exchange")
    assert found.grade == "B"


def test_the_last_of_a_list_is_replaced_and_not_taken_out() -> None:
    """A server without any cipher, host key or way to log in is of no use to anybody."""
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
        "authentication: allow publickey, then switch password off",
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


def test_terrapin_is_ended_where_other_ciphers_are_left() -> None:
    found = remedy(modern(kex_algorithms=["curve25519-sha256"]), MODERN)
    assert "Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr" in found.lines
    assert found.grade == "A"
    only_chacha = modern(kex_algorithms=["curve25519-sha256"], **both("encryption", ["chacha20-poly1305@openssh.com"]))
    left = remedy(only_chacha, MODERN)
    assert left.lines == []
    assert [line.partition(":")[0] for line in left.left] == ["kex.terrapin"]


def test_what_was_not_observed_is_not_promised() -> None:
    found = remedy(modern(authentication_methods=None, **both("mac", ["hmac-sha1", "hmac-sha2-256"])), MODERN)
    assert found.compliant is None


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


def test_compression() -> None:
    early = remedy(modern(**both("compression", ["none", "zlib", "zlib@openssh.com"])), MODERN)
    assert "Compression delayed" in early.lines
    assert early.score == 97


def test_nobody_is_locked_out() -> None:
    """`AuthenticationMethods publickey` with public keys off refuses everybody."""
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


def test_the_last_host_key_is_not_taken_away() -> None:
    dsa = modern(server_host_key_algorithms=["ssh-dss"], host_keys=[host_key("ssh-dss", 1024)])
    assert remedy(dsa, MODERN).lines == []
    assert "make a key of another type first" in " ".join(remedy(dsa, MODERN).left)
    rsa = modern(
        server_host_key_algorithms=["ssh-rsa"], identification=identification("SSH-2.0-OpenSSH_5.3"), host_keys=[]
    )
    (finding,) = (finding for finding in grade(rsa, MODERN).findings if finding.id == "host_key.weak")
    assert finding.remediation == "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2"


def test_methods_that_a_login_hid_are_not_promised() -> None:
    found = remedy(modern(authentication_methods=[], authentication_none_accepted=True), MODERN)
    assert "PermitEmptyPasswords no" in found.lines
    assert found.compliant is None
