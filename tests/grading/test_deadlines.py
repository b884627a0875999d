"""Deadlines of profiles: a note until their date, a deviation after it, and neither if the day is not known."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.algorithms import lookup
from sshprobe.grading import verdict_key
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import available_profiles, load_profile, parse_profile
from sshprobe.remedy import grade
from tests.grading.observations import CAPTURES, captured

DATED = [profile for profile in map(load_profile, available_profiles()) if profile.deadline]
SEEN = {path.stem: captured(path) for path in CAPTURES}
ANY = SEEN["openssh-9.9p2"]

OURS = parse_profile(
    """\
id = "ours"
title = "Ours"
version = "7"
date = "2026"
source = "the wiki"

[kex]
where = "page 1"
others = "allowed"

[[deadline]]
section = "kex"
kinds = ["classical"]
until = 2030-12-31
document = "The Order"
where = "section 4"
""",
    source="ours.toml",
)


def on(day: date | str, observation: Observation) -> Observation:
    return msgspec.structs.replace(observation, started_at=f"{day}T12:00:00Z" if day else "")


def of_deadlines(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.id.endswith(".deadline")]


def test_there_are_profiles_with_dates() -> None:
    ids = {profile.id for profile in DATED}
    assert ids == {"cnsa-2.0", "nist-ir-8547", "asd-ism", "us-eo-14412", "bsi-tr-02102-4"}
    assert not any(deadline.checked for profile in DATED for deadline in profile.deadline)


@given(st.sampled_from(DATED), st.sampled_from(list(SEEN.values())), st.integers(-4000, 4000))
def test_a_deadline_is_a_note_until_its_day_and_a_finding_after_it(profile, seen, days) -> None:  # type: ignore[no-untyped-def] # hypothesis passes them
    first, last = (end(each.until for each in profile.deadline) for end in (min, max))
    for day, is_past in ((first - timedelta(abs(days)), False), (last + timedelta(abs(days) + 1), True)):
        for verdict in (grade(on(day, seen), profile), grade(seen, msgspec.structs.replace(profile, at=day))):
            found = of_deadlines(verdict)
            assert all((finding.severity != "note") == is_past for finding in found)
            assert not any(finding.deviation for finding in found if not is_past)
            assert all(any(str(each.until) in finding.message for each in profile.deadline) for finding in found)
            assert all("[not verified]" in finding.references[0] for finding in found)
            if any(finding.deviation for finding in found):
                assert verdict.compliant is False


@given(st.sampled_from(list(SEEN.values())), st.dates(date(2024, 1, 1), date(2040, 1, 1)))
def test_every_name_of_a_kind_is_found_whenever_it_is_offered(seen: Observation, day: date) -> None:
    verdict = grade(on(day, seen), OURS)
    classical = {
        name
        for name in seen.kex_algorithms or ()
        if (entry := lookup("kex", name)) is not None and entry.post_quantum == "no"
    }
    found = of_deadlines(verdict)
    assert {name for finding in found for name in finding.observed.split(", ")} == classical
    assert all(finding.deviation == (day > date(2030, 12, 31)) for finding in found)


@pytest.mark.parametrize("started_at", ["", "yesterday"])
def test_without_a_day_nothing_passes_and_nothing_fails(started_at: str) -> None:
    seen = msgspec.structs.replace(ANY, started_at=started_at)
    verdict = grade(seen, OURS)
    assert {finding.severity for finding in of_deadlines(verdict)} == {"note"}
    assert verdict.compliant is None
    assert "the day of the scan, which the deadlines of the profile depend on" in verdict.not_observed
    assert grade(seen, msgspec.structs.replace(OURS, at=date(2031, 1, 1))).compliant is False


def test_lists_that_were_not_seen_stay_open() -> None:
    hidden = msgspec.structs.replace(on("2031-01-01", ANY), kex_algorithms=None)
    verdict = grade(hidden, OURS)
    assert of_deadlines(verdict) == []
    assert verdict.compliant is None
    assert "key exchange methods" in verdict.not_observed


def test_the_first_day_after_the_last_is_late() -> None:
    seen = ANY
    last, late = (grade(on(day, seen), OURS) for day in ("2030-12-31", "2031-01-01"))
    assert (last.score - late.score) == 10
    assert "no longer accepted: its last day was 2030-12-31" in {finding.message for finding in late.findings}
    # The key of the cache has only the days that matter.
    assert verdict_key(on("2030-12-30", seen), [OURS]) == verdict_key(on("2030-12-31", seen), [OURS])
    assert verdict_key(on("2030-12-31", seen), [OURS]) != verdict_key(on("2031-01-01", seen), [OURS])


def test_the_strictest_deadline_that_passed_decides() -> None:
    nist, seen = load_profile("nist-ir-8547"), SEEN["openssh-debian12-9.2p1"]
    small = [
        next(
            each
            for each in of_deadlines(grade(on(day, seen), nist))
            if each.algorithm == "diffie-hellman-group14-sha256"
        )
        for day in ("2029-01-01", "2033-01-01", "2037-01-01")
    ]
    assert [(each.severity, each.deviation) for each in small] == [("note", False), ("low", False), ("medium", True)]
    assert [each.message for each in small] == [
        "recommended until 2030-12-31",
        "no longer recommended: its last day was 2030-12-31",
        "no longer accepted: its last day was 2035-12-31",
    ]
