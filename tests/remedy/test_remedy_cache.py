"""Hosts of one kind share a remedy, and shared remedies equal fresh ones."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading import FleetFacts, FleetIndex
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile, load_profile
from sshprobe.remedy import RemedyCache, remedy
from tests.grading.observations import CAPTURES, captured, certified, identification, modern, modulus
from tests.grading.rsa_keys import prime, roca_prime, rsa_host_key
from tests.grading.test_properties import BUILT_IN, observations
from tests.grading.test_waivers import SHA1, profile_with, waiver
from tests.remedy.test_no_harm import SOFTWARE, servers

OURS = load_profile("sshprobe-2026")
OTHER_HOST: dict[str, Any] = {
    "target": "other",
    "host": "other.example",
    "address": "192.0.2.99",
    "port": 2222,
    "started_at": "2030-01-01T00:00:00.000Z",
    "duration_ms": 99.0,
    "lines_before_identification": ["hello"],
    "warnings": ["odd"],
}


def elsewhere(observation: Observation) -> Observation:
    """Return the same kind of host at another address, with its own keys."""
    keys = observation.host_keys
    if keys is not None and len({key.type for key in keys}) == len(keys):
        keys = [msgspec.structs.replace(key, fingerprint=f"{key.fingerprint}, another") for key in keys]
    return msgspec.structs.replace(observation, host_keys=keys, **OTHER_HOST)


def assert_shared_as_fresh(profile: Profile, hosts: list[Observation], fleet: FleetIndex | None = None) -> None:
    cache = RemedyCache(profile, fleet=fleet)
    for host in (*hosts, *hosts):
        assert cache.remedy_for(host) == remedy(host, profile, fleet=fleet)


@pytest.mark.parametrize("profile", BUILT_IN, ids=lambda profile: profile.id)
def test_shared_remedies_are_those_of_each_host(profile: Profile) -> None:
    hosts = [host for server in servers() for host in (server, elsewhere(server))]
    assert_shared_as_fresh(profile, hosts[BUILT_IN.index(profile) % 3 :: 3])


@settings(max_examples=30, deadline=None)
@given(
    seen=st.lists(observations(), min_size=2, max_size=3),
    said=st.lists(st.sampled_from(SOFTWARE), min_size=2, max_size=2),
    profile=st.sampled_from(BUILT_IN),
)
def test_shared_remedies_of_random_hosts(seen: list[Observation], said: list[str], profile: Profile) -> None:
    hosts = [
        msgspec.structs.replace(each, identification=identification(f"SSH-2.0-{software}"))
        for each in seen
        for software in said
    ]
    assert_shared_as_fresh(profile, hosts)


@pytest.mark.parametrize("name", ["openssh-debian12-9.2p1", "openssh-5.3p1", "dropbear-2022.83", "paramiko-5.1.0"])
def test_hosts_of_one_kind_share_one_remedy(name: str) -> None:
    (server,) = [captured(path) for path in CAPTURES if path.stem == name]
    cache = RemedyCache(OURS)
    assert cache.remedy_for(elsewhere(server)) is cache.remedy_for(server)


def test_each_waiver_that_applies_makes_a_kind() -> None:
    profile = profile_with(waiver(hosts=["192.0.2.1"], until="2026-11-30"))
    hosts = [SHA1, elsewhere(SHA1), msgspec.structs.replace(SHA1, started_at="2027-03-01T00:00:00Z")]
    assert_shared_as_fresh(profile, hosts)
    waived, other, late = (remedy(each, profile).changes for each in hosts)
    assert not waived
    assert other == late != waived


def test_a_banner_counts_where_the_profile_has_a_rule_for_it() -> None:
    for id in ("cis-debian-12", "mozilla-modern"):
        hosts = [modern(authentication_banner=text) for text in (None, "", "Debian 12", "Authorized use only")]
        assert_shared_as_fresh(load_profile(id), hosts)


def test_a_certificate_counts_with_its_time() -> None:
    name = "ssh-ed25519-cert-v01@openssh.com"
    key = certified(name, 256, valid_after=1767225600, valid_before=1798761600, principals=["server.example"])
    seen = modern(server_host_key_algorithms=[name, "ssh-ed25519"], host_keys=[key])
    assert_shared_as_fresh(OURS, [seen, elsewhere(seen)])


def test_weak_keys_and_groups_make_a_kind() -> None:
    keys = [rsa_host_key(each(1024) * each(1024)) for each in (prime, roca_prime)]
    hosts = [modern(server_host_key_algorithms=["rsa-sha2-512"], host_keys=[key]) for key in keys]
    hosts += [modern(group_exchange=[modulus(bits)]) for bits in (1024, 2048, 3072)]
    assert_shared_as_fresh(OURS, hosts)


def test_the_system_of_a_host_makes_a_kind() -> None:
    """The same release of OpenSSH with other file names: one verdict, other commands."""
    said = ("OpenSSH_9.2p1", "OpenSSH_9.2 FreeBSD-openssh-portable-9.2.p1,1", "OpenSSH_9.2p1 Debian-2+deb12u3")
    hosts = [modern(identification=identification(f"SSH-2.0-{each}"), group_exchange=[modulus(1024)]) for each in said]
    assert_shared_as_fresh(OURS, hosts)
    assert len({each.file for each in (remedy(host, OURS) for host in hosts)}) == 2


def test_keys_that_hosts_share_make_a_kind() -> None:
    first = modern(host="a.example", address="192.0.2.1")
    others = [elsewhere(first), msgspec.structs.replace(first, host="b.example", address="192.0.2.2")]
    unlike = msgspec.structs.replace(
        first, address="192.0.2.3", kex_algorithms=["curve25519-sha256", "diffie-hellman-group14-sha256"]
    )
    facts = FleetFacts()
    hosts = [first, *others, unlike]
    for host in hosts:
        facts.add(host)
    fleet = FleetIndex(facts.report())
    assert_shared_as_fresh(OURS, hosts, fleet)
    assert len({str(remedy(host, OURS, fleet=fleet).commands) for host in hosts}) > 1
