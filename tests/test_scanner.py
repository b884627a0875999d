"""What a `Scanner` takes, before it contacts anything."""

import asyncio
from typing import Any

import pytest

from sshprobe import InputError, Scanner, load_profile
from tests.sample_records import captured


def test_profiles_may_be_ids() -> None:
    scanner = Scanner(profiles=["mozilla-modern", load_profile("alibaba-ecs")])
    verdicts = scanner._judged(captured("openssh-debian12-9.2p1")).record().verdicts
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


@pytest.mark.parametrize("exclude", ["127.0.0.0/29", ["192.0.2.1", "127.0.0.1-7"], iter(["127.0.0.*"])])
def test_exclusions_may_be_words(exclude: Any) -> None:
    async def statuses() -> list[str]:
        async with Scanner(exclude=exclude) as scanner:
            return [record.status async for record in scanner.scan(["127.0.0.5", "127.0.0.6:2222"])]

    assert asyncio.run(statuses()) == ["excluded", "excluded"]


def test_a_malformed_exclusion_is_said_before_anything_is_contacted() -> None:
    with pytest.raises(InputError, match=r"127\.1"):
        Scanner(exclude=["127.1"])


def test_its_arguments_are_documented() -> None:
    assert Scanner.__init__.__doc__
