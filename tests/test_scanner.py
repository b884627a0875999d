"""What a `Scanner` takes, before it contacts anything."""

from typing import Any

import pytest

from sshprobe import InputError, Scanner, load_profile
from tests.sample_records import captured


def test_profiles_may_be_ids() -> None:
    scanner = Scanner(profiles=["mozilla-modern", load_profile("alibaba-ecs")])
    verdicts = scanner.graded(captured("openssh-debian12-9.2p1")).verdicts
    assert [verdict.profile for verdict in verdicts] == ["mozilla-modern", "alibaba-ecs"]


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        (["mozila-modern"], "unknown profile `mozila-modern`"),
        ("mozilla-modern", "a list of profiles"),
        ([7], "not `int`"),
    ],
)
def test_what_is_no_profile_is_said(profiles: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Scanner(profiles=profiles)


def test_its_arguments_are_documented() -> None:
    assert Scanner.__init__.__doc__
