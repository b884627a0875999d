"""Conditions for two observations to be equal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.model.lasting import HostIdentity, identity_of
from sshprobe.model.observation import Identification, Observation
from sshprobe.store.history.hashing import encode_observation, observation_hash
from tests.sample_records import CLEAN, captured, failed, finding

BEFORE = msgspec.structs.replace(
    captured("openssh-debian12-9.2p1"),
    group_exchange=[
        msgspec.structs.replace(group, modulus="C5F1", modulus_bits=2048)
        for group in captured("openssh-debian12-9.2p1").group_exchange or ()
    ],
)
TINYSSH = msgspec.structs.replace(
    BEFORE,
    identification=Identification(
        raw="SSH-2.0-tinyssh_20230101-1 4SypaNVS", protocol="2.0", software="tinyssh_20230101-1", comments="4SypaNVS"
    ),
)


def changed(record: Observation, field: str, **values: Any) -> Observation:
    """Change fields of every struct in a list."""
    return msgspec.structs.replace(
        record, **{field: [msgspec.structs.replace(each, **values) for each in getattr(record, field)]}
    )


CHANGES_BY_ITSELF = {
    "time": msgspec.structs.replace(BEFORE, started_at="2027-01-01T00:00:00.000Z"),
    "duration": msgspec.structs.replace(BEFORE, duration_ms=1.5),
    "connections": msgspec.structs.replace(BEFORE, connections=9),
    "the words for the same host": msgspec.structs.replace(BEFORE, target="192.0.2.0/24"),
    "the drawn modulus": changed(BEFORE, "group_exchange", modulus="D00D", generator="5"),
    "the exchange of a key": changed(BEFORE, "host_keys", kex_algorithm="sntrup761x25519-sha512"),
    "the order of keys": msgspec.structs.replace(BEFORE, host_keys=list(reversed(BEFORE.host_keys or ()))),
    "the version of the format": msgspec.structs.replace(BEFORE, schema="1.9"),
    "the user's labels": msgspec.structs.replace(BEFORE, labels=["env=prod"]),
    "the host": msgspec.structs.replace(BEFORE, target="a", host="a", address="192.0.2.9", port=2222),
}
CHANGES = {
    "a size": changed(BEFORE, "group_exchange", modulus_bits=3072),
    "a key": changed(BEFORE, "host_keys", blob="AAAA"),
    "a proof": changed(BEFORE, "host_keys", signature_verified=False),
    "a status": msgspec.structs.replace(BEFORE, status="partial"),
    "an error": msgspec.structs.replace(BEFORE, error="reset"),
    "an algorithm": msgspec.structs.replace(BEFORE, kex_algorithms=["diffie-hellman-group1-sha1"]),
    "an order": msgspec.structs.replace(BEFORE, kex_algorithms=list(reversed(BEFORE.kex_algorithms or ()))),
    "the depth": msgspec.structs.replace(BEFORE, depth="keys"),
    "a comment": msgspec.structs.replace(
        BEFORE,
        identification=Identification(
            raw="SSH-2.0-OpenSSH_10.3 Debian-1", protocol="2.0", software="OpenSSH_10.3", comments="Debian-1"
        ),
    ),
    "not seen": msgspec.structs.replace(BEFORE, host_keys=None),
    "no key": msgspec.structs.replace(BEFORE, host_keys=[]),
}


@pytest.mark.parametrize("after", CHANGES_BY_ITSELF.values(), ids=CHANGES_BY_ITSELF)
def test_a_change_that_happens_by_itself_leaves_the_observation_equal(after: Observation) -> None:
    assert observation_hash(after) == observation_hash(BEFORE)


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_any_other_change_makes_another_observation(after: Observation) -> None:
    assert observation_hash(after) != observation_hash(BEFORE)


def test_changes_are_all_different() -> None:
    assert len({observation_hash(after) for after in CHANGES.values()}) == len(CHANGES)


def test_random_comments_are_left_out() -> None:
    other = Identification(
        raw="SSH-2.0-tinyssh_20230101-1 GGVclktK", protocol="2.0", software="tinyssh_20230101-1", comments="GGVclktK"
    )
    assert observation_hash(msgspec.structs.replace(TINYSSH, identification=other)) == observation_hash(TINYSSH)
    newer = msgspec.structs.replace(other, software="tinyssh_20250501", raw="SSH-2.0-tinyssh_20250501 GGVclktK")
    assert observation_hash(msgspec.structs.replace(TINYSSH, identification=newer)) != observation_hash(TINYSSH)


def test_a_stored_observation_has_no_host_and_no_field_with_its_default() -> None:
    """So a new field changes no hash of a host without it."""
    stored = msgspec.json.decode(encode_observation(failed("timeout", "no answer")))
    assert (stored["status"], stored["error"], stored["stage"]) == ("timeout", "no answer", "connect")
    assert not {"kex_algorithms", "host_keys", "warnings", "several_servers"} & set(stored)
    assert "192.0.2.200" not in str(stored)


def test_a_host_is_the_name_that_the_user_gave() -> None:
    named = msgspec.structs.replace(BEFORE, host="Web.Example.ORG", address="192.0.2.1")
    assert identity_of(named) == HostIdentity("", "web.example.org", 22)
    assert identity_of(BEFORE) == HostIdentity("", "192.0.2.1", 22)


def test_a_host_with_a_weak_modulus_does_not_share_the_modulus_of_another() -> None:
    """Otherwise its exported record, graded again, would have the verdict of the other host."""
    weak = finding("group_exchange.not_safe_prime", "high", None, "the modulus is not prime")
    small = finding("group_exchange.modulus", "low", None, "2048-bit modulus")
    plain, by_size, by_number = (
        msgspec.structs.replace(BEFORE, verdicts=[msgspec.structs.replace(CLEAN, findings=findings)])
        for findings in ([], [small], [weak, small])
    )
    assert observation_hash(plain) == observation_hash(by_size) == observation_hash(BEFORE)
    assert observation_hash(by_number) != observation_hash(plain)
