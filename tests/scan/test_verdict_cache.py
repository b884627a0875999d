"""Equal hosts are graded once, and the cache key has every field that a verdict depends on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading.checks.registry import checks, graded_host
from sshprobe.grading.verdict_key import (
    FIELDS_A_CERTIFICATE_NEEDS,
    FIELDS_WITHOUT_EFFECT,
    GROUP_MATERIAL_FIELDS,
    KEY_MATERIAL_FIELDS,
)
from sshprobe.lru_cache import MAX_ENTRIES, MAX_WEIGHT, LruCache
from sshprobe.model.observation import GroupExchange, HostKey, Identification, Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.scan.results import ResultEncoder
from sshprobe.scan.verdict_cache import EncodedVerdicts, VerdictCache
from sshprobe.wire.kex.dh import group
from tests.grading.observations import captured as captured_from
from tests.grading.observations import certified, host_key, modern, modulus
from tests.grading.rsa_keys import next_prime, prime, roca_prime, rsa_host_key

DEBIAN = Identification(raw="SSH-2.0-OpenSSH_9.2p1", protocol="2.0", software="OpenSSH_9.2p1", version="9.2p1")
PROFILES = [load_profile("mozilla-modern"), load_profile("alibaba-ecs")]

CAPTURES = Path(__file__).parents[1] / "captures"


def captured(name: str) -> Observation:
    return captured_from(CAPTURES / f"{name}.json")


OTHERWISE = {
    "schema": "1.9",
    "target": "other",
    "host": "other.example",
    "address": "192.0.2.99",
    "port": 2222,
    "labels": ["env=prod"],
    "error": "something",
    "stage": "authentication",
    "started_at": "2030-01-01T00:00:00.000Z",
    "duration_ms": 99.0,
    "connections": 9,
    "lines_before_identification": ["hello"],
    "authentication_banner": "hello",
    "hassh_server": "0" * 32,
    "warnings": ["odd"],
}


def test_every_field_that_is_left_out_is_tried() -> None:
    assert set(OTHERWISE) == FIELDS_WITHOUT_EFFECT
    assert set(Observation.__struct_fields__) >= FIELDS_WITHOUT_EFFECT


@pytest.mark.parametrize("field", sorted(FIELDS_WITHOUT_EFFECT))
@pytest.mark.parametrize("name", ["openssh-5.3p1", "openssh-debian12-9.2p1", "tinysshd-20250501", "paramiko-5.1.0"])
def test_no_verdict_depends_on_an_ignored_field(field: str, name: str) -> None:
    observation = captured(name)
    other = msgspec.structs.replace(observation, **{field: OTHERWISE[field]})
    for profile in PROFILES:
        assert grade(observation, profile) == grade(other, profile)


read: set[str] = set()


class WatchedObservation(Observation, frozen=True):
    """Records the names of fields that are read."""

    def __getattribute__(self, name: str) -> object:
        read.add(name)
        return super().__getattribute__(name)


class WatchedIdentification(Identification, frozen=True):
    """Records the names of fields that are read."""

    def __getattribute__(self, name: str) -> object:
        read.add(f"identification.{name}")
        return super().__getattribute__(name)


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.json")), ids=lambda path: path.stem)
def test_no_check_reads_an_ignored_field(path: Path) -> None:
    """A check that read such a field would give a host the verdict of another."""
    plain = captured_from(path)
    assert plain.identification is not None
    identification = WatchedIdentification(**msgspec.structs.asdict(plain.identification))
    watched = WatchedObservation(**{**msgspec.structs.asdict(plain), "identification": identification})
    read.clear()
    for profile in PROFILES:
        host = graded_host(watched, profile)
        for check in checks():
            list(check.find(host))
            list(() if check.missing is None else check.missing(host))
    assert {"kex_algorithms", "identification.software"} <= read
    assert not read & {*FIELDS_WITHOUT_EFFECT, "identification.raw"}
    assert (
        plain.identification.comments == plain.identification.lasting_comments or "identification.comments" not in read
    )


def with_a_certificate() -> Observation:
    """Return a certificate for the year 2026 and one name."""
    name = "ssh-ed25519-cert-v01@openssh.com"
    key = certified(name, 256, valid_after=1767225600, valid_before=1798761600, principals=["server.example"])
    return modern(server_host_key_algorithms=[name, "ssh-ed25519"], host_keys=[key])


@pytest.mark.parametrize("field", sorted(FIELDS_WITHOUT_EFFECT - set(FIELDS_A_CERTIFICATE_NEEDS)))
def test_no_check_reads_an_ignored_field_with_a_certificate(field: str) -> None:
    observation = with_a_certificate()
    other = msgspec.structs.replace(observation, **{field: OTHERWISE[field]})
    for profile in PROFILES:
        assert grade(observation, profile) == grade(other, profile)


@pytest.mark.parametrize("field", FIELDS_A_CERTIFICATE_NEEDS)
def test_with_a_certificate_the_moment_and_the_name_make_another_kind(field: str) -> None:
    cache = VerdictCache(PROFILES, strict=False)
    first = cache.verdicts_for(with_a_certificate())
    assert cache.verdicts_for(with_a_certificate()) is first
    other = msgspec.structs.replace(with_a_certificate(), **{field: OTHERWISE[field]})
    assert cache.verdicts_for(other).verdicts == [grade(other, profile) for profile in PROFILES]
    assert cache.verdicts_for(other).verdicts != first.verdicts
    plain = cache.verdicts_for(modern())
    assert cache.verdicts_for(msgspec.structs.replace(modern(), **{field: OTHERWISE[field]})) is plain


def test_comments_are_judged_unless_they_are_random() -> None:
    cache = VerdictCache(PROFILES, strict=False)
    old, fixed = (
        modern(identification=msgspec.structs.replace(DEBIAN, comments=comments, raw=f"{DEBIAN.raw} {comments}"))
        for comments in ("Debian-2+deb12u1", "Debian-2+deb12u3")
    )
    assert cache.verdicts_for(old).verdicts == [grade(old, profile) for profile in PROFILES]
    assert cache.verdicts_for(fixed).verdicts == [grade(fixed, profile) for profile in PROFILES]
    assert cache.verdicts_for(old).verdicts != cache.verdicts_for(fixed).verdicts, "regreSSHion is fixed in the second"
    tiny = captured("tinysshd-20250501")
    assert tiny.identification is not None
    other = msgspec.structs.replace(tiny.identification, comments="others")
    assert cache.verdicts_for(msgspec.structs.replace(tiny, identification=other)) is cache.verdicts_for(tiny)


def test_the_same_kind_is_judged_once() -> None:
    cache = VerdictCache(PROFILES, strict=False)
    first = cache.verdicts_for(modern())
    second = cache.verdicts_for(msgspec.structs.replace(modern(), **OTHERWISE))
    assert second is first
    assert [verdict.profile for verdict in first.verdicts] == ["mozilla-modern", "alibaba-ecs"]


def test_another_kind_is_judged_separately() -> None:
    cache = VerdictCache(PROFILES, strict=False)
    good = cache.verdicts_for(modern())
    weak = cache.verdicts_for(modern(encryption_algorithms_server_to_client=["aes128-ctr", "3des-cbc"]))
    assert good is not weak
    assert good.verdicts[0].compliant is True
    assert weak.verdicts[0].compliant is False
    assert cache.verdicts_for(modern(encryption_algorithms_server_to_client=None)).verdicts[0].compliant is None


def test_lines_are_records() -> None:
    cache = VerdictCache(PROFILES, strict=True)
    for observation in (modern(), captured("openssh-5.3p1"), modern(status="refused", kex_algorithms=None)):
        result = ResultEncoder(cache).result(observation)
        assert msgspec.json.decode(result.line(), type=HostRecord) == result.record
        assert result.line() == msgspec.json.encode(result.record) + b"\n"


def test_the_cache_is_bounded() -> None:
    cache = VerdictCache(PROFILES[:1], strict=False)
    numbers = {cache.verdicts_for(modern(authentication_user=f"user{number}")) for number in range(MAX_ENTRIES + 50)}
    assert len(numbers) == MAX_ENTRIES + 50
    assert len(cache._known) <= MAX_ENTRIES


def test_large_verdicts_are_kept_by_their_size() -> None:
    """A server that invents names has a finding for each, and new ones in its next connection."""
    cache = VerdictCache(PROFILES[:1], strict=False)
    made_up = [[f"{letter}{number:06}@example.org" for number in range(250)] for letter in "abcdefghijklmnopqrstuvwxyz"]
    sizes = [len(cache.verdicts_for(modern(mac_algorithms_client_to_server=names)).chunk) for names in made_up]
    assert sum(sizes) > MAX_WEIGHT
    assert max(sizes) <= cache._known._weight <= MAX_WEIGHT
    assert len(cache._known) < len(made_up)


def test_an_oversized_verdict_is_cached_alone() -> None:
    cache: LruCache[str, int] = LruCache()
    cache.put("small", 1, 10)
    cache.put("huge", 2, MAX_WEIGHT + 1)
    assert (cache.get("small"), cache.get("huge"), len(cache)) == (None, 2, 1)
    cache.put("small", 3, 10)
    assert (cache.get("small"), cache.get("huge"), cache._weight) == (3, None, 10)


def _of_one_size(n: int, e: int = 65537) -> HostKey:
    key = rsa_host_key(n, e)
    return msgspec.structs.replace(key, bits=1024)


P, Q = prime(512), prime(512)
RSA_KEYS = [
    _of_one_size(P * prime(512)),
    _of_one_size(P * prime(512)),
    _of_one_size(P * next_prime(P + 2)),
    _of_one_size(Q * next_prime(Q + 2)),
    _of_one_size(roca_prime(512) * roca_prime(512)),
    _of_one_size(3 * prime(1022)),
    _of_one_size(P * Q, e=1),
    _of_one_size(P * Q, e=3),
]
"""Keys that differ only in their numbers: two sound ones, two with close primes."""

OTHER_KEYS = [
    msgspec.structs.replace(host_key(type, 256), fingerprint=f"SHA256:{number}", blob=f"{number:04}")
    for type in ("ssh-ed25519", "ecdsa-sha2-nistp256")
    for number in range(3)
]
NUMBERS = {
    "group14": group("group14"),
    "group15": group("group15"),
    "prime": prime(512),
    "another prime": prime(512),
    "composite": (1 << 512) - 1,
}
MODULI = [None, "no number", *(f"{number:X}" for number in NUMBERS.values())]

proofs = st.fixed_dictionaries(
    {
        "signature_verified": st.sampled_from([True, False, None]),
        "signature_algorithm": st.sampled_from(["rsa-sha2-512", "ssh-rsa"]),
        "bits": st.sampled_from([1024, 3072, None]),
    }
)
keys = st.lists(
    st.builds(lambda key, proof: msgspec.structs.replace(key, **proof), st.sampled_from(RSA_KEYS + OTHER_KEYS), proofs)
    | st.sampled_from(RSA_KEYS + OTHER_KEYS),
    max_size=3,
)
groups = st.lists(
    st.builds(
        lambda sent, p, g: msgspec.structs.replace(sent, modulus=p, generator=g),
        st.sampled_from([modulus(2048), modulus(1024), modulus(None)]),
        st.sampled_from(MODULI),
        st.sampled_from([None, "2", "5", "1"]),
    ),
    max_size=2,
)
ONE_FOR_ALL = VerdictCache(PROFILES, strict=False)


@settings(max_examples=300)
@given(st.none() | keys, st.none() | groups)
def test_keys_and_groups_are_cached_by_their_findings(
    keys: list[HostKey] | None, groups: list[GroupExchange] | None
) -> None:
    observation = modern(host_keys=keys, group_exchange=groups)
    assert ONE_FOR_ALL.verdicts_for(observation).verdicts == [grade(observation, profile) for profile in PROFILES]


def test_each_outcome_of_a_key_is_another_kind_and_no_other_number_is() -> None:
    cache = VerdictCache(PROFILES, strict=False)
    kinds = [cache.verdicts_for(modern(host_keys=[key])) for key in RSA_KEYS]
    assert kinds[0] == kinds[1]
    assert kinds[2] == kinds[3]
    assert len(set(kinds)) == len(RSA_KEYS) - 2
    assert len({cache.verdicts_for(modern(host_keys=[key])) for key in OTHER_KEYS}) == 2


def test_each_outcome_of_a_group_is_another_kind_and_no_other_number_is() -> None:
    cache = VerdictCache(PROFILES, strict=False)

    def kind(name: str, g: int = 2) -> EncodedVerdicts:
        sent = msgspec.structs.replace(modulus(2048), modulus=f"{NUMBERS[name]:X}", generator=f"{g:X}")
        return cache.verdicts_for(modern(group_exchange=[sent]))

    assert kind("prime") == kind("another prime", 5)
    assert kind("prime") != kind("prime", 1)
    assert len({kind(name) for name in ("group14", "group15", "prime", "composite")}) == 4


def test_of_two_keys_of_one_type_the_fingerprints_count() -> None:
    """The finding names the first key by fingerprint."""
    cache = VerdictCache(PROFILES, strict=False)
    first, second = (
        msgspec.structs.replace(key, signature_verified=False, signature_algorithm=name)
        for key, name in zip(RSA_KEYS, ("rsa-sha2-512", "ssh-rsa"), strict=False)
    )
    swapped = [
        msgspec.structs.replace(one, fingerprint=other.fingerprint) for one, other in ((first, second), (second, first))
    ]
    for keys in ([first, second], swapped):
        observation = modern(host_keys=keys)
        assert cache.verdicts_for(observation).verdicts == [grade(observation, profile) for profile in PROFILES]
    assert cache.verdicts_for(modern(host_keys=swapped)) is not cache.verdicts_for(modern(host_keys=[first, second]))


OTHER_KEY = {
    "type": "ssh-dss",
    "bits": 255,
    "signature_verified": None,
    "signature_algorithm": "other",
    "kex_algorithm": "other",
    "certificate": certified("ssh-ed25519", 256).certificate,
}
OTHER_GROUP = {
    "algorithm": "diffie-hellman-group-exchange-sha1",
    "min": 1,
    "n": 1,
    "max": 1,
    "modulus_bits": 1,
    "refused": True,
}


def test_the_cache_key_has_every_field_or_its_finding() -> None:
    assert set(OTHER_KEY) == set(HostKey.__struct_fields__) - KEY_MATERIAL_FIELDS
    assert set(OTHER_GROUP) == set(GroupExchange.__struct_fields__) - GROUP_MATERIAL_FIELDS
    cache = VerdictCache(PROFILES, strict=False)
    key, sent = host_key("ssh-ed25519", 256), modulus(3072)
    observations = [
        modern(host_keys=[key], group_exchange=[sent]),
        modern(host_keys=[], group_exchange=[sent]),
        modern(host_keys=None, group_exchange=[sent]),
        modern(host_keys=[key], group_exchange=[]),
        modern(host_keys=[key], group_exchange=None),
    ]
    for field, value in OTHER_KEY.items():
        observations.append(modern(host_keys=[msgspec.structs.replace(key, **{field: value})], group_exchange=[sent]))
    for field, value in OTHER_GROUP.items():
        observations.append(modern(host_keys=[key], group_exchange=[msgspec.structs.replace(sent, **{field: value})]))
    assert len({cache.verdicts_for(each) for each in observations}) == len(observations)
