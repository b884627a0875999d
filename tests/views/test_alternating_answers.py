"""A server that alternates is worse each time it gets worse: the earlier times are a remark, not an excuse."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.views.changes import Changes
from tests.sample_records import finding
from tests.views.changed_scans import PLAIN, WEAK, certified, compare, day, key, with_verdict, words_of

ED25519, RSA = "ssh-ed25519", "ssh-rsa"
GOOD = with_verdict("A")
BAD = with_verdict("C", findings=[WEAK], compliant=False)
OTHERWISE_BAD = with_verdict("C", findings=[finding("cipher.weak", "medium", "3des-cbc", "64-bit blocks")])
ONE, TWO = certified("one", 1), certified("two", 2)


def with_keys(*shown: tuple[str, str], several: bool = False) -> HostRecord:
    """Return the server with these keys, each a type and a name. `several`: the scan met several servers."""
    return msgspec.structs.replace(
        PLAIN,
        host_keys=[key(*each) for each in shown],
        server_host_key_algorithms=list(dict.fromkeys(type for type, _ in shown)),
        several_servers=several,
    )


A, B = with_keys((ED25519, "a")), with_keys((ED25519, "b"))
ANOTHER_TYPE = with_keys((RSA, "c"))
BOTH = with_keys((ED25519, "a"), (ED25519, "b"), several=True)


def after(*scans: HostRecord) -> Changes:
    """Return the changes from the last scan but one to the last one."""
    return compare(*([each] for each in scans), old=len(scans) - 2)


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ((GOOD, BAD, GOOD, BAD), {"grade A to C", "finding back mac.weak hmac-sha1", "compliant True to False"}),
        ((GOOD, BAD, GOOD, OTHERWISE_BAD), {"grade A to C", "finding new cipher.weak 3des-cbc"}),
        ((A, B, A, B), {f"key changed {ED25519} seen before"}),
        ((A, ANOTHER_TYPE, A, ANOTHER_TYPE), {f"key replaced {ED25519} to {RSA} seen before"}),
        ((ONE, TWO, ONE, TWO), {"key authority ssh-ed25519-cert-v01@openssh.com seen before"}),
        ((A, B, A, BOTH), {f"key changed {ED25519}"}),
    ],
)
def test_what_is_worse_again_is_worse(scans: Sequence[HostRecord], expected: set[str]) -> None:
    changes = after(*scans)
    assert expected <= {words for words in words_of(changes) if not words.startswith("flapping")}
    assert changes.worse


def test_the_remark_says_when_it_was_seen_before() -> None:
    changes = after(GOOD, BAD, GOOD, BAD, GOOD, BAD)
    assert [each.seen_on for each in changes.grades] == [[day(1), day(3)]]
    assert [each.seen_on for each in changes.compliance] == [[day(1), day(3)]]
    assert [each.seen_on for each in changes.findings[0].hosts] == [[day(1), day(3)]]
    assert after(A, B, A, B).host_keys[0].seen_on == [day(1)]
    assert not changes.flapping
    assert [each.seen_on for each in after(GOOD, BAD, GOOD, OTHERWISE_BAD).grades] == [[day(1)]]
    assert [each.seen_on for each in after(GOOD, BAD).grades] == [[]]


@pytest.mark.parametrize(
    "scans",
    [
        (BAD, GOOD, BAD, GOOD),
        (BOTH, A, BOTH, A),  # a client of the old scan knows the key that is left
        (with_verdict(), *(with_verdict(findings=[finding("mac.old", "low", "x", "old")]), with_verdict()) * 2),
    ],
)
def test_only_what_is_not_worse_is_gathered(scans: Sequence[HostRecord]) -> None:
    changes = after(*scans)
    assert [each.host for each in changes.flapping] == ["192.0.2.1:22"]
    assert not changes.worse
    assert {words.partition(" ")[0] for words in words_of(changes)} == {"flapping"}


def test_a_host_that_settled_is_unchanged() -> None:
    changes = after(GOOD, BAD, GOOD, BAD, BAD)
    assert (words_of(changes), changes.unchanged) == (set(), 1)
