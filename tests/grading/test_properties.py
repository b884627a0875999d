"""Properties of every observation and every profile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, lookup, names, names_aead_cipher
from sshprobe.grading import FleetFacts, FleetIndex, explain_finding, fleet_findings_of
from sshprobe.grading.strength import has_post_quantum
from sshprobe.model.finding_table import FLEET_FINDINGS
from sshprobe.model.fleet import WeakKey
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import GroupExchange, HostKey, Observation
from sshprobe.model.verdict import GRADES, Effect, Finding, Verdict
from sshprobe.profiles import (
    FORBIDDING_WORDS,
    AlgorithmRule,
    AuthenticationRule,
    GroupExchangeRule,
    HostKeyRule,
    KexRule,
    MinimumBits,
    Profile,
    ProtocolRule,
    available_profiles,
    load_profile,
)
from sshprobe.profiles.sections import Requirement
from sshprobe.remedy import grade, remedy
from sshprobe.wire.kex.dh import group
from tests.grading.observations import STRICT, certified, good_banner, host_key, identification, modern, modulus
from tests.grading.rsa_keys import prime, roca_prime, rsa_host_key

Others = Literal["as-strong", "allowed", "forbidden"]
STOCK = ("openssh-3.0", "openssh-5.3", "openssh-7.4", "openssh-9.2", "openssh-10.6")
BUILT_IN = [profile for profile in map(load_profile, (*available_profiles(), *STOCK)) if profile.kind == "server"]
METHODS = ["publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "odd@example.com"]
MARKERS = ["ext-info-s", "kex-strict-s-v00@openssh.com", "kexguess2@matt.ucc.asn.au"]
SOFTWARE = [
    "SSH-2.0-OpenSSH_9.2p1 Debian-2",
    "SSH-2.0-OpenSSH_10.0",
    "SSH-2.0-OpenSSH_6.7",
    "SSH-1.99-OpenSSH_5.3",
    "SSH-2.0-OpenSSH",
    "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.3",
    "SSH-2.0-OpenSSH_8.7",
    "SSH-2.0-libssh_0.8.1",
    "SSH-2.0-dropbear_2022.83",
]


def pool(category: AlgorithmType) -> list[str]:
    """Names of the catalogue in the form of a server, and some unknown names."""
    known = [f"{name[:-1]}toWM5Slw5Ew8Mqkay+al2g==" if name.endswith("-*") else name for name in names(category)]
    return [*known, "unknown@example.com", "rot13"]


POOLS = {category: pool(category) for category in ALGORITHM_TYPES}
# Mostly offers of real servers, so that good and bad names are combined.
COMMON = {
    category: [name for name in POOLS[category] if (entry := lookup(category, name)) and entry.openssh_in_code]
    for category in ALGORITHM_TYPES
}


def name_lists(category: AlgorithmType) -> st.SearchStrategy[list[str]]:
    few = st.lists(st.sampled_from(COMMON[category]), max_size=6, unique=True)
    return st.tuples(few, st.lists(st.sampled_from(POOLS[category]), max_size=3)).map(lambda pair: [*pair[0], *pair[1]])


HOST_KEYS = st.lists(
    st.builds(
        host_key,
        st.sampled_from(["ssh-rsa", "ssh-ed25519", "ssh-dss", "ssh-rsa-cert-v01@openssh.com", "odd@example.com"]),
        st.sampled_from([None, 1024, 2048, 3072, 4096]),
        st.sampled_from([True, True, None, False]),
    ),
    max_size=4,
)
# Keys and groups with numbers that are weak in every way, and good ones.
_P, _Q = prime(256), prime(256)
HOST_KEYS |= st.lists(
    st.builds(
        rsa_host_key,
        st.sampled_from([_P * _Q, _P * _P, 2 * _P, _P * prime(256), roca_prime(256) * roca_prime(256)]),
        st.sampled_from([1, 2, 3, 65537]),
        verified=st.sampled_from([True, True, None, False]),
    ),
    max_size=3,
)
HOST_KEYS |= st.lists(
    st.builds(
        certified,
        st.sampled_from(["ssh-rsa-cert-v01@openssh.com", "ssh-ed25519-cert-v01@openssh.com"]),
        st.sampled_from([1024, 3072]),
        kind=st.sampled_from(["host", "host", "user"]),
        principals=st.sampled_from([["server.example"], ["*.example", "other"], []]),
        valid_after=st.sampled_from([0, 1767225600, 4102444800]),
        valid_before=st.sampled_from([2**64 - 1, 4102444800, 1767225600]),
        ca_bits=st.sampled_from([1024, 3072]),
        signature_algorithm=st.sampled_from(["rsa-sha2-512", "ssh-rsa", "odd"]),
    ),
    max_size=3,
)
_MODULI = [group("group14"), group("group14") + 2, group("group1"), prime(128), 7 * _P]


def sent_group(p: int, g: int) -> GroupExchange:
    return msgspec.structs.replace(modulus(p.bit_length()), modulus=f"{p:X}", generator=f"{g:X}")


EXCHANGES = st.lists(st.builds(sent_group, st.sampled_from(_MODULI), st.sampled_from([1, 2, 5]))) | st.lists(
    st.builds(
        modulus,
        st.sampled_from([None, 1024, 1536, 2048, 3072, 8192]),
        n=st.sampled_from([1024, 2048, 4096]),
        max=st.sampled_from([2048, 8192]),
    ),
    max_size=2,
)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    changes: dict[str, object] = {
        field: draw(st.none() | name_lists(category) if draw(st.integers(0, 9)) == 0 else name_lists(category))
        for category in ALGORITHM_TYPES
        for _, field in FIELDS[category]
    }
    if draw(st.booleans()):
        for category in ("cipher", "mac"):
            (_, one), (_, other) = FIELDS[category]
            changes[other] = changes[one]
    if changes["kex_algorithms"] is not None:
        changes["kex_algorithms"] = [
            *msgspec.convert(changes["kex_algorithms"], list[str]),
            *draw(st.lists(st.sampled_from(MARKERS), unique=True)),
        ]
    return modern(
        **changes,
        identification=draw(st.none() | st.sampled_from(SOFTWARE).map(identification)),
        host_keys=draw(st.none() | HOST_KEYS),
        group_exchange=draw(st.none() | EXCHANGES),
        authentication_methods=draw(st.none() | st.lists(st.sampled_from(METHODS), unique=True)),
        authentication_none_accepted=draw(st.sampled_from([None, False, False, True])),
    )


@st.composite
def generated_profiles(draw: st.DrawFn) -> Profile:
    def rule(category: AlgorithmType) -> AlgorithmRule | None:
        if draw(st.integers(0, 5)) == 0:
            return None
        allowed = tuple(draw(st.lists(st.sampled_from(POOLS[category]), min_size=1, max_size=8, unique=True)))
        others: Others = draw(st.sampled_from(["as-strong", "as-strong", "allowed", "forbidden"]))
        same = {canonical(category, name) for name in allowed}
        words = {
            name: draw(st.sampled_from(["MUST", "SHOULD", "MAY", "SHOULD NOT", "MUST NOT"]))
            for name in draw(st.lists(st.sampled_from(POOLS[category]), max_size=4))
            if canonical(category, name) == name and name not in same
        }
        recommended = allowed[:2]
        if category == "host_key":
            bits = MinimumBits(rsa=draw(st.sampled_from([None, 2048, 3072])), dsa=draw(st.sampled_from([None, 2048])))
            return HostKeyRule(
                where="w", allowed=allowed, others=others, recommended=recommended, words=words, min_bits=bits
            )
        if category == "kex":
            require = tuple(draw(st.sets(st.sampled_from(get_args(Requirement)))))
            return KexRule(
                where="w", allowed=allowed, others=others, recommended=recommended, words=words, require=require
            )
        return AlgorithmRule(where="w", allowed=allowed, others=others, recommended=recommended, words=words)

    host_keys, exchanges = rule("host_key"), rule("kex")
    return Profile(
        id="generated",
        title="generated",
        version="1",
        date="2026",
        source="hypothesis",
        protocol=draw(st.sampled_from([None, ProtocolRule(where="w", allowed=("2.0",))])),
        kex=exchanges if isinstance(exchanges, KexRule) else None,
        host_key=host_keys if isinstance(host_keys, HostKeyRule) else None,
        cipher=rule("cipher"),
        mac=rule("mac"),
        compression=rule("compression"),
        group_exchange=draw(
            st.sampled_from([None, *(GroupExchangeRule(where="w", min_bits=bits) for bits in (1024, 2048, 3072))])
        ),
        authentication=draw(st.sampled_from([None, AuthenticationRule(where="w", allowed=("publickey", "password"))])),
    )


PROFILES = st.sampled_from(BUILT_IN) | generated_profiles()


def better_or_equal(one: Verdict, other: Verdict) -> bool:
    return one.score >= other.score and GRADES.index(one.grade) <= GRADES.index(other.grade)


def without_advice(verdict: Verdict) -> tuple[Verdict, list[Finding]]:
    findings = [msgspec.structs.replace(finding, remediation=None) for finding in verdict.findings]
    return msgspec.structs.replace(verdict, findings=[]), findings


@given(st.lists(observations(), min_size=2, max_size=4), PROFILES, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_verdict_depends_on_nothing_else(
    hosts: list[Observation], profile: Profile, strict: bool, shuffler: random.Random
) -> None:
    """On observation, profile and catalogue: not on other hosts, their order, or an earlier call."""
    before = msgspec.json.encode(hosts)
    first = [grade(host, profile, strict=strict) for host in hosts]
    order = list(range(len(hosts)))
    shuffler.shuffle(order)
    again: dict[int, Verdict] = {}
    for index in order:
        again[index] = grade(hosts[index], profile, strict=strict)
        remedy(hosts[index], profile, strict=strict)
    assert [again[index] for index in range(len(hosts))] == first
    assert msgspec.json.encode(hosts) == before
    copied = msgspec.json.decode(before, type=list[Observation])
    assert [grade(host, profile, strict=strict) for host in copied] == first


@given(observations(), PROFILES, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_the_order_of_names_changes_nothing(
    observation: Observation, profile: Profile, strict: bool, shuffler: random.Random
) -> None:
    def shuffled(items: Sequence[str] | Sequence[HostKey] | Sequence[GroupExchange] | None) -> object:
        return None if items is None else shuffler.sample(items, len(items))

    fields = [field for category in ALGORITHM_TYPES for _, field in FIELDS[category]]
    fields += ["host_keys", "group_exchange", "authentication_methods"]
    changed = msgspec.structs.replace(observation, **{name: shuffled(getattr(observation, name)) for name in fields})
    one, other = grade(observation, profile, strict=strict), grade(changed, profile, strict=strict)
    # If more than four names cannot be judged, the first four of the list are named.
    names = ("whether the ", "what the ") if any(" more " in line for line in one.not_observed) else ()
    assert len(one.not_observed) == len(other.not_observed)
    first, second = (sorted(line for line in each.not_observed if not line.startswith(names)) for each in (one, other))
    assert first == second
    one, other = (msgspec.structs.replace(verdict, not_observed=[]) for verdict in (one, other))
    assert without_advice(one) == without_advice(other)


@given(observations(), PROFILES, st.booleans(), st.sampled_from(ALGORITHM_TYPES), st.data())
@settings(max_examples=250)
def test_offering_one_more_forbidden_algorithm_never_raises_a_score(
    observation: Observation, profile: Profile, strict: bool, category: AlgorithmType, data: st.DataObject
) -> None:
    """And removing one never lowers it: read from right to left."""
    name = data.draw(st.sampled_from(POOLS[category]))
    fields = [field for _, field in FIELDS[category] if getattr(observation, field) is not None]
    assume(fields)
    chosen = data.draw(st.lists(st.sampled_from(fields), min_size=1, unique=True))
    place = data.draw(st.integers(0, 10))
    changes = {}
    for field in chosen:
        old = getattr(observation, field)
        changes[field] = [*old[:place], name, *old[place:]]
    more = msgspec.structs.replace(observation, **changes)
    verdict = grade(more, profile, strict=strict)
    forbidden = any(
        finding.deviation
        and finding.category == category
        and finding.algorithm is not None
        and canonical(category, finding.algorithm) == canonical(category, name)
        for finding in verdict.findings
    )
    assume(forbidden)
    assert verdict.compliant is False
    assert better_or_equal(grade(observation, profile, strict=strict), verdict)


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.id)
@given(st.booleans(), st.data())
@settings(max_examples=12)
def test_a_forbidden_algorithm_on_a_good_server(profile: Profile, strict: bool, data: st.DataObject) -> None:
    """The same for a server that otherwise follows the guide, where the caps matter most."""
    category = data.draw(st.sampled_from(ALGORITHM_TYPES))
    name = data.draw(st.sampled_from(POOLS[category]))
    extra = data.draw(st.sampled_from([[], ["mlkem768x25519-sha256"]]))
    good = data.draw(compliant(profile) | st.just(modern(kex_algorithms=[*extra, *(modern().kex_algorithms or [])])))
    more = msgspec.structs.replace(good, **{field: [*getattr(good, field), name] for _, field in FIELDS[category]})
    before, after = grade(good, profile, strict=strict), grade(more, profile, strict=strict)
    if after.compliant is False and before.compliant is True:
        assert better_or_equal(before, after)
        # An algorithm that the profile accepts can have the same weakness, which is then already counted.
        assert after.raw_score < before.raw_score or before.raw_score == 0 or _is_counted(after, category, name)
        if all(finding.severity == "note" for finding in before.findings):
            assert after.score < before.score


def _is_counted(verdict: Verdict, category: AlgorithmType, name: str) -> bool:
    """Return whether another finding has the type and weakness of an algorithm: only one of them has the points."""
    (finding,) = [
        each
        for each in verdict.findings
        if each.category == category and each.deviation and each.algorithm
        if canonical(category, each.algorithm) == canonical(category, name)
    ]
    habit = finding.weaknesses[:1] or [finding.id]
    return any(
        each is not finding and each.category == category and (each.weaknesses[:1] or [each.id]) == habit
        for each in verdict.findings
    )


def needed(observation: Observation, profile: Profile) -> list[str]:
    """Fields of the observation that the profile needs."""
    fields = [field for category in ALGORITHM_TYPES if profile.algorithms(category) for _, field in FIELDS[category]]
    if profile.protocol is not None:
        fields.append("identification")
    if profile.authentication is not None:
        fields.append("authentication_methods")
    if profile.user_key is not None and profile.user_key.allowed:
        fields.append("extensions")
    if profile.group_exchange is not None and any(
        (entry := lookup("kex", name)) and entry.family in ("dh-gex", "gss-dh-gex")
        for name in observation.kex_algorithms or ()
    ):
        fields.append("group_exchange")
    if profile.host_key is not None:
        bounds = {"rsa": profile.host_key.min_bits.rsa, "dsa": profile.host_key.min_bits.dsa}
        if any(
            (entry := lookup("host_key", name)) and bounds.get(entry.family) is not None
            for name in observation.server_host_key_algorithms or ()
        ):
            fields.append("host_keys")
    return fields


@st.composite
def compliant(draw: st.DrawFn, profile: Profile) -> Observation:
    """Any part of what a built-in profile allows."""
    changes: dict[str, object] = {}
    for category in ALGORITHM_TYPES:
        rule = profile.algorithms(category)
        if rule is None:
            continue
        forbidden = {canonical(category, name) for name, word in rule.words.items() if word in FORBIDDING_WORDS}
        offered = getattr(modern(), FIELDS[category][0][1]) if rule.others == "allowed" else rule.allowed
        names = [name for name in offered if name != STRICT and canonical(category, name) not in forbidden]
        if category == "mac":
            names = [name for name in names if not names_aead_cipher(name)]  # with a cipher of another kind, no MAC
        allowed = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        if category == "kex":
            # A profile may require a hybrid and name no exchange that it allows.
            also = ["mlkem768x25519-sha256"] if rule.others == "allowed" else []
            hybrids = [name for name in [*names, *also] if has_post_quantum([name])]
            allowed = [*dict.fromkeys([*draw(st.permutations(hybrids))[:1], *allowed]), STRICT]
        changes.update({field: allowed for _, field in FIELDS[category]})
    rsa = None if profile.host_key is None else profile.host_key.min_bits.rsa
    changes["authentication_banner"] = good_banner(profile.banner)
    if profile.user_key is not None and profile.user_key.allowed:
        changes["identification"] = identification("SSH-2.0-OpenSSH_10.0")
        changes["extensions"] = {"server-sig-algs": ",".join(profile.user_key.allowed)}
    keys = [host_key(name, rsa or 3072) for name in ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com")]
    keys += [host_key("ssh-ed25519", 256), host_key("ecdsa-sha2-nistp256", 256)]
    return modern(host_keys=keys, **changes)


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.id)
@given(st.booleans(), st.data())
@settings(max_examples=8)
def test_a_missing_observation_never_yields_compliant_true(profile: Profile, strict: bool, data: st.DataObject) -> None:
    whole = data.draw(compliant(profile))
    assert grade(whole, profile, strict=strict).compliant is True
    for field in needed(whole, profile):
        verdict = grade(msgspec.structs.replace(whole, **{field: None}), profile, strict=strict)
        assert verdict.compliant is None, field
        assert verdict.not_observed


@given(observations(), PROFILES, st.booleans(), st.data())
@settings(max_examples=120)
def test_a_missing_observation_of_any_server_never_passes(
    observation: Observation, profile: Profile, strict: bool, data: st.DataObject
) -> None:
    fields = needed(observation, profile)
    assume(fields)
    field = data.draw(st.sampled_from(fields))
    verdict = grade(msgspec.structs.replace(observation, **{field: None}), profile, strict=strict)
    assert verdict.compliant is not True
    assert verdict.compliant is False or verdict.not_observed


@given(observations(), PROFILES, st.booleans())
@settings(max_examples=150)
def test_the_numbers_of_a_verdict_add_up(observation: Observation, profile: Profile, strict: bool) -> None:
    verdict = grade(observation, profile, strict=strict)
    assert verdict.raw_score == max(0, 100 - sum(finding.effect.points for finding in verdict.findings))
    caps = [finding.effect.cap for finding in verdict.findings if finding.effect.cap is not None]
    assert verdict.cap in (min(caps, default=None), 0)
    assert verdict.score == (verdict.raw_score if verdict.cap is None else min(verdict.raw_score, verdict.cap))
    assert len({(finding.id, finding.algorithm) for finding in verdict.findings}) == len(verdict.findings)
    if any(finding.deviation for finding in verdict.findings):
        assert verdict.compliant is False
    for finding in verdict.findings:
        assert finding.severity != "note" or finding.effect.points == 0
        assert "\n" not in (finding.remediation or "")
        assert explain_finding(finding.id).id == finding.id


MOST: dict[str, tuple[int, int, int]] = {
    "A+": (0, 0, 0),
    "A": (0, 0, 2),
    "B": (0, 3, 7),
    "C": (0, 4, 11),
    "D": (2, 6, 15),
}
"""Letter to the most findings of high, medium and low severity that it may have (docs/grading.md)."""


@given(observations(), PROFILES, st.booleans())
@settings(max_examples=120)
def test_a_letter_promises_what_the_document_says(observation: Observation, profile: Profile, strict: bool) -> None:
    verdict = grade(observation, profile, strict=strict)
    counts = Counter(finding.severity for finding in verdict.findings if finding.effect.points)
    if verdict.grade != "F":
        assert not counts["critical"]
        high, medium, low = MOST[verdict.grade]
        assert (counts["high"] <= high, counts["medium"] <= medium, counts["low"] <= low) == (True, True, True)
    ids = {finding.id for finding in verdict.findings}
    if verdict.grade == "A+" or (verdict.grade == "A" and profile.id == "sshprobe-2026"):
        assert "kex.no_post_quantum" not in ids
    if verdict.grade in ("A+", "A"):
        assert "kex.terrapin" not in ids


@given(observations(), PROFILES, st.booleans())
@settings(max_examples=120)
def test_a_hint_decides_nothing(observation: Observation, profile: Profile, strict: bool) -> None:
    """Neither the name of a server nor a hint from it changes the score.

    Except for groups: what an answer says about the smallest one depends on the software (test_smallest_modulus.py).
    """
    observation = msgspec.structs.replace(observation, group_exchange=None)
    verdict = grade(observation, profile, strict=strict)
    hints = [finding for finding in verdict.findings if finding.hint]
    assert all(
        (each.severity, each.deviation, each.effect.points, each.effect.cap) == ("note", False, 0, None)
        for each in hints
    )
    if observation.identification is None:
        assert not hints
        return
    other = msgspec.structs.replace(observation.identification, software="other", version=None, comments=None)
    unnamed = grade(msgspec.structs.replace(observation, identification=other), profile, strict=strict)
    assert (unnamed.score, unnamed.cap, unnamed.compliant) == (verdict.score, verdict.cap, verdict.compliant)
    assert not any(finding.hint for finding in unnamed.findings)


@given(observations(), PROFILES, st.booleans())
@settings(max_examples=120)
def test_a_remedy_never_makes_it_worse(observation: Observation, profile: Profile, strict: bool) -> None:
    before, after = grade(observation, profile, strict=strict), remedy(observation, profile, strict=strict)
    assert after.score >= before.score
    if before.compliant is not False:
        assert after.compliant is not False
    keywords = [line.split()[0] for line in after.lines if not line.startswith(("#", "HostKey "))]
    assert len(keywords) == len(set(keywords)), "one line per keyword"
    for line in after.lines:
        assert "-" not in [word[0] for word in line.split()[1:] if not line.startswith("#")]


UNPROVEN = st.sampled_from(
    [
        host_key("ssh-ed25519", 256, False),
        host_key("ssh-rsa", 4096, False),
        host_key("odd@example.com", None, False),
        msgspec.structs.replace(host_key("ssh-rsa", 4096, None), signature_algorithm="ssh-ed25519"),
        rsa_host_key(_P * prime(256), verified=False),
    ]
)


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.id)
@given(st.booleans(), st.data())
@settings(max_examples=8)
def test_no_verdict_is_true_with_an_unproven_key_or_an_unknown_name(
    profile: Profile, strict: bool, data: st.DataObject
) -> None:
    """Nor without a fact that the profile needs, for a server that is otherwise compliant."""
    whole = data.draw(compliant(profile))
    assert grade(whole, profile, strict=strict).compliant is True
    key = data.draw(UNPROVEN)
    place = data.draw(st.integers(0, len(whole.host_keys or ())))
    keys = [*(whole.host_keys or ())[:place], key, *(whole.host_keys or ())[place:]]
    unproven = grade(msgspec.structs.replace(whole, host_keys=keys), profile, strict=strict)
    assert unproven.compliant is not True
    assert unproven.compliant is False or unproven.not_observed
    category = data.draw(st.sampled_from([each for each in ALGORITHM_TYPES if profile.algorithms(each) is not None]))
    name = data.draw(st.sampled_from(["unknown@example.com", "rot13", "quantum-safe-plus", "x" * 64]))
    fields = [field for _, field in FIELDS[category]]
    chosen = data.draw(st.lists(st.sampled_from(fields), min_size=1, unique=True))
    more = {field: [*getattr(whole, field), name] for field in chosen}
    unknown = grade(msgspec.structs.replace(whole, **more), profile, strict=strict)
    assert unknown.compliant is not True, (category, name)


@given(observations(), PROFILES, st.booleans(), UNPROVEN)
@settings(max_examples=80)
def test_no_other_server_passes_with_an_unproven_key(
    observation: Observation, profile: Profile, strict: bool, key: HostKey
) -> None:
    keys = [*(observation.host_keys or ()), key]
    assert grade(msgspec.structs.replace(observation, host_keys=keys), profile, strict=strict).compliant is not True


@given(st.lists(observations(), min_size=2, max_size=4), PROFILES, st.booleans())
@settings(max_examples=60)
def test_fleet_findings_change_no_letter(hosts: list[Observation], profile: Profile, strict: bool) -> None:
    """Findings across hosts never cost points, are one per id, and are in no verdict."""
    facts = FleetFacts()
    for number, observation in enumerate(hosts):
        facts.add(msgspec.structs.replace(observation, address=f"192.0.2.{number}"))
    report = facts.report()
    known = [key.fingerprint for key in report.shared_host_keys[:1]]
    weak = [WeakKey(fingerprint=each, type="x", bits=None, findings=["host_key.known"], hosts=[]) for each in known]
    index = FleetIndex(msgspec.structs.replace(report, weak_keys=[*report.weak_keys, *weak]))
    for number, observation in enumerate(hosts):
        seen = msgspec.structs.replace(observation, address=f"192.0.2.{number}")
        before = grade(seen, profile, strict=strict)
        beside = fleet_findings_of(seen, index, [profile])
        assert grade(seen, profile, strict=strict) == before
        assert not {each.id for each in before.findings} & set(FLEET_FINDINGS)
        assert len({each.id for each in beside}) == len(beside)
        assert all(not each.deviation and each.effect == Effect() for each in beside)
        assert {each.id for each in beside} <= set(FLEET_FINDINGS)
        # Their advice costs no points either.
        fixed = remedy(seen, profile, strict=strict, fleet=index)
        assert fixed.score >= before.score
