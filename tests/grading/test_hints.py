"""Hints follow from a server's own claims without proof. They cost nothing and state only known facts."""

from __future__ import annotations

import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, RELEASES, in_openssh
from sshprobe.grading import version_hints
from sshprobe.grading.checks.versions import compare_revisions
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import CAPTURES, STRICT, both, captured, identification, modern

MODERN = load_profile("mozilla-modern")

REGRESSHION = "CVE-2024-6387"

TWISTED = next(path for path in CAPTURES if path.stem == "conch-26.10.0")


def of(observation: Observation, id: str) -> list[Finding]:
    return [finding for finding in grade(observation, MODERN).findings if finding.id == id]


def named(raw: str) -> dict[str, str]:
    """Weakness to message of the hints on an identification."""
    findings = of(modern(identification=identification(f"SSH-2.0-{raw}")), "protocol.version_hint")
    return {finding.algorithm or "": finding.message for finding in findings}


@pytest.mark.parametrize(
    ("raw", "hinted"),
    [
        ("OpenSSH_8.4p1", False),
        ("OpenSSH_8.5p1", True),
        ("OpenSSH_8.7", True),
        ("OpenSSH_9.2", True),
        ("OpenSSH_9.7p1", True),
        ("OpenSSH_9.8p1", False),
        ("OpenSSH_9.8", False),
        ("OpenSSH_10.0p2 Debian-7", False),
        # A known revision of the distribution.
        ("OpenSSH_9.2p1 Debian-2+deb12u2", True),
        ("OpenSSH_9.2p1 Debian-2+deb12u3", False),
        ("OpenSSH_9.2p1 Debian-2+deb12u10", False),
        ("OpenSSH_8.9p1 Ubuntu-3ubuntu0.9", True),
        ("OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", False),
        ("OpenSSH_8.9p1 Ubuntu-3", True),
        ("OpenSSH_9.6p1 Ubuntu-3ubuntu13", True),
        ("OpenSSH_9.6p1 Ubuntu-3ubuntu13.3", False),
        ("OpenSSH_9.6p1 Ubuntu-3ubuntu13.14", False),
        # An unknown revision.
        ("OpenSSH_9.4p1 Debian-1", True),
        ("OpenSSH_9.3 FreeBSD-20230719", True),
        # Packages derived from another distribution, or rebuilt for an older release.
        ("OpenSSH_9.2p1 Raspbian-2+deb12u2", True),
        ("OpenSSH_9.2p1 Raspbian-2+deb12u3", False),
        ("OpenSSH_9.2p1 Raspbian-2+deb12u3+rpt1", False),
        ("OpenSSH_9.7p1 Debian-6", True),
        ("OpenSSH_9.7p1 Debian-7", False),
        ("OpenSSH_9.7p1 Debian-7+b1", False),
        ("OpenSSH_9.7p1 Debian-7~bpo12+1", False),
        ("OpenSSH_9.7p1 Debian-6~bpo12+1", True),
        ("OpenSSH_9.7p1 Ubuntu-7ubuntu4", False),
        ("OpenSSH_9.2p1 Ubuntu-2ubuntu9", True),
        # Other software, and other version schemes.
        ("OpenSSH_for_Windows_9.5", False),
        ("OpenSSH_9.3-hpn14v15", True),
        ("OpenSSH_9.8_hpn18.4.1", False),
        ("dropbear_2022.83", False),
        ("paramiko_9.2", False),
        ("tinyssh_20230101-1", False),
        ("NotOpenSSH_9.2p1", False),
        ("OpenSSH", False),
    ],
)
def test_regresshion_by_version_and_package(raw: str, hinted: bool) -> None:
    assert (REGRESSHION in named(raw)) is hinted


def test_a_hint_states_only_known_facts() -> None:
    known = named("OpenSSH_9.2p1 Debian-2+deb12u2")[REGRESSHION]
    assert known.startswith("by the version alone, not verified: ")
    assert known.endswith("; Debian 9.2p1-2+deb12u3 fixes it")
    unknown = named("OpenSSH_9.2p1")[REGRESSHION]
    assert unknown.startswith("by the version alone, not verified: ")
    assert unknown.endswith("; its distributor may have fixed it")


@pytest.mark.parametrize(
    ("raw", "weakness", "hinted"),
    [
        ("OpenSSH_9.9", "CVE-2025-26466", True),  # it may be 9.9p1
        ("OpenSSH_9.9p1", "CVE-2025-26466", True),
        ("OpenSSH_9.9p2", "CVE-2025-26466", False),
        ("OpenSSH_9.4p1", "CVE-2025-26466", False),
        ("OpenSSH_9.9p2", "CVE-2025-32728", True),
        ("OpenSSH_7.3", "CVE-2025-32728", False),
        ("OpenSSH_10.2p1", "CVE-2026-35414", True),
        ("OpenSSH_10.3p1", "CVE-2026-35414", False),
        ("OpenSSH_7.7p1", "CVE-2018-15473", True),
        ("OpenSSH_7.8p1", "CVE-2018-15473", False),
        ("OpenSSH_3.0", "CVE-2018-15473", True),
        ("OpenSSH_8.7p1 Debian-1", "CVE-2021-41617", False),
        ("OpenSSH_8.7p1", "CVE-2021-41617", True),
        # A third number, and packages without it in the name.
        ("OpenSSH_6.6.1p1", "CVE-2018-15473", True),
        ("OpenSSH_6.6.1", "CVE-2021-41617", True),
        ("OpenSSH_6.6.1_hpn13v11 FreeBSD-20140420", "CVE-2018-15473", True),
        ("OpenSSH_7.2p2-hpn14v10", "CVE-2018-15473", True),
        ("OpenSSH_5.3p1", "CVE-2018-15473", True),
        ("OpenSSH_7.4p1 Debian-10+deb9u3", "CVE-2018-15473", True),
        ("OpenSSH_7.4p1 Debian-10+deb9u4", "CVE-2018-15473", False),
        ("OpenSSH_7.4p1 Raspbian-10+deb9u7", "CVE-2018-15473", False),
        ("OpenSSH_6.7p1 Debian-5+deb8u5", "CVE-2018-15473", False),
        ("OpenSSH_7.7p1 Debian-4", "CVE-2018-15473", False),
        ("OpenSSH_7.7p1 Ubuntu-4ubuntu0.1", "CVE-2018-15473", False),
        ("OpenSSH_7.6p1 Ubuntu-4ubuntu0.3", "CVE-2018-15473", True),
        ("OpenSSH_7.6p1 Ubuntu-4ubuntu0.7", "CVE-2018-15473", False),
        ("OpenSSH_8.4p1 Debian-5+deb11u3", "CVE-2021-41617", False),
        ("OpenSSH_8.4p1 Raspbian-5+deb11u3", "CVE-2021-41617", False),
        ("OpenSSH_8.4p1 Debian-5~bpo10+1", "CVE-2021-41617", True),
        ("OpenSSH_7.9p1 Raspbian-10+deb10u2+rpt1", "CVE-2021-41617", True),
        ("OpenSSH_7.9p1 Raspbian-10+deb10u4+rpt1", "CVE-2021-41617", False),
        # Debian 13 calls its package 10.0p1, its server 10.0p2.
        ("OpenSSH_10.0p2 Debian-7+deb13u2", "CVE-2026-35414", True),
        ("OpenSSH_10.0p2 Debian-7+deb13u4", "CVE-2026-35414", False),
        ("OpenSSH_10.0p2 Debian-7~bpo12+1", "CVE-2026-35414", True),
        ("OpenSSH_9.7p1 Ubuntu-7ubuntu4.1", "CVE-2025-26466", True),
        ("OpenSSH_9.7p1 Ubuntu-7ubuntu4.2", "CVE-2025-26466", False),
        ("libssh_0.8.3", "CVE-2018-10933", True),
        ("libssh_0.8.4", "CVE-2018-10933", False),
        ("libssh-0.6.3", "CVE-2018-10933", True),
        ("libssh_0.7.6", "CVE-2018-10933", False),
        ("libssh_0.5.5", "CVE-2018-10933", False),
        ("libssh2_1.8.0", "CVE-2018-10933", False),
        ("Erlang/5.2.9", "CVE-2025-32433", True),
        ("Erlang/5.2.10", "CVE-2025-32433", False),
        ("Erlang/5.1.4.7", "CVE-2025-32433", True),
        ("Erlang/5.1.4.8", "CVE-2025-32433", False),
        ("Erlang/4.15.3.12", "CVE-2025-32433", False),
        ("Erlang/4.15.3", "CVE-2025-32433", True),
        ("Erlang/3.0", "CVE-2025-32433", False),
    ],
)
def test_the_bounds_of_each_range(raw: str, weakness: str, hinted: bool) -> None:
    assert (weakness in named(raw)) is hinted


def test_no_hint_without_an_identification() -> None:
    assert of(modern(identification=None), "protocol.version_hint") == []


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("2+deb12u3", "2+deb12u10"),
        ("2", "2+deb12u1"),
        ("3ubuntu0.9", "3ubuntu0.10"),
        ("3~bpo12+1", "3"),
        ("7~bpo12+1", "7+deb13u1"),
        ("1", "1a"),
        ("1a", "1+"),
        ("", "1"),
    ],
)
def test_revisions_are_compared_as_dpkg_does(lower: str, higher: str) -> None:
    assert compare_revisions(lower, higher) < 0 < compare_revisions(higher, lower)
    assert compare_revisions(lower, lower) == 0


def test_every_hint_has_its_source() -> None:
    for hint in version_hints():
        assert hint.id.startswith("CVE-")
        assert hint.what
        assert all(hint.references)
        assert hint.fixed.startswith(("OpenSSH ", "libssh ", "ssh "))
        if hint.software == "OpenSSH":
            assert hint.last.partition("p")[0] in RELEASES
            assert hint.first == "0" or hint.first in RELEASES
        for package in hint.distributions:
            assert package.startswith(("Debian ", "Ubuntu "))


@pytest.mark.parametrize("raw", ["OpenSSH_8.5p1", "OpenSSH_5.3", "libssh_0.8.1", "Erlang/5.2.9"])
def test_a_hint_costs_nothing(raw: str) -> None:
    server = modern(identification=identification(f"SSH-2.0-{raw}"))
    with_hints, without = grade(server, MODERN), grade(modern(), MODERN)
    hints = [finding for finding in with_hints.findings if finding.hint]
    assert hints
    for finding in hints:
        assert (finding.severity, finding.deviation) == ("note", False)
        assert (finding.effect.points, finding.effect.cap) == (0, None)
    assert (with_hints.score, with_hints.grade, with_hints.compliant) == (without.score, without.grade, True)


# -- contradictions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_no_normal_server_contradicts_itself(path: object) -> None:
    assert isinstance(path, type(TWISTED))
    assert of(captured(path), "protocol.contradiction") == []


@pytest.mark.parametrize("raw", ["OpenSSH_6.0p1 Debian-4+deb7u2", "OpenSSH_5.1p1 Debian-5", "OpenSSH_9.2p1 Debian-2"])
def test_lists_of_twisted_under_a_name_of_openssh(raw: str) -> None:
    """The lists of Kippo, HonSSH and Cowrie, captured from the library that they use."""
    server = modern(**lists_of(captured(TWISTED)), identification=identification(f"SSH-2.0-{raw}"))
    (finding,) = of(server, "protocol.contradiction")
    assert (finding.severity, finding.hint, finding.deviation) == ("note", True, False)
    assert "a honeypot, other software, or a patched build" in finding.message


def lists_of(observation: Observation) -> dict[str, list[str] | None]:
    return {field: getattr(observation, field) for field in observation.__struct_fields__ if "_algorithms" in field}


def test_cowrie_with_default_settings() -> None:
    """Its default configuration, etc/cowrie.cfg.dist."""
    ciphers = ["aes128-ctr", "aes192-ctr", "aes256-ctr", "aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"]
    macs = ["hmac-sha2-512", "hmac-sha2-384", "hmac-sha2-256", "hmac-sha1", "hmac-md5"]
    server = modern(
        identification=identification("SSH-2.0-OpenSSH_6.0p1 Debian-4+deb7u2"),
        kex_algorithms=["diffie-hellman-group14-sha1", "ecdh-sha2-nistp256"],
        server_host_key_algorithms=["ssh-rsa", "ssh-dss"],
        **both("encryption", [*ciphers, "blowfish-cbc", "cast128-cbc"]),
        **both("mac", macs),
    )
    (finding,) = of(server, "protocol.contradiction")
    assert finding.observed == "offers hmac-sha2-384"


@pytest.mark.parametrize(
    ("raw", "kex", "strange"),
    [
        ("OpenSSH_9.6p1", ["curve25519-sha256"], True),  # without the marker, which cannot be disabled
        ("OpenSSH_9.6p1", ["curve25519-sha256", "kex-strict-s-v00@openssh.com"], False),
        ("OpenSSH_9.5p1", ["curve25519-sha256"], False),
        ("OpenSSH_9.2p1 Debian-2+deb12u4", ["sntrup761x25519-sha512", "kex-strict-s-v00@openssh.com"], False),
        ("OpenSSH_7.2p1", ["mlkem768x25519-sha256"], True),
        ("OpenSSH_8.0", ["gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==", "curve25519-sha256"], False),
        ("OpenSSH_8.0", ["curve25519-sha256", "own@example.com"], False),
        ("OpenSSH_8.0", ["curve25519-sha256", "own-sha256"], True),
        ("OpenSSH_5.3", ["ecdh-sha2-nistp256"], False),  # as in RHEL 6
        ("OpenSSH_5.4", ["ecdh-sha2-nistp256"], True),
        ("OpenSSH_8.0-hpn14v20", ["own-sha256"], False),
        ("dropbear_2022.83", ["own-sha256"], False),
    ],
)
def test_names_that_a_release_cannot_have(raw: str, kex: list[str], strange: bool) -> None:
    server = modern(
        identification=identification(f"SSH-2.0-{raw}"),
        kex_algorithms=kex,
        server_host_key_algorithms=["ssh-rsa"],
        **both("encryption", ["aes128-ctr"]),
        **both("mac", ["hmac-sha1"]),
        **both("compression", ["none"]),
    )
    assert bool(of(server, "protocol.contradiction")) is strange


def test_several_servers_at_one_address_contradict_nothing() -> None:
    server = modern(identification=identification("SSH-2.0-OpenSSH_9.6p1"), kex_algorithms=["own-sha256"])
    assert of(server, "protocol.contradiction")
    mixed = modern(
        identification=identification("SSH-2.0-OpenSSH_9.6p1"), kex_algorithms=["own-sha256"], several_servers=True
    )
    assert of(mixed, "protocol.contradiction") == []


@pytest.mark.parametrize("release", RELEASES)
def test_no_release_of_openssh_contradicts_itself(release: str) -> None:
    """Every release with its default lists, from its profile."""
    stock = load_profile(f"openssh-{release}")
    lists = {category: rule.allowed for category in ALGORITHM_TYPES if (rule := stock.algorithms(category)) is not None}
    assert {"kex", "cipher", "mac"} <= set(lists)
    strict = [STRICT] if in_openssh("9.6+", release) else []
    server = modern(
        identification=identification(f"SSH-2.0-OpenSSH_{release}"),
        kex_algorithms=[*lists["kex"], *strict],
        server_host_key_algorithms=list(lists.get("host_key", ())),
        **both("encryption", list(lists["cipher"])),
        **both("mac", list(lists["mac"])),
        **both("compression", list(lists.get("compression", ("none",)))),
    )
    assert of(server, "protocol.contradiction") == []


MANY = "9" * 5000
"""Number of digits: within an identification, and more than `int` accepts."""


@pytest.mark.parametrize(
    "raw",
    [
        f"OpenSSH_9.2p1 Debian-2+deb12u{MANY}",
        f"OpenSSH_{MANY}.2p1",
        f"OpenSSH_9.{MANY}",
        f"OpenSSH_9.2p{MANY}",
        f"libssh_0.{MANY}.1",
        f"Erlang/{MANY}.1",
        f"dropbear_2022.{MANY}",
    ],
    ids=lambda raw: raw[:30],
)
@pytest.mark.parametrize("profile", ["mozilla-modern", "sshprobe-2026"])
def test_a_version_of_thousands_of_digits_is_judged_like_any_other(raw: str, profile: str) -> None:
    loaded, observed = load_profile(profile), modern(identification=identification(f"SSH-2.0-{raw}"))
    assert grade(observed, loaded).score == grade(modern(), loaded).score
    assert remedy(observed, loaded).grade


def test_long_numbers_of_revisions_compare_as_numbers() -> None:
    assert compare_revisions(f"2+deb12u{MANY}", "2+deb12u3") > 0
    assert compare_revisions("2+deb12u0003", "2+deb12u3") == 0
    assert compare_revisions("20240806123000", "9") > 0
