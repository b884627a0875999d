"""Names from later connections: no weak name is lost, and records stay bounded."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, lookup, marker_names, names
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.verdict import Verdict
from sshprobe.probe.merged_name_list import MECHANISMS_KEPT, UNKNOWN_KEPT
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.profiles import KexRule, Profile, Waiver, available_profiles, load_profile
from sshprobe.remedy import grade
from sshprobe.wire.messages import NAME_LISTS, KexInit
from tests.grading.observations import modern

LIMIT = 2048
"""Names that one list can hold."""

PROFILES = [profile for profile in map(load_profile, available_profiles()) if profile.kind == "server"]


def kexinit(**lists: list[str]) -> KexInit:
    fields = {name: tuple(value.encode() for value in lists.get(name, ())) for name in NAME_LISTS}
    return KexInit(cookie=bytes(16), **fields)  # type: ignore[arg-type] # the fields are name-lists


def made_up(turn: int, count: int) -> list[str]:
    return [f"{turn}-{number}@example.com" for number in range(count)]


def seen(*turns: dict[str, list[str]]) -> ObservationBuilder:
    facts = ObservationBuilder()
    for lists in turns:
        facts.add_kexinit(kexinit(**lists))
    return facts


def as_offered(name: str) -> list[str]:
    """Return a catalogue name as servers send it: a GSS-API exchange with two mechanisms."""
    return [f"{name[:-1]}{digest}" for digest in ("toWM5Slw5Ew8Mqkay+al2g==", "odd/==")] if name[-1] == "*" else [name]


@pytest.mark.parametrize(
    ("category", "field"), [(each, field) for each in ALGORITHM_TYPES for _, field in FIELDS[each]]
)
def test_known_names_are_kept_after_thousands_of_invented_ones(category: AlgorithmType, field: str) -> None:
    known = [*names(category), *(marker_names() if category == "kex" else [])]
    offered = [each for name in known for each in as_offered(name)]
    facts = seen({field: ["first"]}, {field: made_up(1, LIMIT)}, {field: [*made_up(2, LIMIT), *offered]})
    kept = facts.lists()[field]
    assert kept is not None
    assert {canonical(category, name) for name in known} <= {canonical(category, name) for name in kept}
    assert set(kept) >= {name for name in known if not name.endswith("*")}
    assert len(kept) == 1 + len(offered) + UNKNOWN_KEPT
    assert facts.names_left_out() == 2 * LIMIT - UNKNOWN_KEPT


def test_an_invented_suffix_does_not_evade_the_bound() -> None:
    turns = [[f"gss-group14-sha256-{turn}.{number}==" for number in range(LIMIT)] for turn in range(3)]
    facts = seen(*({"kex_algorithms": names} for names in turns))
    assert len(facts.lists()["kex_algorithms"] or ()) == LIMIT + 1 + MECHANISMS_KEPT


def test_further_mechanisms_are_judged_as_the_first_and_cost_nothing() -> None:
    """As if servers with and without GSS-API shared an address: six methods with a dozen mechanisms each."""
    methods = ["group14-sha256", "group16-sha512", "nistp256-sha256", "curve25519-sha256", "group14-sha1", "gex-sha1"]
    gss = [f"gss-{method}-{number:022}==" for number in range(12) for method in methods]
    first = ["curve25519-sha256"]
    facts = seen({KEX: first}, {KEX: [*gss, "ours@example.com", *first]})
    kept = facts.lists()[KEX] or []
    assert kept == [*first, *gss[: 6 + MECHANISMS_KEPT], "ours@example.com"]
    assert facts.names_left_out() == 0
    assert facts.warnings[1:] == [
        "kex_algorithms: 34 further mechanisms of GSS-API exchanges are left out; they are judged as the first"
    ]
    for profile in PROFILES:
        ours, theirs = (
            grade(modern(kex_algorithms=names, several_servers=True), profile)
            for names in (kept, [*first, *gss, "ours@example.com"])
        )
        assert (ours.compliant, ours.score, ours.cap_reasons) == (theirs.compliant, theirs.score, theirs.cap_reasons)
        assert [each.id for each in ours.findings] == [each.id for each in theirs.findings]


def test_left_out_names_are_counted_in_a_warning() -> None:
    first = {"languages_client_to_server": ["en"], "mac_algorithms_client_to_server": ["hmac-sha2-256"]}
    facts = seen(first, {**first, "mac_algorithms_client_to_server": made_up(1, UNKNOWN_KEPT)})
    assert facts.warnings == ["mac_algorithms_client_to_server differs between connections to this address"]
    for turn in (2, 3):
        facts.add_kexinit(kexinit(**{name: made_up(turn, 1000) for name in first}))
    assert facts.warnings[-2:] == [
        "mac_algorithms_client_to_server: 2,000 unknown names of later connections are left out",
        "languages_client_to_server: 1,968 unknown names of later connections are left out",
    ]


def test_the_first_lists_are_kept_whole() -> None:
    everything = {name: made_up(0, LIMIT) for name in NAME_LISTS}
    facts = seen(everything, everything)
    assert facts.lists() == everything
    assert facts.warnings == []


KNOWN = {category: [each for name in names(category) for each in as_offered(name)] for category in ALGORITHM_TYPES}
FIELD_CLASSES = {field: category for category in ALGORITHM_TYPES for _, field in FIELDS[category]}


def turn_of(draw: st.DrawFn, turn: int) -> dict[str, list[str]]:
    lists = {}
    for field, category in FIELD_CLASSES.items():
        known = draw(st.lists(st.sampled_from(KNOWN[category]), max_size=3))
        made = made_up(turn, draw(st.sampled_from([0, 0, 1, UNKNOWN_KEPT + 1])))
        lists[field] = [*made, *known] if draw(st.booleans()) else [*known, *made]
    return lists


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, list[str]]]:
    return [turn_of(draw, turn) for turn in range(draw(st.integers(2, 4)))]


@settings(max_examples=30)  # each grades some hundred names twice
@given(turns=conversations(), profile=st.sampled_from(PROFILES))
def test_left_out_names_improve_no_verdict(turns: list[dict[str, list[str]]], profile: Profile) -> None:
    """Compared with the verdict on all names: never compliant, equal findings of known names, no higher score."""
    facts = seen(*turns)
    whole = {field: list(dict.fromkeys(name for turn in turns for name in turn[field])) for field in FIELD_CLASSES}
    several = any(turn != turns[0] for turn in turns)
    kept = modern(
        **{name: names for name, names in facts.lists().items() if name in whole}, several_servers=facts.several_servers
    )
    everything = modern(**whole, several_servers=several)
    ours, theirs = grade(kept, profile), grade(everything, profile)
    assert facts.several_servers == several
    assert (ours.compliant, ours.score, ours.grade) == (theirs.compliant, theirs.score, theirs.grade)
    assert of_known_names(ours) == of_known_names(theirs)


def of_known_names(verdict: Verdict) -> set[tuple[str, str, str]]:
    return {
        (each.id, each.severity, canonical(each.category, each.algorithm))
        for each in verdict.findings
        if each.category in ALGORITHM_TYPES and each.algorithm and lookup(each.category, each.algorithm)
    }


KEX = "kex_algorithms"
KEPT = made_up(1, UNKNOWN_KEPT)


@pytest.mark.parametrize(
    ("rule", "waiver"),
    [
        (KexRule(where="1", others="allowed", words={"evil@example.com": "MUST NOT"}), ()),
        (KexRule(where="1", allowed=("curve25519-sha256", *KEPT)), ()),
        (
            KexRule(where="1", allowed=("curve25519-sha256",), words={"evil@example.com": "MUST NOT"}),
            (Waiver(finding="kex.unlisted", hosts=("*",), reason="ours", until=date(2999, 1, 1)),),
        ),
    ],
    ids=["the only forbidden one", "all others are allowed", "all others are waived"],
)
def test_a_name_that_was_left_out_passes_under_no_profile(rule: KexRule, waiver: tuple[Waiver, ...]) -> None:
    profile = Profile(
        id="own", title="own", version="1", date="2026", source="https://example.com", kex=rule, waiver=waiver
    )
    facts = seen({KEX: ["curve25519-sha256"]}, {KEX: [*KEPT, "evil@example.com"]})
    assert "evil@example.com" not in (facts.lists()[KEX] or ())
    record = modern(
        kex_algorithms=facts.lists()[KEX],
        several_servers=facts.several_servers,
        names_left_out=facts.names_left_out(),
        started_at="2026-11-21T10:00:00Z",
    )
    verdict = grade(record, profile)
    assert verdict.compliant is not True
    assert (verdict.score, verdict.grade) == (0, "F")
    assert "1 unknown name left out" in verdict.cap_reasons
    assert "names of algorithms: 1 unknown name left out" in verdict.not_observed


def test_names_of_languages_are_not_judged() -> None:
    field = "languages_client_to_server"
    facts = seen({field: []}, {field: made_up(1, LIMIT)})
    assert len(facts.warnings) == 2
    assert facts.names_left_out() == 0
