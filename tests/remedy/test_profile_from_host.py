"""Profiles made from a host: the host complies, one with more does not, and unseen facts make no profile."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.model.errors import InputError
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile, parse_profile
from sshprobe.remedy import grade
from sshprobe.remedy.profile_from_host import golden_profile
from tests.grading.observations import CAPTURES, STRICT, both, captured, certified, host_key, modern, modulus


def made(observation: Observation) -> Profile:
    return parse_profile(golden_profile(observation), source="made.toml")


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_captured_server_complies_with_the_profile_made_of_it(path: Any) -> None:
    observation = captured(path)
    bits = [each.modulus_bits for each in observation.group_exchange or ()]
    assert observation.identification is not None
    openssh = observation.identification.software.startswith("OpenSSH_")
    if any(size is None or size < 2048 or not openssh for size in bits):
        # No request was below 1024 bits, and captures of other software have no answer to 1024 bits only:
        # so the smallest group is unknown.
        with pytest.raises(InputError, match="was not observed in full: its smallest group-exchange modulus"):
            golden_profile(observation)
        return
    verdict = grade(observation, made(observation), strict=True)
    assert (verdict.compliant, verdict.not_observed) == (True, [])
    assert not any(each.id.endswith((".stronger", ".unlisted", ".missing")) for each in verdict.findings)


def test_the_profile_allows_exactly_the_offer() -> None:
    profile = made(modern())
    assert profile.kex is not None
    assert list(profile.kex.allowed) == (modern().kex_algorithms or [])[:-1]
    assert profile.cipher is not None
    assert list(profile.cipher.allowed) == modern().encryption_algorithms_client_to_server
    assert profile.compression is not None
    assert profile.compression.allowed == ("none", "zlib@openssh.com")
    assert profile.host_key is not None
    assert (profile.host_key.min_bits.rsa, profile.host_key.min_bits.dsa) == (3072, None)
    assert profile.group_exchange is not None
    assert profile.group_exchange.min_bits == 3072
    assert profile.authentication is not None
    assert profile.authentication.allowed == ("publickey",)
    assert (profile.id, profile.version, profile.unknown_names) == ("golden-server.example", "2026-11-21", ())


DIFFERENT: dict[str, dict[str, Any]] = {
    "a cipher more": both("encryption", ["aes256-ctr", "aes128-cbc"]),
    "a MAC more": both("mac", ["hmac-sha2-256", "hmac-sha1"]),
    "a smaller modulus": {"group_exchange": [modulus(2048)]},
    "a smaller key": {"host_keys": [host_key("ssh-rsa", 2048)]},
    "passwords": {"authentication_methods": ["publickey", "password"]},
    "compression before login": both("compression", ["none", "zlib"]),
    "a key exchange more": {"kex_algorithms": ["curve25519-sha256", "diffie-hellman-group14-sha256", STRICT]},
    "no strict key exchange": {"kex_algorithms": (modern().kex_algorithms or [])[:-1]},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_host_with_less_is_not_compliant(what: str) -> None:
    profile = made(modern())
    assert grade(modern(), profile).compliant is True
    assert grade(modern(**DIFFERENT[what]), profile).compliant is False


def test_a_host_without_the_golden_post_quantum_exchange_fails() -> None:
    quantum = modern(kex_algorithms=["mlkem768x25519-sha256", *(modern().kex_algorithms or [])])
    assert grade(quantum, made(quantum)).compliant is True
    assert grade(modern(), made(quantum)).compliant is False


def test_an_exact_profile_allows_no_stronger_name() -> None:
    newer = modern(kex_algorithms=["mlkem768x25519-sha256", *(modern().kex_algorithms or [])])
    exact = parse_profile(golden_profile(modern(), exact=True), source="made.toml")
    assert grade(newer, made(modern())).compliant is True
    assert (grade(modern(), exact).compliant, grade(newer, exact).compliant) == (True, False)


def test_weak_names_get_a_note_in_the_profile() -> None:
    text = golden_profile(
        modern(
            **both("mac", ["hmac-sha2-256", "hmac-md5"]),
            **both("encryption", ["aes256-ctr", "aes256-acme@example.com"]),
            host_keys=[host_key("ssh-rsa", 1536), host_key("ssh-ed25519", 256)],
            authentication_methods=["publickey", "password"],
        )
    )
    lines = text.splitlines()
    assert '    "hmac-md5",  # weak, medium: MD5' in lines
    assert '    "aes256-acme@example.com",  # weak, low: an unknown name' in lines
    assert "rsa = 1536  # weak: less than 2048" in lines
    assert "# password: passwords can be guessed; most guides want only publickey" in lines
    assert "#   high: host_key.size ssh-rsa: 1536 bits; less than 2048 is weak" in lines
    assert "#   medium: mac.weak hmac-md5: MD5" in lines
    sound = golden_profile(modern())
    assert "weak" not in sound.lower()


def test_directions_that_differ() -> None:
    observation = modern(encryption_algorithms_server_to_client=["aes256-ctr", "aes192-ctr"])
    assert "# The two directions differ: these are the names of both." in golden_profile(observation)
    assert grade(observation, made(observation)).compliant is True


def test_gss_methods_stand_for_every_mechanism() -> None:
    name = "gss-group16-sha512-toWM5Slw5Ew8Mqkay+al2g=="
    profile = made(modern(kex_algorithms=["curve25519-sha256", name]))
    assert profile.kex is not None
    assert profile.kex.allowed == ("curve25519-sha256", "gss-group16-sha512-*")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "partial": ({"status": "partial", "error": "two keys failed"}, "not observed in full: partial: two keys failed"),
    "unreachable": ({"status": "timeout", "kex_algorithms": None}, "not observed in full: timeout"),
    "lists only": ({"depth": "lists", "host_keys": None}, "not observed in full: only its lists were asked for"),
    "several servers": ({"several_servers": True}, "is several servers"),
    "a list that is missing": ({"mac_algorithms_server_to_client": None}, "in full: MACs server to client"),
    "no methods": ({"authentication_methods": None}, "in full: its authentication methods"),
    "an empty list of methods": ({"authentication_methods": []}, "in full: its authentication methods"),
    "a refused group": ({"group_exchange": [modulus(None)]}, "smallest group-exchange modulus: no group came"),
    "no group asked": ({"group_exchange": None}, "smallest group-exchange modulus: no group came"),
    "the least group": ({"group_exchange": [modulus(1024)]}, "1024 bits came, and a smaller one is possible"),
    "a key not proven": ({"host_keys": [host_key("ssh-rsa", 3072, verified=None)]}, "ssh-rsa host key was not proven"),
    "a wrong proof": ({"host_keys": [host_key("ssh-rsa", 3072, verified=False)]}, "ssh-rsa host key was not proven"),
    "a size not seen": (
        {
            "host_keys": [certified("ssh-rsa-cert-v01@openssh.com", 3072), host_key("ssh-dss", 1024)],
            "server_host_key_algorithms": ["rsa-sha2-512", "ssh-dss"],
        },
        "not observed in full: size of the RSA host key",
    ),
    "a tiny key": ({"host_keys": [host_key("ssh-rsa", 768)]}, "768 is not between 1024 and 16384 bits"),
    "a login without credential": ({"authentication_none_accepted": True}, "logs in without any credential"),
    "an invalid name": (both("mac", ['a"b c']), "cannot be written as a profile: mac.allowed: `a"),
    "a line in a name": (both("mac", ["a\nid = 1"]), "cannot be written as a profile: mac"),
    "no list at all": (both("encryption", []), "ciphers client to server: the list is empty, ciphers server"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_failed_profile_names_the_reason(what: str) -> None:
    changes, message = REFUSED[what]
    with pytest.raises(InputError, match=message):
        golden_profile(modern(**changes))


def test_no_text_of_a_record_breaks_out_of_its_string() -> None:
    odd = msgspec.structs.replace(modern(), host='x"\n[mac]\nallowed = ["hmac-md5"]\n#', target="\x1b[2J")
    try:
        profile = made(odd)
    except InputError:
        return
    assert profile.mac is not None
    assert "hmac-md5" not in profile.mac.allowed


def test_quotes_in_names_are_names() -> None:
    observation = modern(**both("mac", ["hmac-sha2-256", 'a"b\\\\c']))
    profile = made(observation)
    assert profile.mac is not None
    assert profile.mac.allowed == ("hmac-sha2-256", 'a"b\\\\c')
