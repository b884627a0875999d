"""No advice introduces a finding: each piece is applied alone and together, and graded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical
from sshprobe.grading.offers import WORDS, offers_by_type
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import Profile, available_profiles, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.search import introduced, planned
from sshprobe.remedy.what_if import with_names, with_others, without_names
from tests.grading.observations import CAPTURES, STRICT, both, captured, host_key, identification, modern
from tests.grading.test_properties import BUILT_IN, observations

KEYWORDS: dict[str, AlgorithmType] = {
    "KexAlgorithms": "kex",
    "HostKeyAlgorithms": "host_key",
    "Ciphers": "cipher",
    "MACs": "mac",
}
CLASS_OF: dict[str, AlgorithmType] = {words: category for category, words in WORDS.items()}
_CLASS = "|".join(CLASS_OF)
SOFTWARE = (
    "OpenSSH_9.2p1 Debian-2+deb12u1",
    "OpenSSH_7.4",
    "OpenSSH_10.0",
    "OpenSSH_7.3p1.RL",
    "dropbear_2022.83",
    "dropbear_2018.76",
    "tinysshd_noversion",
    "libssh_0.9.6",
    "Cisco-1.25",
    "ROSSSH",
    "HUAWEI-1.5",
)
NO_STRICT = ["curve25519-sha256", "diffie-hellman-group14-sha1"]


def effective(seen: Observation, category: AlgorithmType, value: str) -> list[str]:
    """Return the list of sshd under a value in sshd_config (kex_assemble_names). The server must offer its defaults."""
    if not value.startswith("-"):
        return value.split(",")
    offered = [name for offer in offers_by_type(seen)[category].values() for name in offer.names]
    gone = value[1:].split(",")
    assert set(gone) < set(offered)
    return [name for name in offered if name not in gone and not name.startswith("gss-")]


def followed(text: str, seen: Observation, about: AlgorithmType = "kex") -> Iterator[Observation]:
    """Return the server after one line of advice: for each choice that it leaves, and for all of them.

    `about`: the type of algorithm if the line names none.
    """
    for keyword, names in re.findall(rf"\b({'|'.join(KEYWORDS)}) (\S+)", text):
        category = KEYWORDS[keyword]
        gss = [name for name in seen.kex_algorithms or () if category == "kex" and name.startswith("gss-")]
        yield with_names(seen, category, [*gss, *effective(seen, category, names)])
    taken = re.match(rf"take (.*) out of the server's ({_CLASS})|({_CLASS}): take out (.*)", text)
    if taken and "make a key of another type first" not in text:
        category = CLASS_OF[taken[2] or taken[3]]
        names = (taken[1] or taken[4]).split(", ")
        yield without_names(seen, category, {canonical(category, name) for name in names})
    offered = re.search(rf"(?:({_CLASS}): )?\boffer (\S+(?: or \S+)*?)(?: in place of (.*))?$", text)
    if offered:
        choices, gone = offered[2].split(" or "), (offered[3] or "").split(", ")
        category = CLASS_OF[offered[1]] if offered[1] else about
        assert len({canonical(category, name) for name in choices}) == len(choices), f"one algorithm twice: {text}"
        for chosen in (*([name] for name in choices), choices):
            yield with_others(seen, category, chosen, {canonical(category, name) for name in gone})


def assert_harmless(seen: Observation, profile: Profile, *, strict: bool = False) -> None:
    """Grade the advice of each finding, each line of the remedy, and all of it together."""
    now = grade(seen, profile, strict=strict)
    found = remedy(seen, profile, strict=strict)
    texts: dict[str, AlgorithmType] = dict.fromkeys([*found.lines, *found.advice], "kex")
    for finding in now.findings:
        if finding.remediation:
            texts[finding.remediation] = next((each for each in ALGORITHM_TYPES if each == finding.category), "kex")
    for text, category in texts.items():
        for after in () if text.startswith("#") else followed(text, seen, category):
            new = introduced(now, grade(after, profile, strict=strict))
            assert not new, f"{profile.id}: {text}"
    steps, promised = planned(seen, profile, strict=strict)
    assert not introduced(now, promised)
    assert promised.score >= now.score
    assert len(steps) == len(found.changes)


def _servers() -> Iterator[Observation]:
    yield from map(captured, CAPTURES)
    for path in CAPTURES:
        seen = captured(path)
        yield msgspec.structs.replace(
            seen, kex_algorithms=[name for name in seen.kex_algorithms or () if not name.startswith("kex-strict")]
        )
    yield modern(
        kex_algorithms=["diffie-hellman-group1-sha1"],
        server_host_key_algorithms=["ssh-dss"],
        host_keys=[host_key("ssh-dss", 1024)],
        **both("encryption", ["aes256-cbc", "3des-cbc"]),
        **both("mac", ["hmac-md5", "hmac-sha1"]),
    )
    yield modern(
        kex_algorithms=["sm2kep-sha2-nistp256"],
        server_host_key_algorithms=["sm2"],
        host_keys=[],
        **both("encryption", ["sm4-ctr", "sm4-cbc"]),
        **both("mac", ["hmac-sm3"]),
    )
    yield modern(kex_algorithms=NO_STRICT, **both("encryption", ["arcfour"]), **both("mac", ["hmac-md5"]))
    yield modern(
        kex_algorithms=NO_STRICT,
        **both("encryption", ["aes128-cbc"]),
        **both("mac", ["hmac-md5-etm@openssh.com"]),
    )
    yield modern(
        kex_algorithms=[STRICT, "mlkem768x25519-sha256"],
        server_host_key_algorithms=["ssh-rsa"],
        host_keys=[host_key("ssh-rsa", 4096)],
    )
    yield modern(kex_algorithms=["mlkem768x25519-sha256", "curve25519-sha256"], authentication_none_accepted=True)


@cache
def servers() -> list[Observation]:
    return list(_servers())


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.id)
def test_no_advice_introduces_a_finding(profile: Profile) -> None:
    """Each server under its own software name and one other, a different one for each profile."""
    turn = BUILT_IN.index(profile)
    for number, seen in enumerate(servers()):
        said = SOFTWARE[(number + turn) % len(SOFTWARE)]
        named = msgspec.structs.replace(seen, identification=identification(f"SSH-2.0-{said}"))
        assert_harmless(named, profile, strict=number % 3 == 0)
        if (number + turn) % 4 == 0:
            assert_harmless(seen, profile)


def test_no_advice_introduces_a_finding_on_servers_of_peers() -> None:
    path = Path(__file__).parents[1] / "peers" / "configurations.jsonl"
    for number, line in enumerate(path.read_bytes().splitlines()):
        record = msgspec.json.decode(line, type=HostRecord)
        fields = {field: getattr(record, field) for field in Observation.__struct_fields__}
        for profile in BUILT_IN[number % 3 :: 3]:
            assert_harmless(Observation(**fields), profile)


@settings(max_examples=40, deadline=None)
@given(seen=observations(), said=st.sampled_from(SOFTWARE), profile=st.sampled_from(BUILT_IN), strict=st.booleans())
def test_no_advice_introduces_a_finding_on_random_servers(
    seen: Observation, said: str, profile: Profile, strict: bool
) -> None:
    seen = msgspec.structs.replace(seen, identification=identification(f"SSH-2.0-{said}"))
    assert_harmless(seen, profile, strict=strict)


def test_a_line_for_both_directions_opens_neither_to_terrapin() -> None:
    seen = modern(
        kex_algorithms=NO_STRICT,
        encryption_algorithms_client_to_server=["3des-cbc"],
        encryption_algorithms_server_to_client=["aes128-ctr"],
        mac_algorithms_client_to_server=["hmac-sha2-256"],
        mac_algorithms_server_to_client=["hmac-sha2-256-etm@openssh.com", "hmac-md5"],
    )
    assert_harmless(seen, load_profile("alibaba-ecs"))


@pytest.mark.parametrize("profile", [load_profile(id) for id in available_profiles()], ids=lambda profile: profile.id)
def test_names_open_to_terrapin_are_never_missed(profile: Profile) -> None:
    if profile.kind == "client":
        return
    seen = modern(kex_algorithms=NO_STRICT, **both("encryption", ["aes128-ctr"]))
    assert not [each for each in grade(seen, profile).findings if (each.algorithm or "").startswith("chacha20")]


def test_the_last_cipher_of_a_server_without_strict_kex() -> None:
    """Old advice for a Huawei switch: chacha20-poly1305 by two names, which made Terrapin possible."""
    seen = modern(
        identification=identification("SSH-2.0-HUAWEI-1.5"),
        kex_algorithms=["diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"],
        **both("encryption", ["aes256-cbc", "3des-cbc"]),
        **both("mac", ["hmac-sha1", "hmac-md5"]),
    )
    found = remedy(seen, load_profile("sshprobe-2026"))
    said = next(line for line in found.advice if line.startswith("ciphers"))
    assert said == "ciphers: offer aes256-gcm@openssh.com or aes128-gcm@openssh.com in place of aes256-cbc, 3des-cbc"
    macs = next(line for line in found.advice if line.startswith("MACs"))
    assert macs == "MACs: offer hmac-sha2-512 or hmac-sha2-256 in place of hmac-sha1, hmac-md5"
    for finding in grade(seen, load_profile("sshprobe-2026")).findings:
        if finding.category == "cipher" and finding.counts:
            assert f"ciphers: {finding.remediation}" == said


def test_removed_post_quantum_exchanges_are_named() -> None:
    seen = modern(kex_algorithms=["mlkem768x25519-sha256", "ecdh-sha2-nistp384", STRICT])
    for said in ("OpenSSH_10.0", "Other_1.0"):
        server = msgspec.structs.replace(seen, identification=identification(f"SSH-2.0-{said}"))
        found = remedy(server, load_profile("cnsa-1.0"))
        (change,) = [each for each in found.changes if re.search("KexAlgorithms|key exchange", each.text[0])]
        assert change.reasons[-1] == "no post-quantum exchange is left: the profile accepts none that the server offers"


def test_an_appliance_with_open_logins_gets_fitting_advice() -> None:
    seen = modern(
        identification=identification("SSH-2.0-CISCO_WLC"),
        authentication_none_accepted=True,
        authentication_methods=[],
    )
    ours = load_profile("sshprobe-2026")
    (finding,) = [each for each in grade(seen, ours).findings if each.id == "authentication.none_accepted"]
    (said,) = [line for line in remedy(seen, ours).advice if line.startswith("authentication")]
    for text in (finding.remediation or "", said):
        assert "inside the session" in text
        assert "PermitEmptyPasswords" not in text
        assert "every account" not in text


def test_advice_grows_linearly_with_the_offer() -> None:
    """Each finding has the advice: lists full of short names once made records of 260 MB."""
    many = [f"{at}@example.com" for at in range(500)]
    names = {
        **both("encryption", many),
        **both("mac", many),
        "kex_algorithms": many,
        "server_host_key_algorithms": many,
    }
    seen = modern(identification=identification("SSH-2.0-scripted"), **names)
    for profile in (load_profile("mozilla-modern"), load_profile("pci-dss")):
        found = [each.remediation or "" for each in grade(seen, profile).findings]
        assert max(map(len, found)) < 1000
