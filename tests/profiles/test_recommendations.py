"""Each recommendation of each document is either checked or explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshprobe.profiles import Profile, available_profiles, load_profile
from sshprobe.profiles.sections import SECTIONS

SERVERS = [id for id in available_profiles() if load_profile(id).kind == "server"]


def _listed() -> dict[str, list[str]]:
    """Profile to the ids of its document's recommendations, in the document's order."""
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "recommendations.tsv").read_text().splitlines()[1:]:
        id, profile, _ = line.split("\t")
        found.setdefault(profile, []).append(id)
    return found


LISTED = _listed()


def _covered(profile: Profile) -> set[str]:
    rules = [getattr(profile, name) for name in SECTIONS]
    return {id for rule in rules if rule is not None for id in rule.covers}


def _explained(profile: Profile) -> set[str]:
    """Explained ids; "255105 to 255125" means all between these two."""
    found: set[str] = set()
    for item in profile.explained:
        first, _, last = item.id.partition(" to ")
        ids = LISTED[profile.id]
        assert first in ids, item.id
        assert not last or last in ids, item.id
        found.update(ids[ids.index(first) : ids.index(last or first) + 1])
    return found


def test_the_list_has_every_profile_of_servers() -> None:
    assert set(LISTED) == set(SERVERS)


def test_the_list_of_the_two_guides_is_whole() -> None:
    guides = {id for profile in ("alibaba-ecs", "mozilla-modern", "mozilla-intermediate") for id in LISTED[profile]}
    assert guides == {f"A{number}" for number in range(1, 40)} | {f"B{number}" for number in range(1, 31)}


@pytest.mark.parametrize("id", [id for id in SERVERS if id.startswith("cis-")])
def test_the_list_has_the_section_on_sshd_whole(id: str) -> None:
    assert {f"5.1.{number}" for number in range(1, 23)} <= set(LISTED[id])


def test_the_list_has_every_control_of_the_baseline() -> None:
    # It has no sshd-26.
    assert LISTED["dev-sec"] == [f"sshd-{number:02}" for number in range(1, 51) if number != 26]


@pytest.mark.parametrize("id", SERVERS)
def test_each_is_checked_or_explained_and_not_both(id: str) -> None:
    profile = load_profile(id)
    assert _covered(profile) | _explained(profile) == set(LISTED[id])
    assert _covered(profile) & _explained(profile) == set()


VISIBLE = [
    ("stig-rhel-9", "255025", "banner"),
    ("stig-rhel-9", "255035", "authentication"),
    ("cis-debian-12", "5.1.5", "banner"),
    ("cis-ubuntu-24.04", "5.1.5", "banner"),
    ("cis-rhel-9", "5.1.8", "banner"),
    ("cis-rhel-9", "1.6.3", "user_key"),
    ("cis-debian-12-level-2", "5.1.9", "authentication"),
    ("cis-rhel-9-level-2", "5.1.11", "authentication"),
    ("cis-debian-13", "5.1.13", "kex"),
    ("cis-rhel-10", "1.6.2", "user_key"),
    ("cis-ubuntu-22.04", "5.1.5", "banner"),
    ("stig-rhel-10", "700600", "authentication"),
    ("stig-ubuntu-22.04", "255060", "kex"),
    ("stig-ubuntu-24.04", "100840", "kex"),
    ("dev-sec", "sshd-46", "banner"),
    ("cnsa-1.0", "rsa-size", "host_key"),
    ("cnsa-1.0", "user-authentication", "authentication"),
    ("cnsa-1.0", "server-sig-algs", "user_key"),
    ("bsi-tr-02102-4", "3.7", "authentication"),
]


@pytest.mark.parametrize(("id", "recommendation", "section"), VISIBLE)
def test_recommendations_visible_without_a_login_are_checked(id: str, recommendation: str, section: str) -> None:
    assert recommendation in getattr(load_profile(id), section).covers
