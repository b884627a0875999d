"""Saved records graded again through the cache of verdicts: each line is as if its host were graded separately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading import FleetFacts, FleetIndex, fleet_findings_of, is_gradeable
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding
from sshprobe.profiles import Profile
from sshprobe.remedy import grade
from sshprobe.scan import regrading
from sshprobe.scan.regrading import BATCH, Regrader
from sshprobe.scan.results import HostResult
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


def regraded(
    records: list[HostRecord],
    profiles: list[Profile],
    *,
    strict: bool = False,
    fleet: FleetIndex = NOBODY,
    workers: int = 1,
) -> list[HostResult]:
    def findings_of(record: HostRecord) -> list[Finding]:
        return fleet_findings_of(record, fleet, profiles)

    with Regrader(profiles, strict=strict, findings_of=findings_of, workers=workers) as regrader:
        return list(regrader.results(records))


def assert_as_alone(
    hosts: list[Observation], profiles: list[Profile], *, strict: bool, fleet: FleetIndex = NOBODY
) -> None:
    expected: dict[object, HostRecord] = {}
    records = [record_of(host) for host in (*hosts, *hosts)]
    results = regraded(records, profiles, strict=strict, fleet=fleet)
    for record, result in zip(records, results, strict=True):
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


def test_a_shared_key_is_found_only_on_its_hosts() -> None:
    """Hosts with the same verdicts stay separate, so that `--fail-on` checks each one with its own findings."""
    keys = [msgspec.structs.replace(host_key("ssh-ed25519", 256), fingerprint=f"SHA256:{name}") for name in "aab"]
    hosts = [modern(address=f"192.0.2.{number}", host_keys=[key]) for number, key in enumerate(keys)]
    hosts[1] = msgspec.structs.replace(hosts[1], authentication_methods=["publickey"])
    facts = FleetFacts()
    for host in hosts:
        facts.add(host)
    assert_as_alone([hosts[2], *hosts], BUILT_IN, strict=False, fleet=FleetIndex(facts.report()))


def different(number: int) -> list[HostRecord]:
    """Different records, each with its own name, and a few duplicates."""
    hosts = [
        modern(
            address=f"192.0.2.{index % 250}",
            mac_algorithms_client_to_server=["hmac-md5", f"odd{index % 150}@example.com"],
            names_left_out=10**30 if index % 50 == 0 else 0,
        )
        for index in range(number)
    ]
    return [record_of(host) for host in hosts]


def lines(records: list[HostRecord]) -> list[bytes]:
    return [msgspec.json.encode(alone(each, PAIR, False, NOBODY)) + b"\n" for each in records]


PAIR = BUILT_IN[:2]


def test_several_processes_write_what_one_writes_in_its_order() -> None:
    records = different(5 * BATCH + 7)
    for workers in (2, 3):
        results = regraded(records, PAIR, workers=workers)
        assert [each.line() for each in results] == lines(records)
        assert [each.record for each in results] == [alone(each, PAIR, False, NOBODY) for each in records]
        assert [each.stats for each in results] == [record_stats(each.record) for each in results]


def test_workers_that_die_cost_nothing_but_time() -> None:
    records = different(4 * BATCH)
    found: list[bytes] = []
    with Regrader(PAIR, strict=False, findings_of=lambda record: [], workers=2) as regrader:
        for number, result in enumerate(regrader.results(records)):
            found.append(result.line())
            if number in (0, 2 * BATCH):
                worker = regrader._started[bool(number)]
                assert worker.process.is_alive()
                worker.process.kill()
                worker.process.join()
    assert found == lines(records)


def test_no_worker_outlives_its_parent() -> None:
    with Regrader(PAIR, strict=False, findings_of=lambda record: [], workers=2) as regrader:
        next(regrader.results(different(3 * BATCH)))
        processes = [worker.process for worker in regrader._started]
        assert [process.is_alive() for process in processes] == [True, True]
        for worker in regrader._started:
            worker.connection.close()  # like the end of this process
        for process in processes:
            process.join(timeout=60)
        assert [process.exitcode for process in processes] == [0, 0]


def test_few_new_kinds_start_no_process() -> None:
    with Regrader(PAIR, strict=False, findings_of=lambda record: [], workers=2) as regrader:
        like = different(regrading.WORTH_SENDING - 1) * 100
        assert [each.line() for each in regrader.results(like)] == lines(like)
        assert not regrader._started


def test_memory_does_not_grow_with_the_records() -> None:
    """While one worker grades, batches that need no worker do not pile up."""
    taken = 0

    def records() -> Iterator[HostRecord]:
        nonlocal taken
        for record in different(BATCH) + different(1) * 100 * BATCH:
            taken += 1
            yield record

    with Regrader(PAIR, strict=False, findings_of=lambda record: [], workers=2) as regrader:
        for number, _ in enumerate(regrader.results(records()), 1):
            assert taken - number <= 4 * BATCH
