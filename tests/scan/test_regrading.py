"""Saved records graded again through the cache of verdicts: every line is that of a host graded by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading import FleetFacts, FleetIndex, fleet_findings_of, is_gradeable
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import Profile
from sshprobe.remedy import grade
from sshprobe.scan.results import ResultEncoder
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.views.host_stats import record_stats
from tests.grading.observations import CAPTURES, captured, certified, host_key, modern, modulus
from tests.grading.rsa_keys import prime, roca_prime, rsa_host_key
from tests.grading.test_properties import BUILT_IN, observations
from tests.grading.test_waivers import SHA1, profile_with, waiver
from tests.remedy.test_no_harm import servers

WITH_WAIVERS = profile_with(waiver(), waiver("host_key.shared", hosts=["*"]))
PROFILES = st.sampled_from([*BUILT_IN, WITH_WAIVERS])
NOBODY = FleetIndex(FleetFacts().report())


def record_of(observation: Observation) -> HostRecord:
    """The record that a scan with another profile wrote."""
    old = [grade(observation, BUILT_IN[0], strict=True)] if is_gradeable(observation) else []
    fields = {name: getattr(observation, name) for name in Observation.__struct_fields__}
    return HostRecord(**fields, verdicts=old)


def alone(record: HostRecord, profiles: list[Profile], strict: bool, fleet: FleetIndex) -> HostRecord:
    """The record graded without a cache."""
    verdicts = [grade(record, each, strict=strict) for each in profiles] if is_gradeable(record) else []
    return msgspec.structs.replace(record, verdicts=verdicts, fleet_findings=fleet_findings_of(record, fleet, profiles))


def assert_as_alone(
    hosts: list[Observation], profiles: list[Profile], *, strict: bool, fleet: FleetIndex = NOBODY
) -> None:
    encoder = ResultEncoder(VerdictCache(profiles, strict=strict))
    expected: dict[object, HostRecord] = {}
    for record in map(record_of, [*hosts, *hosts]):
        result = encoder.regraded(record, fleet_findings_of(record, fleet, profiles))
        wanted = alone(record, profiles, strict, fleet)
        assert result.line() == msgspec.json.encode(wanted) + b"\n"
        assert result.record == wanted
        assert result.stats == record_stats(wanted)
        like = expected.setdefault(result.key, wanted)
        assert (like.verdicts, like.fleet_findings) == (wanted.verdicts, wanted.fleet_findings)


@pytest.mark.parametrize("strict", [False, True])
def test_every_capture_under_every_profile(strict: bool) -> None:
    hosts = [*map(captured, CAPTURES), *servers()[::7]]
    elsewhere = [msgspec.structs.replace(host, host="other.example", address="192.0.2.99") for host in hosts[::3]]
    assert_as_alone([*hosts, *elsewhere], BUILT_IN, strict=strict)


KEYS = [
    None,
    [],
    [host_key("ssh-ed25519", 256)],
    [host_key("ssh-ed25519", 256, verified=False)],
    [host_key("ssh-rsa", 10**30)],
    [rsa_host_key(prime(512) * prime(512))],
    [rsa_host_key(roca_prime(512) * roca_prime(512))],
    [msgspec.structs.replace(host_key("ssh-rsa", 3072), blob="not base64!", fingerprint="")],
    [certified("ssh-ed25519", 256)],
    [certified("ssh-ed25519", 256, valid_before=1_764_000_000)],
    [certified("ssh-ed25519", 256, valid_after=1_800_000_000)],
]
ONE_FIELD: dict[str, list[Any]] = {
    "status": ["ok", "partial", "throttled", "ssh1_only", "timeout"],
    "stage": ["done", "kexinit"],
    "depth": ["lists", "keys", "full"],
    "error": [None, "reset"],
    "host": ["server.example", "other.example"],
    "address": ["192.0.2.1", "198.51.100.7", None],
    "started_at": ["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2031-01-01T00:00:00Z"],
    "connections": [1, 10**30],
    "host_keys": KEYS,
    "group_exchange": [None, [], [modulus(2048)], [modulus(1024)], [modulus(None)], [modulus(2048, n=10**30)]],
    "kex_algorithms": [None, [], ["curve25519-sha256"], ["curve25519-sha256", "odd@example.com"]],
    "mac_algorithms_client_to_server": [None, ["hmac-md5"], ["hmac-sha2-256"]],
    "encryption_algorithms_server_to_client": [None, ["3des-cbc"], ["aes256-ctr"]],
    "identification": [None, modern().identification],
    "extensions": [None, {}, {"server-sig-algs": "ssh-rsa"}],
    "authentication_methods": [None, [], ["password"], ["publickey"]],
    "authentication_none_accepted": [None, False, True],
    "authentication_banner": [None, "", "Authorized use only"],
    "names_left_out": [0, 3, 10**30],
    "several_servers": [False, True],
    "strict_kex": [None, False, True],
    "warnings": [[], ["odd"]],
}
one_field = st.sampled_from(sorted(ONE_FIELD)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(ONE_FIELD[name]))
)


@settings(max_examples=60, deadline=None)
@given(
    base=st.sampled_from([*map(captured, CAPTURES), modern(), SHA1]) | observations(),
    changes=st.lists(st.lists(one_field, max_size=2), min_size=2, max_size=6),
    profiles=st.lists(PROFILES, min_size=1, max_size=2, unique_by=lambda each: each.id),
    strict=st.booleans(),
)
def test_hosts_that_differ_in_one_field(
    base: Observation, changes: list[list[tuple[str, Any]]], profiles: list[Profile], strict: bool
) -> None:
    hosts = [base, *(msgspec.structs.replace(base, **dict(each)) for each in changes)]
    facts = FleetFacts()
    for host in hosts:
        facts.add(host)
    assert_as_alone(hosts, profiles, strict=strict, fleet=FleetIndex(facts.report(thorough=False)))


def test_a_shared_key_is_found_on_its_hosts_alone() -> None:
    """Hosts with the same verdicts are told apart, so that `--fail-on` looks at each that has findings of its own."""
    keys = [msgspec.structs.replace(host_key("ssh-ed25519", 256), fingerprint=f"SHA256:{name}") for name in "aab"]
    hosts = [modern(address=f"192.0.2.{number}", host_keys=[key]) for number, key in enumerate(keys)]
    hosts[1] = msgspec.structs.replace(hosts[1], authentication_methods=["publickey"])
    facts = FleetFacts()
    for host in hosts:
        facts.add(host)
    assert_as_alone([hosts[2], *hosts], BUILT_IN, strict=False, fleet=FleetIndex(facts.report()))
